"""Gap agreement: a message that the leader has is handed on; one that it lacks becomes a NO-OP on a majority."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar

from scenarios.harmonia.nopaxos.messages import Entry, GapCommit, GapCommitReply, GapReply, GapRequest, View
from scenarios.harmonia.nopaxos.normal import GAP, NOPaxosTimers, Ordered, Status
from sim.protocol import Address, Effect, Send, SetTimer


class GapAgreement(Ordered):
    """A replica that closes gaps. `gap_replies`: who made the leader's gap a NO-OP."""

    STATE: ClassVar[tuple[str, ...]] = (*Ordered.STATE, "gap_replies")

    HANDLERS: ClassVar[Mapping[type, str]] = {
        **Ordered.HANDLERS,
        GapRequest: "on_gap_request",
        GapReply: "on_gap_reply",
        GapCommit: "on_gap_commit",
        GapCommitReply: "on_gap_commit_reply",
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
        self.gap_replies: set[Address] = set()

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Something was missing: is it still?"""
        assert timer == GAP
        return self._close_gap() if self.status is Status.NORMAL else ()

    def in_view(self, view: View) -> bool:
        """Whether a message of this view is for this replica now."""
        return view == self.view and self.status is Status.NORMAL

    def _close_gap(self) -> list[Effect]:
        if self.gap:
            return self._commit_gap(self.gap)
        last = self.missing()
        if last <= len(self.log):
            return []
        if self.leads:
            return self._commit_gap(last)
        return [self._ask(len(self.log) + 1, last), SetTimer(GAP, self.timers.gap)]

    def _ask(self, first: int, last: int) -> Send:
        return Send(self.leader, GapRequest(self.view, first, last))

    def on_gap_request(self, now: float, source: Address, message: GapRequest) -> Sequence[Effect]:
        """The leader hands on what it has; what was sent to a follower and not to it, it gives up."""
        if not self.in_view(message.view) or not self.leads:
            return ()
        if message.first <= len(self.log):
            entries = tuple(self.log[message.first - 1 : message.last])
            return [Send(source, GapReply(self.view, message.first, entries))]
        return () if self.gap else self._commit_gap(max(self.missing(), message.last))

    def on_gap_reply(self, now: float, source: Address, message: GapReply) -> Sequence[Effect]:
        """Takes what was missing."""
        if not self.in_view(message.view) or message.first > len(self.log) + 1:
            return ()
        effects = self._overwrite(message.first, message.entries)
        return effects + self.drain()

    def _overwrite(self, first: int, entries: Sequence[Entry]) -> list[Effect]:
        """The leader's entries from slot `first` on: NO-OPs replace what is here, the rest is the same or new."""
        effects: list[Effect] = []
        for slot, entry in enumerate(entries, first):
            if slot > len(self.log):
                effects += self.append(entry)
            elif entry is None:
                self.log[slot - 1] = None
        return effects

    # NO-OPs

    def _commit_gap(self, last: int) -> list[Effect]:
        """The leader's: the slots up to `last` shall be NO-OPs; again, if that is under way."""
        if not self.gap:
            here = self.missing()
            self.gap = min(last, here) if here > len(self.log) else last
            self.gap_replies = set()
        commit = GapCommit(self.view, len(self.log) + 1, self.gap)
        sends: list[Effect] = [Send(other, commit) for other in self.others if other not in self.gap_replies]
        return [*sends, SetTimer(GAP, self.timers.gap)] if self.majority > 1 else self._fill_gap()

    def on_gap_commit(self, now: float, source: Address, message: GapCommit) -> Sequence[Effect]:
        """Makes the slots NO-OPs, whatever they hold."""
        if not self.in_view(message.view):
            return ()
        if message.first > len(self.log) + 1:
            return [self._ask(len(self.log) + 1, message.first - 1)]
        effects = self._overwrite(message.first, [None] * (message.last - message.first + 1))
        return [Send(source, GapCommitReply(self.view, message.last)), *effects, *self.drain()]

    def on_gap_commit_reply(self, now: float, source: Address, message: GapCommitReply) -> Sequence[Effect]:
        """The leader goes on when a majority has the NO-OPs."""
        if not self.in_view(message.view) or not self.gap or message.last != self.gap:
            return ()
        self.gap_replies.add(source)
        return self._fill_gap() if len(self.gap_replies) >= self.majority - 1 else ()

    def _fill_gap(self) -> list[Effect]:
        effects = self._overwrite(len(self.log) + 1, [None] * (self.gap - len(self.log)))
        self.gap = 0
        effects += self.drain()
        return [*effects, SetTimer(GAP, self.timers.gap)] if self.early else effects
