"""The cheapest completion against its definition, and retention worked out by hand."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scenarios.checkmate.checkpoints import (
    Skips,
    backward_operators,
    cheapest_that_fits,
    completed_order,
    completion,
    forward_operators,
    retention,
    schedule_from_checkpoints,
    segments,
    spans,
)
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import Schedule, all_once, is_staged, peak
from scenarios.checkmate.synthetic import Tape, random_graph, unit_chain

Bools = NDArray[np.bool_]
HUGE = 10**9


def rows(schedule: Schedule) -> list[set[int]]:
    """R of a staged schedule: what runs in each stage."""
    stages: list[set[int]] = [set()]
    for operator in schedule.order:
        stages[-1].add(operator)
        if operator == len(stages) - 1:
            stages.append(set())
    assert stages.pop() == set()
    return stages


def suffices(graph: Graph, S: Bools, R: list[set[int]]) -> bool:
    """Whether R runs every operator in its own stage and satisfies the paper's 1b and 1c for S."""
    producer = graph.producers().tolist()
    count = len(graph.operators)
    for stage in range(count):
        if stage not in R[stage]:
            return False
        for operator in R[stage]:
            if any(not S[stage, v] and producer[v] not in R[stage] for v in graph.operators[operator].inputs):
                return False
        if any(S[stage + 1, v] and not S[stage, v] and producer[v] not in R[stage] for v in range(len(producer))):
            return False
    return True


def asked_for(graph: Graph, seed: int, share: float) -> Bools:
    """A random S that keeps what exists, and the results at the end."""
    count = len(graph.operators)
    S = np.random.default_rng(seed).random((count + 1, len(graph.values))) < share
    S &= np.arange(count + 1)[:, None] > graph.producers()
    S[count, sorted(graph.results)] = True
    return S


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3, 0.7, 0.95]))
@settings(deadline=None)
def test_the_completion_suffices_and_nothing_in_it_can_go(seed: int, share: float) -> None:
    graph, costs = random_graph(seed, 8, workspace=2)
    S = asked_for(graph, seed, share)
    schedule = completion(graph, S)
    assert is_staged(schedule)
    assert validate(Problem(graph, costs, HUGE), schedule).valid
    R = rows(schedule)
    assert suffices(graph, S, R)
    for stage, row in enumerate(R):
        for operator in row:
            assert not suffices(graph, S, [*R[:stage], row - {operator}, *R[stage + 1 :]])


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_results_are_kept_and_the_unborn_are_not_whatever_s_says(seed: int) -> None:
    graph, _ = random_graph(seed, 8)
    S = np.ones((9, len(graph.values)), dtype=bool)
    assert completion(graph, S) == all_once(graph)
    S = asked_for(graph, seed, 0.5)
    wild = S | (np.arange(9)[:, None] <= graph.producers())
    wild[8, sorted(graph.results)] = False
    assert completion(graph, wild) == completion(graph, S)


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_the_compiled_functions_are_their_plain_versions(seed: int) -> None:
    graph, _ = random_graph(seed, 8)
    table, S = incidence(graph), asked_for(graph, seed, 0.5)
    arguments = (table.inputs.start, table.inputs.items, table.producer, S)
    assert completed_order(*arguments).tolist() == completed_order.py_func(*arguments).tolist()
    made, dropped, again, used = np.random.default_rng(seed).integers(0, 9, (4, 5))
    assert (spans(made, dropped, again, used, 9) == spans.py_func(made, dropped, again, used, 9)).all()


@pytest.mark.parametrize(
    ("checkpoints", "order"),
    [
        ((), (0, 1, 2, 3, 4, 5, 6, 7, 8)),
        ((1,), (0, 1, 2, 3, 4, 5, 6, 7, 0, 8)),
        ((1, 3), (0, 1, 2, 3, 4, 5, 2, 6, 7, 0, 8)),
        # the last segment is empty, so everything between the checkpoints is made again, one segment at a time
        ((2, 4), (0, 1, 2, 3, 4, 3, 5, 6, 0, 1, 7, 8)),
        ((0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5, 6, 7, 8)),
    ],
)
def test_a_chain_by_hand(checkpoints: tuple[int, ...], order: tuple[int, ...]) -> None:
    # forward 0..3, loss 4, gradient 8 - i reads activation i
    assert schedule_from_checkpoints(unit_chain(4), checkpoints).order == order


def skip() -> Graph:
    """0 -> 1 -> 2 -> 3, and 3 reads 0 as well; loss 4, gradients 5..8 of 3..0."""
    tape = Tape("skip")
    for index, inputs in enumerate(((), (0,), (1,), (2, 0))):
        tape.add(f"layer{index}", inputs, 1, 1.0)
    return tape.training_graph()


def test_a_skip_connection_is_kept_or_made_again() -> None:
    again = schedule_from_checkpoints(skip(), (1,))
    kept = schedule_from_checkpoints(skip(), (1,), "kept")
    assert again.order[:6] == (0, 1, 2, 0, 3, 4)
    assert kept == all_once(skip())
    assert retention(skip(), (1,), "kept")[4, 0]
    assert not retention(skip(), (1,), "alone")[3, 0]


@given(st.integers(0, 10_000), st.sets(st.integers(0, 8)), st.sampled_from(get_args(Skips)))
@settings(deadline=None)
def test_any_operators_can_be_checkpoints(seed: int, checkpoints: set[int], skips: Skips) -> None:
    graph, costs = random_graph(seed, 9, workspace=2)
    schedule = schedule_from_checkpoints(graph, checkpoints, skips)
    assert validate(Problem(graph, costs, HUGE), schedule).valid
    assert is_staged(schedule)
    assert schedule_from_checkpoints(graph, (), skips) == all_once(graph)
    assert schedule_from_checkpoints(graph, range(9), skips) == all_once(graph)


def test_segments_of_a_chain() -> None:
    segment, end = segments(unit_chain(4), (1, 3))
    assert segment.tolist() == [0, 0, 1, 1, 2, -1, -1, -1, -1]
    assert end.tolist() == [1, 3, 4]
    assert forward_operators(unit_chain(4)) == [0, 1, 2, 3, 4]
    assert backward_operators(unit_chain(4)).tolist() == [False] * 5 + [True] * 4


def test_the_cheapest_wins_and_the_least_peak_is_the_reason() -> None:
    graph = unit_chain(4)
    schedules = [schedule_from_checkpoints(graph, each) for each in ((1, 3), (1,), ())]
    peaks = [peak(graph, each) for each in schedules]
    assert peaks == [4, 5, 6]
    found = cheapest_that_fits(Problem(graph, np.ones(9), 5), schedules, "this rule")
    assert found.schedule == schedules[1]
    none = cheapest_that_fits(Problem(graph, np.ones(9), 3), schedules, "this rule")
    assert none.answer is Answer.NOT_FOUND
    assert none.reason == "this rule needs 4 B at least, the budget is 3 B"
