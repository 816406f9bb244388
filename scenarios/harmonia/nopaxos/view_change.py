"""Changing the view: when the leader is silent, and when another switch orders."""

from collections.abc import Hashable, Mapping, Sequence
from itertools import zip_longest
from typing import Any, ClassVar

from scenarios.harmonia.nopaxos.messages import Entry, GetView, StartView, View, ViewChange, ViewChangeRequest
from scenarios.harmonia.nopaxos.normal import GAP, LEADER, SYNC, NOPaxosTimers, Status
from scenarios.harmonia.nopaxos.sync import Synchronisation
from scenarios.harmonia.packet import Op
from sim.protocol import Address, CancelTimer, Effect, Send, SetTimer


class NOPaxosReplica(Synchronisation):
    """A replica called `address` of the group `replicas`, which all members list in the same order."""

    STATE: ClassVar[tuple[str, ...]] = (*Synchronisation.STATE, "normal_view", "votes")

    HANDLERS: ClassVar[Mapping[type, str]] = {
        **Synchronisation.HANDLERS,
        ViewChangeRequest: "on_view_change_request",
        ViewChange: "on_view_change",
        StartView: "on_start_view",
        GetView: "on_get_view",
    }

    def __init__(
        self,
        address: Address,
        replicas: Sequence[Address],
        switch: Address,
        timers: NOPaxosTimers | None = None,
        **trust: Any,
    ) -> None:
        super().__init__(address, replicas, switch, timers, **trust)
        self.normal_view = self.view
        self.votes: dict[Address, ViewChange] = {}

    def on_start(self, now: float) -> Sequence[Effect]:
        """Begins, or goes on after a crash."""
        self.heard = now
        return self._set_view_timers()

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Watches the leader: the view is given up if it, or its beginning, is silent for too long."""
        if timer != LEADER:
            return super().on_timer(now, timer)
        if self.leads:
            return ()
        left = self.heard + self.timers.leader - now
        return [SetTimer(LEADER, left)] if left > 0 else self._want(now, View(self.view.leader + 1, self.view.session))

    def on_session(self, now: float, session: int) -> list[Effect]:
        """A switch with a larger id orders: the old session is over."""
        return self._want(now, View(self.view.leader, session))

    def _want(self, now: float, view: View) -> list[Effect]:
        """Leaves the present view for `view`, and hands the log to its leader."""
        self.status, self.view, self.heard = Status.VIEW_CHANGE, view, now
        self.votes, self.gap, self.gap_replies, self.asked = {}, 0, set(), None
        effects: list[Effect] = [Send(other, ViewChangeRequest(view)) for other in self.others]
        effects += [CancelTimer(SYNC), SetTimer(LEADER, self.timers.leader)]
        vote = ViewChange(view, self.normal_view, self.base, tuple(self.log))
        if self.leader != self.address:
            return [*effects, Send(self.leader, vote)]
        return [*effects, *self.on_view_change(now, self.address, vote)]

    def on_view_change_request(self, now: float, source: Address, message: ViewChangeRequest) -> list[Effect]:
        """Joins a view that is later in leader or session; the larger of each, if one is behind."""
        view = View(max(self.view.leader, message.view.leader), max(self.view.session, message.view.session))
        return self._want(now, view) if view != self.view else []

    def on_view_change(self, now: float, source: Address, message: ViewChange) -> list[Effect]:
        """The new leader's: the view begins with what the logs of a majority add up to."""
        effects = self.on_view_change_request(now, source, ViewChangeRequest(message.view))
        if message.view != self.view or self.status is not Status.VIEW_CHANGE or self.leader != self.address:
            return effects
        self.votes[source] = message
        if len(self.votes) < self.majority or self.address not in self.votes:
            return effects
        latest = max(vote.normal_view for vote in self.votes.values())
        votes = [vote for vote in self.votes.values() if vote.normal_view == latest]
        log = merge([vote.log for vote in votes])
        base = votes[0].base if latest.session == self.view.session else len(log)
        effects += self._enter(now, self.view, base, log)
        start = StartView(self.view, base, log)
        return [*effects, *(Send(other, start) for other in self.others)]

    def on_start_view(self, now: float, source: Address, message: StartView) -> Sequence[Effect]:
        """A follower begins the new view, unless it is in it or in a later one."""
        view, mine = message.view, self.view
        if view.leader < mine.leader or view.session < mine.session or self.in_view(view):
            return ()
        return self._enter(now, view, message.base, message.log)

    def on_get_view(self, now: float, source: Address, message: GetView) -> Sequence[Effect]:
        """The view as it is now, for who missed its start; while a gap is being agreed on, the gap is not in it."""
        return [Send(source, StartView(self.view, self.base, tuple(self.log)))] if self.leads else ()

    def _enter(self, now: float, view: View, base: int, log: Sequence[Entry]) -> list[Effect]:
        """Is normal in `view` from now on, with the leader's `log`; votes again for what may be open."""
        self.status, self.view, self.normal_view, self.heard = Status.NORMAL, view, view, now
        self.log, self.base, self.agreed = list(log), base, len(log)
        self.votes, self.gap, self.gap_replies, self.asked = {}, 0, set(), None
        self.ahead, self.ahead_sessions = {}, {}
        self.proposed, self.agreeing, self.executed = 0, set(), {}
        expected = self.expected()
        self.early = {stamp: packet for stamp, packet in self.early.items() if stamp >= expected}
        effects = self._set_view_timers()
        if self.leads:
            self.completed = self._before_last_write()
        for slot in range(self.synced + 1, len(self.log) + 1):
            entry = self.log[slot - 1]
            if entry is not None:
                effects.append(self.vote(slot, entry))
        return effects + self.drain()

    def _set_view_timers(self) -> list[Effect]:
        effects: list[Effect] = [SetTimer(GAP, self.timers.gap)] if self.early else []
        if self.leads:
            return [*effects, CancelTimer(LEADER), SetTimer(SYNC, self.timers.sync)]
        return [*effects, CancelTimer(SYNC), SetTimer(LEADER, self.timers.leader)]

    def _before_last_write(self) -> int:
        """Where a new leader's completions begin: that of the last write makes all before it dead at the switch."""
        for slot in range(self.synced, 0, -1):
            entry = self.log[slot - 1]
            if entry is not None and entry.op is Op.WRITE:
                return slot - 1
        return 0


def merge(logs: Sequence[tuple[Entry, ...]]) -> tuple[Entry, ...]:
    """What logs of one view add up to: as long as the longest; a NO-OP in one of them is a NO-OP.

    >>> from scenarios.harmonia.packet import Op, Packet
    >>> write = Packet(Op.WRITE, 1, "client", 1)
    >>> merge([(write, None), (write, write, write)]) == (write, None, write)
    True
    """
    if len(set(logs)) == 1:
        return logs[0]
    nothing = object()
    merged = []
    for entries in zip_longest(*logs, fillvalue=nothing):
        held = [entry for entry in entries if entry is not nothing]
        merged.append(None if None in held else held[0])
    return tuple(merged)  # type: ignore[arg-type]
