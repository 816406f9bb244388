import json
from itertools import product

import numpy as np
import pytest

from sim.judge import planted
from sim.judge.play import Counters, mean_value, plan_value, play, scoring_workload
from sim.judge.problem import find_problem
from sim.rng import Streams

#: One or two of every family, at less than the problems' own budgets: every verdict in about 25 CPU seconds.
RIVALS = ("default", "heuristic", "random", "greedy_sequential", "bandit", "bandit_contextual", "supervised_ridge",
          "one_plus_one")  # fmt: skip

#: What does as well as anything there, and is the simplest that does.
ADVISED = {"separable": "bandit", "delayed": "q_learning", "aliased": "bandit", "flat": "",
           "deceptive": "greedy_sequential", "needle": "random"}  # fmt: skip


@pytest.mark.slow
def test_every_planted_problem_gets_its_right_verdict(windtunnel) -> None:
    done = windtunnel("judge", "planted", "--against", *RIVALS, "--repeat", "4", "--budget", "40", "--json")
    assert done.stdout, done.stderr
    told = {row["problem"]: row for row in json.loads(done.stdout)}
    assert {name: row["verdict"] for name, row in told.items()} == planted.RIGHT
    assert {name: row["method"] for name, row in told.items()} == ADVISED
    assert done.returncode == 0
    assert {name for name, row in told.items() if "partially_observed" in row["flags"]} == {"aliased"}


def workload(name="any"):
    return Streams(0, "test", 0)(name)


@pytest.mark.parametrize("name", ["deceptive", "needle"])
def test_the_best_plan_is_the_best_of_all(name: str) -> None:
    problem, _ = find_problem(name)
    for instance in problem.instances("train"):
        every = [plan_value(instance, plan, workload()) for plan in product(*(range(n) for n in problem.arms))]
        assert max(every) == instance.oracle(workload())
        assert every.count(max(every)) == 1


def test_single_steps_lead_away_from_the_optimum_of_a_trap() -> None:
    (instance, *_) = planted.DECEPTIVE.instances("train")
    every = list(product(range(2), repeat=len(planted.DECEPTIVE.arms)))
    values = {plan: plan_value(instance, plan, workload()) for plan in every}
    best = max(values, key=lambda plan: values[plan])
    around = [(*best[:d], 1 - best[d], *best[d + 1 :]) for d in range(len(best))]
    assert all(values[plan] == values[best] - planted._BLOCK for plan in around)  # one wrong: the block is worth 0


def test_the_machine_is_solved_by_dynamic_programming() -> None:
    (machine, *_) = planted.DELAYED.instances("train")
    ahead = machine.solve()
    wear = range(ahead.shape[1])

    def best(step, at):
        gains = [
            machine.pays(at, arm) + sum(p * ahead[step + 1, to] for to, p in machine.moves(at, arm).items())
            for arm in range(3)
        ]
        return int(np.argmax(gains))

    table = {(step, at): best(step, at) for step in range(len(ahead) - 1) for at in wear}
    drawn = [scoring_workload(9, "machine", k) for k in range(3000)]
    played = mean_value(machine, lambda: lambda s: table[s.step, int(s.seen[1])], drawn)
    assert played == pytest.approx(machine.oracle(workload()), rel=0.015)
    for arm in range(3):  # and no fixed choice comes near
        assert mean_value(machine, lambda arm=arm: lambda s: arm, drawn[:300]) < 0.75 * machine.oracle(workload())


def test_chances_of_a_move_sum_to_one() -> None:
    for machine in planted.DELAYED.instances("train"):
        for wear, arm in product(range(planted._WEAR), range(3)):
            assert sum(machine.moves(wear, arm).values()) == pytest.approx(1.0)


def test_the_cue_decides_and_is_not_seen_at_the_fork() -> None:
    (corridor, *_) = planted.ALIASED.instances("train")
    for number in range(20):
        episode = corridor.start(workload(str(number)))
        shown = episode.situation().seen[0]
        episode.step(0)
        episode.step(0)
        assert episode.situation().seen == (0.0, 2.0)
        assert episode.step(int(shown) - 1) == 1.0 == corridor.oracle(workload())


def test_a_separable_step_pays_by_itself() -> None:
    (instance, *_) = planted.SEPARABLE.instances("train")
    best = tuple(int(np.argmax(row)) for row in instance.rewards)
    assert plan_value(instance, best, workload()) == pytest.approx(instance.oracle(workload()))
    noisy = play(instance.start(workload()), lambda s: best[s.decision], Counters())
    assert noisy.value != pytest.approx(sum(noisy.rewards), abs=1e-6)  # what is told is noisy, what counts is not
