"""The greedy policy: start from the graph's order, and evict and recompute until it fits (see `eviction`).

At the peak, of all values that are resident but idle, the one is evicted whose recomputation just before its
next use adds the least cost per byte of excess removed. A local search then undoes some of it and evicts
again, a fixed number of rounds, so that the result depends on the problem alone.
"""

import numpy as np

from scenarios.checkmate.dtr import FULL, LOCAL, run_online
from scenarios.checkmate.eviction import Arrays, Ints, evict, excess, improve, thinned, total_cost
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule

_TINY = 0.01  # of the evicted value's bytes: what is smaller is kept rather than made again
_WORK = 4_000_000  # rounds of local search times the square of the number of operators
_MOST_ROUNDS = 150


def solve_greedy(problem: Problem) -> Solution:
    """Evict from the graph's order, then search locally."""
    arrays = arrays_of(problem)
    once = np.arange(len(problem.costs))
    order = evict(arrays, once, np.ones(len(problem.costs)), _TINY, 1.0)
    return _solution(problem, improve(arrays, order, _rounds(problem), 1))


def solve_dtr(problem: Problem) -> Solution:
    """The cheaper of DTR's full and local rule."""
    return _solution(problem, *_online(problem))


def solve_searches(problem: Problem) -> Solution:
    """The cheapest of all searches: greedy eviction and DTR, each thinned, and the best of them improved."""
    arrays = arrays_of(problem)
    once = np.arange(len(problem.costs))
    starts = [evict(arrays, once, np.ones(len(problem.costs)), _TINY, power) for power in (1.0, 0.7)]
    starts += _online(problem)
    best = _best(arrays, [thinned(arrays, order) for order in starts])
    return _solution(problem, improve(arrays, best, _rounds(problem), 1))


def repair(problem: Problem, schedule: Schedule) -> Schedule:
    """Evict from a schedule over budget until it fits, if that is possible, and drop what it fits without."""
    arrays = arrays_of(problem)
    order = evict(arrays, np.array(schedule.order, dtype=np.int64), np.ones(len(problem.costs)), _TINY, 1.0)
    return Schedule(tuple(thinned(arrays, order).tolist()))


def arrays_of(problem: Problem) -> Arrays:
    """A problem as compiled code takes it."""
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


def _online(problem: Problem) -> list[Ints]:
    arrays = arrays_of(problem)
    return [order for order in (run_online(arrays, rule) for rule in (FULL, LOCAL)) if len(order)]


def _rounds(problem: Problem) -> int:
    return max(1, min(_MOST_ROUNDS, _WORK // len(problem.costs) ** 2))


def _best(arrays: Arrays, orders: list[Ints]) -> Ints:
    """The cheapest that fits, or the one with least excess."""
    return min(orders, key=lambda order: (excess(arrays, order), total_cost(arrays, order)))


def _solution(problem: Problem, *orders: Ints) -> Solution:
    if not orders:
        return Solution(Answer.NOT_FOUND, reason=f"the online rule ran out of memory within {problem.budget} bytes")
    arrays = arrays_of(problem)
    order = _best(arrays, list(orders))
    if excess(arrays, order) > 0:
        return Solution(Answer.NOT_FOUND, reason=f"no eviction brings the peak down to {problem.budget} bytes")
    return Solution(Answer.FEASIBLE, Schedule(tuple(order.tolist())), float(problem.costs.sum()))
