"""Chain replication: writes go from the head to the tail, which commits, answers, and answers normal reads.

Van Renesse and Schneider, "Chain Replication for Supporting High Throughput and Availability" (OSDI 2004). When the
head fails, what it did not forward is lost and tried again by clients; when the tail fails, what its predecessor has
pending is committed; when one in between fails, its predecessor forwards what is pending to its successor.
"""

from collections.abc import Sequence

from scenarios.harmonia.packet import Packet, Stamp
from scenarios.harmonia.read_ahead import Ack, ReadAhead
from scenarios.harmonia.switch import Route
from sim.protocol import Address, Effect, Send


def route(number: int, members: tuple[Address, ...], replicas: tuple[Address, ...]) -> Route:
    """Writes to the head, normal reads to the tail."""
    return Route(number, members[:1], members[-1:], replicas)


class Chain(ReadAhead):
    """A node of a chain."""

    def successors(self) -> tuple[Address, ...]:
        """The next one."""
        at = self._place()
        return self.members[at + 1 : at + 2]

    def predecessor(self) -> Address | None:
        """The one before."""
        at = self._place()
        return self.members[at - 1] if at > 0 else None

    def target(self) -> Address:
        """The tail."""
        return self.members[-1]

    def settle(self, committed: int) -> list[Effect]:
        """At the tail everything is committed."""
        return [] if self.acked else self.commit(self.index)

    def on_commit(self, done: Sequence[tuple[Packet, Stamp]]) -> list[Effect]:
        """The tail answers; the acknowledgement goes up."""
        effects: list[Effect] = [] if self.acked else [self.write_reply(packet) for packet, _ in done]
        before = self.predecessor()
        return effects if before is None else [*effects, Send(before, Ack(self.epoch, self.committed))]

    def _place(self) -> int:
        return self.members.index(self.address) if self.address in self.members else len(self.members)
