"""Lifetimes and bytes of a schedule, against a schedule worked out by hand and against the interpreter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.checkmate.graph import Graph, Operator, Value
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import Schedule, all_once, cost, is_staged, lifetimes, memory, peak
from scenarios.checkmate.synthetic import random_graph, unit_chain
from scenarios.checkmate.twins import merge_twins

NORM = Graph(
    "norm",
    (
        Operator("conv", (), (0,)),
        Operator("norm", (0,), (1, 2), workspace=5),
        Operator("loss", (1,), (3,)),
        Operator("grad", (3, 2, 0), (4,), backward=True),
    ),
    (Value("x", 10), Value("y", 20), Value("mean", 1), Value("l", 2), Value("g", 10)),
    frozenset({4}),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[int, Schedule]:
    """A random graph's seed and a valid order: first runs in turn, anything that has begun in between."""
    seed = draw(st.integers(0, 10_000))
    order: list[int] = []
    for first in range(8):
        order += draw(st.lists(st.integers(0, first - 1), max_size=3)) if first else []
        order.append(first)
    return seed, Schedule(tuple(order))


def test_bytes_worked_out_by_hand() -> None:
    # conv 10; norm 10+20+1 and workspace 5; loss 10+20+1+2; grad 10+1+2+10
    assert memory(NORM, all_once(NORM)).tolist() == [10, 36, 33, 23]


def test_recomputing_makes_all_outputs_again_but_holds_only_what_is_used() -> None:
    again = Schedule((0, 1, 2, 0, 1, 3))
    # the first mean is dropped at once; the second y lives only while norm runs
    assert memory(NORM, again).tolist() == [10, 36, 22, 12, 38, 23]
    rows = lifetimes(NORM, again)
    assert list(zip(rows.value.tolist(), rows.first.tolist(), rows.last.tolist(), strict=True)) == [
        (0, 0, 1), (0, 3, 5), (1, 1, 2), (1, 4, 4), (2, 1, 1), (2, 4, 5), (3, 2, 5), (4, 5, 5),
    ]  # fmt: skip


def test_a_result_lives_to_the_end_from_its_last_production() -> None:
    chain = unit_chain(2)
    rows = lifetimes(chain, Schedule((0, 1, 2, 3, 4, 0)))
    assert rows.last[rows.value == 4].tolist() == [5]


@pytest.mark.parametrize("order", [(1, 0, 2, 3, 4), (0, 2, 1, 3, 4), (0, 1, 2, 3)])
def test_an_order_without_what_it_needs_says_so(order: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="which no earlier step produces"):
        lifetimes(unit_chain(2), Schedule(order))


def test_staged_orders() -> None:
    assert is_staged(Schedule((0, 1, 0, 2, 0, 1, 3)))
    assert is_staged(Schedule((0, 1, 2, 0, 1)))
    assert not is_staged(Schedule((0, 2, 1)))
    assert not is_staged(Schedule((0, 1, 2, 1, 0, 3)))
    assert not is_staged(Schedule((0, 1, 0, 0, 2)))


@given(runs())
def test_accounting_equals_execution(run: tuple[int, Schedule]) -> None:
    seed, schedule = run
    graph, costs = random_graph(seed, 8, workspace=4)
    verdict = validate(Problem(graph, costs, 10_000), schedule, cost(costs, schedule))
    assert verdict.valid
    assert verdict.peak == peak(graph, schedule)
    assert memory(graph, schedule).dtype == np.int64


@given(runs(), st.data())
def test_without_one_recomputation_it_is_still_a_schedule(run: tuple[int, Schedule], data: st.DataObject) -> None:
    seed, schedule = run
    repeats = [i for i, operator in enumerate(schedule.order) if operator in schedule.order[:i]]
    if repeats:
        gone = data.draw(st.sampled_from(repeats))
        graph, costs = random_graph(seed, 8)
        shorter = Schedule(schedule.order[:gone] + schedule.order[gone + 1 :])
        assert validate(Problem(graph, costs, 10_000), shorter).valid


@given(runs())
def test_merging_twins_changes_no_byte_of_any_schedule(run: tuple[int, Schedule]) -> None:
    seed, schedule = run
    graph, _ = random_graph(seed, 8, most_outputs=4, workspace=3)
    merged = merge_twins(graph)
    assert len(merged.values) <= len(graph.values)
    assert memory(merged, schedule).tolist() == memory(graph, schedule).tolist()
