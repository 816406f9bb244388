"""Harmonia with one thing wrong, once for each thing: what the explorer has to find.

Mutants of the switch and of the controller serve all protocols; those of a replica are made for theirs.
"""

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.controller import Controller, Membership
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.nopaxos.normal import Status
from scenarios.harmonia.packet import Op, Stamp
from sim.protocol import Send, SetTimer


class ReadyAtOnce(Detector):
    """A new switch sends single-replica reads before its first own completion."""

    ready = True


class NoDirtyCheck(Detector):
    """Reads of dirty objects go to single replicas."""

    def is_dirty(self, object_id):
        return False


class ForwardsOverflow(Detector):
    """A write that finds no slot is forwarded all the same."""

    def write(self, object_id):
        return super().write(object_id) or Stamp(self.switch_id, self.sequence)


class DeletesNewer(Detector):
    """A completion clears its object, whatever write made it dirty."""

    def completion(self, object_id, stamp):
        if not super().completion(object_id, stamp):
            return False
        for array, slot in zip(self.arrays, self.places(object_id), strict=True):
            if array.get(slot, (None, 0))[0] == object_id:
                del array[slot]
        return True


class QuietController(Controller):
    """For the explorer: no beats, which would only add messages; all that happens is a switch's silence."""

    def on_start(self, now):
        return [SetTimer("switch silent", self._patience)]

    def on_beat(self, now):
        return []


class NoFence(QuietController):
    """The new switch forwards writes before replicas refuse single-replica reads of the old one."""

    def may_activate(self, now):
        return True


class QuietMembership(QuietController, Membership):
    """The same, with epochs."""


class TrustsOldSwitch:
    """A mixin for replicas: single-replica reads of any switch are welcome."""

    def untrusted(self, now, packet):
        return ""


class OldSwitchChain(TrustsOldSwitch, Chain):
    """A chain that answers reads of an old switch."""


class Unchecked:
    """A mixin for read-ahead protocols: single-replica reads are answered without the check."""

    def on_single_read(self, now, packet):
        return self.read_reply(packet)


class OutOfOrder:
    """A mixin for read-ahead protocols: the first member accepts writes in any order."""

    def in_order(self, stamp):
        return True


class Hasty:
    """A mixin for read-ahead protocols: the first member reports a write complete before it is committed."""

    def on_write(self, packet):
        return [*super().on_write(packet), Send(self.switch, packet._replace(op=Op.WRITE_COMPLETION))]


# Viewstamped Replication and NOPaxos


def mutant(bug, base):
    """The class with the bug; a bug that is a class of its own kind is put before a more special one."""
    return type(f"{bug.__name__}{base.__name__}", (bug, base), {})


class UncheckedBehind:
    """A mixin for read-behind protocols: single-replica reads are answered whatever the last committed point is."""

    def behind(self, packet):
        return ""


class TakesZeroForNothing:
    """A mixin for read-behind protocols, to go with `ReadyAtOnce`: the point of a switch without completions means
    "nothing to see", not "everything before this switch".

    Compared as a stamp it is larger than all of the switch before, so that a replica refuses until it has executed a
    write of the new switch; then `ReadyAtOnce` alone is harmless.
    """

    def behind(self, packet):
        return "" if packet.committed.sequence == 0 else super().behind(packet)


class AcceptsUnfenced:
    """A mixin for quorum protocols: requests of any switch are accepted, fenced or not."""

    def unordered(self, packet):
        self.switch_id, before = packet.stamp.switch, self.switch_id
        try:
            return super().unordered(packet)
        finally:
            self.switch_id = before


class OutOfOrderSlots:
    """A mixin for NOPaxos: what comes is appended, whether or not something before it is missing."""

    def on_packet(self, now, source, packet):
        if packet.single or self.status is not Status.NORMAL or packet in self.log:
            return super().on_packet(now, source, packet)
        return self.append(packet)


class HastyLeader:
    """A mixin for quorum protocols: the leader reports a write complete before it is committed."""

    def on_packet(self, now, source, packet):
        effects = super().on_packet(now, source, packet)
        if packet.op is Op.WRITE and self.leads and packet in self.log:
            return [*effects, Send(self.switch, packet._replace(op=Op.WRITE_COMPLETION, value=None))]
        return effects
