"""Revolve against Griewank and Walther's closed form, in the table and in what really runs."""

from math import comb

import numpy as np
import pytest

from scenarios.checkmate.graph import Graph, Operator, Value
from scenarios.checkmate.griewank import binomial_table, holds, reversed_step, schedule_from_holds, solve_griewank
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.milp import solve_exact
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, unit_chain


def closed_form(steps: int, snapshots: int) -> int:
    """r l - C(c + r, r - 1), r the least with C(c + r, c) >= l (Griewank and Walther 2000, proposition 1)."""
    sweeps = 0
    while comb(snapshots + sweeps, snapshots) < steps:
        sweeps += 1
    return sweeps * steps - (comb(snapshots + sweeps, sweeps - 1) if sweeps else 0)


def textbook_chain(steps: int) -> Graph:
    """Step i turns state i-1 into state i; gradient i reads both, and the gradient before it. The last one is kept."""
    operators = [Operator(f"step{i}", (i - 1,) if i else (), (i,)) for i in range(steps)]
    for place, i in enumerate(reversed(range(steps))):
        before = (steps + place - 1,) if place else ()
        states = (i - 1, i) if i else (i,)
        operators.append(Operator(f"gradient{i}", (*before, *states), (steps + place,), backward=True))
    values = tuple(Value(f"{operator.name}:out", 1) for operator in operators)
    return Graph(f"textbook-{steps}", tuple(operators), values, frozenset({2 * steps - 1}))


@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 5, 10, 31, 60])
def test_the_table_is_the_closed_form(steps: int, farthest: bool) -> None:
    least, _ = binomial_table(steps, 9, farthest)
    assert least[steps, 1:].tolist() == [closed_form(steps, snapshots) for snapshots in range(1, 10)]


@pytest.mark.parametrize("farthest", [False, True])
@pytest.mark.parametrize("snapshots", range(1, 8))
@pytest.mark.parametrize("steps", [2, 3, 7, 12])
def test_what_runs_is_what_the_table_counts(steps: int, snapshots: int, farthest: bool) -> None:
    graph = textbook_chain(steps)
    least, advance = binomial_table(steps, snapshots, farthest)
    taken = list(holds(steps, snapshots, advance))
    own = [(step, step) for step in range(steps)]
    schedule = schedule_from_holds(graph, (*taken, *own, (steps - 2, steps - 1)))
    assert validate(Problem(graph, np.ones(2 * steps), 10**6), schedule).valid
    forward = sum(operator < steps for operator in schedule.order)
    # every reversal runs its own step once more, unless its output is a snapshot that is still there
    assert forward == least[steps, snapshots] + steps - len({steps - 2, *(state for state, _ in taken)})


@pytest.mark.parametrize("snapshots", [1, 2, 3, 5])
def test_never_more_snapshots_than_allowed(snapshots: int) -> None:
    for farthest in (False, True):
        _, advance = binomial_table(30, snapshots, farthest)
        taken = list(holds(30, snapshots, advance))
        for reversing in range(30):
            # one of the slots holds the state before step 0
            assert sum(state < reversing <= step for state, step in taken) <= snapshots - 1


def test_backward_operators_belong_to_the_latest_step_they_read() -> None:
    assert reversed_step(textbook_chain(3)).tolist() == [3, 3, 3, 2, 1, 0]
    assert reversed_step(unit_chain(2)).tolist() == [3, 3, 3, 2, 0]


@pytest.mark.parametrize("budget", [4, 5, 6, 8, 11])
def test_never_cheaper_than_the_optimum(budget: int) -> None:
    problem = Problem(unit_chain(8), np.ones(17), budget)
    found = solve_griewank(problem)
    assert found.schedule is not None
    assert validate(problem, found.schedule).valid
    optimum = solve_exact(problem)
    assert optimum.schedule is not None
    assert cost(problem.costs, found.schedule) >= cost(problem.costs, optimum.schedule)


def test_more_memory_never_costs_more() -> None:
    graph = textbook_chain(20)
    seconds = []
    for budget in range(5, 25):
        found = solve_griewank(Problem(graph, np.ones(40), budget))
        seconds.append(cost(np.ones(40), found.schedule) if found.schedule else np.inf)
    assert seconds == sorted(seconds, reverse=True)
    assert np.isfinite(seconds[0])
    assert seconds[-1] == 40.0


def test_enough_memory_costs_one_pass() -> None:
    graph = unit_chain(8)
    found = solve_griewank(Problem(graph, np.ones(17), peak(graph, all_once(graph))))
    assert found.schedule is not None
    assert cost(np.ones(17), found.schedule) == 17.0


def test_branches_are_not_for_revolve() -> None:
    graph, costs = layered_graph(1, 12)
    found = solve_griewank(Problem(graph, costs, 10**9))
    assert found.answer is Answer.NOT_FOUND
    assert found.reason.startswith("revolve reverses chains, and layer")
