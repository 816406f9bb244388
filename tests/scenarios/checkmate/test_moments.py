"""The bound at a few moments: never above the truth, and tight where it is needed."""

import numpy as np
import pytest
from exhaustive import least_cost

from scenarios.checkmate import milp, moments, portfolio
from scenarios.checkmate.graph import Graph, Operator, Value, working_set
from scenarios.checkmate.paper_graphs import paper_graph
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain


@pytest.mark.parametrize("seed", range(30))
def test_it_never_exceeds_the_least_cost_of_all_schedules(seed: int) -> None:
    graph, costs = random_graph(seed, operators=5, most_outputs=2 if seed % 2 else 1, workspace=3 * (seed % 3))
    most = peak(graph, all_once(graph))
    for share in (0.95, 0.8, 0.65, 0.5):
        problem = Problem(graph, costs, int(share * most))
        truth = least_cost(problem, staged=False)
        for count in range(1, 6):
            for bound in (moments.linear_bound, moments.whole_bound):
                proven = bound(problem, moments.moments(problem, count))
                if truth is not None:
                    assert proven is not None
                    assert proven <= truth * (1 + 1e-7)
        if truth is not None:
            assert costs.sum() * (1 - 1e-9) <= (moments.certify(problem) or 0.0) <= truth * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(12))
def test_it_never_exceeds_the_exact_optimum(seed: int) -> None:
    graph, costs = layered_graph(seed, 8) if seed % 2 else random_graph(seed, 14, workspace=4)
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    for share in (0.7, 0.4, 0.15):
        problem = Problem(graph, costs, int(least + share * (most - least)))
        exact = milp.solve_exact(problem, limits=milp.Limits(nodes=None))
        proven = moments.certify(problem)
        if exact.schedule is None:
            continue
        assert proven is not None
        assert proven <= cost(costs, exact.schedule) * (1 + 1e-7)
        every = np.arange(len(costs))
        whole = moments.whole_bound(problem, every)
        assert whole is not None
        assert whole <= cost(costs, exact.schedule) * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_in_whole_numbers_a_moment_everywhere_is_the_staged_program(seed: int) -> None:
    graph, costs = random_graph(200 + seed, 8, most_outputs=1)
    problem = Problem(graph, costs, int(0.75 * peak(graph, all_once(graph))))
    exact = milp.solve_exact(problem, limits=milp.Limits(nodes=None))
    if exact.schedule is not None:
        whole = moments.whole_bound(problem, np.arange(len(costs)))
        assert whole == pytest.approx(cost(costs, exact.schedule), rel=0.1)


def test_without_whole_numbers_a_moment_everywhere_comes_near_the_relaxation() -> None:
    graph = unit_chain(8)
    problem = Problem(graph, np.ones(17), 4)
    relaxation = milp.relax(problem)
    assert relaxation is not None
    everywhere = moments.linear_bound(problem, np.arange(17))
    assert everywhere is not None
    assert everywhere <= relaxation.bound * (1 + 1e-9)
    assert everywhere >= 0.9 * relaxation.bound


def test_nothing_fits_is_a_proof() -> None:
    values = (Value("a", 6), Value("b", 6), Value("c", 6), Value("d", 1))
    operators = (
        Operator("a", (), (0,)),
        Operator("b", (), (1,)),
        Operator("c", (0, 1), (2,), workspace=-0),
        Operator("d", (2,), (3,)),
    )
    graph = Graph("wide", operators, values, frozenset({3}))
    problem = Problem(graph, np.ones(4), 17)
    assert moments.certify(problem) is None
    assert moments.whole_bound(problem, np.array([2])) is None
    assert portfolio.portfolio(problem).answer is Answer.INFEASIBLE


def test_where_everything_fits_there_is_nothing_to_prove() -> None:
    graph, costs = random_graph(1, 6)
    problem = Problem(graph, costs, peak(graph, all_once(graph)))
    none = moments.moments(problem, 3)
    assert len(none) == 0
    assert moments.certify(problem) == moments.whole_bound(problem, none) == costs.sum()


def test_moments_are_where_the_memory_is_short() -> None:
    graph, costs = layered_graph(3, 30)
    most = peak(graph, all_once(graph))
    problem = Problem(graph, costs, int(0.8 * most))
    (peak_moment,) = moments.moments(problem, 1)
    assert moments.moments(problem, 4).tolist() == sorted(set(moments.moments(problem, 4).tolist()))
    assert peak_moment in range(len(costs))


@pytest.mark.parametrize(("network", "batch", "share"), [("mobilenet", 512, 0.5), ("resnet50", 256, 0.8)])
def test_the_portfolio_is_certified_on_the_papers_large_graphs(network: str, batch: int, share: float) -> None:
    graph = paper_graph(network, batch)
    costs = np.array([operator.traffic for operator in graph.operators])
    problem = Problem(graph, costs, int(share * peak(graph, all_once(graph))))
    found = portfolio.solve(problem, "portfolio")
    assert found.schedule is not None
    assert cost(costs, found.schedule) <= found.bound * 1.005


def test_a_thousand_operators_have_a_bound_too() -> None:
    graph, costs = layered_graph(1, 500)
    problem = Problem(graph, costs, int(0.9 * peak(graph, all_once(graph))))
    found = portfolio.solve(problem, "portfolio")
    assert found.schedule is not None
    assert costs.sum() < found.bound <= cost(costs, found.schedule) <= found.bound * 1.001
