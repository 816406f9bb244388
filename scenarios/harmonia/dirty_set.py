"""The dirty set as register arrays: one stage per array, each with a hash and the three ways to access a slot.

A slot is a pair (object, sequence). All three accesses ask whether the slot's sequence is dead: not above the last
committed point (read in an earlier stage) or, for writes, not above `floor` (a constant row that the control plane's
sweep writes). An empty slot is dead because its sequence is 0, so "free, stray or mine" is two comparisons, what the
stateful ALU of a Tofino 1 has. See `detector` for why this is right.

| access | if | then |
|---|---|---|
| insert (write) | sequence <= floor or object is mine | slot becomes (object, sequence); output 1 |
| lookup (read) | sequence <= last committed | sequence becomes 0 |
| | sequence > last committed and object is mine | output 1 |
| release (completion) | sequence <= last committed | sequence becomes 0 |
"""

from dataclasses import dataclass

from hardware_models.tofino.expression import HI, LO, Constant, Field, Hash, RegisterParam
from hardware_models.tofino.stateful import Register, RegisterAction, when
from scenarios.harmonia.detector import GENERATORS, check_dirty_set


@dataclass(frozen=True, eq=False)
class Stage:
    """One register array of the dirty set: `index` into it, and its accesses."""

    register: Register
    index: Hash | Constant
    insert: RegisterAction
    lookup: RegisterAction
    release: RegisterAction


@dataclass(frozen=True)
class Words:
    """What the accesses read from the packet (32 bits each), and the control plane's constant."""

    object_id: Field
    sequence: Field
    committed: Field
    floor: RegisterParam


def stages(count: int, slots: int, words: Words, bits: int = 32) -> tuple[Stage, ...]:
    """The stages; slots are pairs of `bits` bits. Raises `UserError` for sizes that cannot be."""
    check_dirty_set(count, slots)
    return tuple(_stage(number, slots, words, bits) for number in range(count))


def _stage(number: int, slots: int, words: Words, bits: int) -> Stage:
    register = Register(f"dirty_{number}", slots, lo=bits, hi=bits)
    mine, dead = words.object_id == LO, words.committed >= HI
    return Stage(
        register,
        Hash((words.object_id,), slots.bit_length() - 1, GENERATORS[number]) if slots > 1 else Constant(0),
        register.action("insert", when((words.floor >= HI) | mine, lo=words.object_id, hi=words.sequence, output=1)),
        register.action("lookup", when(dead, hi=0), when(~dead & mine, output=1)),
        register.action("release", when(dead, hi=0)),
    )
