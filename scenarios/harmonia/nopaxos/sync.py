"""Synchronisation: how far a majority's log is the leader's, and everybody may execute."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from scenarios.harmonia.nopaxos.gap import GapAgreement
from scenarios.harmonia.nopaxos.messages import (
    Entry,
    GetView,
    SyncCommit,
    SyncExecuted,
    SyncPrepare,
    SyncReply,
    View,
)
from scenarios.harmonia.nopaxos.normal import GAP, SYNC, NOPaxosTimers
from scenarios.harmonia.packet import Op
from sim.protocol import Address, Effect, Send, SetTimer


class Synchronisation(GapAgreement):
    """A replica that synchronises.

    Up to slot `agreed` a follower's log is known to be the leader's; `asked` is what it was asked for and cannot say
    yet. The leader asks for `proposed` and counts who said yes (`agreeing`) and who executed how far (`executed`);
    completions were sent up to `completed`.
    """

    STATE: ClassVar[tuple[str, ...]] = (
        *GapAgreement.STATE,
        *("agreed", "asked", "proposed", "agreeing", "executed", "completed"),
    )

    HANDLERS: ClassVar[Mapping[type, str]] = {
        **GapAgreement.HANDLERS,
        SyncPrepare: "on_sync_prepare",
        SyncReply: "on_sync_reply",
        SyncCommit: "on_sync_commit",
        SyncExecuted: "on_sync_executed",
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
        self.agreed = 0
        self.asked: SyncPrepare | None = None
        self.proposed = 0
        self.agreeing: set[Address] = set()
        self.executed: dict[Address, int] = {}
        self.completed = 0
        # When the leader was last heard of, or a view change began. No state: where time stands still it is always now.
        self.heard = 0.0

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """The leader synchronises."""
        if timer != SYNC:
            return super().on_timer(now, timer)
        return [*self._synchronise(), SetTimer(SYNC, self.timers.sync)] if self.leads else ()

    def _synchronise(self) -> list[Effect]:
        """Asks for the log as it is now, or again for what is not settled; if nothing is new, says what is."""
        if self.proposed <= self.synced:
            self.proposed, self.agreeing = len(self.log), set()
        if self.proposed == self.synced:
            return self._announce()
        if self.majority == 1:
            return self._settle()
        no_ops = tuple(slot for slot in range(self.synced + 1, self.proposed + 1) if self.log[slot - 1] is None)
        prepare = SyncPrepare(self.view, self.synced, self.proposed, no_ops)
        return [Send(other, prepare) for other in self.others]

    def _announce(self) -> list[Effect]:
        commit = SyncCommit(self.view, self.synced)
        return [Send(other, commit) for other in self.others]

    def _hears(self, now: float, source: Address, view: View) -> list[Effect] | None:
        """None if a leader's message is for this follower, in this view; otherwise what is to be done instead."""
        if self.in_view(view):
            self.heard = now
            return None
        # In a later view, or in this one without its log; component by component, as neither number goes back.
        later = view.leader >= self.view.leader and view.session >= self.view.session
        return [Send(source, GetView())] if later else []

    def on_sync_prepare(self, now: float, source: Address, message: SyncPrepare) -> Sequence[Effect]:
        """Makes the log the leader's as far as asked, as soon as all of it is here."""
        otherwise = self._hears(now, source, message.view)
        if otherwise is not None:
            return otherwise
        if message.start > self.agreed:
            return [self._ask(self.agreed + 1, message.point)]
        waiting = self.asked is not None or bool(self.early)
        self.asked = message
        return self._agree() or ([] if waiting else [SetTimer(GAP, self.timers.gap)])

    def _agree(self) -> list[Effect]:
        """Says yes to what was asked, if all of it is here."""
        asked = self.asked
        if asked is None or asked.point > len(self.log):
            return []
        for slot in asked.no_ops:
            self.log[slot - 1] = None
        self.asked, self.agreed = None, max(self.agreed, asked.point)
        return [Send(self.leader, SyncReply(self.view, asked.point))]

    def append(self, entry: Entry) -> list[Effect]:
        """What was asked for may be here now."""
        effects = super().append(entry)
        return effects if self.asked is None else effects + self._agree()

    def missing(self) -> int:
        """What the leader asked for may be missing, too."""
        return max(super().missing(), self.asked.point if self.asked is not None else 0)

    def _overwrite(self, first: int, entries: Sequence[Entry]) -> list[Effect]:
        effects = super()._overwrite(first, entries)
        if first <= self.agreed + 1:
            self.agreed = max(self.agreed, first - 1 + len(entries))
        return effects

    def on_sync_reply(self, now: float, source: Address, message: SyncReply) -> Sequence[Effect]:
        """The leader executes what a majority has, and lets the others."""
        if not self.in_view(message.view) or not self.leads:
            return ()
        if message.point != self.proposed or self.proposed <= self.synced:
            return ()
        self.agreeing.add(source)
        return self._settle() if len(self.agreeing) >= self.majority - 1 else ()

    def _settle(self) -> list[Effect]:
        self.execute(self.proposed)
        return self._announce() or self._complete_upto(self.synced)

    def on_sync_commit(self, now: float, source: Address, message: SyncCommit) -> Sequence[Effect]:
        """Executes, if the log is known to be the leader's that far."""
        otherwise = self._hears(now, source, message.view)
        if otherwise is not None:
            return otherwise
        if message.point > self.agreed:
            return [self._ask(self.agreed + 1, message.point)]
        self.execute(message.point)
        return [Send(source, SyncExecuted(self.view, message.point))]

    def on_sync_executed(self, now: float, source: Address, message: SyncExecuted) -> Sequence[Effect]:
        """The leader sends the completions of what a majority has executed."""
        if not self.in_view(message.view) or not self.leads or message.point <= self.executed.get(source, 0):
            return ()
        self.executed[source] = message.point
        reached = sorted((self.executed.get(other, 0) for other in self.others), reverse=True)
        return self._complete_upto(reached[self.majority - 2])

    def _complete_upto(self, point: int) -> list[Effect]:
        effects: list[Effect] = [
            Send(self.switch, entry._replace(op=Op.WRITE_COMPLETION, value=None))
            for entry in self.log[self.completed : point]
            if entry is not None and entry.op is Op.WRITE
        ]
        self.completed = max(self.completed, point)
        return effects
