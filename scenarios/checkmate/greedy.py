"""Static eviction: where memory peaks, drop what is cheapest to make again per byte of excess removed.

Start from every operator once. At the step that needs most, each value that is resident but not touched there may
be dropped after its last use and made again just before its next one, with whatever is gone by then. Take the drop
with the least added cost per byte by which it lowers the sum of all excess over the budget; repeat until nothing
exceeds it; remove recomputations that have become unnecessary. `search` then improves the result by dropping some
recomputations at random and evicting again. The compiled steps are in `eviction`.
"""

from dataclasses import replace

import numpy as np

from scenarios.checkmate.eviction import Arrays, Ints, evict, improve, thinned
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, peak
from scenarios.checkmate.twins import merge_twins
from sim.units import show

#: Rounds of `search`, and more of them per operator beyond a hundred: enough for the optimum on nearly all of the
#: paper's smaller graphs, in hundredths of a second. Rounds times operators are limited, for graphs of a thousand.
ROUNDS, MORE, WORK = 120, 8, 200_000
#: Values smaller than this share of what is dropped are kept rather than made again.
_TINY = 0.01


def solve_greedy(problem: Problem) -> Solution:
    """The plain greedy schedule, or where it got stuck."""
    return _solution(problem, _evicted(problem, arrays(problem)))


def search(problem: Problem, most: int | None = None) -> Solution:
    """The greedy schedule, improved for a number of rounds that depends on the graph's size, or `most`. Deterministic.

    More rounds never cost more.
    """
    problem = replace(problem, graph=merge_twins(problem.graph))
    a = arrays(problem)
    operators = len(problem.costs)
    rounds = max(1, min(ROUNDS + MORE * max(0, operators - 100), WORK // operators))
    return _solution(problem, improve(a, _evicted(problem, a), min(rounds, most or rounds), 1))


def arrays(problem: Problem) -> Arrays:
    """The problem as the compiled functions take it."""
    table = incidence(problem.graph)
    return Arrays(
        table.inputs.start,
        table.inputs.items,
        table.outputs.start,
        table.outputs.items,
        table.bytes,
        table.producer,
        table.workspace,
        table.result,
        np.ascontiguousarray(problem.costs, dtype=np.float64),
        problem.budget,
    )


def _evicted(problem: Problem, a: Arrays) -> Ints:
    once = np.arange(len(problem.costs), dtype=np.int64)
    return thinned(a, evict(a, once, np.ones(len(once)), _TINY, 1.0))


def _solution(problem: Problem, order: Ints) -> Solution:
    schedule = Schedule(tuple(order.tolist()))
    needed = peak(problem.graph, schedule)
    if needed <= problem.budget:
        return Solution(Answer.FEASIBLE, schedule)
    reason = f"eviction got stuck at {show(needed, 'bytes')}, the budget is {show(problem.budget, 'bytes')}"
    return Solution(Answer.NOT_FOUND, reason=reason)
