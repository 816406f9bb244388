"""The normal case: what comes in order goes into the log; and the leader's execution ahead of synchronisation."""

from abc import abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from scenarios.harmonia.nopaxos.messages import Entry, View, Vote
from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from scenarios.harmonia.quorum_replica import QuorumReplica
from scenarios.harmonia.replica import NOT_READY, NOTHING, OLD_SWITCH, Item, Refused
from scenarios.harmonia.switch import Route
from sim.protocol import Address, Effect, Note, Send, SetTimer


class Status(IntEnum):
    """What a replica takes part in."""

    NORMAL = 0
    VIEW_CHANGE = 1


@dataclass(frozen=True)
class NOPaxosTimers:
    """Intervals in seconds.

    `gap`: how long a missing message is waited for, before the leader is asked or makes it a NO-OP, and before either
    is done again. `sync`: how often the leader synchronises. `leader`: how long a follower waits for its leader, and a
    view change for its end.
    """

    gap: float = 0.1e-3
    sync: float = 0.1e-3
    leader: float = 10e-3


GAP, SYNC, LEADER = "gap", "sync", "leader"


def route(number: int, members: tuple[Address, ...], replicas: tuple[Address, ...]) -> Route:
    """What is ordered goes to all."""
    return Route(number, members, members, replicas)


class Ordered(QuorumReplica):
    """A replica that appends requests in the order of the switch. Slots count from 1; 0 is before the log.

    `store` holds what is executed up to the slot `synced`; `ahead` what the leader executed after that, by object:
    value and slot; `ahead_sessions` the last request of each client in it.
    """

    STATE: ClassVar[tuple[str, ...]] = (
        *QuorumReplica.STATE,
        *("status", "view", "log", "base", "early", "gap", "synced", "executed_upto", "ahead", "ahead_sessions"),
    )

    def __init__(
        self,
        address: Address,
        replicas: Sequence[Address],
        switch: Address,
        timers: NOPaxosTimers | None = None,
        **trust: Any,
    ) -> None:
        super().__init__(address, replicas, switch, **trust)
        self.timers = timers or NOPaxosTimers()
        self.status = Status.NORMAL
        self.view = View(0, self.switch_id)
        self.log: list[Entry] = []
        self.base = 0  # slots before this session's first
        self.early: dict[Stamp, Packet] = {}  # messages that overtook others
        self.gap = 0  # leader: the slot up to which NO-OPs are being agreed on; 0 if none
        self.synced = 0
        self.ahead: dict[Hashable, tuple[Item, int]] = {}
        self.ahead_sessions: dict[Address, int] = {}

    @property
    def leader(self) -> Address:
        """The leader of the replica's view."""
        return self.replicas[self.view.leader % len(self.replicas)]

    @property
    def executed_count(self) -> int:
        """How many entries of the log are executed, other than by the leader ahead of the others."""
        return self.synced

    @property
    def leads(self) -> bool:
        """Whether this replica is the leader of its view, and the view has begun."""
        return self.status is Status.NORMAL and self.leader == self.address

    def on_packet(self, now: float, source: Address, packet: Packet) -> Sequence[Effect]:
        """A single-replica read is answered if the check allows, or starts again at the switch; all else is ordered."""
        if packet.single:
            reason = self.untrusted(now, packet) or self.behind(packet)
            return self.bounce(packet, self.switch, reason) if reason else self.read_reply(packet)
        stamp = packet.stamp
        reason = self.unordered(packet)
        if reason:
            return [Note(Refused(reason))]
        effects = self.on_session(now, stamp.switch) if stamp.switch > self.view.session else []
        if self.status is not Status.NORMAL or stamp != self.expected() or self.gap:
            return [*effects, *self._keep(packet)]
        effects += self.append(packet)
        return effects + self.drain() if self.early else effects

    def unordered(self, packet: Packet) -> str:
        """Why a request is refused: no switch ordered it, or one that is not trusted yet, or not any more."""
        session = packet.stamp.switch
        if session > self.switch_id or session == UNSTAMPED.switch:
            return NOT_READY
        return OLD_SWITCH if session < self.view.session else ""

    @abstractmethod
    def on_session(self, now: float, session: int) -> list[Effect]:
        """A switch with a larger id orders now."""

    # the log

    def expected(self) -> Stamp:
        """The stamp of the next message in order."""
        return Stamp(self.view.session, len(self.log) - self.base + 1)

    def append(self, entry: Entry) -> list[Effect]:
        """Puts a request into the next slot, and votes for it."""
        if self.early:
            self.early.pop(self.expected(), None)
        self.log.append(entry)
        return [] if entry is None else [self.vote(len(self.log), entry)]

    def vote(self, slot: int, request: Packet) -> Send:
        """Tells the client that its request is in this slot; the leader executes it to do so."""
        result = self._execute_ahead(slot, request) if self.leads else None
        op = Op.WRITE_REPLY if request.op is Op.WRITE else Op.READ_REPLY
        vote = Vote(self.address, self.view, slot, result)
        return Send(self.switch, request._replace(op=op, stamp=UNSTAMPED, value=vote))

    def drain(self) -> list[Effect]:
        """Appends what came early and is in order now."""
        effects: list[Effect] = []
        while not self.gap and (packet := self.early.get(self.expected())) is not None:
            effects += self.append(packet)
        return effects

    def _keep(self, packet: Packet) -> list[Effect]:
        """Keeps a message that overtook others, and waits for those; forgets one that is in the log."""
        if self.status is Status.NORMAL and packet.stamp < self.expected():
            return []
        waiting = bool(self.early)
        self.early[packet.stamp] = packet
        return [] if waiting else [SetTimer(GAP, self.timers.gap)]

    def missing(self) -> int:
        """The last slot before the first early message; at most the log's length if none is missing."""
        session = self.view.session
        numbers = [stamp.sequence for stamp in self.early if stamp.switch == session]
        return self.base + min(numbers) - 1 if numbers else 0

    # execution

    def _execute_ahead(self, slot: int, request: Packet) -> Hashable:
        if request.op is Op.READ:
            item = self.ahead[request.key][0] if request.key in self.ahead else self.store.get(request.key, NOTHING)
            return item.value
        client = request.client
        if request.request > max(self.sessions.get(client, 0), self.ahead_sessions.get(client, 0)):
            self.ahead_sessions[client] = request.request
            self.ahead[request.key] = Item(request.value, request.stamp), slot
        return None

    def execute(self, point: int) -> None:
        """Executes what is synchronised, up to slot `point`."""
        for slot in range(self.synced + 1, point + 1):
            entry = self.log[slot - 1]
            if entry is None:
                continue
            self.executed_upto = entry.stamp
            if entry.op is Op.WRITE:
                self.apply(entry, entry.stamp)
                if self.ahead and self.ahead.get(entry.key, (None, 0))[1] == slot:
                    del self.ahead[entry.key]
                if self.ahead_sessions and self.ahead_sessions.get(entry.client) == entry.request:
                    del self.ahead_sessions[entry.client]
        self.synced = max(self.synced, point)
