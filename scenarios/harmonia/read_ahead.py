"""What primary-backup and chain replication have in common: replicas apply a write before it is committed.

The first member gives each write the next *index* and forwards it; whoever gets it applies it, in the order of indices
and without a gap, and forwards it in turn. An acknowledgement covers all indices up to its own. A write is committed
when every member applied it, so every member has every committed write, whoever fails. The protocols differ in who
forwards to whom: `successors`, `predecessor`, `commits`.

*Failure.* Nodes fail by stopping. The controller names the members of each *epoch*; messages of another epoch are
ignored. In a new epoch what is pending is forwarded again, which indices make harmless, and a node that has become the
last one finds its pending writes committed. A removed node that lives on answers no read, because its lease ran out
before the epoch began.

*A new node* first copies what is committed from a member (`Fetch`, `Snapshot`) while the others go on. Then it becomes
a member, fetches what changed since from its predecessor, and only then takes part; `Configured` tells the controller
so. Versions of objects are stamps; a plain write, which has none, is at `Stamp(0, index)`.
"""

from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from scenarios.harmonia.replica import (
    CHECK_FAILED,
    NOT_HERE,
    NOT_READY,
    NOTHING,
    OUT_OF_ORDER,
    Bounced,
    Item,
    Refused,
    Replica,
)
from sim.protocol import Address, CancelTimer, Effect, Note, Send, SetTimer

_RESEND, _FETCH = "resend", "fetch"
#: Writes forwarded again at once: more would only queue up behind each other.
_BURST = 32


class Configure(NamedTuple):
    """From the controller: the members of an epoch, in order."""

    epoch: int
    members: tuple[Address, ...]


class Configured(NamedTuple):
    """To the controller: a member of the epoch, and ready."""

    epoch: int


class Join(NamedTuple):
    """From the controller to a node that is to become a member: copy the objects of `source`."""

    source: Address


class Copied(NamedTuple):
    """To the controller: the copy is made; what changed since will be fetched by the member."""


class Forward(NamedTuple):
    """A write on its way, with its index; what is up to `committed` is committed."""

    epoch: int
    number: int
    committed: int
    packet: Packet

    def __str__(self) -> str:
        return f"forward {self.number} in epoch {self.epoch}: {self.packet}"


class Ack(NamedTuple):
    """Everything up to index `number` was applied, here and by all that follow."""

    epoch: int
    number: int


class Fetch(NamedTuple):
    """Send me what changed after version `since`, and the objects called `missing`. Epoch 0: I am no member yet."""

    epoch: int
    since: Stamp
    missing: tuple[Hashable, ...]


class Snapshot(NamedTuple):
    """What changed, as of the write with version `last`, and what of it is not known to be `committed`.

    `store` lists keys, values and versions; `sessions` clients and their last requests. Who is no member gets only what
    is committed: no sessions, and the names of objects that have changed since, which are `missing`.
    """

    epoch: int
    committed: int
    committed_stamp: Stamp
    last: Stamp
    pending: tuple[Packet, ...]
    store: tuple[tuple[Hashable, Hashable, Stamp], ...]
    sessions: tuple[tuple[Address, int], ...]
    missing: tuple[Hashable, ...]


class ReadAhead(Replica):
    """A replica of a read-ahead protocol.

    `members` are those of epoch 1; a node that is not among them waits to be added. What is not acknowledged in
    `resend` seconds is forwarded again. Writes that overtook others wait for these, at most `window` of them.
    """

    STATE: ClassVar[tuple[str, ...]] = (
        *Replica.STATE,
        "epoch",
        "members",
        "ready",
        "committed",
        "committed_stamp",
        "pending",
        "acked",
        "early",
        "source",
        "missing",
        "controller",
    )

    HANDLERS: ClassVar[Mapping[type, str]] = {
        **Replica.HANDLERS,
        Forward: "on_forward",
        Ack: "on_ack",
        Configure: "on_configure",
        Join: "on_join",
        Fetch: "on_fetch",
        Snapshot: "on_snapshot",
    }

    def __init__(
        self,
        address: Address,
        switch: Address,
        members: Sequence[Address],
        *,
        resend: float = 1e-3,
        window: int = 256,
        **trust: Any,
    ) -> None:
        super().__init__(address, switch, **trust)
        self._resend, self._window = resend, window
        self.epoch = 1 if address in members else 0
        self.members: tuple[Address, ...] = tuple(members) if self.epoch else ()
        self.ready = self.epoch > 0
        self.committed = 0  # index of the last write known to be committed, and its version
        self.committed_stamp = UNSTAMPED
        self.pending: list[tuple[Packet, Stamp]] = []  # applied, not known to be committed: indices committed + 1, ...
        self.acked: dict[Address, int] = dict.fromkeys(self.successors(), 0)
        self.early: dict[int, Forward] = {}  # overtook others
        self.source: Address | None = None  # fetching from there
        self.missing: tuple[Hashable, ...] = ()  # objects that the copy lacks
        self.controller: Address | None = None

    # What a protocol says of itself.

    @abstractmethod
    def successors(self) -> tuple[Address, ...]:
        """Whom this node forwards to."""

    @abstractmethod
    def predecessor(self) -> Address | None:
        """Whom this node's writes come from; None at the first."""

    @abstractmethod
    def target(self) -> Address:
        """Who answers normal reads."""

    @abstractmethod
    def settle(self, committed: int) -> list[Effect]:
        """What follows from a write just applied; the predecessor says what is up to `committed` is committed."""

    @abstractmethod
    def on_commit(self, done: Sequence[tuple[Packet, Stamp]]) -> list[Effect]:
        """What follows from writes just committed."""

    def on_read(self, now: float, packet: Packet) -> Sequence[Effect]:
        """Answers a normal read at the target."""
        return self.read_reply(packet)

    # Messages and timers.

    @property
    def index(self) -> int:
        """Index of the last write applied."""
        return self.committed + len(self.pending)

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Something may have been lost."""
        if timer == _FETCH:
            return self.fetch()
        return self.forward_pending()

    def on_packet(self, now: float, source: Address, packet: Packet) -> Sequence[Effect]:
        """A request."""
        if packet.op is Op.WRITE:
            return self.on_write(packet)
        if packet.op is not Op.READ:
            return ()
        if packet.single:
            return self.on_single_read(now, packet)
        if not self.members or not self.ready or not self.holds_lease(now):
            return ()
        if self.target() != self.address:
            return [Send(self.target(), packet)] if source == self.switch else ()
        return self.on_read(now, packet)

    def on_single_read(self, now: float, packet: Packet) -> Sequence[Effect]:
        """Answered if nothing uncommitted shows: the object's version is not after the switch's committed point."""
        if not self.members:
            return ()
        reason = self.untrusted(now, packet) if self.ready else NOT_READY
        if not reason:
            if self.store.get(packet.key, NOTHING).stamp <= packet.committed:
                return self.read_reply(packet)
            reason = CHECK_FAILED
        if self.target() == self.address:
            normal = packet._replace(single=False, committed=UNSTAMPED)
            return [Note(Bounced(reason)), *self.on_packet(now, self.address, normal)]
        return self.bounce(packet, self.target(), reason)

    def on_write(self, packet: Packet) -> Sequence[Effect]:
        """Accepted at the first member, in the order of stamps."""
        if not self.members or self.members[0] != self.address or not self.ready:
            return [Note(Refused(NOT_HERE if self.ready else NOT_READY))]
        if not self.in_order(packet.stamp):
            return [Note(Refused(OUT_OF_ORDER))]
        effects = self._append(packet)
        return effects + self.settle(self.committed)

    def on_forward(self, now: float, source: Address, forward: Forward) -> Sequence[Effect]:
        """A write from the predecessor, perhaps once more, perhaps too early."""
        if forward.epoch != self.epoch or source != self.predecessor() or not self.ready:
            return ()
        ahead = forward.number - self.index
        if ahead > 1:
            if ahead <= self._window:
                self.early[forward.number] = forward
            return ()
        if ahead < 1:
            return self.settle(forward.committed) or [Send(source, Ack(self.epoch, self.committed))]
        effects = self._append(forward.packet)
        while self.early and (following := self.early.pop(self.index + 1, None)) is not None:
            effects += self._append(following.packet)
        return effects + self.settle(forward.committed)

    def on_ack(self, now: float, source: Address, ack: Ack) -> Sequence[Effect]:
        """A successor has more; what all have is committed."""
        if ack.epoch != self.epoch or ack.number <= self.acked.get(source, ack.number):
            return ()
        self.acked[source] = ack.number
        return self.commit(min(self.acked.values()))

    def _append(self, packet: Packet) -> list[Effect]:
        stamp = _version(packet, self.index + 1)
        self.last = max(self.last, stamp)
        self.apply(packet, stamp)
        self.pending.append((packet, stamp))
        if not self.acked:
            return []
        forward = Forward(self.epoch, self.index, self.committed, packet)
        effects: list[Effect] = [Send(successor, forward) for successor in self.acked]
        return effects if len(self.pending) > 1 else [*effects, SetTimer(_RESEND, self._resend)]

    def commit(self, upto: int) -> list[Effect]:
        """Everything up to the index is committed."""
        count = min(upto - self.committed, len(self.pending))
        if count <= 0:
            return []
        done = self.pending[:count]
        del self.pending[:count]
        self.committed += count
        self.committed_stamp = done[-1][1]
        effects = self.on_commit(done)
        if self.acked:
            effects.append(SetTimer(_RESEND, self._resend) if self.pending else CancelTimer(_RESEND))
        return effects

    def forward_pending(self) -> list[Effect]:
        """What a successor is not known to have goes to it once more."""
        effects: list[Effect] = []
        for successor, acked in self.acked.items():
            first = max(acked, self.committed)
            effects += [
                Send(successor, Forward(self.epoch, first + i, self.committed, packet))
                for i, (packet, _) in enumerate(self.pending[first - self.committed :][:_BURST], start=1)
            ]
        return [*effects, SetTimer(_RESEND, self._resend)] if effects else effects

    # Epochs, and new members.

    def on_configure(self, now: float, source: Address, configure: Configure) -> Sequence[Effect]:
        """A new epoch, or the question whether this node is ready in this one."""
        if configure.epoch < self.epoch:
            return ()
        if configure.epoch == self.epoch:
            return self.ask_again(source)
        former = self.members
        self.epoch, self.members, self.controller = configure.epoch, configure.members, source
        if self.address not in configure.members:
            self.retire()
            return [Send(source, Configured(self.epoch))]
        self.early.clear()
        self.acked = {
            successor: self.acked.get(successor, self.committed) if successor in former else 0
            for successor in self.successors()
        }
        effects = self.on_members(former)
        if former and self.ready:
            return effects + self.on_epoch(source)
        self.ready, self.source = False, self.predecessor()
        return effects + self.fetch()

    def on_members(self, former: tuple[Address, ...]) -> list[Effect]:
        """What any member, ready or not, does first in a new epoch."""
        return []

    def on_epoch(self, controller: Address) -> list[Effect]:
        """What a member that is ready does next."""
        return [*self.forward_pending(), *self.settle(self.committed), Send(controller, Configured(self.epoch))]

    def ask_again(self, controller: Address) -> list[Effect]:
        """The controller did not hear that this node is ready in its epoch, or that it retired."""
        return [Send(controller, Configured(self.epoch))] if self.ready or not self.members else []

    def retire(self) -> None:
        """No member any more: as if new, but for the epoch."""
        self.ready, self.members, self.acked, self.source, self.missing = False, (), {}, None, ()
        self.last = self.committed_stamp = UNSTAMPED
        self.committed = 0
        for kept in (self.pending, self.early, self.store, self.sessions):
            kept.clear()

    def on_join(self, now: float, source: Address, join: Join) -> Sequence[Effect]:
        """To become a member, copy first."""
        if self.members:
            return ()
        self.controller = source
        if self.source is None and self.last != UNSTAMPED:
            return [Send(source, Copied())]
        self.source = join.source
        return self.fetch()

    def fetch(self) -> list[Effect]:
        """Asks for what changed, if there is anyone to ask."""
        if self.source is None:
            return []
        fetch = Fetch(self.copies_in, self.last, self.missing)
        return [Send(self.source, fetch), SetTimer(_FETCH, self._resend)]

    @property
    def copies_in(self) -> int:
        """The epoch in which this node copies; 0 before it is a member."""
        return self.epoch if self.members else 0

    def on_fetch(self, now: float, source: Address, fetch: Fetch) -> Sequence[Effect]:
        """Answers a node that copies, or a member of this epoch; this node must have all that is committed."""
        if not self.ready or fetch.epoch not in (0, self.epoch):
            return ()
        changed = [(key, *item) for key, item in self.store.items() if item.stamp > fetch.since or key in fetch.missing]
        if fetch.epoch == 0:  # what is not committed may be lost yet, and must not be taken along
            committed = tuple(item for item in changed if item[2] <= self.committed_stamp)
            missing = tuple(key for key, _, stamp in changed if stamp > self.committed_stamp)
            mark = self.committed_stamp
            return [Send(source, Snapshot(0, self.committed, mark, mark, (), committed, (), missing))]
        pending = tuple(packet for packet, _ in self.pending)
        known = (self.committed, self.committed_stamp, self.last)
        return [Send(source, Snapshot(self.epoch, *known, pending, tuple(changed), tuple(self.sessions.items()), ()))]

    def on_snapshot(self, now: float, source: Address, snapshot: Snapshot) -> Sequence[Effect]:
        """The copy, or what changed since."""
        if source != self.source or snapshot.epoch != self.copies_in:
            return ()
        self.store.update((key, Item(value, stamp)) for key, value, stamp in snapshot.store)
        self.sessions.update(snapshot.sessions)
        self.last, self.missing = snapshot.last, snapshot.missing
        self.committed, self.committed_stamp = snapshot.committed, snapshot.committed_stamp
        self.pending = [
            (packet, _version(packet, index))
            for index, packet in enumerate(snapshot.pending, start=snapshot.committed + 1)
        ]
        self.source = None
        assert self.controller is not None
        if not self.members:
            return [CancelTimer(_FETCH), Send(self.controller, Copied())]
        self.ready = True
        return [CancelTimer(_FETCH), *self.on_epoch(self.controller)]


def _version(packet: Packet, index: int) -> Stamp:
    return Stamp(0, index) if packet.stamp == UNSTAMPED else packet.stamp
