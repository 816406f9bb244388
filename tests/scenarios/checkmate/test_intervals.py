"""Retention intervals by CP-SAT: the same optima as the 0-1 program, and honest where runs are too few."""

import numpy as np
import pytest

from scenarios.checkmate import intervals, milp, portfolio
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain


@pytest.mark.parametrize("seed", range(10))
def test_it_finds_the_optimum_of_the_integer_program(seed: int) -> None:
    graph, costs = random_graph(seed, 6, workspace=2)
    problem = Problem(graph, costs, int(0.7 * peak(graph, all_once(graph))))
    theirs = milp.solve_exact(problem, limits=milp.Limits(nodes=None))
    ours = intervals.solve_intervals(problem, runs=4, seconds=20)
    if theirs.schedule is None:
        assert ours.schedule is None
        assert ours.answer is Answer.NOT_FOUND
    else:
        assert ours.schedule is not None
        assert validate(problem, ours.schedule).valid
        assert cost(costs, ours.schedule) == pytest.approx(cost(costs, theirs.schedule))


def test_too_few_runs_are_never_called_infeasible() -> None:
    graph = unit_chain(8)
    problem = Problem(graph, np.ones(17), 4)
    few = intervals.solve_intervals(problem, runs=2, seconds=20)
    assert few.answer is Answer.NOT_FOUND
    assert "at most 2 runs" in few.reason
    assert "proves nothing" in few.reason
    exact = portfolio.exact(problem)
    assert exact.schedule is not None


def test_out_of_time_is_said() -> None:
    graph, costs = layered_graph(1, 20)
    problem = Problem(graph, costs, int(0.5 * peak(graph, all_once(graph))))
    assert "within 1e-06 s" in intervals.solve_intervals(problem, seconds=1e-6).reason


def test_too_large_is_refused_in_words() -> None:
    graph, costs = layered_graph(1, 80)
    found = intervals.solve_intervals(Problem(graph, costs, 10_000))
    assert found.answer is Answer.NOT_FOUND
    assert "161 operators" in found.reason
