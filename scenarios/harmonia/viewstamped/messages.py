"""What replicas of Viewstamped Replication say to each other."""

from typing import NamedTuple

from scenarios.harmonia.packet import Packet


class Prepare(NamedTuple):
    """Entry `number` (from 1) of the log of `view`; everything up to `committed` is committed."""

    view: int
    number: int
    entry: Packet
    committed: int


class PrepareOk(NamedTuple):
    """The sender holds the log of `view` up to `number`."""

    view: int
    number: int


class Commit(NamedTuple):
    """Everything up to `committed` is committed; also a sign of life when nothing is."""

    view: int
    committed: int


class CommitAck(NamedTuple):
    """The sender has executed everything up to `executed`."""

    view: int
    executed: int


class StartViewChange(NamedTuple):
    """The sender wants `view` and takes part in no earlier one."""

    view: int


class DoViewChange(NamedTuple):
    """The sender's vote for `view`: its log, and the last view in which it was normal."""

    view: int
    log: tuple[Packet, ...]
    normal_view: int
    committed: int


class StartView(NamedTuple):
    """`view` begins with `log`."""

    view: int
    log: tuple[Packet, ...]
    committed: int


class GetState(NamedTuple):
    """The sender lacks the log after `start`."""

    start: int


class NewState(NamedTuple):
    """The log of `view` after `start`."""

    view: int
    start: int
    entries: tuple[Packet, ...]
    committed: int


class Recovery(NamedTuple):
    """The sender lost its memory."""

    nonce: int


class RecoveryResponse(NamedTuple):
    """`view` is the sender's; it adds its log if it leads it."""

    view: int
    nonce: int
    log: tuple[Packet, ...] | None
    committed: int
