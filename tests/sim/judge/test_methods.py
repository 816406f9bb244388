import numpy as np
import pytest

from sim.errors import UserError
from sim.judge import planted
from sim.judge.learn import Learn, LearnConfig, points
from sim.judge.methods import METHODS, Setting, find_method, methods_of, reinforcement
from sim.judge.methods.searching import RACE, Searching
from sim.judge.play import Counters, Trajectory, late, mean_value, play, scoring_workload, training_workload
from sim.judge.problem import Planned, Problem, Situation, find_problem
from sim.rng import Streams
from sim.scenario import Context

ARMS = (4, 3, 5)
TARGET = (2, 1, 3)
FAST = [name for name in METHODS if name not in ("default", "heuristic", "bo_gp", "ppo")]


def cost(plan, workload) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(plan, TARGET, strict=True)))


def problem(**more) -> Problem:
    made = [Planned(f"i{k}", "bowls", (float(k),), ARMS, cost) for k in range(2)]
    return Problem("bowl", "?", ARMS, 3, "lower", lambda split: made if split == "train" else [], **more)


def agent(name: str, asked: Problem, budget: int, seed: int = 0):
    method = find_method(asked, name)
    stream = Streams(seed, "test", 0)("agent")
    return method.agent(Setting(asked, asked.instances("train"), budget, stream, method.hyper))


def train(name: str, asked: Problem, budget: int, seed: int = 0):
    made, counters = agent(name, asked, budget, seed), Counters()
    for number in range(budget):
        for instance in asked.instances("train"):
            trajectory = play(
                instance.start(training_workload(0, seed, instance.name, number)), made.ask(instance), counters
            )
            made.tell(instance, trajectory)
    return made, counters


def plan_of(made, instance) -> tuple[int, ...]:
    rule = made.best(instance)
    return tuple(rule(Situation(step, step, instance.features)) for step in range(3))


@pytest.mark.parametrize("name", [*FAST, "bo_gp"])
def test_every_method_beats_uniform_choice_on_a_bowl_with_the_same_evaluations(name: str) -> None:
    asked = problem()
    made, counters = train(name, asked, 40)
    assert (counters.evaluations, counters.steps) == (80, 240)
    uniform = np.mean([cost(plan, None) for plan in np.ndindex(ARMS)])
    assert np.mean([cost(plan_of(made, each), None) for each in asked.instances("train")]) < 0.6 * uniform


def test_ppo_learns_to_mend_the_machine() -> None:
    asked = planted.DELAYED
    made, _ = train("ppo", asked, 60)
    (machine, *_) = asked.instances("train")
    drawn = [scoring_workload(0, machine.name, k) for k in range(40)]
    assert mean_value(machine, lambda: made.best(machine), drawn) > 0.8 * machine.oracle(drawn[0])


def test_ppo_deploys_what_it_has_just_learned_and_looks_ahead_within_an_episode(monkeypatch) -> None:
    """Buffers of 8 steps in episodes of 12: every third ends with an episode, the others in the middle of one."""
    ends: list[tuple[float, bool]] = []
    update = reinforcement.Ppo._update

    def noted(self, ahead, over) -> None:
        ends.append((float(ahead), over))
        update(self, ahead, over)

    monkeypatch.setattr(reinforcement.Ppo, "_ROLLOUT", 8)
    monkeypatch.setattr(reinforcement.Ppo, "_update", noted)
    made, _ = train("ppo", planted.DELAYED, 3)  # the first episode of each of three machines is played untrained
    assert [over for _, over in ends] == [False, False, True] * 3
    (machine, *_) = planted.DELAYED.instances("train")
    situation = machine.start(scoring_workload(0, machine.name, 0)).situation()
    best = made._model.policy.predict(made._observer(situation), deterministic=True)[0]
    assert made.best(machine)(situation) == int(best)


@pytest.mark.parametrize("name", ["greedy_factored", "greedy_sequential", "bandit", "supervised_gbt", "bo_tpe"])
def test_the_bowl_is_solved(name: str) -> None:
    made, _ = train(name, problem(), 60)
    assert [plan_of(made, each) for each in problem().instances("train")] == [TARGET, TARGET]


@pytest.mark.parametrize("name", FAST)
def test_the_same_seed_gives_the_same_plans(name: str) -> None:
    asked = problem(stochastic=True)
    found = [[plan_of(train(name, asked, 12, seed)[0], each) for each in asked.instances("train")] for seed in (3, 3)]
    assert found[0] == found[1]


def test_a_lucky_plan_is_tried_again_before_it_is_believed() -> None:
    class Listed:
        def __init__(self) -> None:
            self.plans = iter([(0,), (1,), (2,), (3,)])
            self.learned: list[tuple[tuple[int, ...], float]] = []

        def propose(self):
            return next(self.plans)

        def learn(self, plan, score) -> None:
            self.learned.append((plan, score))

    search = Listed()
    asked = Problem("luck", "?", (4,), 1, "higher", lambda split: [Planned("i", "f", (), (4,), cost)], stochastic=True)
    made = Searching(Setting(asked, asked.instances("train"), 10, Streams(0, "t", 0)("s"), {}), lambda *_: search)
    (instance,) = asked.instances("train")
    first, lucky, better = [5.0] * RACE, [9.0, 0.0], [6.0] * RACE
    for value in first + lucky + better:
        made.tell(instance, Trajectory((), (), (), value))
    assert search.learned[0] == ((0,), 5.0)
    assert search.learned[1] == ((1,), 4.5)  # 9 and 0: dropped as soon as its mean is below
    assert search.learned[2] == ((2,), 6.0)
    assert made.best(instance).plan == (2,)


def test_rewards_that_come_late_lose_nothing() -> None:
    rewards = [1.0, 2.0, 3.0]
    assert [sum(late(rewards, delay)) for delay in range(6)] == [6.0] * 6
    assert late(rewards, 5) == [0.0, 0.0, 6.0]


def test_methods_meet_the_same_workloads() -> None:
    draws = [training_workload(0, 1, "a", 7).uniform() for _ in range(2)]
    assert draws[0] == draws[1]
    others = [training_workload(*which).uniform() for which in ((0, 1, "a", 8), (0, 1, "b", 7), (0, 2, "a", 7))]
    assert len({draws[0], *others}) == 4


def test_points_end_at_the_budget() -> None:
    for budget in (1, 2, 7, 1000):
        found = points(budget)
        assert (found[0], found[-1]) == (1, budget)
        assert found == sorted(set(found))


@pytest.mark.parametrize("method", ["q_learning", "ppo"])
def test_what_is_deployed_has_a_size(method: str) -> None:
    metrics = Learn().run(LearnConfig(problem="delayed", method=method, budget=2), Context.alone(0, "judge")).metrics
    assert metrics["model_bytes"] > 300


def test_a_run_is_reproduced_and_counts_what_it_spent() -> None:
    config = LearnConfig(problem="deceptive", method="genetic", budget=12)
    outcomes = [Learn().run(config, Context.alone(4, "judge")) for _ in range(2)]
    assert outcomes[0].metrics["evaluations"] == 12 * 3
    assert outcomes[0].metrics["steps"] == 12 * 3 * len(planted.DECEPTIVE.arms)
    for left, right in zip(*(outcome.series["curve"].columns.values() for outcome in outcomes), strict=True):
        assert (left == right).all()


def test_the_best_so_far_never_falls_where_nothing_is_random() -> None:
    config = LearnConfig(problem="deceptive", method="annealing", budget=40)
    columns = Learn().run(config, Context.alone(0, "judge")).series["curve"].columns
    for instance in range(3):
        assert (np.diff(columns["value"][columns["instance"] == instance]) >= 0).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"method": "genetics"}, "did you mean genetic"),
        ({"method": "q_learning", "hyper": {"epsilonn": 1.0}}, "hyper.epsilonn is no hyper-parameter of q_learning"),
        ({"method": "random", "split": "held_out"}, "split = 'held_out' has no instances in deceptive"),
        ({"method": "default"}, "not known in deceptive"),
        ({"method": "random", "problem": "deceptiv"}, "did you mean deceptive"),
    ],
)
def test_bad_settings_are_named(settings: dict, words: str) -> None:
    config = LearnConfig(**({"problem": "deceptive", "budget": 2} | settings))
    with pytest.raises(UserError, match=words):
        Learn().run(config, Context.alone(0, "judge"))


def test_a_problem_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match=r"is no sim\.judge\.problem\.Problem"):
        find_problem("sim.judge.planted:RIGHT")


def test_given_rules_are_methods_only_where_they_are_given() -> None:
    assert "default" in methods_of(planted.DELAYED)
    assert "default" not in methods_of(planted.NEEDLE)
