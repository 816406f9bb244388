"""The compiled search: equal to its plain version, exact in its bytes, and near the optimum."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalikes import lookalike

from scenarios.checkmate import dtr, eviction
from scenarios.checkmate.greedy import arrays, search, solve_greedy
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.milp import solve_exact
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import Schedule, all_once, cost, memory, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain


def problem_at(share: float, seed: int = 3, forward: int = 8) -> Problem:
    graph, costs = layered_graph(seed, forward)
    return Problem(graph, costs, int(share * peak(graph, all_once(graph))))


def plain(monkeypatch: pytest.MonkeyPatch, module: Any) -> None:
    """Replace every compiled function of a module by the Python it was compiled from."""
    for name, function in vars(module).copy().items():
        if hasattr(function, "py_func"):
            monkeypatch.setattr(module, name, function.py_func)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_bytes_are_those_of_the_schedule(seed: int, shuffle: int) -> None:
    graph, costs = random_graph(seed, 9, workspace=3)
    rng = np.random.default_rng(shuffle)
    order = np.array([*range(9), *rng.integers(0, 9, 5)])
    held = eviction.held(arrays(Problem(graph, costs, 1)), order)
    assert held.tolist() == memory(graph, Schedule(tuple(order.tolist()))).tolist()


@pytest.mark.parametrize("share", [0.6, 0.8])
def test_compiled_and_plain_search_are_equal(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = problem_at(share)
    once = np.arange(len(problem.costs))
    ones = np.ones(len(problem.costs))

    def run() -> list[int]:
        evicted = eviction.evict(arrays(problem), once, ones, 0.01, 1.0)
        return eviction.improve(arrays(problem), evicted, 5, 1).tolist()

    compiled = run()
    plain(monkeypatch, eviction)
    with np.errstate(over="ignore"):  # the generator wraps around, as it does compiled
        assert run() == compiled


def test_compiled_and_plain_online_rules_are_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(unit_chain(6), np.ones(13), 5)
    compiled = dtr.solve_dtr(problem)
    assert compiled.schedule is not None
    assert len(compiled.schedule.order) > len(problem.costs)
    plain(monkeypatch, dtr)
    assert dtr.solve_dtr(problem) == compiled


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 1.0))
def test_what_a_search_returns_fits(seed: int, share: float) -> None:
    graph, costs = random_graph(seed, 10, workspace=2)
    problem = Problem(graph, costs, int(share * peak(graph, all_once(graph))))
    for solver in (solve_greedy, search, dtr.solve_dtr):
        found = solver(problem)
        if found.schedule is None:
            assert found.answer is Answer.NOT_FOUND
            assert found.reason
        else:
            assert validate(problem, found.schedule).valid


@pytest.mark.parametrize("name", ["VGG16", "VGG19", "U-Net", "FCN8", "SegNet"])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_the_search_is_within_one_percent_of_the_optimum(name: str, share: float) -> None:
    from scenarios.checkmate.graph import working_set

    graph, costs = lookalike(name)
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    problem = Problem(graph, costs, int(least + share * (most - least)))
    found = search(problem)
    assert found.schedule is not None
    proven = solve_exact(problem, found.schedule)
    assert cost(costs, found.schedule) <= 1.01 * proven.bound


def test_dtr_runs_everything_once_when_memory_suffices() -> None:
    graph = unit_chain(8)
    found = dtr.solve_dtr(Problem(graph, np.ones(17), peak(graph, all_once(graph))))
    assert found.schedule == all_once(graph)


def test_dtr_says_that_it_ran_out() -> None:
    found = dtr.solve_dtr(Problem(unit_chain(8), np.ones(17), 2))
    assert found.answer is Answer.NOT_FOUND
    assert found.reason


def test_thinning_keeps_first_runs() -> None:
    problem = problem_at(1.0)
    once = np.arange(len(problem.costs))
    twice = np.concatenate([once, once[:5]])
    assert eviction.thinned(arrays(problem), twice).tolist() == once.tolist()
