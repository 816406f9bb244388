"""The normal case: requests, PREPARE and COMMIT, execution, and what a follower does that lags behind."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from scenarios.harmonia.packet import UNSTAMPED, Op, Packet
from scenarios.harmonia.quorum_replica import QuorumReplica
from scenarios.harmonia.replica import (
    NOT_READY,
    OLD_SWITCH,
    OUT_OF_ORDER,
    Bounced,
    Refused,
)
from scenarios.harmonia.switch import Leads, Route
from scenarios.harmonia.viewstamped.messages import Commit, CommitAck, GetState, NewState, Prepare, PrepareOk
from sim.protocol import Address, Effect, Note, Send, SetTimer


class Status(IntEnum):
    """What a replica takes part in."""

    NORMAL = 0
    VIEW_CHANGE = 1
    RECOVERING = 2


@dataclass(frozen=True)
class ViewstampedTimers:
    """Intervals in seconds.

    `leader`: how long a follower waits for its leader, and a view change for its end. `resend`: how often the leader
    repeats what is not acknowledged, or shows that it lives. `fetch`: how long a follower waits for an entry that
    others overtook. `recover`: how often a replica without memory asks again.
    """

    leader: float = 10e-3
    resend: float = 1e-3
    fetch: float = 0.1e-3
    recover: float = 5e-3


LEADER, RESEND, FETCH, RECOVER = "leader", "resend", "fetch", "recover"


def route(number: int, members: tuple[Address, ...], replicas: tuple[Address, ...]) -> Route:
    """All to the first leader; later ones tell the switch."""
    return Route(number, members[:1], members[:1], replicas)


class NormalCase(QuorumReplica):
    """A replica within one view. Everything before `committed` in its log is executed.

    Of a leader only: how far each follower has `prepared` and `executed`, and how far completions were sent.
    """

    STATE: ClassVar[tuple[str, ...]] = (
        *QuorumReplica.STATE,
        *("status", "view", "normal_view", "log", "committed", "executed_upto", "early", "fetching"),
        *("prepared", "executed", "completed"),
    )

    HANDLERS: ClassVar[Mapping[type, str]] = {
        **QuorumReplica.HANDLERS,
        Prepare: "on_prepare",
        PrepareOk: "on_prepare_ok",
        Commit: "on_commit",
        CommitAck: "on_commit_ack",
        GetState: "on_get_state",
        NewState: "on_new_state",
    }

    def __init__(
        self,
        address: Address,
        replicas: Sequence[Address],
        switch: Address,
        timers: ViewstampedTimers | None = None,
        **trust: Any,
    ) -> None:
        super().__init__(address, replicas, switch, **trust)
        self.timers = timers or ViewstampedTimers()
        self.status = Status.NORMAL
        self.view = self.normal_view = 0
        self.log: list[Packet] = []
        self.committed = 0
        self.early: dict[int, Packet] = {}  # entries that overtook others
        self.fetching = False  # asked for what is missing
        self.prepared: dict[Address, int] = {}
        self.executed: dict[Address, int] = {}
        self.completed = 0
        # When the leader was last heard of, or a view change began. No state: where time stands still it is always now.
        self.heard = 0.0

    @property
    def leader(self) -> Address:
        """The leader of the replica's view."""
        return self.replicas[self.view % len(self.replicas)]

    @property
    def executed_count(self) -> int:
        """How many entries of the log are executed."""
        return self.committed

    @property
    def leads(self) -> bool:
        """Whether this replica is the leader of its view, and the view has begun."""
        return self.status is Status.NORMAL and self.leader == self.address

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """The leader repeats itself; a follower asks for what is missing."""
        if timer == RESEND:
            return self._resend() if self.leads else ()
        self.fetching = False
        return self._catch_up(self.leader, self.view) if self.early and self.status is Status.NORMAL else ()

    # requests

    def on_packet(self, now: float, source: Address, packet: Packet) -> Sequence[Effect]:
        """A request: a single-replica read is answered if the check allows, all else is the leader's."""
        if packet.single:
            reason = self.untrusted(now, packet) or self.behind(packet)
            if not reason:
                return self.read_reply(packet)
            if not self.leads:
                return self.bounce(packet, self.leader, reason)
            return [Note(Bounced(reason)), *self._accept(packet._replace(single=False, committed=UNSTAMPED))]
        if self.leads:
            return self._accept(packet)
        if self.status is Status.NORMAL and source not in self.replicas:
            return [Send(self.leader, packet)]
        return [Note(Refused(NOT_READY))]

    def unordered(self, packet: Packet) -> str:
        """Why the leader refuses a write: the switch is not the active one, or a later write is in the log."""
        if packet.stamp.switch not in (UNSTAMPED.switch, self.switch_id):
            return OLD_SWITCH
        return "" if self.in_order(packet.stamp) else OUT_OF_ORDER

    def _accept(self, packet: Packet) -> list[Effect]:
        """The leader's: a request goes into the log."""
        if packet.op is Op.WRITE:
            reason = self.unordered(packet)
            if reason:
                return [Note(Refused(reason))]
            if packet.stamp != UNSTAMPED:
                self.last = packet.stamp
            elif packet.request <= self.sessions.get(packet.client, 0):
                return [self.write_reply(packet)]
        self.log.append(packet)
        prepare = Prepare(self.view, len(self.log), packet, self.committed)
        return [Send(other, prepare) for other in self.others] or self._commit_upto(len(self.log))

    # log and execution

    def on_prepare(self, now: float, source: Address, message: Prepare) -> Sequence[Effect]:
        """Appends in log order and says how far the log is held; keeps what overtook others for a while."""
        if not self._follows(now, message.view):
            return self._catch_up(source, message.view)
        number = message.number
        if number > len(self.log) + 1:
            waiting = self.fetching or bool(self.early)
            self.early[number] = message.entry
            return () if waiting else [SetTimer(FETCH, self.timers.fetch)]
        if number == len(self.log) + 1:
            self.log.append(message.entry)
            while self.early and len(self.log) + 1 in self.early:
                self.log.append(self.early.pop(len(self.log) + 1))
        self._execute(message.committed)
        return [Send(source, PrepareOk(self.view, len(self.log)))]

    def on_prepare_ok(self, now: float, source: Address, message: PrepareOk) -> Sequence[Effect]:
        """Commits what a majority holds."""
        if message.view != self.view or not self.leads or message.number <= self.prepared.get(source, 0):
            return ()
        self.prepared[source] = message.number
        return self._commit_upto(self._reached_by_majority(self.prepared))

    def on_commit(self, now: float, source: Address, message: Commit) -> Sequence[Effect]:
        """Executes what is committed, and says so if writes bear stamps."""
        if not self._follows(now, message.view) or message.committed > len(self.log):
            return self._catch_up(source, message.view)
        self._execute(message.committed)
        return () if self.executed_upto == UNSTAMPED else [Send(source, CommitAck(self.view, self.committed))]

    def on_commit_ack(self, now: float, source: Address, message: CommitAck) -> Sequence[Effect]:
        """Sends the completions of what a majority has executed."""
        if message.view != self.view or not self.leads or message.executed <= self.executed.get(source, 0):
            return ()
        self.executed[source] = message.executed
        return self._complete_upto(self._reached_by_majority(self.executed))

    def _commit_upto(self, number: int) -> list[Effect]:
        """The leader's: executes, answers, and announces writes whose completion waits for COMMIT-ACK."""
        if number <= self.committed:
            return []
        before = self.executed_upto
        effects = self._execute(number)
        if self.executed_upto != before:
            commit = Commit(self.view, self.committed)
            effects += [Send(other, commit) for other in self.others] or self._complete_upto(self.committed)
        return effects

    def _complete_upto(self, number: int) -> list[Effect]:
        effects: list[Effect] = [
            Send(self.switch, entry._replace(op=Op.WRITE_COMPLETION, value=None))
            for entry in self.log[self.completed : number]
            if entry.stamp != UNSTAMPED
        ]
        self.completed = max(self.completed, number)
        return effects

    def _execute(self, number: int) -> list[Effect]:
        """Executes the log up to `number`; the leader answers the clients, before it completes their writes."""
        effects: list[Effect] = []
        leads = self.leads
        for entry in self.log[self.committed : number]:
            if entry.op is Op.WRITE:
                self.apply(entry, entry.stamp)
                if entry.stamp != UNSTAMPED:
                    self.executed_upto = entry.stamp
                if leads:
                    effects.append(self.write_reply(entry._replace(stamp=UNSTAMPED)))
            elif leads:
                effects += self.read_reply(entry)
        self.committed = max(self.committed, min(number, len(self.log)))
        return effects

    def _reached_by_majority(self, reached: dict[Address, int]) -> int:
        """How far the leader and enough of the others have come."""
        return sorted((reached.get(other, 0) for other in self.others), reverse=True)[self.majority - 2]

    # a follower that lags, and a leader against losses

    def _follows(self, now: float, view: int) -> bool:
        """Whether a leader's message is for this follower, in this view; if so it is a sign of life."""
        if view != self.view or self.status is not Status.NORMAL:
            return False
        self.heard = now
        return True

    def _catch_up(self, source: Address, view: int) -> list[Effect]:
        """Asks for what is missing, once in a while, unless the message came from a view that is over."""
        if view < self.view or self.fetching:
            return []
        self.fetching = True
        # the committed part is the same in every view
        same = view == self.view and self.status is Status.NORMAL
        start = len(self.log) if same else self.committed
        return [Send(source, GetState(start)), SetTimer(FETCH, self.timers.fetch)]

    def on_get_state(self, now: float, source: Address, message: GetState) -> Sequence[Effect]:
        """Hands over the rest of the log."""
        start = message.start
        if self.status is not Status.NORMAL or start > len(self.log):
            return ()
        return [Send(source, NewState(self.view, start, tuple(self.log[start:]), self.committed))]

    def on_new_state(self, now: float, source: Address, message: NewState) -> Sequence[Effect]:
        """Takes the rest of the log of this view."""
        if message.view != self.view or self.status is not Status.NORMAL or self.leads or message.start > len(self.log):
            return ()
        self.fetching = False
        self.log += message.entries[len(self.log) - message.start :]
        self.early = {number: entry for number, entry in self.early.items() if number > len(self.log)}
        return self._joined(message.committed)

    def _joined(self, committed: int) -> list[Effect]:
        """A follower's log has grown without PREPARE."""
        self._execute(committed)
        return [Send(self.leader, PrepareOk(self.view, len(self.log)))]

    def _resend(self) -> list[Effect]:
        """The leader shows that it lives. Who lacks entries is sent the last one, and asks for the rest."""
        commit = Commit(self.view, self.committed)
        effects: list[Effect] = [SetTimer(RESEND, self.timers.resend), Send(self.switch, Leads(self.view))]
        for other in self.others:
            lacks = self.prepared.get(other, 0) < len(self.log)
            last = Prepare(self.view, len(self.log), self.log[-1], self.committed) if lacks else commit
            effects.append(Send(other, last))
        return effects
