"""Revolve, against Griewank and Walther's closed form and the exact optimum of small chains."""

from math import comb

import numpy as np
import pytest

from scenarios.checkmate.griewank import binomial_table, holds, schedule_from_holds, solve_griewank
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.milp import solve_exact
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, is_staged, peak
from scenarios.checkmate.synthetic import layered_graph, unit_chain


def closed_form(length: int, snapshots: int) -> int:
    """Steps advanced: r l - C(c + r, c + 1) with r the least such that C(c + r, c) >= l (2000, proposition 1)."""
    sweeps = 0
    while comb(snapshots + sweeps, snapshots) < length:
        sweeps += 1
    return sweeps * length - comb(snapshots + sweeps, snapshots + 1)


@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize("length", [1, 2, 5, 10, 31, 60])
def test_the_table_is_the_closed_form(length: int, farthest: bool) -> None:
    steps, _ = binomial_table(length, 9, farthest)
    assert steps[length, 1:].tolist() == [closed_form(length, snapshots) for snapshots in range(1, 10)]


@pytest.mark.parametrize(
    ("layers", "snapshots"), [(layers, snapshots) for layers in (1, 2, 3, 8) for snapshots in range(1, layers + 2)]
)
def test_an_order_advances_no_more_than_the_table_says(layers: int, snapshots: int) -> None:
    graph = unit_chain(layers)
    steps, advance = binomial_table(layers + 1, layers + 1)
    held = [*holds(layers + 1, snapshots, advance), *((step, step) for step in range(layers + 1))]
    schedule = schedule_from_holds(graph, held)
    forward = sum(operator <= layers for operator in schedule.order)
    # a reversal runs its own step once more
    assert forward <= steps[layers + 1, snapshots] + layers + 1
    assert validate(Problem(graph, np.ones(2 * layers + 1), 99), schedule).valid
    assert is_staged(schedule)


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
    assert "revolve reverses chains" in found.reason
