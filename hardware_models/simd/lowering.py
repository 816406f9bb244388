"""From loop descriptions to counts of instructions, for all actions at once.

A loop becomes items: a class of instructions on elements of some bytes, so many per vector register and so many per
lane. An action and a width of registers then give the counts of a vector iteration. Strided groups become loads and
permutations, what has no such form becomes one access per lane; a body that is left scalar loses its vector classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware_models.simd.description import INDIRECT, Access, LoopIR, Operation
from hardware_models.simd.operations import CLASSES, INDEX, OpClass

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Levels of width: up to 128 bits, 256, 512 and more.
LEVELS = 3
COLUMNS = len(CLASSES) * LEVELS
#: The largest stride that is loaded as a group and permuted (LLVM's own limit).
_GROUP = 8
_MASKED = ("avx512", "sve")

Item = tuple[str, int, float, float]


@dataclass(frozen=True)
class Lowered:
    """Counts per iteration, for `L` loops and `A` actions.

    `vector` (L, A, COLUMNS) of one vector iteration with its overhead, `folded` (L, A) issue slots that fused loads
    save in it, `scalar` (L, COLUMNS) and `scalar_folded` (L,) of one scalar iteration; `width` and `interleave` (L, A)
    what is made of the action; `chain` and `scalar_chain` (L, classes) how often a latency lies on what one iteration
    hands on; `copied` (L,) bytes per iteration of a loop that becomes a library's copy.
    """

    vector: Floats
    folded: Floats
    scalar: Floats
    scalar_folded: Floats
    width: Ints
    interleave: Ints
    registers: Floats
    accumulators: Floats
    bytes_read: Floats
    bytes_written: Floats
    footprint: Floats
    stores: Floats
    chain: Floats
    chain_distance: Ints
    scalar_chain: Floats
    copied: Floats
    reduces: NDArray[np.bool_]


def items(loop: LoopIR, isa: str) -> list[Item]:
    """The vector body of a loop: (class, bytes of an element, per register, per lane)."""
    found: list[Item] = [(o.kind, max(o.size, 1), 1.0, 0.0) for o in loop.operations]
    found += [(r.kind, r.size, 1.0, 0.0) for r in loop.reductions]
    groups: dict[tuple[str, int, bool], list[Access]] = {}
    for access in loop.accesses:
        groups.setdefault(access.group, []).append(access)
    for members in groups.values():
        found += _access_items(members, isa, loop)
    return found


def _access_items(members: Sequence[Access], isa: str, loop: LoopIR) -> list[Item]:
    first, number = members[0], float(len(members))
    size, stride = first.size, first.stride
    moved: OpClass = "vec_store" if first.store else "vec_load"
    masked = isa in _MASKED
    if first.store and first.guarded and not masked:
        return [("from_vec", size, 0.0, number), ("branch", size, 0.0, number), ("store", size, 0.0, number)]
    if stride == 0:
        return []
    if stride == 1:
        return [(moved, size, number, 0.0)]
    if stride == -1:
        return [(moved, size, number, 0.0), ("permute", size, number, 0.0)]
    span = abs(stride)
    if span != INDIRECT and span <= _GROUP and (not first.store or number == span):
        rounds = span - 1.0 if masked else 1.5 * (span - 1.0)
        turned = number if stride < 0 else 0.0
        return [(moved, size, float(span), 0.0), ("permute2" if masked else "shuffle", size, number * rounds, 0.0),
                ("permute", size, turned, 0.0)]  # fmt: skip
    if first.store:
        if masked:
            return [("scatter_lane", size, 0.0, number)]
        return [("from_vec", size, 0.0, number), ("store", size, 0.0, number)]
    if isa in ("sse", "neon"):
        return [("load", size, 0.0, number), ("shuffle", size, 0.0, number)]
    return [("gather_lane", size, 0.0, number)]


_SCALAR: dict[str, tuple[tuple[OpClass, float], ...]] = {
    "int_add": (("alu", 1.0),), "logic": (("alu", 1.0),), "shift": (("shift_int", 1.0),),
    "int_mul16": (("mul_int", 1.0),), "int_mul32": (("mul_int", 1.0),), "int_mul64": (("mul_int", 1.0),),
    "int_minmax": (("alu", 1.0), ("cmov_two", 1.0)), "int_cmp": (("alu", 1.0),), "blend": (("cmov", 1.0),),
    "int_dot": (("mul_int", 1.0), ("alu", 1.0)), "extend": (), "narrow": (),
}  # fmt: skip


def scalar_items(loop: LoopIR) -> list[tuple[str, float]]:
    """The scalar body of a loop: (class, how often)."""
    floating = any(o.kind.startswith("fp") for o in loop.operations) or any(r.floating for r in loop.reductions)
    found: list[tuple[str, float]] = []
    for kind in [o.kind for o in loop.operations] + [r.kind for r in loop.reductions]:
        if kind == "blend" and floating:
            found.append(("blend", 1.0))
        elif kind == "fp_cmp":
            found += [("fp_cmp", 1.0), ("cmov", 1.0)]
        else:
            found += _SCALAR.get(kind, ((kind, 1.0),))
    for access in loop.accesses:
        if access.stride:
            kind = "store" if access.store else "vec_load" if floating else "load"
            found.append((kind, 1.0))
    return found


def lower(loops: Sequence[LoopIR], widths: Ints, interleaves: Ints, isa: str, bits: int) -> Lowered:
    """Counts for every loop and action on registers of `bits`; a width of 0 is the compiler's own choice."""
    number, actions = len(loops), len(widths)
    bodies = [items(loop, isa) for loop in loops]
    deepest = max((len(b) for b in bodies), default=1) or 1
    kind = np.zeros((number, deepest), dtype=np.int64)
    size = np.ones((number, deepest))
    per_register, per_lane = np.zeros((number, deepest)), np.zeros((number, deepest))
    for row, body in enumerate(bodies):
        for column, (name, element, each, lane) in enumerate(body):
            kind[row, column], size[row, column] = INDEX[name], element
            per_register[row, column], per_lane[row, column] = each, lane
    width, interleave = _made(loops, widths, interleaves, isa, bits)
    lanes_bits = width[:, :, None] * size[:, None, :] * 8.0
    registers = np.ceil(lanes_bits / bits)
    counts = (registers * per_register[:, None, :] + width[:, :, None] * per_lane[:, None, :]) * interleave[:, :, None]
    held = np.minimum(lanes_bits, bits)
    level = np.where(held > 256, 2, np.where(held > 128, 1, 0))
    columns = kind[:, None, :] * LEVELS + level
    place = (np.arange(number)[:, None, None] * actions + np.arange(actions)[None, :, None]) * COLUMNS + columns
    flat = np.bincount(place.ravel(), counts.ravel(), number * actions * COLUMNS).astype(np.float64)
    vector = flat.reshape(number, actions, COLUMNS)
    masks = vector[:, :, INDEX["fp_cmp"] * LEVELS + 2] + vector[:, :, INDEX["int_cmp"] * LEVELS + 2]
    vector[:, :, INDEX["mask_move"] * LEVELS + 2] += masks * np.array([_counts(loop) for loop in loops])[:, None]
    vector[:, :, INDEX["alu"] * LEVELS] += 1.0
    vector[:, :, INDEX["branch"] * LEVELS] += 1.0
    return _with_bounds(loops, width, interleave, vector, isa, bits)


def _counts(loop: LoopIR) -> float:
    """1 where comparisons are counted, which needs them as numbers rather than masks; else 0."""
    return float(
        any(r.kind == "int_add" for r in loop.reductions) and not any(o.kind == "blend" for o in loop.operations)
    )


def _copied(loop: LoopIR) -> float:
    """Bytes per iteration of a loop that compilers replace by the library's copy; 0 for others."""
    plain = not loop.operations and not loop.reductions and not loop.distance and len(loop.accesses) == 2
    if plain and all(a.stride == 1 and not a.guarded for a in loop.accesses) and not loop.obstacle:
        return float(loop.accesses[0].size) if loop.accesses[0].size == loop.accesses[1].size else 0.0
    return 0.0


def _with_bounds(
    loops: Sequence[LoopIR], width: Ints, interleave: Ints, vector: Floats, isa: str, bits: int
) -> Lowered:
    number = len(loops)
    scalar = np.zeros((number, COLUMNS))
    for row, loop in enumerate(loops):
        for name, often in scalar_items(loop):
            scalar[row, INDEX[name] * LEVELS] += often
    widest = np.array([loop.widest for loop in loops], dtype=np.float64)
    loads = np.array([sum(not a.store and a.stride != 0 for a in loop.accesses) for loop in loops], dtype=np.float64)
    arithmetic = np.array([len(loop.operations) + len(loop.reductions) for loop in loops], dtype=np.float64)
    folds = np.where((loads > 1) | (arithmetic == 1), np.minimum(loads, arithmetic), 0.0) if isa != "sve" else 0 * loads
    per = np.ceil(width * widest[:, None] * 8.0 / bits)
    streams = np.array([max(1, sum(a.stride != 0 for a in loop.accesses)) for loop in loops], dtype=np.float64)
    reductions = np.array([len(loop.reductions) for loop in loops], dtype=np.float64)
    moved = [[(abs(a.stride) if a.stride != INDIRECT else 1) * a.size for a in loop.accesses if a.store == stored]
             for stored in (False, True) for loop in loops]  # fmt: skip
    read, written = np.array([sum(m) for m in moved[:number]]), np.array([sum(m) for m in moved[number:]])
    area = np.array([sum({(a.array): (abs(a.stride) if a.stride not in (0, INDIRECT) else 1) * a.size
                          for a in loop.accesses}.values()) for loop in loops], dtype=np.float64)  # fmt: skip
    stores = np.array([sum(a.store and a.stride != 0 for a in loop.accesses) for loop in loops], dtype=np.float64)
    return Lowered(
        vector, folds[:, None] * per * interleave, scalar, np.minimum(folds, loads), width, interleave,
        interleave * per * (streams + reductions)[:, None], interleave * per * reductions[:, None],
        read.astype(np.float64), written.astype(np.float64), area, stores,
        _chains(loops), np.array([loop.distance for loop in loops]), _scalar_chains(loops),
        np.array([_copied(loop) for loop in loops]), np.array([bool(loop.reductions) for loop in loops]),
    )  # fmt: skip


def _chains(loops: Sequence[LoopIR]) -> Floats:
    """Per loop, how often each class's latency lies on the path that one vector iteration hands to the next."""
    found = np.zeros((len(loops), len(CLASSES)))
    for row, loop in enumerate(loops):
        for kind in {r.kind for r in loop.reductions}:
            found[row, INDEX[kind]] = 1.0
        if loop.distance:
            for one in loop.chain:
                found[row, INDEX[one.kind]] += 1.0
    return found


def _scalar_chains(loops: Sequence[LoopIR]) -> Floats:
    found = np.zeros((len(loops), len(CLASSES)))
    for row, loop in enumerate(loops):
        for one in loop.reductions:
            for name, _ in _SCALAR.get(one.kind, ((one.kind, 1.0),)):
                if one.kind != "int_dot" or name == "alu":
                    found[row, INDEX[name]] = 1.0
            if one.kind in ("int_add", "logic"):
                break
    return found


def _made(loops: Sequence[LoopIR], widths: Ints, interleaves: Ints, isa: str, bits: int) -> tuple[Ints, Ints]:
    """What a compiler makes of each action: (width, interleave), shape (L, A) each."""
    shape = (len(loops), len(widths))
    width, interleave = np.broadcast_to(widths, shape).copy(), np.broadcast_to(interleaves, shape).copy()
    for row, loop in enumerate(loops):
        own = default_factors(loop, isa, bits)
        chosen = widths == 0
        width[row, chosen], interleave[row, chosen] = own
        if loop.obstacle or loop.distance == 1 or _unordered(loop):
            width[row], interleave[row] = 1, 1
            continue
        if loop.distance > 1:
            width[row] = np.minimum(width[row], 1 << (loop.distance.bit_length() - 1))
        if loop.needs_permission:  # clang does not interleave a scalar sum of floating-point numbers
            interleave[row, widths == 1] = 1
        packed = all(a.stride in (0, 1) for a in loop.accesses) and not loop.guarded and not loop.needs_permission
        if packed and loop.distance == 0:  # scalar copies side by side are packed again by another pass
            again = (widths == 1) & (interleaves > 1)
            width[row, again], interleave[row, again] = interleaves[again], 1
    return width, interleave


def _unordered(loop: LoopIR) -> bool:
    """Whether it keeps the least or largest of floating-point numbers, which NaN forbids to take in another order."""
    return any(r.kind == "fp_minmax" for r in loop.reductions)


def default_factors(loop: LoopIR, isa: str, bits: int) -> tuple[int, int]:
    """What LLVM chooses on its own: whole registers of the widest type, and up to four of them side by side."""
    if loop.obstacle or loop.distance == 1 or loop.needs_permission:
        return 1, 1
    width = max(1, bits // 8 // loop.widest)
    if loop.distance:
        width = min(width, 1 << (loop.distance.bit_length() - 1))
    awkward = any(a.stride == INDIRECT or (a.store and abs(a.stride) > 1) for a in loop.accesses)
    return width, 1 if awkward else 4


def one_operation(kind: OpClass, size: int) -> Operation:
    """Shorthand for descriptions written by hand."""
    return Operation(kind, size)
