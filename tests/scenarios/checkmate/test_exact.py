"""The exact solver against exhaustive search, the paper's program, and the paper's own figures."""

import numpy as np
import pytest
from exhaustive import least_cost
from numpy.typing import NDArray

from scenarios.checkmate import milp, milp_paper, portfolio
from scenarios.checkmate.graph import Graph, Operator, Value
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain

NO_LIMIT = milp.Limits(nodes=None)


@pytest.mark.parametrize("seed", range(25))
def test_exact_is_the_least_of_all_schedules(seed: int) -> None:
    graph, costs = random_graph(seed, operators=5, most_outputs=2 if seed % 2 else 1, workspace=3 * (seed % 3))
    most = peak(graph, all_once(graph))
    for share in (0.95, 0.8, 0.65, 0.5):
        problem = Problem(graph, costs, int(share * most))
        truth = least_cost(problem)
        found = milp.solve_exact(problem, limits=NO_LIMIT)
        if truth is None:
            assert found.answer is Answer.INFEASIBLE
            assert found.reason
            continue
        assert found.schedule is not None
        assert cost(costs, found.schedule) == pytest.approx(truth)
        assert found.bound == pytest.approx(truth, rel=1e-6)
        assert validate(problem, found.schedule, truth).valid


@pytest.mark.parametrize("seed", range(6))
def test_the_papers_program_has_the_same_optimum(seed: int) -> None:
    graph, costs = random_graph(100 + seed, operators=7, workspace=2)
    problem = Problem(graph, costs, int(0.75 * peak(graph, all_once(graph))))
    ours, theirs = milp.solve_exact(problem, limits=NO_LIMIT), milp_paper.solve_paper(problem)
    if ours.schedule is None or ours.schedule.order[-1] == 6:
        assert ours.answer is theirs.answer
    if ours.schedule and theirs.schedule:
        # only by making a result again after the last first run, which the paper's program has no stage for
        cheaper = cost(costs, ours.schedule) < cost(costs, theirs.schedule) * (1 - 1e-6)
        assert not cheaper or ours.schedule.order[-1] != 6
        assert cost(costs, ours.schedule) <= cost(costs, theirs.schedule) * (1 + 1e-6)


def chain_of(layers: int, budget: int) -> tuple[Problem, NDArray[np.float64]]:
    graph = unit_chain(layers)
    costs = np.ones(len(graph.operators))
    return Problem(graph, costs, budget), costs


def test_published_integrality_gap_of_the_unit_chain() -> None:
    problem, costs = chain_of(8, 4)
    found = milp_paper.solve_paper(problem)
    assert found.schedule is not None
    assert cost(costs, found.schedule) == 26.0
    assert cost(costs, found.schedule) / milp_paper.relaxed_bound(problem) == pytest.approx(1.18, abs=0.005)
    tighter = milp.relax(problem)
    assert tighter is not None
    assert tighter.bound == pytest.approx(23.0)  # 26 / 23 = 1.130


def test_known_optimum_of_the_sixteen_layer_chain() -> None:
    problem, costs = chain_of(16, 8)
    found = portfolio.exact(problem)
    assert found.schedule is not None
    assert cost(costs, found.schedule) == found.bound == 43


def test_a_limit_ends_the_search_with_a_gap_not_with_a_claim() -> None:
    graph, costs = layered_graph(3, 30)
    problem = Problem(graph, costs, int(0.5 * peak(graph, all_once(graph))))
    found = milp.solve_exact(problem, limits=milp.Limits(nodes=None, seconds=1e-6))
    assert found.answer is Answer.NOT_FOUND
    assert found.reason
    started = portfolio.exact(problem, time_limit=1e-6)
    assert started.schedule is not None
    assert started.bound < cost(costs, started.schedule)


def test_too_large_is_refused_in_words() -> None:
    graph, costs = layered_graph(1, 500)
    problem = Problem(graph, costs, peak(graph, all_once(graph)) - 1)
    found = milp.solve_exact(problem)
    assert found.answer is Answer.NOT_FOUND
    assert "columns" in found.reason


def test_infeasible_names_the_operator_and_its_bytes() -> None:
    values = (Value("a:out", 6), Value("b:out", 5))
    graph = Graph("two", (Operator("a", (), (0,)), Operator("b", (0,), (1,), workspace=2)), values, frozenset({1}))
    found = portfolio.solve(Problem(graph, np.ones(2), 12), "portfolio")
    assert found.answer is Answer.INFEASIBLE
    assert found.reason == "b alone needs 13 B (13 bytes), the budget is 12 bytes"
    assert portfolio.solve(Problem(graph, np.ones(2), 13), "portfolio").answer is Answer.FEASIBLE


def test_results_that_do_not_fit_together_are_infeasible() -> None:
    values = tuple(Value(f"{name}:out", 5) for name in "ab")
    graph = Graph("two", (Operator("a", (), (0,)), Operator("b", (), (1,))), values, frozenset({0, 1}))
    found = portfolio.solve(Problem(graph, np.ones(2), 9), "exact")
    assert found.answer is Answer.INFEASIBLE
    assert "results" in found.reason
