"""What all policies promise: schedules that fit, three answers that are never confused, curves that never rise."""

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from exhaustive import least_cost
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalikes import lookalike

from scenarios.checkmate.graph import working_set
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.portfolio import POLICIES, solve, solve_curve
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain

NAMES: tuple[Policy, ...] = get_args(Policy)


def test_every_policy_has_a_solver() -> None:
    assert set(NAMES) == {*POLICIES, "exact"}


@pytest.mark.parametrize("policy", NAMES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), forward=st.integers(2, 9), share=st.floats(0.4, 1.05))
def test_a_schedule_fits_and_costs_no_less_than_its_bound(
    policy: Policy, seed: int, forward: int, share: float
) -> None:
    graph, costs = layered_graph(seed, forward)
    problem = Problem(graph, costs, int(share * peak(graph, all_once(graph))))
    found = solve(problem, policy)
    if found.answer is not Answer.FEASIBLE:
        assert found.schedule is None
        assert found.reason
        return
    assert found.schedule is not None
    assert validate(problem, found.schedule, cost(costs, found.schedule)).valid
    assert costs.sum() * (1 - 1e-9) <= found.bound <= cost(costs, found.schedule) * (1 + 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.floats(0.0, 1.0))
def test_no_policy_beats_exhaustive_search_and_no_bound_exceeds_it(seed: int, operators: int, share: float) -> None:
    graph, costs = random_graph(seed, operators, workspace=2)
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    problem = Problem(graph, costs, int(least + share * (most - least)))
    staged, free = least_cost(problem), least_cost(problem, staged=False)
    for policy in ("portfolio", "greedy", "lp_rounding", "exact"):
        found = solve(problem, policy)
        if found.schedule is not None:
            assert free is not None
            assert cost(costs, found.schedule) >= free - 1e-6
            assert staged is None or found.bound <= staged * (1 + 1e-6)
        if found.answer is Answer.INFEASIBLE:
            assert staged is None


def test_below_the_working_set_every_policy_gives_the_same_proof() -> None:
    problem = Problem(unit_chain(4), np.ones(9), 2)
    answers = {(found.answer, found.reason) for found in (solve(problem, policy) for policy in NAMES)}
    assert len(answers) == 1
    assert answers.pop()[0] is Answer.INFEASIBLE


def test_keeping_everything_is_refused_rather_than_returned_over_budget() -> None:
    graph = unit_chain(8)
    found = solve(Problem(graph, np.ones(17), peak(graph, all_once(graph)) - 1), "checkpoint_all")
    assert found.answer is Answer.NOT_FOUND
    assert found.schedule is None
    assert "keeping everything needs" in found.reason


@pytest.mark.parametrize("policy", ["portfolio", "greedy", "dtr", "linearized_greedy", "exact"])
def test_curves_never_rise(policy: Policy) -> None:
    graph, costs = lookalike("FCN8")
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    budgets = [least - 1, most, *np.linspace(least, most, 7).astype(int).tolist()]
    curve = solve_curve(graph, costs, budgets, policy)
    assert curve[0].answer is Answer.INFEASIBLE
    known = sorted((b, cost(costs, s.schedule), s.bound) for b, s in zip(budgets, curve, strict=True) if s.schedule)
    for before, later in pairwise(known):
        assert later[1] <= before[1]
        assert later[2] <= before[2]
    for budget, found in zip(budgets, curve, strict=True):
        assert found.schedule is None or validate(Problem(graph, costs, budget), found.schedule).valid


@pytest.mark.parametrize("policy", NAMES)
def test_answers_repeat(policy: Policy) -> None:
    graph, costs = layered_graph(5, 12)
    problem = Problem(graph, costs, int(0.8 * peak(graph, all_once(graph))))
    assert solve(problem, policy) == solve(problem, policy)


def test_a_time_limit_is_not_a_proof() -> None:
    graph, costs = lookalike("SegNet")
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    problem = Problem(graph, costs, int(least + 0.3 * (most - least)))
    found = solve(problem, "exact", time_limit=0.01)
    assert found.answer is Answer.FEASIBLE  # what the searches knew
    assert found.schedule is not None
    assert found.bound < cost(costs, found.schedule)
