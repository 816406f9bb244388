import pytest

from sim.judge import planted
from sim.judge.play import scoring_workload
from sim.judge.problem import Planned, Problem
from sim.judge.structure import delay, fidelity, observed, separate_plan
from sim.rng import Streams


def workloads(instance, number):
    return scoring_workload(0, instance.name, number)


def stream(name="test"):
    return Streams(0, "test", 0)(name)


def planned(objective, arms=(3, 3), **more) -> Problem:
    instance = Planned("one", "ones", (1.0,), arms, objective)
    return Problem("one", "?", arms, len(arms), "lower", lambda split: [instance] if split == "train" else [], **more)


def test_separate_plan_solves_a_sum_and_not_a_match() -> None:
    total = planned(lambda plan, workload: float(sum(plan)))
    assert separate_plan(total, total.instances("train")[0], workloads, stream()) == (0, 0)
    # cheap alone is 2, but 2 and 2 together are dear
    match = planned(lambda plan, workload: 10.0 if plan == (2, 2) else float(4 - sum(plan)) + (plan == (1, 1)))
    assert separate_plan(match, match.instances("train")[0], workloads, stream()) != (2, 1)


def test_the_delay_index_is_the_lag_of_the_effect() -> None:
    immediate = delay(planted.SEPARABLE, planted.SEPARABLE.instances("train"), workloads, stream())
    assert (immediate.index, immediate.sparse) == (0.0, 1.0)
    # the reward comes with the last of three steps: means over the steps that have such a lag are
    # E_0 = (0 + 0 + 1) / 3, E_1 = (0 + 1) / 2, E_2 = 1 / 1, so the index is (1/2 + 2) / (1/3 + 1/2 + 1)
    late = planned(lambda plan, workload: float(sum(2**a for a in plan)), arms=(2, 2, 2))
    found = delay(late, late.instances("train"), workloads, stream())
    assert found.index == pytest.approx(15 / 11)
    assert found.sparse == pytest.approx(1 / 3)


def test_nothing_changes_where_nothing_matters() -> None:
    assert delay(planted.FLAT, planted.FLAT.instances("train"), workloads, stream()).index is None


def test_the_hidden_cue_is_seen_to_be_hidden() -> None:
    aliased = observed(planted.ALIASED, planted.ALIASED.instances("train"), workloads, stream())
    assert aliased.partially
    assert aliased.collisions > 0
    open_ = observed(planted.DELAYED, planted.DELAYED.instances("train"), workloads, stream())
    assert not open_.partially


def test_fidelity_is_that_of_the_real_thing() -> None:
    faithful = planned(lambda plan, workload: float(sum(plan)), arms=(9, 9), real=lambda i, plan: 2.0 * sum(plan) + 1.0)
    found = fidelity(faithful, faithful.instances("train")[0], workloads, stream())
    assert found is not None
    assert (found.correlation, found.regret) == (pytest.approx(1.0), 0.0)
    upside_down = planned(lambda plan, workload: float(sum(plan)), arms=(9, 9), real=lambda i, plan: -float(sum(plan)))
    found = fidelity(upside_down, upside_down.instances("train")[0], workloads, stream())
    assert found is not None
    assert found.correlation == pytest.approx(-1.0)
    assert found.regret > 0.0
