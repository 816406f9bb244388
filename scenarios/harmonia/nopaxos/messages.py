"""What replicas of NOPaxos say to each other, and to clients."""

from collections.abc import Hashable
from typing import NamedTuple

from scenarios.harmonia.packet import Packet
from sim.protocol import Address

#: An entry of the log: a stamped request, or None where all agreed that there is none (a NO-OP).
Entry = Packet | None


class View(NamedTuple):
    """Replica `leader` modulo their number leads, and the switch called `session` orders."""

    leader: int
    session: int


class Vote(NamedTuple):
    """What a reply packet carries: `replica` has the request in `slot` in `view`; the leader adds the result."""

    replica: Address
    view: View
    slot: int
    result: Hashable


class GapRequest(NamedTuple):
    """The sender lacks the slots from `first` to `last`."""

    view: View
    first: int
    last: int


class GapReply(NamedTuple):
    """The leader's log from slot `first` on, as far as it was asked for and the leader has it."""

    view: View
    first: int
    entries: tuple[Entry, ...]


class GapCommit(NamedTuple):
    """The slots from `first` to `last` are NO-OPs."""

    view: View
    first: int
    last: int


class GapCommitReply(NamedTuple):
    """The sender made the slots up to `last` NO-OPs."""

    view: View
    last: int


class SyncPrepare(NamedTuple):
    """Up to `point` the log shall be the leader's; `no_ops` are the NO-OPs among the slots after `start`."""

    view: View
    start: int
    point: int
    no_ops: tuple[int, ...]


class SyncReply(NamedTuple):
    """Up to `point` the sender's log is the leader's."""

    view: View
    point: int


class SyncCommit(NamedTuple):
    """A majority holds the leader's log up to `point`; also a sign of life when nothing is new."""

    view: View
    point: int


class SyncExecuted(NamedTuple):
    """The sender has executed everything up to `point`."""

    view: View
    point: int


class ViewChangeRequest(NamedTuple):
    """The sender wants `view` and takes part in no earlier one."""

    view: View


class ViewChange(NamedTuple):
    """The sender's log for the leader of `view`; the session of `normal_view` began after slot `base`."""

    view: View
    normal_view: View
    base: int
    log: tuple[Entry, ...]


class StartView(NamedTuple):
    """`view` begins with `log`; its session's first message has the slot after `base`."""

    view: View
    base: int
    log: tuple[Entry, ...]


class GetView(NamedTuple):
    """The sender missed the start of the view in which it heard from this leader."""
