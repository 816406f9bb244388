"""Harmonia's conflict detector in plain Python: what the switch program does, without a pipeline.

A switch stamps writes, remembers which objects have a pending one, and lets any single replica answer reads of the
others. The protocol nodes and the explorer run this statement; `switch_program` is the same algorithm on a Tofino, and
tests hold the two equal packet for packet.

The *dirty set* is `stages` register arrays of `slots` slots, each with a hash of its own; a slot holds an object id and
a sequence number. Three facts carry it:

- Servers apply writes in the order of their stamps, so an entry whose sequence is not above the last committed one is
  *dead*: its write is committed, refused or lost. An empty slot is one with sequence 0, dead from the start.
- A read counts live entries only, and clears the dead ones it meets (lazy clean-up). A completion first moves the last
  committed point to its own sequence or beyond, then clears the dead entry of its object at *every* stage: after a slot
  of an earlier stage came free, one object may live in two stages with two sequences, and a newer entry must survive an
  older completion.
- A write takes the first slot that is free or has its object. Free is what the control plane knows to be dead: a slot
  not above `floor`, the last committed point at the last `sweep`. (A stateful ALU sees two words of the packet, here
  object and sequence; the last committed point would be a third. A constant row holds `floor` instead, so that a sweep
  is one write of a constant, not a read and a write of every slot that could race with packets.)

Nothing is a single-replica read before the first completion under the switch's own id: only then do dirty set and last
committed point know every write that matters. All of it is soft state: a new switch starts empty with a larger id.
"""

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware_models.tofino.crc import POLYNOMIALS, crc, crc_of_words, reciprocal
from scenarios.harmonia.packet import Op, Packet, Stamp
from sim.errors import UserError
from sim.protocol import Address

#: Largest sequence number of a stamp; the next write needs a switch with a larger id.
LAST_SEQUENCE = 2**32 - 1
#: Largest id of a switch; 0 is that of no switch.
LAST_SWITCH = 2**16 - 1
#: One hash per stage: CRCs whose polynomials differ, as two CRCs of one polynomial collide for the same pairs of
#: objects.
GENERATORS = tuple(dict.fromkeys((*POLYNOMIALS.values(), *map(reciprocal, POLYNOMIALS.values()))))

Target = Literal["replica", "read", "write", "client", "drop"]

FULL = "dirty set full"
EXHAUSTED = "sequence exhausted"
ABSORBED = "completion absorbed"


class Verdict(NamedTuple):
    """Where a packet goes, and what it then says.

    `target` is one `replica`, the protocol's target of normal reads (`read`) or of writes (`write`), the `client`, or
    `drop`. `replica` is the address if a single one answers. `reason` says why a packet is dropped: a completion is
    `ABSORBED`, a write finds the dirty set `FULL` or the sequence `EXHAUSTED`.
    """

    target: Target
    packet: Packet
    replica: Address | None = None
    reason: str = ""


class Read(NamedTuple):
    """What a switch makes of a read: any single `replica` at `committed`, or neither (the normal target)."""

    replica: Address | None
    committed: Stamp | None


class Detector:
    """The state of one switch and what packets do to it; `stages` register arrays of `slots` (a power of two) slots.

    `replicas` may be reassigned by the control plane. `refused` counts completions of another switch or of a sequence
    that was never issued; `dropped` counts writes that found no slot or no sequence. Counters are not part of `freeze`.
    """

    def __init__(self, switch_id: int, stages: int, slots: int, replicas: Sequence[Address]) -> None:
        check_dirty_set(stages, slots)
        check_switch_id(switch_id)
        if not replicas:
            raise UserError("replicas is empty; a switch needs one replica or more to choose from")
        self.switch_id, self.stages, self.slots = switch_id, stages, slots
        self.replicas = tuple(replicas)
        self.sequence = self.committed = self.floor = 0
        # only slots that were written: slot -> (object id, sequence)
        self.arrays: tuple[dict[int, tuple[int, int]], ...] = tuple({} for _ in range(stages))
        self.refused = self.dropped = 0

    @property
    def ready(self) -> bool:
        """Whether single-replica reads are allowed: a write of this switch's own was completed."""
        return self.committed > 0

    @property
    def last_committed(self) -> Stamp:
        """The largest committed stamp that is known; sequence 0 before the first completion."""
        return Stamp(self.switch_id, self.committed)

    def process(self, packet: Packet, choice: int = 0) -> Verdict:
        """What happens to a packet; `choice` picks the replica if a single one answers."""
        if packet.op is Op.READ:
            replica, committed = self.read(packet.object_id, choice)
            if committed is None:
                return Verdict("read", packet._replace(single=False))
            return Verdict("replica", packet._replace(single=True, committed=committed), replica)
        if packet.op is Op.WRITE:
            exhausted = self.sequence == LAST_SEQUENCE
            stamp = self.write(packet.object_id)
            if stamp is None:
                return Verdict("drop", packet, reason=EXHAUSTED if exhausted else FULL)
            return Verdict("write", packet._replace(stamp=stamp))
        if packet.op is Op.WRITE_COMPLETION:
            self.completion(packet.object_id, packet.stamp)
            return Verdict("drop", packet, reason=ABSORBED)
        if packet.op is Op.WRITE_REPLY and packet.stamp.sequence:
            self.completion(packet.object_id, packet.stamp)
        return Verdict("client", packet)

    def write(self, object_id: int) -> Stamp | None:
        """The write's stamp, now pending; None if it has to be dropped. A full dirty set uses the sequence up."""
        if self.sequence == LAST_SEQUENCE:
            self.dropped += 1
            return None
        self.sequence += 1
        for array, slot in zip(self.arrays, self.places(object_id), strict=True):
            holder, pending = array.get(slot, (object_id, 0))
            if holder == object_id or pending <= self.floor:
                array[slot] = (object_id, self.sequence)
                return Stamp(self.switch_id, self.sequence)
        self.dropped += 1
        return None

    def completion(self, object_id: int, stamp: Stamp) -> bool:
        """Takes note that a write is committed. False, and nothing else, if this switch never issued the stamp."""
        if stamp.switch != self.switch_id or not 0 < stamp.sequence <= self.sequence:
            self.refused += 1
            return False
        self.committed = max(self.committed, stamp.sequence)
        for array, slot in zip(self.arrays, self.places(object_id), strict=True):
            self._clear_dead(array, slot)
        return True

    def is_dirty(self, object_id: int) -> bool:
        """Whether a write of the object (or of one with the same id) is pending; clears the dead entries on the way."""
        for array, slot in zip(self.arrays, self.places(object_id), strict=True):
            self._clear_dead(array, slot)
            if slot in array and array[slot][0] == object_id:
                return True
        return False

    def read(self, object_id: int, choice: int = 0) -> Read:
        """A single replica, by `choice` modulo their number, if no write of the object is pending and it is ready."""
        if self.is_dirty(object_id) or not self.ready:
            return Read(None, None)
        return Read(self.replicas[choice % len(self.replicas)], self.last_committed)

    def sweep(self) -> None:
        """The control plane's part: from now on writes may take every slot that is dead now."""
        self.floor = self.committed
        for array in self.arrays:
            for slot in [slot for slot, (_, pending) in array.items() if pending <= self.floor]:
                del array[slot]

    def restart(self, switch_id: int) -> None:
        """The switch goes on under a larger id, as an empty one: before its sequence is exhausted, or after a crash.

        Raises `UserError` if the id does not grow.
        """
        check_switch_id(switch_id)
        if switch_id <= self.switch_id:
            raise UserError(f"switch_id = {switch_id} goes backwards; more than {self.switch_id} is needed")
        self.switch_id = switch_id
        self.sequence = self.committed = self.floor = 0
        for array in self.arrays:
            array.clear()

    def occupancy(self) -> int:
        """Slots that a write of another object could not take."""
        return sum(pending > self.floor for array in self.arrays for _, pending in array.values())

    def freeze(self) -> Hashable:
        """The state as a value; equal values behave the same from here on."""
        arrays = tuple(tuple(sorted(array.items())) for array in self.arrays)
        return (self.switch_id, self.sequence, self.committed, self.floor, self.replicas, arrays)

    def thaw(self, state: Hashable) -> None:
        """Goes back to the state that `freeze` gave."""
        self.switch_id, self.sequence, self.committed, self.floor, self.replicas, arrays = state  # type: ignore[misc]
        self.arrays = tuple(map(dict, arrays))  # type: ignore[has-type]

    def places(self, object_id: int) -> tuple[int, ...]:
        """The object's slot in each stage."""
        return places(object_id, self.stages, self.slots)

    def _clear_dead(self, array: dict[int, tuple[int, int]], slot: int) -> None:
        if slot in array and array[slot][1] <= self.committed:
            del array[slot]


@lru_cache(maxsize=1 << 17)
def places(object_id: int, stages: int, slots: int) -> tuple[int, ...]:
    """An object's slot in each stage: the low bits of that stage's CRC over its 32-bit id."""
    data = object_id.to_bytes(4, "big")
    return tuple(crc(data, generator) & (slots - 1) for generator in GENERATORS[:stages])


def place_table(object_ids: NDArray[np.integer[Any]], stages: int, slots: int) -> NDArray[np.int64]:
    """The slots of n objects, (n, stages): `places` of each.

    >>> place_table(np.array([7, 8]), 3, 64)[1].tolist() == list(places(8, 3, 64))
    True
    """
    check_dirty_set(stages, slots)
    columns = [crc_of_words(object_ids.astype(np.uint32), generator) for generator in GENERATORS[:stages]]
    return np.stack(columns, axis=-1).astype(np.int64) & (slots - 1)


def check_dirty_set(stages: int, slots: int) -> None:
    """Raises `UserError` unless there are hashes for `stages` and `slots` can be indexed by bits of a hash."""
    if not 1 <= stages <= len(GENERATORS):
        raise UserError(f"stages = {stages} of the dirty set; 1 to {len(GENERATORS)} are allowed, one hash for each")
    if slots < 1 or slots & (slots - 1):
        raise UserError(f"slots = {slots} is not a power of two, which an index of hash bits needs")


def check_switch_id(switch_id: int) -> None:
    """Raises `UserError` unless it is the id of a switch."""
    if not 1 <= switch_id <= LAST_SWITCH:
        raise UserError(f"switch_id = {switch_id}; 1 to {LAST_SWITCH} are allowed")
