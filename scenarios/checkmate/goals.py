"""Two more questions than "at what cost?": the largest batch and the smallest budget at a given cost.

The paper asks for the largest batch whose schedule costs at most one forward pass more (section 6.4, equation 10)
and states it as a quadratic program, solved in up to two days. But the bytes of all values are linear in the batch,
and so the question is one about memory alone: which batch, or which budget, is the last at which the cheapest
schedule keeps within the cost? Either is found by bisection over ordinary problems.

The certificate is the working set: where one operator alone does not fit, no schedule does, whatever its cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from scenarios.checkmate.graph import working_set
from scenarios.checkmate.problem import Problem, Solution
from scenarios.checkmate.schedule import all_once, cost, peak

Solver = Callable[[Problem], Solution]
#: A budget is found to this share of it.
PRECISION = 1e-3
_MOST_BATCH = 1 << 24


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest batch found, and the proven bound: at one sample more an operator alone would not fit.

    0 when not even one sample does.
    """

    batch: int
    bound: int


def one_more_forward(problem: Problem) -> float:
    """The overhead that the paper allows: all forward operators once more (equation 10), as a share of one pass."""
    forward = np.array([not operator.backward for operator in problem.graph.operators], dtype=bool)
    return float(problem.costs[forward].sum() / problem.costs.sum())


def affordable(problem: Problem, solver: Solver, most_overhead: float | None = None) -> bool:
    """Whether `solver` finds a schedule within the budget and within `most_overhead` (`one_more_forward` if None)."""
    if _least(problem) > problem.budget:
        return False
    found = solver(problem).schedule
    allowed = one_more_forward(problem) if most_overhead is None else most_overhead
    return found is not None and cost(problem.costs, found) <= (1.0 + allowed + 1e-12) * float(problem.costs.sum())


def largest_batch(pose: Callable[[int], Problem], solver: Solver, most_overhead: float | None = None) -> Largest:
    """The largest batch at which `solver` trains within budget and cost; `pose(batch)` is the problem at a batch.

    >>> from scenarios.checkmate.graph import Graph, Operator, Value
    >>> def pose(batch):
    ...     graph = Graph("one", (Operator("a", (), (0,)),), (Value("a:out", 10 * batch),), frozenset({0}))
    ...     return Problem(graph, np.ones(1), 95)
    >>> from scenarios.checkmate.portfolio import heuristics
    >>> largest_batch(pose, heuristics)
    Largest(batch=9, bound=9)
    """
    bound = _last(lambda batch: _least(problem := pose(batch)) <= problem.budget, _MOST_BATCH)
    return Largest(_last(lambda batch: affordable(pose(batch), solver, most_overhead), bound), bound)


def smallest_budget(problem: Problem, solver: Solver, most_overhead: float | None = None) -> int:
    """The least budget, bytes, at which `solver` keeps within the cost, to `PRECISION`; never above keeping everything.

    It is proven least when it equals the working set; the problem's own budget does not matter.
    """
    low, high = _least(problem), peak(problem.graph, all_once(problem.graph))
    if affordable(replace(problem, budget=low), solver, most_overhead):
        return low
    while high - low > max(1, int(PRECISION * high)):
        middle = (low + high) // 2
        if affordable(replace(problem, budget=middle), solver, most_overhead):
            high = middle
        else:
            low = middle
    return high


def _least(problem: Problem) -> int:
    """Bytes below which nothing fits: the largest operator, and the results that must be there at the end."""
    results = sum(problem.graph.values[value].bytes for value in problem.graph.results)
    return max(working_set(problem.graph)[0], results)


def _last(holds: Callable[[int], bool], most: int) -> int:
    """The last number from 1 to `most` for which `holds`, if it holds up to some number and not after; 0 if never."""
    if most == 0 or (most < _MOST_BATCH and holds(most)):
        return most
    low, high = 0, 1
    while high < most and holds(high):
        low, high = high, 2 * high
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
