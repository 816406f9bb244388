"""What all replicas share: the objects, who may be trusted to read them, and each client's last write.

A single-replica read (a read that passed a Harmonia switch and was found clean there) is answered only if

1. it comes from the *active* switch and the replica's lease has not run out (`untrusted`), and
2. the protocol's own check against the switch's last committed point holds: `store[key].stamp <= committed` where
   replicas apply before they commit (read-ahead), `executed up to >= committed` where they apply what is committed
   (read-behind). Otherwise it goes the way of a normal read.

The controller extends the lease with `Renew`. The first `Renew` that names a larger switch is the *fence*: from then on
single-replica reads of the smaller one are refused, and `Renewed` says so.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from math import inf
from typing import Any, ClassVar, NamedTuple

from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from sim.protocol import Address, Effect, Node, Note, Send

#: Why a single-replica read or a write is not served here.
OLD_SWITCH, NO_LEASE, CHECK_FAILED = "not the active switch", "lease ran out", "check failed"
OUT_OF_ORDER, NOT_HERE, NOT_READY = "out of order", "not the target", "not ready"


class Renew(NamedTuple):
    """From the controller: `switch` with `switch_id` is active; trust it, and your own membership, until `expiry`."""

    switch_id: int
    switch: Address
    expiry: float


class Renewed(NamedTuple):
    """To the controller: this replica lives, and refuses single-replica reads of switches below `switch_id`."""

    switch_id: int


class Served(NamedTuple):
    """A single-replica read was answered."""

    client: Address
    request: int
    key: Hashable
    value: Hashable
    stamp: Stamp

    def __str__(self) -> str:
        return f"serves the single read of {self.key}: {self.value} written at {self.stamp}"


class Bounced(NamedTuple):
    """A single-replica read went on to the normal target."""

    reason: str


class Refused(NamedTuple):
    """A write was refused."""

    reason: str


class Item(NamedTuple):
    """An object's value and the stamp of the write that applied it."""

    value: Hashable
    stamp: Stamp


NOTHING = Item(None, UNSTAMPED)


class Replica(Node, ABC):
    """The shared part of a replica; `lease` is when it ends at first, `skew` how far clocks may be apart (seconds)."""

    STATE: ClassVar[tuple[str, ...]] = ("switch_id", "switch", "lease", "last", "store", "sessions")

    #: Which method takes a message of which class.
    HANDLERS: ClassVar[Mapping[type, str]] = {Packet: "on_packet", Renew: "on_renew"}

    def __init__(
        self, address: Address, switch: Address, *, switch_id: int = 1, lease: float = inf, skew: float = 0.0
    ) -> None:
        self.address = address
        self.switch_id, self.switch, self.lease, self._skew = switch_id, switch, lease, skew
        self.last = UNSTAMPED  # stamp of the last write that was accepted
        self.store: dict[Hashable, Item] = {}
        self.sessions: dict[Address, int] = {}  # each client's last applied request

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """By the message's class; a class that is not known is ignored."""
        handler = self.HANDLERS.get(message.__class__)
        return getattr(self, handler)(now, source, message) if handler else ()

    @abstractmethod
    def on_packet(self, now: float, source: Address, packet: Packet) -> Sequence[Effect]:
        """A request."""

    def on_renew(self, now: float, source: Address, renew: Renew) -> Sequence[Effect]:
        """Extends the lease, or fences the switch before."""
        if renew.switch_id < self.switch_id:
            return ()
        if renew.switch_id > self.switch_id:
            self.switch_id, self.switch, self.lease = renew.switch_id, renew.switch, renew.expiry
        self.lease = max(self.lease, renew.expiry)
        return [Send(source, Renewed(self.switch_id))]

    def holds_lease(self, now: float) -> bool:
        """Whether the lease surely has not run out."""
        return now < self.lease - self._skew

    def untrusted(self, now: float, packet: Packet) -> str:
        """Why a single-replica read must not be answered here, whatever the protocol says; "" if it may."""
        if packet.committed.switch != self.switch_id:
            return OLD_SWITCH
        return "" if self.holds_lease(now) else NO_LEASE

    def in_order(self, stamp: Stamp) -> bool:
        """Whether a write may still be accepted: none with a larger stamp was. A plain write always may."""
        return stamp == UNSTAMPED or stamp > self.last

    def apply(self, packet: Packet, stamp: Stamp) -> bool:
        """Applies a write, unless the client's request was applied before. False if it was."""
        if self.sessions.get(packet.client, 0) >= packet.request:
            return False
        self.sessions[packet.client] = packet.request
        self.store[packet.key] = Item(packet.value, stamp)
        return True

    def read_reply(self, packet: Packet) -> list[Effect]:
        """The answer to a read, as of now."""
        item = self.store.get(packet.key, NOTHING)
        reply = Send(self.switch, packet._replace(op=Op.READ_REPLY, value=item.value))
        if not packet.single:
            return [reply]
        return [reply, Note(Served(packet.client, packet.request, packet.key, *item))]

    def write_reply(self, packet: Packet) -> Send:
        """The answer to a committed write; with a stamp it completes the write at the switch on its way."""
        return Send(self.switch, packet._replace(op=Op.WRITE_REPLY, value=None))

    def bounce(self, packet: Packet, target: Address, reason: str) -> list[Effect]:
        """A single-replica read goes to the normal target, as a normal read."""
        return [Note(Bounced(reason)), Send(target, packet._replace(single=False, committed=UNSTAMPED))]
