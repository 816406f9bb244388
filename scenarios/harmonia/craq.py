"""CRAQ, the software way to let all replicas answer reads: every node keeps the versions that may be committed.

Terrace and Freedman, "Object Storage on CRAQ" (USENIX ATC 2009). A node with no pending write of the object answers at
once; otherwise it asks the tail which version is committed and answers that one. Needs no detector: the switch is
plain and sends reads to any node. Its price is the acknowledgement that every node must process for every write.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.packet import Packet, Stamp
from scenarios.harmonia.replica import NOTHING, Item
from scenarios.harmonia.switch import Route
from sim.protocol import Address, Effect, Note, Send


def route(number: int, members: tuple[Address, ...], replicas: tuple[Address, ...]) -> Route:
    """Writes to the head, reads to any of the replicas."""
    return Route(number, members[:1], replicas, ())


class Asked(NamedTuple):
    """A read met a pending write and went to ask the tail for the committed version."""


class Query(NamedTuple):
    """To the tail: which version of this read's object is committed?"""

    epoch: int
    packet: Packet


class Version(NamedTuple):
    """From the tail: this one."""

    epoch: int
    packet: Packet
    stamp: Stamp


class Craq(Chain):
    """A node of a chain that answers reads wherever it stands.

    `versions` has, for each object with pending writes, its last committed item and those that came after.
    """

    STATE: ClassVar[tuple[str, ...]] = (*Chain.STATE, "versions")
    HANDLERS: ClassVar[Mapping[type, str]] = {**Chain.HANDLERS, Query: "on_query", Version: "on_version"}

    versions: dict[Any, tuple[Item, ...]]

    def __init__(self, address: Address, switch: Address, members: Sequence[Address], **rest: object) -> None:
        super().__init__(address, switch, members, **rest)  # type: ignore[arg-type]
        self.versions = {}

    def apply(self, packet: Packet, stamp: Stamp) -> bool:
        """Applies a write; what was there before stays, as long as this one is not committed."""
        before = self.store.get(packet.key, NOTHING)
        if not super().apply(packet, stamp):
            return False
        self.versions[packet.key] = (*self.versions.get(packet.key, (before,)), self.store[packet.key])
        return True

    def on_commit(self, done: Sequence[tuple[Packet, Stamp]]) -> list[Effect]:
        """Older versions go."""
        for packet, _ in done:
            versions = self.versions.get(packet.key, ())
            committed = sum(item.stamp <= self.committed_stamp for item in versions)
            if committed < len(versions):
                self.versions[packet.key] = versions[committed - 1 :]
            else:
                self.versions.pop(packet.key, None)
        return super().on_commit(done)

    def on_packet(self, now: float, source: Address, packet: Packet) -> Sequence[Effect]:
        """Reads are answered here, or after a word from the tail."""
        if packet.op != 1:
            return super().on_packet(now, source, packet)
        if not self.ready or not self.holds_lease(now):
            return ()
        if packet.key not in self.versions:
            return self.read_reply(packet)
        return [Note(Asked()), Send(self.target(), Query(self.epoch, packet))]

    def on_query(self, now: float, source: Address, query: Query) -> Sequence[Effect]:
        """The tail says which version is committed."""
        if query.epoch != self.epoch or not self.ready or self.target() != self.address or not self.holds_lease(now):
            return ()
        return [Send(source, Version(self.epoch, query.packet, self.store.get(query.packet.key, NOTHING).stamp))]

    def on_version(self, now: float, source: Address, version: Version) -> Sequence[Effect]:
        """Answers that version, or the committed one if it is later by now."""
        packet = version.packet
        versions = self.versions.get(packet.key)
        if version.epoch != self.epoch or not self.ready:
            return ()
        if versions is None:
            return self.read_reply(packet)
        chosen = versions[0]
        for item in versions[1:]:
            if item.stamp <= version.stamp:
                chosen = item
        return [self.read_reply_of(packet, chosen)]

    def read_reply_of(self, packet: Packet, item: Item) -> Send:
        """The answer to a read, with this item."""
        return Send(self.switch, packet._replace(op=packet.op.READ_REPLY, value=item.value))

    def retire(self) -> None:
        """No member any more."""
        super().retire()
        self.versions.clear()
