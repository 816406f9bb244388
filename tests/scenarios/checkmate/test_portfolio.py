"""Every policy on random graphs: valid or honest; the portfolio's bound, its curves, its compiled heart."""

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalikes import lookalike

from scenarios.checkmate import eviction, greedy, milp, portfolio, rounding
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import all_once, cost, memory, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain


def posed(seed: int, share: float) -> Problem:
    graph, costs = layered_graph(seed, 12) if seed % 2 else random_graph(seed, 20, workspace=3)
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    return Problem(graph, costs, int(least + share * (most - least)))


@pytest.mark.parametrize("policy", get_args(Policy))
@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_every_schedule_passes_the_interpreter(policy: Policy, share: float) -> None:
    for seed in range(8):
        problem = posed(seed, share)
        found = portfolio.solve(problem, policy)
        if found.schedule is None:
            assert found.answer is not Answer.FEASIBLE
            assert found.reason
        else:
            assert found.answer is Answer.FEASIBLE
            assert validate(problem, found.schedule, cost(problem.costs, found.schedule)).valid
            assert found.bound <= cost(problem.costs, found.schedule) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_portfolio_lies_between_its_bound_and_its_parts(seed: int) -> None:
    problem = posed(seed, 0.5)
    whole, best = portfolio.solve(problem, "portfolio"), portfolio.solve(problem, "exact")
    if whole.schedule and best.schedule:
        assert whole.bound <= cost(problem.costs, best.schedule) * (1 + 1e-9)
        assert cost(problem.costs, best.schedule) <= cost(problem.costs, whole.schedule) * (1 + 1e-9)
        plain = greedy.solve_greedy(problem)
        if plain.schedule:
            assert cost(problem.costs, whole.schedule) <= cost(problem.costs, plain.schedule) * (1 + 1e-9)


def test_curves_are_monotone() -> None:
    graph, costs = lookalike("U-Net")
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    budgets = [int(least + share * (most - least)) for share in np.linspace(0.0, 1.05, 12)]
    curve = portfolio.solve_curve(graph, costs, budgets)
    paid = [cost(costs, found.schedule) for found in curve if found.schedule]
    assert len(paid) >= 8
    assert all(later <= earlier for earlier, later in pairwise(paid))
    answers = [found.answer for found in curve]
    assert Answer.INFEASIBLE not in answers[answers.index(Answer.FEASIBLE) :]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.95))
def test_the_compiled_functions_equal_their_plain_versions(seed: int, share: float) -> None:
    graph, costs = random_graph(seed, 9, workspace=2)
    problem = Problem(graph, costs, int(share * peak(graph, all_once(graph))))
    a = greedy.arrays(problem)
    order = np.arange(len(costs))
    assert (eviction.held(a, order) == memory(graph, all_once(graph))).all()
    assert (eviction.held(a, order) == eviction.held.py_func(a, order)).all()
    weights = np.ones(len(costs))
    compiled = eviction.evict(a, order, weights, 0.01, 1.0)
    assert compiled.tolist() == eviction.evict.py_func(a, order, weights, 0.01, 1.0).tolist()
    assert eviction.thinned(a, compiled).tolist() == eviction.thinned.py_func(a, compiled).tolist()
    step = int(np.argmax(eviction.held(a, compiled)))
    for ours, plain in zip(eviction.idle(a, compiled, step), eviction.idle.py_func(a, compiled, step), strict=True):
        assert ours.tolist() == plain.tolist()


def test_search_is_repeatable() -> None:
    problem = posed(1, 0.4)
    assert greedy.search(problem).schedule == greedy.search(problem).schedule


def test_rounding_needs_its_search_and_repair() -> None:
    found_by_rounding = 0
    for seed in range(10):
        problem = posed(2 * seed + 1, 0.5)
        rounded = rounding.solve_rounding(problem)
        relaxation = milp.relax(problem)
        if rounded.schedule and relaxation:
            found_by_rounding += 1
            assert rounded.bound == pytest.approx(min(relaxation.bound, cost(problem.costs, rounded.schedule)))
    assert found_by_rounding >= 5


def test_the_unit_chain_at_known_budgets() -> None:
    graph = unit_chain(16)
    costs = np.ones(len(graph.operators))
    for budget, optimum in [(8, 43), (6, 47)]:
        found = portfolio.solve(Problem(graph, costs, budget), "portfolio")
        assert found.schedule is not None
        assert cost(costs, found.schedule) <= optimum + 1
