"""The exact solver, against exhaustive search, published gaps and known optima."""

import numpy as np
import pytest
from exhaustive import least_cost
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lookalikes import lookalike

from scenarios.checkmate import milp, milp_paper
from scenarios.checkmate.graph import Graph, Operator, Value, working_set
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.milp import Limits, relax, solve_exact
from scenarios.checkmate.portfolio import heuristics
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import Schedule, all_once, cost, is_staged, peak
from scenarios.checkmate.staged_model import broken_rows, build, forbid, memory_use
from scenarios.checkmate.synthetic import random_graph, unit_chain


def chain(layers: int, budget: int) -> Problem:
    return Problem(unit_chain(layers), np.ones(2 * layers + 1), budget)


@st.composite
def small_problems(draw: st.DrawFn) -> Problem:
    """Few operators, several outputs and workspaces, and a budget from the working set to the peak."""
    graph, costs = random_graph(
        draw(st.integers(0, 100_000)), draw(st.integers(2, 6)), most_outputs=2, workspace=draw(st.integers(0, 3))
    )
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    return Problem(graph, costs, draw(st.integers(least, most)))


@settings(max_examples=150, deadline=None)
@given(small_problems())
def test_the_optimum_is_that_of_exhaustive_search(problem: Problem) -> None:
    wanted = least_cost(problem)
    found = solve_exact(problem)
    if wanted is None:
        assert found.answer is Answer.INFEASIBLE
        return
    assert found.schedule is not None
    assert is_staged(found.schedule)
    assert validate(problem, found.schedule, wanted).valid
    assert found.bound == pytest.approx(wanted, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(small_problems())
def test_a_known_schedule_changes_the_way_but_not_the_answer(problem: Problem) -> None:
    known = heuristics(problem).schedule
    assume(known is not None and is_staged(known))
    assert known is not None
    found = solve_exact(problem, known)
    assert found.schedule is not None
    assert cost(problem.costs, found.schedule) == pytest.approx(least_cost(problem), rel=1e-6)
    assert found.bound == pytest.approx(cost(problem.costs, found.schedule), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(small_problems())
def test_the_relaxation_is_a_bound_and_at_least_the_papers(problem: Problem) -> None:
    wanted, relaxation = least_cost(problem), relax(problem)
    assume(wanted is not None)
    assert wanted is not None
    assert relaxation is not None
    assert relaxation.bound <= wanted * (1 + 1e-6)


def test_the_papers_integrality_gap() -> None:
    """Appendix A: 8 layers, budget 4, a gap of 1.18; the tighter form closes part of it."""
    problem = chain(8, 4)
    assert milp_paper.relaxed_bound(problem) == pytest.approx(22.0)
    assert milp_paper.solve_paper(problem).bound == pytest.approx(26.0)
    tight = relax(problem)
    assert tight is not None
    assert 26.0 / tight.bound == pytest.approx(1.130, abs=0.001)
    assert solve_exact(problem).bound == pytest.approx(26.0)


@pytest.mark.parametrize(("budget", "optimum"), [(7, 44.0), (8, 43.0), (12, 39.0), (17, 34.0), (18, 33.0)])
def test_optima_of_the_chain_of_16(budget: int, optimum: float) -> None:
    found = solve_exact(chain(16, budget))
    assert found.bound == pytest.approx(optimum)
    assert found.schedule is not None
    assert cost(np.ones(33), found.schedule) == optimum


@pytest.mark.slow
def test_a_chain_with_a_gap_in_its_relaxation() -> None:
    problem = chain(16, 6)
    found = solve_exact(problem, heuristics(problem).schedule)
    assert found.bound == pytest.approx(47.0)


@pytest.mark.parametrize("name", ["VGG16", "FCN8"])
def test_both_programs_agree_on_networks(name: str) -> None:
    graph, costs = lookalike(name)
    problem = Problem(graph, costs, int(0.85 * peak(graph, all_once(graph))))
    ours, paper = solve_exact(problem), milp_paper.solve_paper(problem)
    assert ours.bound == pytest.approx(paper.bound, rel=1e-6)
    assert ours.bound > costs.sum()


def test_below_the_working_set_the_proof_names_the_operator() -> None:
    found = solve_exact(chain(3, 2))
    assert found.answer is Answer.INFEASIBLE
    assert "gradient2 alone needs" in found.reason
    assert "3 bytes" in found.reason


def test_results_that_do_not_fit() -> None:
    graph = Graph(
        "two", (Operator("a", (), (0,)), Operator("b", (), (1,))), (Value("x", 3), Value("y", 3)), frozenset({0, 1})
    )
    assert solve_exact(Problem(graph, np.ones(2), 5)).reason == "the results take 6 bytes, and the budget is 5 bytes"


def test_too_large_is_not_found_and_not_infeasible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milp, "LARGEST", 10)
    found = solve_exact(chain(8, 4))
    assert found.answer is Answer.NOT_FOUND
    assert "17 operators make about" in found.reason
    known = all_once(unit_chain(8))
    assert solve_exact(chain(8, 9), known).schedule == known


def test_a_limit_leaves_a_gap_and_keeps_what_is_known() -> None:
    problem = chain(16, 5)
    known = heuristics(problem).schedule
    assert known is not None
    found = solve_exact(problem, known, Limits(nodes=1))
    assert found.answer is Answer.FEASIBLE
    assert found.bound < cost(problem.costs, known)
    assert validate(problem, found.schedule or known).valid


def test_an_exceeded_row_is_forbidden_exactly() -> None:
    """Keeping both values of a stage is excluded, keeping either is not."""
    model = build(chain(4, 3))
    R = model.values_of(model.R, np.zeros(model.columns))
    R[np.arange(9), np.arange(9)] = 1.0
    S = np.tril(np.ones((11, 9)), -1)
    stage, operator = broken_rows(model, R, S)[-1]
    assert memory_use(model, R, S)[stage, operator] > 3
    before = model.rows.count
    forbid(model, R, S, stage)
    matrix, _, high = model.rows.matrix(model.columns)
    cut = matrix[[before]].toarray()[0]
    assert high[before] == cut.sum() - 1


def test_recomputation_is_worth_it_only_when_memory_is_short() -> None:
    problem = chain(8, peak(unit_chain(8), all_once(unit_chain(8))))
    assert solve_exact(problem).schedule == Schedule(tuple(range(17)))
