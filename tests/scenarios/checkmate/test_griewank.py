"""Revolve, against Griewank and Walther's closed form and the exact optimum of small chains."""

from math import comb

import numpy as np
import pytest

from scenarios.checkmate.griewank import binomial_table, revolve, solve_griewank
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.milp import solve_exact
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, unit_chain


def closed_form(length: int, snapshots: int) -> int:
    """Forward steps: r l - C(c + r, r - 1) + (c + 1 being free) with r the least such that C(c + r, c) >= l.

    Griewank and Walther 2000, proposition 1, for c + 1 snapshots with the initial state counted.
    """
    places, sweeps = snapshots + 1, 0
    while comb(places + sweeps, places) < length:
        sweeps += 1
    return sweeps * length - comb(places + sweeps, places + 1)


@pytest.mark.parametrize("length", [1, 2, 5, 10, 31, 60])
def test_the_table_is_the_closed_form(length: int) -> None:
    steps, _ = binomial_table(length, 8)
    assert steps[length].tolist() == [closed_form(length, snapshots) for snapshots in range(9)]


@pytest.mark.parametrize("snapshots", range(6))
def test_the_order_takes_as_many_forward_steps_as_the_table_says(snapshots: int) -> None:
    graph = unit_chain(8)
    steps, split = binomial_table(9, 9)
    schedule = revolve(graph, snapshots, split)
    forward = sum(operator <= 8 for operator in schedule.order)
    # every step also runs once, right before its gradient
    assert forward == steps[9, snapshots] + 9
    assert validate(Problem(graph, np.ones(17), 99), schedule).valid


@pytest.mark.parametrize("budget", [4, 5, 7])
def test_never_cheaper_than_the_optimum(budget: int) -> None:
    problem = Problem(unit_chain(8), np.ones(17), budget)
    found = solve_griewank(problem)
    if found.schedule is not None:
        assert validate(problem, found.schedule).valid
        assert cost(problem.costs, found.schedule) >= solve_exact(problem).bound - 1e-6


def test_enough_memory_costs_one_pass() -> None:
    graph = unit_chain(8)
    found = solve_griewank(Problem(graph, np.ones(17), peak(graph, all_once(graph))))
    assert found.schedule is not None
    assert cost(np.ones(17), found.schedule) == 17.0


def test_a_graph_with_branches_is_not_for_revolve() -> None:
    graph, costs = layered_graph(1, 12)
    found = solve_griewank(Problem(graph, costs, 10**9))
    assert found.answer is Answer.NOT_FOUND
    assert "revolve is for chains" in found.reason
