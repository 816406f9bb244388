"""Paging instead of recomputing, and both at once: what is cheaper depends on the link to the host.

Two policies over one set of schedules. `offload` runs every operator once and pages. `offload_and_recompute` takes
several budgets between the problem's own and keeping everything, recomputes as much as each of them asks for, and pages
the rest: from recomputing only to paging only, in steps. The schedules do not depend on the link; each is timed with
it, and the fastest is the answer. So a faster link never costs more, without a link recomputation remains, and the
mixture is never slower than the better of the two.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf

import numpy as np

from scenarios.checkmate import greedy, paging
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, all_once, peak
from sim.units import show

#: Shares of the way from the budget to keeping everything, at which recomputation hands over to paging.
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
#: Rounds of the search at each share but the first, which has the usual ones.
ROUNDS = 40


def solve_offload(problem: Problem) -> Solution:
    """The fastest schedule that pages and recomputes nothing."""
    return _fastest(problem, paging.plans(problem, all_once(problem.graph)))


def solve_mixed(problem: Problem) -> Solution:
    """The fastest schedule that recomputes, pages, or both."""
    return _fastest(problem, _mixtures(problem))


def recomputed_only(problem: Problem) -> Solution:
    """What `solve_mixed` comes to without a link."""
    return _fastest(problem, (schedule for schedule in _mixtures(problem) if not schedule.trips))


def _mixtures(problem: Problem) -> Iterator[Schedule]:
    whole = peak(problem.graph, all_once(problem.graph))
    for share in SHARES:
        larger = replace(problem, budget=int(problem.budget + share * max(0, whole - problem.budget)))
        found = all_once(problem.graph) if share == 1.0 else greedy.search(larger, ROUNDS if share else None).schedule
        if found is not None:
            yield from paging.plans(problem, found)


def _fastest(problem: Problem, schedules: Iterable[Schedule]) -> Solution:
    """The schedule with the least makespan; a bound is one pass, which no paging undercuts."""
    best, least = None, inf
    for schedule in schedules:
        seconds = paging.makespan(problem, schedule)
        if seconds < least:
            best, least = schedule, seconds
    bound = float(np.sum(problem.costs))
    if best is not None:
        return Solution(Answer.FEASIBLE, best, min(bound, least))
    why = "" if problem.link.bandwidth else ", and there is no way to the host (host_link.bandwidth is 0)"
    reason = f"no schedule was found that fits in {show(problem.budget, 'bytes')}{why}"
    return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)
