"""Cycles of loops under all actions on many machines, from descriptions alone.

An iteration takes the largest of what its issue slots, its ports, what it hands to the next one, its branch and its
stores need; data from behind the first level of cache adds its transfer, as in the execution-cache-memory model
(Stengel and others, ICS 2015). A call is its vector iterations, what remains of them, the tail of its reductions, and
the start.

    T(n) = T_call + floor(n / (VF IF)) T_vector + (n mod VF IF) T_scalar + T_reduce + T_memory

The ports' bound is exact: over all sets of ports, the work that can go nowhere else over their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware_models.simd.card import SimdCard
from hardware_models.simd.description import LoopIR
from hardware_models.simd.lowering import COLUMNS, LEVELS, Floats, Ints, Lowered, lower
from hardware_models.simd.operations import CLASSES, INDEX

#: Cycles of a call, of a branch that is not foreseen and where the ends of long loops are, and of starting a loop.
_START = 6.0
_BITS_OF_LEVEL = (128, 256, 512)
_BOUNDS = ("issue", "ports", "latency", "branch", "stores")


@dataclass(frozen=True)
class Machine:
    """A card as arrays: `pressure` (COLUMNS, sets of ports), `slots` (COLUMNS,), `latency` (classes,)."""

    card: SimdCard
    pressure: Floats
    slots: Floats
    latency: Floats

    @classmethod
    def of(cls, card: SimdCard) -> "Machine":
        """Built once per card."""
        masks = {kind: card.port_mask(kind, 256) for kind in CLASSES if kind not in ("nop", "move")}
        sets = _sets(set(masks.values()))
        pressure, slots = np.zeros((COLUMNS, len(sets))), np.zeros(COLUMNS)
        for kind in CLASSES:
            for level, bits in enumerate(_BITS_OF_LEVEL):
                column = INDEX[kind] * LEVELS + level
                slots[column] = card.slots_of(kind, bits)
                if kind in masks:
                    work = card.occupancy(kind, bits)
                    for position, among in enumerate(sets):
                        if masks[kind] & ~among == 0:
                            pressure[column, position] = work / among.bit_count()
        latency = np.array([card.latency[kind] for kind in CLASSES])
        return cls(card, pressure, slots, latency)


def _sets(masks: set[int], limit: int = 128) -> list[int]:
    """Unions of masks that share ports; others never bound."""
    found, fresh = set(masks), set(masks)
    while fresh and len(found) < limit:
        fresh = {a | b for a in fresh for b in masks if a & b and a | b not in found}
        found |= fresh
    return sorted(found)[:limit]


@dataclass(frozen=True)
class Scores:
    """Cycles per call, shape (loops, actions), and the name of what bounds the vector iteration, same shape."""

    cycles: Floats
    bound: NDArray[np.int64]

    def bottleneck(self, loop: int, action: int) -> str:
        """What bounds a vector iteration."""
        return _BOUNDS[int(self.bound[loop, action])]


def score(
    loops: Sequence[LoopIR], trips: Floats, widths: Ints, interleaves: Ints, machines: Sequence[Machine]
) -> list[Scores]:
    """Scores on each machine. `trips` (loops,) iterations per call; an action's width of 0 is the compiler's own."""
    lowered: dict[tuple[str, int], tuple[Lowered, Lowered]] = {}
    found = []
    for machine in machines:
        key = (machine.card.isa, machine.card.vector_bits)
        if key not in lowered:
            isa, bits = key
            epilogue = np.array([max(1, bits // 16 // loop.widest) for loop in loops])
            rest = lower(loops, np.array([1]), np.array([1]), isa, bits)
            short = lower(loops, np.unique(epilogue), np.ones(len(np.unique(epilogue)), dtype=np.int64), isa, bits)
            chosen = np.searchsorted(np.unique(epilogue), epilogue)
            lowered[key] = (lower(loops, widths, interleaves, isa, bits), _picked(short, chosen))
            del rest
        found.append(_on(machine, *lowered[key], trips, widths))
    return found


def _picked(lowered: Lowered, chosen: Ints) -> Lowered:
    """One action of each loop."""
    from dataclasses import fields, replace

    rows = np.arange(len(chosen))
    some = {f.name: getattr(lowered, f.name) for f in fields(lowered)}
    wide = {n: v[rows, chosen][:, None] for n, v in some.items() if n in _PER_ACTION}
    return replace(lowered, **wide)


_PER_ACTION = ("vector", "folded", "width", "interleave", "registers", "accumulators")


def _on(machine: Machine, lowered: Lowered, epilogue: Lowered, trips: Floats, widths: Ints) -> Scores:
    card = machine.card
    step = lowered.width * lowered.interleave
    n = trips[:, None]
    per_iteration, bound = _iteration(machine, lowered)
    scalar, unrolled = _scalar(machine, lowered)
    predicated = card.isa == "sve"
    whole = np.ceil(n / step) if predicated else np.floor(n / step)
    rest = np.zeros_like(whole) if predicated else n - whole * step
    only_scalar = step == 1
    short, _ = _iteration(machine, epilogue)
    by_vector = np.where((widths == 0)[None, :], np.floor(rest / epilogue.width), 0.0) * (lowered.width > 1)
    left = np.asarray(rest - by_vector * epilogue.width, dtype=np.float64)
    body: Floats = np.where(only_scalar, n * unrolled[:, None], whole * per_iteration)
    tail: Floats = np.where(only_scalar, 0.0, by_vector * short + left * scalar[:, None])
    body = np.where(lowered.copied[:, None] > 0, 8.0 * lowered.copied[:, None] * n / card.vector_bits, body)
    tail = np.where(lowered.copied[:, None] > 0, 0.0, tail)
    total = _START + body + tail + _ends(machine, lowered, whole, left, only_scalar, n) + _memory(card, lowered, trips)
    return Scores(total, bound)


def _iteration(machine: Machine, lowered: Lowered) -> tuple[Floats, NDArray[np.int64]]:
    """Cycles of a vector iteration, (L, A), and which bound it is."""
    card = machine.card
    counts = lowered.vector
    spilled = np.maximum(0.0, lowered.accumulators + 2 - card.registers)
    slots = counts @ machine.slots - lowered.folded - 1.0 + 2 * spilled
    ports = (counts @ machine.pressure).max(axis=2) + spilled * 0.5
    latency = np.where(
        lowered.chain_distance[:, None] > 0, _carried(machine, lowered),
        np.where(lowered.reduces, lowered.chain @ machine.latency, 0.0)[:, None],
    )  # fmt: skip
    written = (lowered.stores[:, None] > 0) * _store_cycles(card, lowered)
    bounds = np.stack([slots / card.issue_width, ports, latency, np.ones_like(slots), written])
    return bounds.max(axis=0), bounds.argmax(axis=0)


def _carried(machine: Machine, lowered: Lowered) -> Floats:
    """Cycles per iteration of what needs the result of `distance` scalar iterations before, (L, A).

    It goes through memory, unless one vector iteration hands it to the next: then compilers keep it in a register.
    """
    distance = np.maximum(lowered.chain_distance, 1)[:, None]
    step = np.minimum(lowered.width * lowered.interleave, distance)
    through = machine.latency[INDEX["vec_load"]] + machine.card.forward_cycles
    work = (lowered.chain @ machine.latency)[:, None]
    return np.asarray((work + np.where(lowered.width == distance, 0.0, through)) * step / distance)


def _store_cycles(card: SimdCard, lowered: Lowered) -> Floats:
    """Stores reach the cache a line, or `stores_per_line` narrow ones of a line, per cycle."""
    base = INDEX["vec_store"] * LEVELS
    narrow = lowered.vector[:, :, base] + lowered.vector[:, :, base + 1]
    scalar = lowered.vector[:, :, INDEX["store"] * LEVELS]
    return np.asarray(lowered.vector[:, :, base + 2] + (narrow + scalar) / card.stores_per_line)


def _scalar(machine: Machine, lowered: Lowered) -> tuple[Floats, Floats]:
    """Cycles of a scalar iteration, (L,): in a loop of its own, and unrolled."""
    card = machine.card
    work = lowered.scalar @ machine.slots - lowered.scalar_folded
    ports = (lowered.scalar @ machine.pressure).max(axis=1)
    latency = lowered.scalar_chain @ machine.latency
    stores = lowered.stores / card.stores_per_line
    distance = np.maximum(lowered.chain_distance, 1)
    through = np.where(distance > 1, machine.latency[INDEX["vec_load"]] + card.forward_cycles, 0.0)
    carried = (lowered.chain @ machine.latency + through) / distance
    latency = np.maximum(latency, np.where(lowered.chain_distance > 0, carried, 0.0))
    alone = np.max([(work + 2.0) / card.issue_width, ports, latency, np.full_like(work, 1.04), stores], axis=0)
    unrolled = np.max([(work + 0.25) / card.issue_width, ports, latency, stores], axis=0)
    return alone, unrolled


def _ends(
    machine: Machine, lowered: Lowered, whole: Floats, left: Floats, scalar: NDArray[np.bool_], n: Floats
) -> Floats:
    """Cycles at the ends of loops: branches not foreseen, reductions combined."""
    card = machine.card
    passes = np.where(scalar, n / 8.0, whole)
    missed = card.mispredict_cycles * ((passes > card.history) * 1.0 + (left > card.history))
    lanes = np.log2(np.maximum(lowered.width, 1))
    step = machine.latency[INDEX["shuffle"]] + (lowered.chain @ machine.latency)[:, None]
    combined = (np.log2(np.maximum(lowered.accumulators, 1)) + lanes) * step
    return np.asarray(missed + np.where(lowered.reduces[:, None] & ~scalar, combined, 0.0))


def _memory(card: SimdCard, lowered: Lowered, trips: Floats) -> Floats:
    """Cycles of moving lines from the level that holds the data; a store reads its line first."""
    memory = card.memory
    area = lowered.footprint * trips
    moved = (lowered.bytes_read + 2.0 * lowered.bytes_written) * trips
    per_byte = np.zeros_like(area)
    for size, rate in ((memory.l1, memory.from_l2), (memory.l2, memory.from_l3), (memory.l3, memory.from_dram)):
        per_byte = np.where(area > size, (1.0 - memory.overlap) / rate, per_byte)
    return np.asarray((moved * per_byte)[:, None])
