"""From what is kept to what must run: retention matrices, their cheapest completion, and checkpoint sets.

Stage t ends with the first run of operator t. S[t, v] says that value v is kept from stage t-1 into stage t
(row n: into the end). Given S, the operators that must run again are determined (paper, section 5.2,
algorithm 2), so checkpointing heuristics and rounding decide S only.

A checkpoint is a forward operator whose outputs are kept from their production to the end; it closes a
segment of the forward pass. Other forward values live while their segment is computed, and again while it is
back-propagated: all of it is recomputed when the first gradient asks for a part of it (Chen et al.,
arXiv:1604.06174). Gradients are never recomputed.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import product
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import Incidence, Lists, incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost, peak
from sim.units import show

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Skips = Literal["alone", "early", "carried", "kept"]


def completion(graph: Graph, S: Bools) -> Schedule:
    """The schedule that keeps what S says and runs the fewest operators for it (paper, algorithm 2, then 1).

    `S` has shape (operators + 1, values). Results are kept into the end whatever its last row says, and
    nothing is kept into the stage that first makes it. A value kept into t that was not kept into t-1 is made
    in t-1; what an operator reads and its stage has not kept is made in that stage, scanning from right to left.

    >>> from scenarios.checkmate.synthetic import unit_chain
    >>> completion(unit_chain(2), np.zeros((6, 5), dtype=bool)).order
    (0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4)
    """
    table = incidence(graph)
    count = len(graph.operators)
    kept = S & (np.arange(count + 1)[:, None] > table.producer)
    kept[count] |= table.result
    return _row_major(table, kept)


@njit(cache=True)
def completed_order(start: Ints, items: Ints, producer: Ints, S: Bools) -> Ints:
    """Operators of the cheapest completion of S, stage after stage, each in the graph's order.

    `items[start[i]:start[i + 1]]` are the values that operator i reads. S keeps nothing into a stage that does
    not follow its first production.
    """
    count = len(start) - 1
    order = np.empty(count * (count + 1) // 2, np.int64)
    steps = 0
    for stage in range(count):
        runs = np.zeros(stage + 1, np.bool_)
        runs[stage] = True
        for value in range(len(producer)):
            if S[stage + 1, value] and not S[stage, value]:
                runs[producer[value]] = True
        for operator in range(stage, -1, -1):
            if runs[operator]:
                for place in range(start[operator], start[operator + 1]):
                    if not S[stage, items[place]]:
                        runs[producer[items[place]]] = True
        for operator in range(stage + 1):
            if runs[operator]:
                order[steps] = operator
                steps += 1
    return order[:steps].copy()


def schedule_from_checkpoints(graph: Graph, checkpoints: Collection[int], skips: Skips = "alone") -> Schedule:
    """The cheapest completion of `retention`."""
    return next(schedules_from_checkpoints(graph, [checkpoints], [skips]))


def schedules_from_checkpoints(
    graph: Graph, sets: Iterable[Collection[int]], ways: Sequence[Skips]
) -> Iterator[Schedule]:
    """The schedules of many checkpoint sets, each with every one of some ways to treat skips."""
    table = incidence(graph)
    for checkpoints, skips in product(sets, ways):
        yield _row_major(table, _retention(graph, table, checkpoints, skips))


def retention(graph: Graph, checkpoints: Collection[int], skips: Skips = "alone") -> Bools:
    """S of a set of forward operators, shape (operators + 1, values), by the rules of this module's header.

    A value that is read outside of its segment is, by `skips`, made again for each reader "alone", as the paper
    has it; or, when a gradient reads it "early", its segment is back-propagated from then on; or, moreover, it is
    "carried" to its last forward reader first; or it is "kept" like a checkpoint, as frameworks have it.
    """
    return _retention(graph, incidence(graph), checkpoints, skips)


def _retention(graph: Graph, table: Incidence, checkpoints: Collection[int], skips: Skips) -> Bools:
    count = len(graph.operators)
    segment, end = segments(graph, checkpoints)
    own = segment[table.producer]
    last_use = _last_use(table.users, np.ones(count, dtype=bool))
    always = table.result | (own < 0) | np.isin(table.producer, list(checkpoints))
    if skips == "kept":
        always |= _last_use(table.users, segment >= 0) > end[own]
    # the last segment has no end to be dropped at, so its gradients find it in place
    stays = own == len(end) - 1
    begin = _first_gradient(table, segment, always | stays, skips in ("early", "carried"))
    until = np.where(stays, last_use, end[own])
    if skips == "carried":
        until = np.maximum(until, _last_use(table.users, segment >= 0))
    until[always] = count
    S = spans(table.producer + 1, until, begin[own] + 1, last_use, count + 1)
    S[count] = table.result
    return S


@njit(cache=True)
def spans(made: Ints, dropped: Ints, again: Ints, used: Ints, stages: int) -> Bools:
    """S, shape (stages, values), in which each value is kept into stages made..dropped and again..used."""
    S = np.zeros((stages, len(made)), np.bool_)
    for stage in range(stages):
        for value in range(len(made)):
            S[stage, value] = made[value] <= stage <= dropped[value] or again[value] <= stage <= used[value]
    return S


def segments(graph: Graph, checkpoints: Collection[int]) -> tuple[Ints, Ints]:
    """(segment of each operator, last operator of each segment). Backward operators are in segment -1.

    A segment ends with its checkpoint, the last one with the last forward operator; it may be empty.
    """
    backward = backward_operators(graph)
    closes = np.zeros(len(graph.operators), dtype=np.int64)
    closes[list(checkpoints)] = 1
    segment = np.where(backward, -1, np.cumsum(closes) - closes)
    end = np.full(int(closes.sum()) + 1, -1, dtype=np.int64)
    np.maximum.at(end, segment[~backward], np.flatnonzero(~backward))
    return segment, end


def backward_operators(graph: Graph) -> Bools:
    """Which operators belong to the backward pass, shape (operators,)."""
    return np.array([operator.backward for operator in graph.operators], dtype=bool)


def forward_operators(graph: Graph) -> list[int]:
    """Operators of the forward pass and the loss, in order."""
    return np.flatnonzero(~backward_operators(graph)).tolist()


def cheapest_that_fits(problem: Problem, schedules: Iterable[Schedule], name: str) -> Solution:
    """The cheapest of some schedules within the budget; when none fits, the least peak among them is the reason."""
    best, least = None, None
    cheapest = np.inf
    for schedule in schedules:
        seconds = cost(problem.costs, schedule)
        if seconds >= cheapest:
            continue
        needed = peak(problem.graph, schedule)
        least = needed if least is None else min(least, needed)
        if needed <= problem.budget:
            best, cheapest = schedule, seconds
    bound = float(problem.costs.sum())
    if best is not None:
        return Solution(Answer.FEASIBLE, best, min(bound, cheapest))
    reason = f"{name} needs {show(least or 0, 'bytes')} at least, the budget is {show(problem.budget, 'bytes')}"
    return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)


def _row_major(table: Incidence, S: Bools) -> Schedule:
    order = completed_order(table.inputs.start, table.inputs.items, table.producer, S)
    return Schedule(tuple(order.tolist()))


def _last_use(users: Lists, among: Bools) -> Ints:
    """The last of some operators that reads each value, or -1."""
    last = np.full(len(users.start) - 1, -1, dtype=np.int64)
    value, user = users.gather(np.arange(len(last)))
    np.maximum.at(last, value[among[user]], user[among[user]])
    return last


def _first_gradient(table: Incidence, segment: Ints, there: Bools, early: bool) -> Ints:
    """The operator with which the back-propagation of each segment begins, shape (segments,), or the end.

    It is the first backward operator that reads a value of the segment which is not there anyway; unless `early`,
    only the latest segment that an operator reads of counts.
    """
    operators = np.flatnonzero(segment < 0)
    position, value = table.inputs.gather(operators)
    position, value = position[~there[value]], value[~there[value]]
    own = segment[table.producer[value]]
    if not early:
        latest = np.full(len(operators), -1, dtype=np.int64)
        np.maximum.at(latest, position, own)
        own = latest[position]
    begin = np.full(int(segment.max()) + 2, len(segment), dtype=np.int64)
    np.minimum.at(begin, own, operators[position])
    return begin
