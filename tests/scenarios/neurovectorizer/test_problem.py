import numpy as np
import pytest

from scenarios.neurovectorizer import problem
from scenarios.neurovectorizer.actions import ACTIONS, DEFAULT
from scenarios.neurovectorizer.templates import HELD_OUT
from sim.judge.learn import Learn, LearnConfig
from sim.judge.methods import Setting, find_method
from sim.judge.play import Counters, play
from sim.judge.problem import ByPlan, Situation
from sim.rng import Streams
from sim.scenario import Context

PROBLEM = problem.PROBLEM


def stream(name="test"):
    return Streams(0, "test", 0)(name)


def agent(name: str, budget: int = 1, hyper: dict | None = None):
    method = find_method(PROBLEM, name)
    return method.agent(Setting(PROBLEM, PROBLEM.instances("train"), budget, stream(), hyper or method.hyper))


def test_the_oracle_is_brute_force_over_what_keeps_the_loop_whole() -> None:
    for split in ("train", "held_out", "shifted", "what_if"):
        loops, times = problem.known(split), problem.seconds(split)
        for row, instance in enumerate(PROBLEM.instances(split)):
            allowed = loops.cycles[row, loops.allowed[row]].min()
            assert instance.oracle(stream()) == pytest.approx(
                allowed * times[row, DEFAULT] / loops.cycles[row, DEFAULT]
            )


def test_what_would_break_a_loop_is_left_to_the_compiler() -> None:
    loops = problem.known("train")
    refused = np.argwhere(~loops.allowed)
    assert len(refused)
    for row, action in refused:
        instance = PROBLEM.instances("train")[row]
        found = [play(instance.start(stream()), ByPlan((int(arm),)), Counters()).value for arm in (action, DEFAULT)]
        assert found[0] == found[1]


def test_held_out_loops_are_of_other_templates_and_disturbed_ones_the_same_loops() -> None:
    families = {split: [each.family for each in PROBLEM.instances(split)] for split in ("train", "shifted", "what_if")}
    assert families["train"] == families["shifted"] == families["what_if"]
    assert not set(families["train"]) & set(HELD_OUT)
    assert {each.family for each in PROBLEM.instances("held_out")} <= set(HELD_OUT)
    train, short = problem.known("train"), problem.known("shifted")
    assert all(a.n // 8 == b.n and a.source == b.source for a, b in zip(train.kernels, short.kernels, strict=True))
    assert np.median(problem.seconds("shifted")[:, DEFAULT] / problem.seconds("train")[:, DEFAULT]) < 0.5


def test_the_first_evaluation_of_a_loop_is_the_compilers_and_the_rest_are_draws() -> None:
    made = agent("neurovectorizer")
    (loop, *others) = PROBLEM.instances("train")
    assert made.ask(loop).plan == (DEFAULT,)
    for each in (loop, *others):
        made.tell(each, play(each.start(stream()), made.ask(each), Counters()))
    drawn = {made.ask(loop).plan[0] for _ in range(300)}
    assert len(drawn) > 20
    assert drawn <= set(np.flatnonzero(problem.known("train").allowed[0]))


def test_the_policy_learns_and_goes_by_what_is_seen() -> None:
    config = LearnConfig(problem="neurovectorizer", method="neurovectorizer", budget=16)
    found = Learn().run(config, Context.alone(0, "judge"))
    assert found.metrics["evaluations"] == 16 * problem.LOOPS
    columns = found.series["curve"].columns
    regret = columns["value"].reshape(-1, problem.LOOPS) / problem.seconds("train").min(axis=1)
    assert np.log(regret[-1]).mean() < 0.75 * np.log(regret[0]).mean()
    rule = agent("pretrained").best(PROBLEM.instances("held_out")[0])
    seen = np.array(PROBLEM.instances("held_out")[0].features)
    assert len({rule(Situation(0, 0, tuple(seen * factor))) for factor in (0.0, 1.0, 5.0, -5.0)}) > 1


@pytest.mark.parametrize("name", ["nearest", "tree", "heuristic", "pretrained"])
def test_who_learns_beforehand_beats_a_random_action_on_loops_of_other_templates(name) -> None:
    made = agent(name)
    times = problem.seconds("held_out")
    chosen = [made.best(each)(Situation(0, 0, each.features)) for each in PROBLEM.instances("held_out")]
    ours = np.log(times[np.arange(len(chosen)), chosen] / times.min(axis=1)).mean()
    assert ours < 0.5 * np.log(times / times.min(axis=1, keepdims=True)).mean()
    assert find_method(PROBLEM, name).tuning == problem.KNOWN * len(ACTIONS) // problem.LOOPS


def test_the_real_thing_is_the_compiled_loop() -> None:
    """One action at a time is a fraction of what the compiler makes of an addition of bytes."""
    assert PROBLEM.real is not None, "needs clang and llvm-objdump"
    (loop, *_) = PROBLEM.instances("train")
    alone, best = (PROBLEM.real(loop, (action,)) for action in (0, DEFAULT))
    assert 0.0 < 2.0 * best < alone
