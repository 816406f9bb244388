"""Primary-backup replication: the primary forwards a write to all backups and commits it when all have it.

When the primary fails, the next member takes over. Backups may differ in writes that were not committed yet, so each
reports what it has of these, and the new primary takes up the longest before it accepts writes: they are all
beginnings of what the old primary sent. A normal read of an object with such a write waits until it is committed.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from scenarios.harmonia.packet import Packet, Stamp
from scenarios.harmonia.read_ahead import Ack, ReadAhead
from scenarios.harmonia.replica import NOT_READY, NOTHING, Refused
from scenarios.harmonia.switch import Route
from sim.protocol import Address, Effect, Note, Send


def route(number: int, members: tuple[Address, ...], replicas: tuple[Address, ...]) -> Route:
    """Everything to the primary."""
    return Route(number, members[:1], members[:1], replicas)


class Report(NamedTuple):
    """To a new primary: what a backup has that may be uncommitted; the last of them has index `number`."""

    epoch: int
    number: int
    pending: tuple[Packet, ...]


class Ask(NamedTuple):
    """From a new primary: your report did not come."""

    epoch: int


class PrimaryBackup(ReadAhead):
    """The primary (the first member) or a backup."""

    STATE: ClassVar[tuple[str, ...]] = (*ReadAhead.STATE, "silent", "reading")
    HANDLERS: ClassVar[Mapping[type, str]] = {**ReadAhead.HANDLERS, Report: "on_report", Ask: "on_ask"}

    silent: set[Address]  # who has yet to report to this new primary
    reading: list[tuple[Stamp, Packet]]  # reads that wait for a version to be committed

    def __init__(self, address: Address, switch: Address, members: Sequence[Address], **rest: object) -> None:
        super().__init__(address, switch, members, **rest)  # type: ignore[arg-type]
        self.silent, self.reading = set(), []

    def successors(self) -> tuple[Address, ...]:
        """The primary's backups."""
        return self.members[1:] if self.members[:1] == (self.address,) else ()

    def predecessor(self) -> Address | None:
        """A backup's primary."""
        return self.members[0] if self.address in self.members[1:] else None

    def target(self) -> Address:
        """The primary."""
        return self.members[0]

    def settle(self, committed: int) -> list[Effect]:
        """A backup acknowledges; a primary commits what all have, which is more when it has fewer backups."""
        before = self.predecessor()
        if before is None:
            return [] if self.silent else self.commit(min(self.acked.values(), default=self.index))
        return [*self.commit(committed), Send(before, Ack(self.epoch, self.index))]

    def on_commit(self, done: Sequence[tuple[Packet, Stamp]]) -> list[Effect]:
        """The primary answers writes, and reads that waited."""
        if self.predecessor() is not None:
            return []
        effects: list[Effect] = [self.write_reply(packet) for packet, _ in done]
        if self.reading:
            waited, self.reading = self.reading, []
            for stamp, packet in waited:
                if stamp > self.committed_stamp:
                    self.reading.append((stamp, packet))
                else:
                    effects += self.read_reply(packet)
        return effects

    def on_read(self, now: float, packet: Packet) -> Sequence[Effect]:
        """Answered at once if the object's last write is committed."""
        stamp = self.store.get(packet.key, NOTHING).stamp
        if stamp <= self.committed_stamp:
            return self.read_reply(packet)
        self.reading.append((stamp, packet))
        return ()

    def on_write(self, packet: Packet) -> Sequence[Effect]:
        """Accepted by a primary that knows what its backups have."""
        return [Note(Refused(NOT_READY))] if self.silent else super().on_write(packet)

    def on_members(self, former: tuple[Address, ...]) -> list[Effect]:
        """Backups report to a new primary."""
        self.reading.clear()
        self.silent.clear()
        if self.predecessor() is None:
            if former[:1] != (self.address,):
                self.silent.update(self.members[1:])
            return []
        return [self._report()]

    def on_epoch(self, controller: Address) -> list[Effect]:
        """A new primary first hears its backups."""
        return [] if self.silent else super().on_epoch(controller)

    def ask_again(self, controller: Address) -> list[Effect]:
        """Reports may have been lost."""
        if self.silent:
            return [Send(backup, Ask(self.epoch)) for backup in sorted(self.silent)]
        return super().ask_again(controller)

    def on_ask(self, now: float, source: Address, ask: Ask) -> Sequence[Effect]:
        """The new primary did not hear what this backup has."""
        return [self._report()] if ask.epoch == self.epoch and source == self.predecessor() else ()

    def on_report(self, now: float, source: Address, report: Report) -> Sequence[Effect]:
        """Takes up what this primary lacks; when all reported, it begins."""
        if report.epoch != self.epoch or source not in self.silent:
            return ()
        effects: list[Effect] = []
        for index, packet in enumerate(report.pending, start=report.number - len(report.pending) + 1):
            if index == self.index + 1:
                effects += self._append(packet)
        self.acked[source] = max(self.acked[source], report.number)
        self.silent.discard(source)
        if self.silent or self.controller is None:
            return effects
        return [*effects, *self.on_epoch(self.controller)]

    def _report(self) -> Send:
        return Send(self.members[0], Report(self.epoch, self.index, tuple(packet for packet, _ in self.pending)))
