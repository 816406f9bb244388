"""How many clock cycles a packet spends in ingress and egress: the compiler's rule (p4c, bf-p4c/mau/mau_power.cpp).

A stage that must wait for a match of the stages before it costs a whole match; one that waits only for their actions,
or for nothing, starts soon after them. With the figures of Tofino 1:

    cycles = 4 (corner turn) + sum over stages of
             match dependent   20 + 2 (TCAM) + 4 (stateful)
             action dependent   2
             concurrent         1

Features count for the match-dependent stage that begins a run of stages chained by weaker dependencies if any stage of
the run has them. The first stage is match dependent, and so is `corner_stage` where a card names one. Egress is padded
to at least `egress_least`. The pipe's throughput does not depend on any of this: one packet per clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.resources import Part
from hardware_models.tofino.units import Gress, Unit, dependency

Waits = Literal["match", "action", "concurrent"]


@dataclass(frozen=True)
class Latencies:
    """Cycles of both directions, what each stage waits for in ingress and in egress, and the seconds they make.

    `ingress_time` and `egress_time` are cycles over the clock; `port_to_port` adds what lies outside the stages.
    `throttled` says whether a direction has more cycles in flight than the deparser takes without throttling.
    """

    ingress: int
    egress: int
    ingress_waits: tuple[Waits, ...]
    egress_waits: tuple[Waits, ...]
    ingress_time: float
    egress_time: float
    port_to_port: float
    throttled: bool


def latencies(parts: Sequence[Sequence[Part]], card: TofinoCard) -> Latencies:
    """The latencies of a placement, given the parts that stand in each stage."""
    ingress, ingress_waits = _direction(parts, "ingress", card)
    egress, egress_waits = _direction(parts, "egress", card)
    egress = max(egress, card.latency.egress_least)
    return Latencies(
        ingress,
        egress,
        ingress_waits,
        egress_waits,
        ingress / card.clock,
        egress / card.clock,
        (ingress + egress) / card.clock + card.latency.fixed,
        max(ingress, egress) > card.latency.throttle,
    )


def recirculated_time(latency: Latencies, card: TofinoCard, passes: int, size: int) -> float:
    """Seconds from port to port of a packet of `size` bytes that makes `passes` passes, on idle recirculation ports.

    Every pass after the first costs ingress and egress again, and the packet's bits on the pipe's recirculation port,
    so at most bandwidth / (8 size) packets per second recirculate in a pipe.
    """
    again = latency.ingress_time + latency.egress_time + 8 * size / card.recirculation.bandwidth
    return latency.port_to_port + (passes - 1) * again


def _direction(parts: Sequence[Sequence[Part]], gress: Gress, card: TofinoCard) -> tuple[int, tuple[Waits, ...]]:
    stages = [[part.unit for part in stage if part.unit.gress == gress] for stage in parts]
    waits = tuple(_waits(stages, card))
    cycles, figures = card.latency.corner_turn, card.latency
    for stage, kind in enumerate(waits):
        if kind == "match":
            run = _run(stages, waits, stage)
            cycles += (
                figures.match + figures.tcam * any(map(_ternary, run)) + figures.stateful * any(map(_stateful, run))
            )
        else:
            cycles += figures.action if kind == "action" else figures.concurrent
    return cycles, waits


def _waits(stages: Sequence[Sequence[Unit]], card: TofinoCard) -> list[Waits]:
    """What each stage waits for: the strongest dependency on stages whose results are not there yet."""
    found: list[Waits] = []
    # where the runs of stages began whose matches, and whose actions, are not waited for yet
    match_from = action_from = 0
    for stage, units in enumerate(stages):
        forced = stage == 0 or (card.latency.corner_stage and stage == card.latency.corner_stage)
        if forced or _depends(stages[match_from:stage], units, "match"):
            found.append("match")
            match_from = action_from = stage
        elif _depends(stages[action_from:stage], units, "action"):
            found.append("action")
            action_from = stage
        else:
            found.append("concurrent")
    return found


def _depends(before: Sequence[Sequence[Unit]], units: Sequence[Unit], kind: str) -> bool:
    return any(
        other.order < unit.order and dependency(other, unit) == kind
        for unit in units
        for stage in before
        for other in stage
    )


def _run(stages: Sequence[Sequence[Unit]], waits: Sequence[Waits], start: int) -> list[Unit]:
    end = next((s for s in range(start + 1, len(stages)) if waits[s] == "match"), len(stages))
    return [unit for stage in stages[start:end] for unit in stage]


def _ternary(unit: Unit) -> bool:
    return unit.table is not None and unit.table.ternary()


def _stateful(unit: Unit) -> bool:
    return bool(unit.registers)
