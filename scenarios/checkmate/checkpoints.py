"""From what is kept to what must run: retention matrices, their cheapest completion, and checkpoint sets.

Stage t ends with the first run of operator t. S[t, v] says that value v is kept from stage t-1 into stage t
(row n: into the end). Given S, the operators that must run again are determined (paper, section 5.2,
algorithm 2), so checkpointing heuristics and rounding decide S only.

A checkpoint is a forward operator whose outputs are kept from their production to the end; it closes a
segment of the forward pass. Other forward values live while their segment is computed, and again while it is
back-propagated: all of it is recomputed when the first gradient asks for a part of it (Chen et al.,
arXiv:1604.06174). Gradients are never recomputed.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import Lists, incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost, peak

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def completion(graph: Graph, S: Bools) -> Schedule:
    """The schedule that keeps what S says and runs the fewest operators for it (paper, algorithm 2, then 1).

    `S` has shape (operators + 1, values). Results are kept into the end whatever its last row says, and
    nothing is kept into the stage that first makes it. A value kept into t that was not kept into t-1 is made
    in t-1; what an operator reads and its stage has not kept is made in that stage, scanning from right to left.

    >>> from scenarios.checkmate.synthetic import unit_chain
    >>> completion(unit_chain(2), np.zeros((6, 5), dtype=bool)).order
    (0, 0, 1, 0, 1, 2, 0, 1, 2, 3, 0, 1, 2, 3, 4)
    """
    return Schedule(tuple(np.nonzero(recomputation(graph, S))[1].tolist()))


def recomputation(graph: Graph, S: Bools) -> Bools:
    """R[t, i] of the cheapest completion of S: operator i runs in stage t. Shape (operators, operators)."""
    table = incidence(graph)
    count = len(graph.operators)
    made = np.arange(count + 1)[:, None] > table.producer
    kept = S & made
    kept[count] |= table.result
    stage, value = np.nonzero(kept[1:] & ~kept[:-1])
    runs = np.eye(count, dtype=bool)  # transposed, so that one operator's stages lie side by side
    runs[table.producer[value], stage] = True
    absent = np.ascontiguousarray(~kept[:-1].T)
    for operator in reversed(range(count)):
        for place in range(table.inputs.start[operator], table.inputs.start[operator + 1]):
            needed = table.inputs.items[place]
            runs[table.producer[needed], operator:] |= runs[operator, operator:] & absent[needed, operator:]
    R: Bools = runs.T
    return R


def schedule_from_checkpoints(graph: Graph, checkpoints: Iterable[int], keep_skips: bool = False) -> Schedule:
    """The cheapest completion of `retention`."""
    return completion(graph, retention(graph, checkpoints, keep_skips))


def retention(graph: Graph, checkpoints: Iterable[int], keep_skips: bool = False) -> Bools:
    """S of a set of forward operators, shape (operators + 1, values), by the rules of this module's header.

    A value that a later segment's forward operators read is a checkpoint too (`keep_skips`), as frameworks
    have it, or made again for each of them, as the paper has it.
    """
    table = incidence(graph)
    count = len(graph.operators)
    segment, end = segments(graph, checkpoints)
    own = segment[table.producer]
    last_use = _last_use(table.users)
    always = table.result | (own < 0) | np.isin(table.producer, np.fromiter(checkpoints, dtype=np.int64))
    if keep_skips:
        always |= _crosses(table.users, segment, own)
    begin = _first_gradient(graph, segment, always)
    stage = np.arange(count + 1)[:, None]
    # the last segment has no end to be dropped at, so its gradients find it in place
    computed = (stage > table.producer) & (stage <= np.where(own == len(end) - 1, last_use, end[own]))
    replayed = (stage > begin[own]) & (stage <= last_use)
    kept: Bools = np.where(always, stage > table.producer, computed | replayed)
    kept[count] = table.result
    return kept


def segments(graph: Graph, checkpoints: Iterable[int]) -> tuple[Ints, Ints]:
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
        needed = peak(problem.graph, schedule)
        least = needed if least is None else min(least, needed)
        seconds = cost(problem.costs, schedule)
        if needed <= problem.budget and seconds < cheapest:
            best, cheapest = schedule, seconds
    bound = float(problem.costs.sum())
    if best is not None:
        return Solution(Answer.FEASIBLE, best, min(bound, cheapest))
    reason = f"{name} needs at least {least} bytes, and the budget is {problem.budget} bytes"
    return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)


def _last_use(users: Lists) -> Ints:
    """The last operator that reads each value, or -1."""
    last = np.full(len(users.start) - 1, -1, dtype=np.int64)
    value, user = users.gather(np.arange(len(last)))
    np.maximum.at(last, value, user)
    return last


def _crosses(users: Lists, segment: Ints, own: Ints) -> Bools:
    """Whether a forward operator of another segment reads the value."""
    value, user = users.gather(np.arange(len(own)))
    crosses = np.zeros(len(own), dtype=bool)
    crosses[value[(segment[user] >= 0) & (segment[user] != own[value])]] = True
    return crosses


def _first_gradient(graph: Graph, segment: Ints, always: Bools) -> Ints:
    """The operator with which the back-propagation of each segment begins, shape (segments,), or the end.

    A backward operator belongs to the latest segment of which it reads a value that is not kept anyway; what it
    reads of earlier ones (a skip connection) is made for it alone.
    """
    table = incidence(graph)
    operators = np.flatnonzero(segment < 0)
    position, value = table.inputs.gather(operators)
    dropped = ~always[value]
    active = np.full(len(operators), -1, dtype=np.int64)
    np.maximum.at(active, position[dropped], segment[table.producer[value[dropped]]])
    begin = np.full(int(segment.max()) + 2, len(graph.operators), dtype=np.int64)
    np.minimum.at(begin, active[active >= 0], operators[active >= 0])
    return begin
