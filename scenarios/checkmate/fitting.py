"""A schedule that not only fits in bytes but finds room: policies are asked again for less until the allocator copes.

A schedule's live tensors may fit in the memory while the caching allocator runs out, because free bytes lie in
pieces. Users then lower the budget by trial; so do we, in fixed steps, and say how much was given up.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from hardware_models.gpu.timeline import Timeline
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, all_once, peak
from sim.trace import Tracer
from sim.units import show

#: Shares of the budget given up, one after the other.
MARGINS = (0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)

Replay = Callable[[Schedule, Tracer], Timeline]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The answer, how it ran on the device, and the share of the budget that was given up.

    Without a schedule the timeline is that of the schedule that ran out of room, or of keeping everything.
    """

    solution: Solution
    replay: Callable[[Tracer], Timeline]
    margin: float = 0.0


def fit(problem: Problem, solve: Callable[[Problem], Solution], replay: Replay) -> Fitted:
    """The first schedule that runs to its end on the device; its bound is that of the whole budget."""
    whole = solve(problem)
    if whole.schedule is None:
        return Fitted(whole, lambda trace: replay(all_once(problem.graph), trace))
    tried, schedule, margin = whole, whole.schedule, 0.0
    for margin in MARGINS:
        tried = whole if margin == 0.0 else solve(replace(problem, budget=int(problem.budget * (1.0 - margin))))
        if tried.schedule is None:
            break
        schedule = tried.schedule
        if replay(schedule, Tracer()).out_of_memory is None:
            settled = replace(tried, bound=whole.bound)
            return Fitted(settled, lambda trace, found=schedule: replay(found, trace), margin)  # type: ignore[misc]
    needs = show(peak(problem.graph, schedule), "bytes")
    reason = (
        f"the tensors of a schedule fit ({needs} of {show(problem.budget, 'bytes')}) but the allocator finds no room "
        f"for them, nor after giving up {show(margin, 'ratio')} of the budget: memory is fragmented"
    )
    failed = Solution(Answer.NOT_FOUND, bound=whole.bound, reason=reason)
    first = whole.schedule
    return Fitted(failed, lambda trace: replay(first, trace), margin)
