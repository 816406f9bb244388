"""One bug each, as classes to put before the right one. What they break is what the explorer has to find."""

from scenarios.harmonia.controller import Controller
from scenarios.harmonia.nopaxos import NOPaxosReplica
from scenarios.harmonia.nopaxos.normal import Status
from scenarios.harmonia.packet import Op, Stamp
from sim.protocol import Send


def mutant(bug, base):
    return type(f"{bug.__name__}{base.__name__}", (bug, base), {})


# the switch


class NoDirtyCheck:
    """Reads of objects with a pending write are single-replica reads too."""

    def is_dirty(self, object_id):
        return False


class OverflowForwarded:
    """A write that finds no slot is forwarded all the same."""

    def write(self, object_id):
        return super().write(object_id) or Stamp(self.switch_id, self.sequence)


class DeletesNewer:
    """A completion clears its object's entry, whatever its sequence."""

    def completion(self, object_id, stamp):
        known = super().completion(object_id, stamp)
        for array, slot in zip(self.arrays, self.places(object_id), strict=True):
            if known and slot in array and array[slot][0] == object_id:
                del array[slot]
        return known


class ReadyAtOnce:
    """Single-replica reads before the first completion of the switch's own."""

    ready = True


# replicas


class NoCheck:
    """Read-behind: answers whatever the switch's last committed point is."""

    def behind(self, packet):
        return ""


class TrustsOldSwitch:
    """Single-replica reads of a switch that was replaced are answered."""

    def untrusted(self, now, packet):
        return ""


class TakesZeroForNothing:
    """Takes the point of a switch without completions for "nothing to see", and not for "everything before it".

    Goes with `ReadyAtOnce`: points of a new switch are larger than all stamps of the old one, so a replica that
    compares them as stamps refuses until it has executed a write of the new switch, and those before it.
    """

    def behind(self, packet):
        return "" if packet.committed.sequence == 0 else super().behind(packet)


class AcceptsUnfenced:
    """Requests of any switch are accepted, also of one that replicas are not fenced for."""

    def unordered(self, packet):
        self.switch_id, before = packet.stamp.switch, self.switch_id
        try:
            return super().unordered(packet)
        finally:
            self.switch_id = before


class OutOfOrder:
    """Viewstamped Replication: the leader accepts a write whose stamp is below the last one's."""

    def in_order(self, stamp):
        return True


class OutOfOrderSlots:
    """NOPaxos: what comes is appended, whether or not something before it is missing."""

    def on_packet(self, now, source, packet):
        if packet.single or self.status is not Status.NORMAL or packet in self.log:
            return super().on_packet(now, source, packet)
        return self.append(packet)


class CompletesAtOnce:
    """The leader sends the completion of a write when it gets it."""

    def on_packet(self, now, source, packet):
        effects = super().on_packet(now, source, packet)
        if packet.op is Op.WRITE and self.leads and packet in self.log:
            return [*effects, Send(self.switch, packet._replace(op=Op.WRITE_COMPLETION, value=None))]
        return effects


# the controller


class NoFence:
    """The new switch forwards before replicas refuse the reads of the old one."""

    def may_activate(self, now):
        return True


def out_of_order(replica):
    return mutant(OutOfOrderSlots if issubclass(replica, NOPaxosReplica) else OutOfOrder, replica)


UNFENCED = mutant(NoFence, Controller)
