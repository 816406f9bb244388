"""Values that wait in the host's memory: which ones, and how long an iteration takes then.

While nobody reads a value it need not be on the device. It is copied out once, right after it was made, and copied in
again before its next use; each direction has an engine of its own that works beside the kernels (POET,
arXiv:2207.07697, pages in this way on edge devices). What remains of the copies is waiting: a step waits for the copies
out whose memory it takes over, and for the copies in of what it reads. Memory is counted by step, so a schedule with
trips fits or not whatever the link's speed; only its time depends on that. Results are back before the last step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import Lifetimes, Schedule, Trip, cost, lifetimes, memory

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: What a trip is chosen by at the step that needs most: bytes of excess removed per byte copied, or seconds to copy in.
RULES = ("excess", "time")


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which nobody touches a value: after step `before`, until step `after`; it was made in step `made`."""

    value: int
    made: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Journey:
    """One trip as the engines see it: copied out after step `made` (-1: the host has it), read first in step `used`."""

    trip: Trip
    made: int
    used: int


def makespan(problem: Problem, schedule: Schedule) -> float:
    """Seconds of one iteration, waiting included: infinite when there are trips and no link.

    Never more with a faster link, because every start is a maximum of sums that the copies' times enter positively.
    """
    if not schedule.trips:
        return cost(problem.costs, schedule)
    outward, inward, leaving, needed = _by_step(journeys(problem.graph, schedule))
    copy = [problem.link.seconds(value.bytes) for value in problem.graph.values]
    now = out_free = in_free = 0.0
    out_done: dict[Trip, float] = {}
    in_done: dict[Trip, float] = {}
    for step, operator in enumerate(schedule.order):
        now = max([now, *(out_done[trip] for trip in leaving.get(step, []) if trip in out_done)])
        for trip in inward.get(step, []):
            in_free = in_done[trip] = max(now, in_free) + copy[trip.value]
        now = max([now, *(in_done[trip] for trip in needed.get(step, []))])
        now += float(problem.costs[operator])
        for trip in outward.get(step, []):
            out_free = out_done[trip] = max(now, out_free) + copy[trip.value]
    return now


def journeys(graph: Graph, schedule: Schedule) -> list[Journey]:
    """The trips with the steps that decide when their copies are queued and awaited."""
    kept = Schedule(schedule.order)
    alive = lifetimes(graph, kept)
    touches = _touches(graph, kept, alive)
    by_value: dict[int, list[int]] = {}
    for row, value in enumerate(alive.value.tolist()):
        by_value.setdefault(value, []).append(row)
    found: list[Journey] = []
    with_host: set[int] = set()
    for trip in sorted(schedule.trips, key=lambda trip: (trip.left, trip.value)):
        row = next(r for r in by_value[trip.value] if alive.first[r] < trip.left <= alive.last[r])
        used = next(step for step in touches[row] if step >= trip.back)
        found.append(Journey(trip, -1 if row in with_host else int(alive.first[row]), used))
        with_host.add(row)
    return found


def _by_step(found: Sequence[Journey]) -> tuple[dict[int, list[Trip]], ...]:
    """Trips by step: after which they go out, at which they come in, that takes their memory, that reads them."""
    outward: dict[int, list[Trip]] = {}
    inward: dict[int, list[Trip]] = {}
    leaving: dict[int, list[Trip]] = {}
    needed: dict[int, list[Trip]] = {}
    for each in sorted(found, key=lambda each: (each.used, each.trip.value)):
        inward.setdefault(each.trip.back, []).append(each.trip)
        needed.setdefault(each.used, []).append(each.trip)
    for each in sorted(found, key=lambda each: (each.trip.left, each.trip.value)):
        leaving.setdefault(each.trip.left, []).append(each.trip)
        if each.made >= 0:
            outward.setdefault(each.made, []).append(each.trip)
    return outward, inward, leaving, needed


def plans(problem: Problem, schedule: Schedule) -> Iterator[Schedule]:
    """`schedule` with trips that bring it within the budget, in several ways that do not depend on the link."""
    use = memory(problem.graph, schedule)
    if int(use.max()) <= problem.budget:
        yield schedule
        return
    gaps = _gaps(problem, schedule)
    for rule in RULES:
        chosen = _chosen(problem, schedule, use, gaps, rule)
        if chosen is None:
            return
        for first in ("in", "out"):
            yield replace(schedule, trips=_spread(problem, schedule, chosen, first))


def _touches(graph: Graph, schedule: Schedule, alive: Lifetimes) -> list[list[int]]:
    """For each row of the lifetimes the steps that make or read it, ascending; a result is read by the last step."""
    table = incidence(graph)
    order = np.asarray(schedule.order, dtype=np.int64)
    used_step, used = table.inputs.gather(order)
    touches: list[list[int]] = [[first] for first in alive.first.tolist()]
    begins = np.searchsorted(alive.value, np.arange(len(table.bytes) + 1))
    for step, value in zip(used_step.tolist(), used.tolist(), strict=True):
        rows = slice(begins[value], begins[value + 1])
        touches[begins[value] + int(np.searchsorted(alive.first[rows], step, side="left")) - 1].append(step)
    for row, last in enumerate(alive.last.tolist()):
        if touches[row][-1] < last:
            touches[row].append(last)
    return touches


def _gaps(problem: Problem, schedule: Schedule) -> list[Gap]:
    alive = lifetimes(problem.graph, schedule)
    return [
        Gap(int(alive.value[row]), steps[0], before, after)
        for row, steps in enumerate(_touches(problem.graph, schedule, alive))
        for before, after in pairwise(steps)
        if after > before + 1 and problem.graph.values[int(alive.value[row])].bytes
    ]


def _chosen(problem: Problem, schedule: Schedule, use: Ints, gaps: Sequence[Gap], rule: str) -> list[Gap] | None:
    """Gaps that bring the memory within the budget when their values are away throughout; None if none do."""
    sizes = incidence(problem.graph).bytes
    begin = np.concatenate([[0.0], np.cumsum(problem.costs[np.asarray(schedule.order)])])
    use, left, chosen = use.copy(), list(gaps), []
    while True:
        step = int(np.argmax(use))
        over = np.maximum(use - problem.budget, 0)
        if not over[step]:
            break
        here = [gap for gap in left if gap.before < step < gap.after]
        if not here:
            return None

        def worth(gap: Gap, over: Ints = over) -> float:
            size = int(sizes[gap.value])
            if rule == "time":
                return float(begin[gap.after] - begin[gap.before + 1]) / size
            return float(np.minimum(over[gap.before + 1 : gap.after], size).sum()) / size

        best = max(here, key=worth)
        left.remove(best)
        chosen.append(best)
        use[best.before + 1 : best.after] -= sizes[best.value]
    return _needed(problem, use, chosen)


def _needed(problem: Problem, use: Ints, chosen: list[Gap]) -> list[Gap]:
    """Without the gaps that the memory fits without, the largest values first; `use` becomes that without them."""
    sizes = incidence(problem.graph).bytes
    kept = list(chosen)
    for gap in sorted(chosen, key=lambda gap: -int(sizes[gap.value])):
        inside = slice(gap.before + 1, gap.after)
        if (use[inside] + sizes[gap.value] <= problem.budget).all():
            use[inside] += sizes[gap.value]
            kept.remove(gap)
    return kept


def _spread(problem: Problem, schedule: Schedule, chosen: Sequence[Gap], first: str) -> tuple[Trip, ...]:
    """Trips as short as the memory allows, so that copies have time: step by step in turn, `first` at one end."""
    sizes = incidence(problem.graph).bytes
    trips = {gap: [gap.before + 1, gap.after] for gap in chosen}
    use = memory(problem.graph, schedule)
    for gap in chosen:
        use[gap.before + 1 : gap.after] -= sizes[gap.value]
    for end in (first, "out" if first == "in" else "in"):
        growing = sorted(trips, key=lambda gap: gap.after if end == "in" else gap.before)
        while growing:
            growing = [gap for gap in growing if _longer(use, int(sizes[gap.value]), trips[gap], problem.budget, end)]
    return tuple(Trip(gap.value, left, back) for gap, (left, back) in trips.items() if left < back)


def _longer(use: Ints, size: int, trip: list[int], budget: int, end: str) -> bool:
    """Whether the value can be there one step longer; then it is."""
    left, back = trip
    step = back - 1 if end == "in" else left
    if back - left <= 1 or use[step] + size > budget:
        return False
    use[step] += size
    trip[1 if end == "in" else 0] += -1 if end == "in" else 1
    return True
