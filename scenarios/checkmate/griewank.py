"""Griewank and Walther's revolve (ACM TOMS 26(1), 2000): reverse a chain with a fixed number of snapshots.

To reverse l steps with c snapshots, one of which holds the state before the first step: advance k steps, take
a snapshot, reverse what lies behind it with c - 1 snapshots, then the first k steps with c again. The least
number of steps advanced (each reversal runs its own step once more) is

    t(l, c) = min over 0 < k < l of  k + t(l - k, c - 1) + t(k, c),    t(1, c) = 0,    t(l, 0) = infinity if l > 1,

which is optimal for chains of unit cost and size. Here it decides which forward values are kept in which stage,
and the schedule is the cheapest completion. The state before the first step is the network's input, always
resident.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.checkpoints import (
    backward_operators,
    cheapest_that_fits,
    completion,
    forward_operators,
)
from scenarios.checkmate.chen import first_branch
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import Incidence, incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule

Ints = NDArray[np.int64]
Hold = tuple[int, int]
_NEVER = 1 << 40  # steps; more than any chain takes


def solve_griewank(problem: Problem) -> Solution:
    """Revolve with the number of snapshots that is cheapest within the budget; for chains only."""
    branch = first_branch(problem.graph)
    if branch is not None:
        name = problem.graph.operators[branch].name
        reason = f"revolve reverses chains, and {name} does not read the operator before it alone"
        return Solution(Answer.NOT_FOUND, bound=float(problem.costs.sum()), reason=reason)
    steps = len(forward_operators(problem.graph))
    schedules = (
        schedule_from_holds(problem.graph, (*held, *reads))
        for held in dict.fromkeys(_snapshots(steps))
        for reads in (_released(steps), _lingering(steps))
    )
    return cheapest_that_fits(problem, schedules, "revolve")


def binomial_table(length: int, snapshots: int, farthest: bool = False) -> tuple[Ints, Ints]:
    """(t, k): least advances to reverse l steps with c snapshots, and the first advance; indexed [l, c].

    Of equally good first advances the nearest or the farthest is taken: all the same where steps are equal, but
    the large outputs of most networks come first.

    >>> binomial_table(10, 4)[0][10, 1:].tolist()
    [45, 20, 15, 14]
    """
    least = np.full((length + 1, snapshots + 1), _NEVER, dtype=np.int64)
    advance = np.zeros_like(least)
    least[:2] = 0
    for steps in range(2, length + 1):
        first = np.arange(1, steps)
        total = first[:, None] + least[steps - first, :-1] + least[first, 1:]
        best = total.shape[0] - 1 - total[::-1].argmin(axis=0) if farthest else total.argmin(axis=0)
        advance[steps, 1:] = first[best]
        least[steps, 1:] = total.min(axis=0)
    return least, advance


def holds(steps: int, snapshots: int, advance: Ints) -> Iterator[Hold]:
    """(state, step): the output of step `state` is kept from the time that step `step` is to be reversed.

    It is kept until `state` itself is reversed. Steps are reversed from `steps` - 1 down to 0.

    >>> list(holds(4, 2, binomial_table(4, 2)[1]))
    [(0, 3)]
    """
    ranges = [(0, steps, snapshots)]
    while ranges:
        begin, end, free = ranges.pop()
        if end - begin < 2 or free < 2:
            continue
        middle = begin + int(advance[end - begin, free])
        yield middle - 1, end - 1
        ranges += [(begin, middle, free), (middle, end, free - 1)]


def schedule_from_holds(graph: Graph, held: Sequence[Hold]) -> Schedule:
    """The cheapest schedule that keeps gradients, results and what is held (see `holds`).

    What is held from the last step on is kept since the forward pass, in which every step finds what the one before
    has made.
    """
    table = incidence(graph)
    forward = np.array(forward_operators(graph), dtype=np.int64)
    count, last = len(graph.operators), len(forward) - 1
    falling = -reversed_step(graph)
    S = (np.arange(count + 1)[:, None] > table.producer) & (table.result | backward_operators(graph)[table.producer])
    for state, step in held:
        # the stage that begins to reverse `step` advances through `state`
        taken = int(forward[state]) if step == last else int(np.searchsorted(falling, -step, side="left"))
        until = int(np.searchsorted(falling, -state, side="right"))
        S[taken + 1 : until, _outputs(table, forward[state])] = True
    for operator, reader in pairwise(forward):
        S[operator + 1 : reader + 1, _outputs(table, operator)] = True
    return completion(graph, S)


def _outputs(table: Incidence, operator: int) -> Ints:
    return table.outputs.items[table.outputs.start[operator] : table.outputs.start[operator + 1]]


def _snapshots(steps: int) -> Iterator[tuple[Hold, ...]]:
    """What revolve holds, for every number of snapshots and both ways to break ties."""
    for farthest in (False, True):
        _, advance = binomial_table(steps, steps, farthest)
        for snapshots in range(1, steps + 1):
            yield tuple(holds(steps, snapshots, advance))


def _released(steps: int) -> list[Hold]:
    """Each output is held while its own step is reversed; the last step's inputs are still there."""
    return [*((step, step) for step in range(steps)), (steps - 2, steps - 1)][: steps + (steps > 1)]


def _lingering(steps: int) -> list[Hold]:
    """Each output is held from the reversal of the next step on, which reads it too."""
    return [(step, min(step + 1, steps - 1)) for step in range(steps)]


def reversed_step(graph: Graph) -> Ints:
    """The step that each operator reverses, shape (operators,), not increasing; forward operators: one past the last.

    A backward operator reverses the latest step whose output it reads, and no later one than those before it.
    """
    producer = graph.producers()
    place = {operator: step for step, operator in enumerate(forward_operators(graph))}
    step = np.full(len(graph.operators), len(place), dtype=np.int64)
    for index, operator in enumerate(graph.operators):
        if operator.backward:
            read = [place[source] for value in operator.inputs if (source := int(producer[value])) in place]
            step[index] = max(read, default=len(place))
    return np.minimum.accumulate(step)
