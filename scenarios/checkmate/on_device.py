"""A training graph on a GPU: what its operators cost there, what memory is left for it, a schedule as a program."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hardware_models.gpu.card import GpuCard, Precision
from hardware_models.gpu.program import CopyIn, CopyOut, Program
from hardware_models.gpu.roofline import kernel_energy, kernel_seconds
from scenarios.checkmate.graph import Fixed, Graph
from scenarios.checkmate.paging import journeys
from scenarios.checkmate.problem import NO_LINK, Link
from scenarios.checkmate.schedule import Lifetimes, Schedule, lifetimes

Optimizer = Literal["sgd", "momentum", "adam"]
#: Tensors of a parameter's size that the optimizer keeps: none, the velocity, or the two moments.
OPTIMIZER_STATES: dict[Optimizer, int] = {"sgd": 0, "momentum": 1, "adam": 2}


def resident(fixed: Fixed, optimizer: Optimizer) -> tuple[tuple[str, int], ...]:
    """(category, bytes) of what is in memory during the whole iteration."""
    return (
        ("parameters", fixed.parameters),
        ("buffers", fixed.buffers),
        ("optimizer state", fixed.parameters * OPTIMIZER_STATES[optimizer]),
        ("inputs", fixed.inputs),
        *((("parameter gradient", fixed.gradients),) if fixed.gradients else ()),
    )


@dataclass(frozen=True, slots=True)
class Costs:
    """Per operator: seconds and joules on the device, and what the solver minimises (seconds, or FLOP)."""

    seconds: NDArray[np.float64]
    energy: NDArray[np.float64]
    solver: NDArray[np.float64]


def kernel_costs(
    graph: Graph,
    card: GpuCard,
    precision: Precision,
    cost: Literal["roofline", "flops", "profile"],
    given: NDArray[np.float64] | None = None,
) -> Costs:
    """Costs by roofline, or the seconds `given` by a profile or a user's file.

    With "flops" the solver sees FLOP only, as in the paper; time stays the roofline's.
    """
    flops = np.array([operator.flops for operator in graph.operators])
    traffic = np.array([operator.traffic for operator in graph.operators])
    launches = np.array([operator.kernels for operator in graph.operators])
    classes = [operator.op_class for operator in graph.operators]
    seconds = given if given is not None else kernel_seconds(card, flops, traffic, launches, classes, precision)
    energy = kernel_energy(card, flops, traffic, seconds, classes, precision)
    return Costs(seconds, energy, flops if cost == "flops" else seconds)


def merged(costs: Costs, parts: Sequence[Sequence[int]]) -> Costs:
    """Costs of merged operators: those of their parts, one after the other. `parts[i]` are fine operators."""
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    fine = np.array([operator for part in parts for operator in part], dtype=np.int64)

    def total(per_operator: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(owner, weights=per_operator[fine], minlength=len(parts)), dtype=np.float64)

    return Costs(total(costs.seconds), total(costs.energy), total(costs.solver))


def budget(graph: Graph, card: GpuCard, optimizer: Optimizer, slack: float) -> int:
    """Bytes left for the graph's values: the card's capacity less `slack` of it and less what is resident.

    Zero or less if the resident tensors alone do not fit.
    """
    return int(card.capacity * (1.0 - slack)) - sum(size for _, size in resident(graph.fixed, optimizer))


def program(graph: Graph, schedule: Schedule, costs: Costs, optimizer: Optimizer, link: Link = NO_LINK) -> Program:
    """The program of one iteration of `schedule`, whose trips go over `link`."""
    order = np.array(schedule.order, dtype=np.int64)
    living = lifetimes(graph, schedule)
    workspaces = np.array([operator.workspace for operator in graph.operators], dtype=np.int64)
    values = [graph.values[index] for index in living.value]
    copies_out, copies_in = _copies(graph, schedule, living, link)
    return Program.from_lifetimes(
        kernel_names=[graph.operators[index].name for index in order],
        kernel_seconds=costs.seconds[order],
        kernel_energy=costs.energy[order],
        kernel_workspace=workspaces[order],
        buffer_names=[value.name for value in values],
        buffer_bytes=[value.bytes for value in values],
        buffer_category=[value.kind.value for value in values],
        first=living.first,
        last=living.last,
        resident=resident(graph.fixed, optimizer),
        copies_out=copies_out,
        copies_in=copies_in,
    )


def _copies(graph: Graph, schedule: Schedule, living: Lifetimes, link: Link) -> tuple[list[CopyOut], list[CopyIn]]:
    """The copies of a schedule's trips in the order in which they are queued at each step."""
    ends = {(value, last): row for row, (value, last) in enumerate(zip(living.value, living.last, strict=True))}
    starts = {(value, first): row for row, (value, first) in enumerate(zip(living.value, living.first, strict=True))}
    outward, inward = [], []
    made = journeys(graph, schedule) if schedule.trips else []
    for each in sorted(made, key=lambda each: (each.trip.left, each.trip.value)):
        seconds = link.seconds(graph.values[each.trip.value].bytes)
        if each.made >= 0:
            row = ends[each.trip.value, each.trip.left - 1]
            outward.append(CopyOut(row, each.made, each.trip.left, seconds))
    for each in sorted(made, key=lambda each: (each.used, each.trip.value)):
        seconds = link.seconds(graph.values[each.trip.value].bytes)
        inward.append(CopyIn(starts[each.trip.value, each.trip.back], each.trip.back, each.used, seconds))
    return outward, inward
