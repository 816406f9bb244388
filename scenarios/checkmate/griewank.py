"""Griewank and Walther's revolve (ACM TOMS 26(1), 2000): reverse a chain with a fixed number of snapshots.

With c snapshots, a chain of l steps is reversed by advancing k steps, taking a snapshot, reversing what lies
behind it with c - 1 snapshots, and then the k steps again with c. The least number of forward steps is

    t(l, c) = min over 0 < k < l of  k + t(l - k, c - 1) + t(k, c),    t(l, 0) = l (l - 1) / 2,    t(1, c) = 0

which is optimal for chains of unit cost and size. The original runs every step once more right before it is
reversed; where its output is a snapshot that is not needed, and both variants are tried.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.checkpoints import cheapest_that_fits, forward_operators
from scenarios.checkmate.chen import first_branch
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule


def solve_griewank(problem: Problem) -> Solution:
    """Revolve with the number of snapshots that is cheapest within the budget; for chains only."""
    if (branch := first_branch(problem.graph)) is not None:
        name = problem.graph.operators[branch].name
        return Solution(
            Answer.NOT_FOUND, reason=f"revolve is for chains, and {name} reads more than the operator before it"
        )
    length = len(forward_operators(problem.graph))
    _, split = binomial_table(length, length)
    schedules = (
        revolve(problem.graph, snapshots, split, reuse) for snapshots in range(length) for reuse in (False, True)
    )
    return cheapest_that_fits(problem, schedules, "griewank")


def binomial_table(length: int, snapshots: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(t, k): forward steps to reverse l steps with c snapshots, and the best first advance; indexed [l, c].

    >>> binomial_table(10, 3)[0][10].tolist()
    [45, 20, 15, 14]
    """
    lengths = np.arange(length + 1)
    steps = np.zeros((length + 1, snapshots + 1), dtype=np.int64)
    split = np.ones_like(steps)
    steps[:, 0] = lengths * (lengths - 1) // 2
    for free in range(1, snapshots + 1):
        for long in range(2, length + 1):
            advance = lengths[1:long]
            total = advance + steps[long - advance, free - 1] + steps[advance, free]
            split[long, free] = advance[int(np.argmin(total))]
            steps[long, free] = total.min()
    return steps, split


def revolve(graph: Graph, snapshots: int, split: NDArray[np.int64], reuse: bool = False) -> Schedule:
    """The operator order of revolve: forward runs, and backward operators as soon as their step is reversed.

    With `reuse`, a step whose output is a snapshot is reversed without running it again.
    """
    forward = forward_operators(graph)
    pending = _backward_by_step(graph, forward)
    order: list[int] = []
    for step, reverses, stored in _actions(0, len(forward), snapshots, split, False):
        if not (reuse and stored):
            order.append(forward[step])
        if reverses:
            order += pending[step]
    return Schedule(tuple(order))


def _actions(
    begin: int, end: int, free: int, split: NDArray[np.int64], stored: bool
) -> Iterator[tuple[int, bool, bool]]:
    """(forward step, whether it is reversed then, whether its output is a snapshot), for steps begin..end-1.

    There is a snapshot at `begin`, and at `end` if `stored`.
    """
    while end - begin > 1:
        if free == 0:
            yield from ((step, False, False) for step in range(begin, end - 1))
            yield end - 1, True, stored
            end, stored = end - 1, False
            continue
        middle = begin + int(split[end - begin, free])
        yield from ((step, False, False) for step in range(begin, middle))
        yield from _actions(middle, end, free - 1, split, stored)
        end, stored = middle, True
    yield begin, True, stored


def _backward_by_step(graph: Graph, forward: list[int]) -> list[list[int]]:
    """Backward operators of each forward step: of the last step they read, and in the graph's order."""
    place = {operator: step for step, operator in enumerate(forward)}
    producer = graph.producers()
    pending: list[list[int]] = [[] for _ in forward]
    current = len(forward) - 1
    for operator in (index for index, each in enumerate(graph.operators) if each.backward):
        reads = [place[source] for source in producer[list(graph.operators[operator].inputs)] if source in place]
        current = min(current, max(reads, default=current))
        pending[current].append(operator)
    return pending
