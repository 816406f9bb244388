import numpy as np
import pytest

from scenarios.con_ts import problem
from scenarios.con_ts.policy import ACK, LOST, NACK
from sim.judge.methods import Setting, find_method
from sim.judge.play import Counters, plan_value, play, scoring_workload
from sim.judge.problem import ByPlan, Situation
from sim.judge.structure import noisy
from sim.rng import Streams

KINDS = [kind for kinds in problem.KINDS.values() for kind in kinds]


def stream(name="test"):
    return Streams(0, "test", 0)(name)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_constraint_binds_and_can_be_kept(kind: problem.Kind) -> None:
    _, task, best = problem._known(kind)
    assert best.least_errors < task.target
    assert 0.0 < best.price < np.inf
    assert best.errors == pytest.approx(task.target, abs=1e-9)


@pytest.mark.parametrize("split", ["train", "what_if"])
def test_nobody_who_does_not_see_the_snr_gets_more_than_the_oracle(split) -> None:
    for instance in problem.instances(split):
        for number in range(5):
            best = instance.oracle(scoring_workload(0, instance.name, number))
            plan = problem.PROBLEM.random_plan(stream(str(number)))
            assert plan_value(instance, plan, scoring_workload(0, instance.name, number)) < best


def test_the_priced_genie_is_worth_one_on_average() -> None:
    """By duality the priced oracle's mean is that of the average-constraint genie: 1, up to the links drawn."""
    (_, middle, _) = problem.instances("train")
    mean = np.mean([middle.oracle(scoring_workload(0, middle.name, number)) for number in range(200)])
    assert mean == pytest.approx(1.0, abs=0.03)


def test_what_is_heard_is_what_was_sent() -> None:
    (link, *_) = problem.instances("train")
    delay = link.kind.card().ack.delay
    sent = play(link.start(stream()), lambda s: (3 * s.step) % 29, Counters())
    for step, situation in enumerate(sent.situations):
        _, arm, outcome = situation.seen
        if step <= delay:
            assert (arm, outcome) == (-1.0, LOST)
        else:
            assert arm == sent.arms[step - 1 - delay]
            assert outcome in (ACK, NACK, LOST)
        assert situation.decision == situation.seen[0]


def test_rewards_are_the_value_on_average() -> None:
    (_, _, good) = problem.instances("train")
    told = [play(good.start(stream(str(k))), ByPlan((10,) * 16), Counters()) for k in range(30)]
    values, sums = [each.value for each in told], [sum(each.rewards) for each in told]
    assert np.mean(sums) == pytest.approx(np.mean(values), abs=0.01)
    assert sums != values


def test_con_ts_learns_from_episode_to_episode_and_copies_are_apart() -> None:
    (_, link, _) = problem.instances("train")
    method = find_method(problem.PROBLEM, "con_ts")
    agent = method.agent(Setting(problem.PROBLEM, [link], 8, stream("agent"), {}))
    workload = lambda: scoring_workload(0, link.name, 0)  # noqa: E731
    cold = play(link.start(workload()), agent.best(link), Counters()).value
    assert play(link.start(workload()), agent.best(link), Counters()).value == cold  # scoring taught it nothing
    for number in range(8):
        agent.tell(link, play(link.start(scoring_workload(1, link.name, number)), agent.ask(link), Counters()))
    assert play(link.start(workload()), agent.best(link), Counters()).value > cold + 0.05


class _Listening:
    """A policy that takes the arms in turn and keeps what it is told."""

    def __init__(self) -> None:
        self.shown: list[int] = []
        self.told: list[tuple[int, int, int]] = []

    def act(self, contexts):
        self.shown.append(int(contexts[0]))
        return np.array([len(self.shown) % len(problem.PROBLEM.arms)])

    def update(self, feedback) -> None:
        self.told.append((int(feedback.contexts[0]), int(feedback.arms[0]), int(feedback.acks[0])))


def test_noise_reaches_the_reports_and_neither_what_was_sent_nor_what_came_back() -> None:
    """Policies count in compiled arrays without bounds checks: an arm that is not one of theirs ends the process."""
    (link, *_) = problem.instances("train")
    policy = _Listening()
    played = play(
        link.start(stream()), noisy(problem._Transmitter(policy), problem.PROBLEM, stream("noise")), Counters()
    )
    true = [situation.decision for situation in played.situations]
    misread = np.mean([shown != report for shown, report in zip(policy.shown, true, strict=True)])
    assert 0.03 < misread < 0.07
    came_back = [int(s.seen[2]) for s in played.situations if s.seen[1] >= 0.0]
    assert policy.told == list(zip(policy.shown, played.arms, came_back, strict=False))


@pytest.mark.parametrize("name", ["con_ts", "con_ts_informed", "ts", "foresight", "default", "heuristic"])
def test_every_policy_of_the_problem_plays_on_under_noise(name) -> None:
    (link, *_) = problem.instances("train")
    method = find_method(problem.PROBLEM, name)
    agent = method.agent(Setting(problem.PROBLEM, [link], 1, stream("agent"), {}))
    workload = lambda: scoring_workload(0, link.name, 0)  # noqa: E731
    clear = play(link.start(workload()), agent.best(link), Counters()).value
    noise = play(link.start(workload()), noisy(agent.best(link), problem.PROBLEM, stream()), Counters()).value
    assert noise != clear
    assert abs(noise - clear) < 0.3


def test_a_misread_report_is_the_next_one() -> None:
    drawn = stream()
    seen = [problem.misread(Situation(3, 15, (15.0, 28.0, 1.0)), 1.0, drawn) for _ in range(20)]
    assert {s.decision for s in seen} == {14, 15}  # there is no 16
    assert all(s.seen == (float(s.decision), 28.0, 1.0) and s.step == 3 for s in seen)
