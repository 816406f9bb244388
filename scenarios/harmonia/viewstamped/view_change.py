"""Changing the view when its leader is silent, and coming back without memory."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from scenarios.harmonia.packet import UNSTAMPED, Packet
from scenarios.harmonia.switch import Leads
from scenarios.harmonia.viewstamped.messages import (
    DoViewChange,
    NewState,
    Recovery,
    RecoveryResponse,
    StartView,
    StartViewChange,
)
from scenarios.harmonia.viewstamped.normal import FETCH, LEADER, RECOVER, RESEND, NormalCase, Status, ViewstampedTimers
from sim.protocol import Address, CancelTimer, Effect, Send, SetTimer


class ViewstampedReplica(NormalCase):
    """A replica called `address` of the group `replicas`, which all members list in the same order.

    A crash takes all memory but the view number and the number of crashes, which is the nonce of the recovery.
    """

    STATE: ClassVar[tuple[str, ...]] = (*NormalCase.STATE, "crashes", "wanted_by", "votes", "responses")

    HANDLERS: ClassVar[Mapping[type, str]] = {
        **NormalCase.HANDLERS,
        StartViewChange: "on_start_view_change",
        DoViewChange: "on_do_view_change",
        StartView: "on_start_view",
        Recovery: "on_recovery",
        RecoveryResponse: "on_recovery_response",
    }

    def __init__(
        self,
        address: Address,
        replicas: Sequence[Address],
        switch: Address,
        timers: ViewstampedTimers | None = None,
        **trust: Any,
    ) -> None:
        super().__init__(address, replicas, switch, timers, **trust)
        self.crashes = 0
        self.wanted_by: set[Address] = set()  # who else wants this view
        self.votes: dict[Address, DoViewChange] = {}
        self.responses: dict[Address, RecoveryResponse] = {}

    def on_crash(self) -> None:
        """Loses all but view, number of crashes and the fence; the lease is gone too."""
        self.status, self.crashes, self.lease = Status.RECOVERING, self.crashes + 1, 0.0
        self.log, self.committed, self.completed, self.store, self.sessions = [], 0, 0, {}, {}
        self.last = self.executed_upto = UNSTAMPED
        self.prepared, self.executed, self.early, self.fetching = {}, {}, {}, False
        self.wanted_by, self.votes, self.responses = set(), {}, {}

    def on_start(self, now: float) -> Sequence[Effect]:
        """Begins in view 0; after a crash, asks the others."""
        self.heard = now
        return self._ask_for_recovery() if self.status is Status.RECOVERING else self._set_view_timers()

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """By the message's class; without memory, only answers to that count."""
        if self.status is Status.RECOVERING and message.__class__ is not RecoveryResponse:
            return ()
        return super().on_message(now, source, message)

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Watches the leader, or asks again."""
        if timer == LEADER:
            return self._watch_leader(now)
        if timer == RECOVER:
            return self._ask_for_recovery() if self.status is Status.RECOVERING else ()
        return super().on_timer(now, timer)

    def _watch_leader(self, now: float) -> Sequence[Effect]:
        """Gives the view up if its leader, or its view change, was silent for too long."""
        if self.leads or self.status is Status.RECOVERING:
            return ()
        left = self.heard + self.timers.leader - now
        return [SetTimer(LEADER, left)] if left > 0 else self._want(now, self.view + 1)

    def _want(self, now: float, view: int) -> list[Effect]:
        """Leaves the present view for `view`."""
        self.status, self.view, self.heard = Status.VIEW_CHANGE, view, now
        self.wanted_by, self.votes, self.early, self.fetching = set(), {}, {}, False
        return [
            *(Send(other, StartViewChange(view)) for other in self.others),
            *(CancelTimer(RESEND), CancelTimer(FETCH), SetTimer(LEADER, self.timers.leader)),
        ]

    def on_start_view_change(self, now: float, source: Address, message: StartViewChange) -> Sequence[Effect]:
        """Joins a later view; votes when a majority wants it."""
        effects = self._want(now, message.view) if message.view > self.view else []
        if message.view != self.view or self.status is not Status.VIEW_CHANGE or source in self.wanted_by:
            return effects
        self.wanted_by.add(source)
        if len(self.wanted_by) != self.majority - 1:
            return effects
        vote = DoViewChange(self.view, tuple(self.log), self.normal_view, self.committed)
        if self.leader != self.address:
            return [*effects, Send(self.leader, vote)]
        return [*effects, *self.on_do_view_change(now, self.address, vote)]

    def on_do_view_change(self, now: float, source: Address, message: DoViewChange) -> Sequence[Effect]:
        """The new leader's: the view begins with the best log of a majority."""
        effects = self._want(now, message.view) if message.view > self.view else []
        if message.view != self.view or self.status is not Status.VIEW_CHANGE:
            return effects
        self.votes[source] = message
        if len(self.votes) < self.majority or self.address not in self.votes:
            return effects
        votes = self.votes.values()
        best = max(votes, key=lambda vote: (vote.normal_view, len(vote.log)))
        start = StartView(self.view, best.log, max(vote.committed for vote in votes))
        effects += [*self._enter(now, self.view, best.log), Send(self.switch, Leads(self.view))]
        self.completed = self._before_last_write()
        effects += self._execute(start.committed)
        return [*effects, *(Send(other, start) for other in self.others)]

    def on_start_view(self, now: float, source: Address, message: StartView) -> Sequence[Effect]:
        """A follower begins the new view."""
        if message.view < self.view or (message.view == self.view and self.status is Status.NORMAL):
            return ()
        return [*self._enter(now, message.view, message.log), *self._joined(message.committed)]

    def on_new_state(self, now: float, source: Address, message: NewState) -> Sequence[Effect]:
        """Begins a view whose start was missed, if what came follows on what is committed here."""
        missed = message.view > self.view or (message.view == self.view and self.status is Status.VIEW_CHANGE)
        if not missed:
            return super().on_new_state(now, source, message)
        if message.start > self.committed:
            return ()
        log = (*self.log[: message.start], *message.entries)
        return [*self._enter(now, message.view, log), *self._joined(message.committed)]

    def _enter(self, now: float, view: int, log: Sequence[Packet]) -> list[Effect]:
        """Is normal in `view` from now on, with `log`."""
        self.status, self.view, self.normal_view, self.heard = Status.NORMAL, view, view, now
        self.log = list(log)
        self.last = next((entry.stamp for entry in reversed(self.log) if entry.stamp != UNSTAMPED), UNSTAMPED)
        self.prepared, self.executed, self.early, self.wanted_by, self.votes = {}, {}, {}, set(), {}
        self.fetching = False
        return self._set_view_timers()

    def _set_view_timers(self) -> list[Effect]:
        if self.leads:
            return [CancelTimer(LEADER), SetTimer(RESEND, self.timers.resend)]
        return [CancelTimer(RESEND), CancelTimer(FETCH), SetTimer(LEADER, self.timers.leader)]

    def _before_last_write(self) -> int:
        """Where a new leader's completions begin: that of the last write makes all before it dead at the switch."""
        stamped = (number for number in range(self.committed, 0, -1) if self.log[number - 1].stamp != UNSTAMPED)
        return next(stamped, 1) - 1

    def _ask_for_recovery(self) -> list[Effect]:
        recovery = Recovery(self.crashes)
        return [*(Send(other, recovery) for other in self.others), SetTimer(RECOVER, self.timers.recover)]

    def on_recovery(self, now: float, source: Address, message: Recovery) -> Sequence[Effect]:
        """Tells a replica without memory the view, and the leader tells the log."""
        if self.status is not Status.NORMAL:
            return ()
        log = tuple(self.log) if self.leads else None
        return [Send(source, RecoveryResponse(self.view, message.nonce, log, self.committed))]

    def on_recovery_response(self, now: float, source: Address, message: RecoveryResponse) -> Sequence[Effect]:
        """Takes the log of the latest view's leader when a majority has answered."""
        if self.status is not Status.RECOVERING or message.nonce != self.crashes or message.view < self.view:
            return ()
        self.responses[source] = message
        view = max(response.view for response in self.responses.values())
        answer = self.responses.get(self.replicas[view % len(self.replicas)])
        if len(self.responses) < self.majority or answer is None or answer.view != view or answer.log is None:
            return ()
        self.responses = {}
        return [CancelTimer(RECOVER), *self._enter(now, view, answer.log), *self._joined(answer.committed)]
