"""A schedule is the order in which operators run; an operator that stands twice is recomputed.

When values are freed need not be said, since one rule is optimal for every order: a value lives from the
moment it is produced until its last use before it is produced again, and a result of the graph lives from
its last production to the end. A value that nobody uses again lives while its operator runs. While an
operator runs, its inputs, outputs and workspace are all resident.

A schedule is *staged* when first runs follow the graph's order and the recomputations between two first
runs do so too, each at most once; so may recomputations after the last first run. That is the paper's search
space (section 4.6: node t is first evaluated in stage t), and the one in which optima and bounds are claimed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import incidence


@dataclass(frozen=True, slots=True)
class Trip:
    """A value's stay in the host's memory: from before step `left` until before step `back` it is not on the device.

    It was copied out before, so step `left` waits for the end of that copy; from step `back` on it takes device
    memory again while it is copied in, and the next step that reads it waits for that.
    """

    value: int
    left: int
    back: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Operator indices in running order, shape (steps,), and the trips that values make to the host meanwhile."""

    order: tuple[int, ...]
    trips: tuple[Trip, ...] = ()


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """One row per production of a value: resident during steps first..last, both included."""

    value: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]


def all_once(graph: Graph) -> Schedule:
    """Every operator once, in the graph's order: nothing is recomputed.

    No schedule costs less. Frameworks do this by default; the paper calls it "checkpoint all".
    """
    return Schedule(tuple(range(len(graph.operators))))


def lifetimes(graph: Graph, schedule: Schedule) -> Lifetimes:
    """When each production of each value is resident, ordered by value and then by step.

    Raises ValueError when an operator runs before its input was produced, or a result never is.
    """
    table = incidence(graph)
    order = np.asarray(schedule.order, dtype=np.int64)
    made_step, made = table.outputs.gather(order)
    used_step, used = table.inputs.gather(order)
    kept = np.array(sorted(graph.results), dtype=np.int64)
    steps = len(order)

    value = np.concatenate([made, used, kept])
    step = np.concatenate([made_step, used_step, np.full(len(kept), steps - 1, dtype=np.int64)])
    produced = np.zeros(len(value), dtype=bool)
    produced[: len(made)] = True
    # a production sorts before the use "at the end" of a result that the last step produces
    by_time = np.lexsort((~produced, step, value))
    value, step, produced = value[by_time], step[by_time], produced[by_time]

    row = np.cumsum(produced) - 1
    starts = np.flatnonzero(produced)
    unmade = (row < 0) | (value[starts[row]] != value) if len(starts) else np.ones(len(value), dtype=bool)
    if unmade.any():
        raise ValueError(_unmade(graph, int(value[np.argmax(unmade)]), int(step[np.argmax(unmade)])))
    ends = np.append(starts[1:], len(value)) - 1
    whole = Lifetimes(value[starts], step[starts], step[ends])
    return _without_trips(whole, schedule.trips, value, step) if schedule.trips else whole


def _without_trips(
    whole: Lifetimes, trips: tuple[Trip, ...], value: NDArray[np.int64], step: NDArray[np.int64]
) -> Lifetimes:
    """Lifetimes on the device, cut in two where a value is away; `value` and `step` are all touches."""
    rows = list(zip(whole.value.tolist(), whole.first.tolist(), whole.last.tolist(), strict=True))
    for trip in sorted(trips, key=lambda trip: (trip.value, trip.left)):
        inside = [i for i, (v, a, b) in enumerate(rows) if v == trip.value and a < trip.left < trip.back <= b]
        if not inside or ((value == trip.value) & (step >= trip.left) & (step < trip.back)).any():
            raise ValueError(f"value {trip.value} cannot be away from step {trip.left} to {trip.back}")
        v, first, last = rows[inside[0]]
        rows[inside[0] : inside[0] + 1] = [(v, first, trip.left - 1), (v, trip.back, last)]
    pieces = np.array(rows, dtype=np.int64)
    return Lifetimes(pieces[:, 0], pieces[:, 1], pieces[:, 2])


def memory(graph: Graph, schedule: Schedule) -> NDArray[np.int64]:
    """Bytes resident while each step runs, shape (steps,); `graph.fixed` comes on top."""
    table = incidence(graph)
    alive = lifetimes(graph, schedule)
    change = np.zeros(len(schedule.order) + 1, dtype=np.int64)
    np.add.at(change, alive.first, table.bytes[alive.value])
    np.subtract.at(change, alive.last + 1, table.bytes[alive.value])
    workspace: NDArray[np.int64] = table.workspace[np.asarray(schedule.order, dtype=np.int64)]
    return np.cumsum(change[:-1]) + workspace


def peak(graph: Graph, schedule: Schedule) -> int:
    """The most bytes resident at any step."""
    return int(memory(graph, schedule).max())


def cost(costs: NDArray[np.float64], schedule: Schedule) -> float:
    """Seconds the schedule computes: the sum of its operators' costs, recomputations included; waiting is not."""
    runs = np.bincount(np.asarray(schedule.order, dtype=np.int64), minlength=len(costs))
    return float(runs @ costs)


def is_staged(schedule: Schedule) -> bool:
    """Whether first runs, and recomputations between them, follow the graph's order."""
    begun, latest = 0, -1
    for operator in schedule.order:
        if operator == begun:
            begun, latest = begun + 1, -1
        elif latest < operator < begun:
            latest = operator
        else:
            return False
    return True


def _unmade(graph: Graph, value: int, step: int) -> str:
    return f"step {step} needs {graph.values[value].name}, which no earlier step produces"
