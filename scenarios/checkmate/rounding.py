"""The paper's approximation: round what the linear relaxation keeps, complete it, and make sure that it fits.

Two-phase rounding (section 5, algorithm 2): S* of the relaxation at (1 - eps) of the budget is rounded at a
threshold, and the cheapest completion says what must run. The paper fixes eps = 0.1 and the threshold 0.5, which is
too cautious for some networks and not enough for others (it suggests a search itself), so both are searched here; a
rounded schedule that exceeds the true budget is repaired by evicting from it.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from scenarios.checkmate.checkpoints import completion
from scenarios.checkmate.eviction import evict, excess, thinned
from scenarios.checkmate.greedy import arrays
from scenarios.checkmate.milp import Relaxation, below_working_set, relax, too_large
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost, peak
from sim.units import show

MARGINS = (0.0, 0.05, 0.1)
THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


def solve_rounding(problem: Problem) -> Solution:
    """The cheapest schedule over all margins and thresholds, with the relaxation's bound."""
    if reason := below_working_set(problem):
        return Solution(Answer.INFEASIBLE, reason=reason)
    if reason := too_large(problem):
        return Solution(Answer.NOT_FOUND, reason=reason)
    bound, best = 0.0, None
    for margin in MARGINS:
        relaxation = relax(replace(problem, budget=int(problem.budget * (1.0 - margin))))
        if relaxation is None:
            break
        bound = relaxation.bound if margin == 0.0 else bound
        for schedule in _rounded(problem, relaxation):
            if best is None or cost(problem.costs, schedule) < cost(problem.costs, best):
                best = schedule
    if best is None:
        reason = f"no rounded schedule fits in {show(problem.budget, 'bytes')}, repaired or not"
        return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)
    return Solution(Answer.FEASIBLE, best, min(bound, cost(problem.costs, best)))


def _rounded(problem: Problem, relaxation: Relaxation) -> Iterator[Schedule]:
    """Schedules within the true budget, one per threshold that leads to one."""
    model = relaxation.model
    kept = model.values_of(model.S[:-1], relaxation.values)
    for threshold in THRESHOLDS:
        schedule = completion(model.problem.graph, kept > threshold)
        if peak(problem.graph, schedule) > problem.budget:
            schedule = _repaired(problem, schedule)
        if peak(problem.graph, schedule) <= problem.budget:
            yield schedule


def _repaired(problem: Problem, schedule: Schedule) -> Schedule:
    a = arrays(problem)
    order = np.array(schedule.order, dtype=np.int64)
    evicted = evict(a, order, np.ones(len(problem.costs)), 0.01, 1.0)
    return Schedule(tuple((thinned(a, evicted) if excess(a, evicted) == 0.0 else evicted).tolist()))
