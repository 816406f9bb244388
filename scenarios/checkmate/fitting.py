"""A schedule that not only fits in bytes but finds room: policies are asked again for less until the allocator copes.

A schedule's live tensors may fit in the memory while the caching allocator runs out, because free bytes lie in
pieces. Users then lower the budget by trial; so do we, in fixed steps, and say how much was given up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hardware_models.gpu.timeline import Timeline
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, all_once, cost, peak
from sim.trace import Tracer
from sim.units import show

#: Shares of the budget given up, one after the other.
MARGINS = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3)

Solver = Callable[[Problem], Solution]
Replay = Callable[[Schedule, Tracer], Timeline]


@dataclass(frozen=True, slots=True)
class Fitted:
    """The answer, how it ran on the device, and the share of the budget that was given up.

    Without a schedule the timeline is that of the schedule that ran out of room, or of keeping everything.
    """

    solution: Solution
    replay: Callable[[Tracer], Timeline]
    margin: float = 0.0


def fit(problem: Problem, solver: Solver, components: Sequence[Solver], replay: Replay) -> Fitted:
    """The cheapest schedule of `components` (of `solver`, if there are none) that runs to its end on the device.

    The answer for the whole budget, and with it the bound, is that of `solver`; each component gives up as little
    as it must.
    """
    whole = solver(problem)
    if whole.schedule is None:
        return Fitted(whole, lambda trace: replay(all_once(problem.graph), trace))
    first = whole.schedule
    starts = [(each, each(problem)) for each in components] or [(solver, whole)]
    running = [found for each, start in starts if (found := _running(problem, each, start, replay)) is not None]
    if running:
        schedule, margin = min(running, key=lambda found: cost(problem.costs, found[0]))
        settled = Solution(Answer.FEASIBLE, schedule, whole.bound)
        return Fitted(settled, lambda trace: replay(schedule, trace), margin)
    needs = show(peak(problem.graph, first), "bytes")
    reason = (
        f"the tensors of a schedule fit ({needs} of {show(problem.budget, 'bytes')}) but the allocator finds no room "
        f"for them, nor after giving up {show(MARGINS[-1], 'ratio')} of the budget: memory is fragmented"
    )
    failed = Solution(Answer.NOT_FOUND, bound=whole.bound, reason=reason)
    return Fitted(failed, lambda trace: replay(first, trace), MARGINS[-1])


def _running(problem: Problem, solver: Solver, start: Solution, replay: Replay) -> tuple[Schedule, float] | None:
    """The first schedule of a solver that runs, from its answer to the whole budget on, and what share it gives up."""
    last: Schedule | None = None
    for margin in MARGINS:
        smaller = replace(problem, budget=int(problem.budget * (1.0 - margin)))
        schedule = start.schedule if margin == 0.0 else solver(smaller).schedule
        if schedule is None:
            return None
        if schedule != last and replay(schedule, Tracer()).out_of_memory is None:
            return schedule, margin
        last = schedule
    return None
