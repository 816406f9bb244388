"""What travels between clients, the switch and replicas: one header for requests, replies and completions.

A write is named by its `Stamp`, the switch that ordered it and that switch's sequence number; stamps are ordered
lexicographically. A packet whose stamp is `UNSTAMPED` passed no ordering switch.
"""

from collections.abc import Hashable
from enum import IntEnum
from typing import NamedTuple

from sim.protocol import Address


class Op(IntEnum):
    """What a packet is."""

    READ = 1
    WRITE = 2
    WRITE_COMPLETION = 3
    READ_REPLY = 4
    WRITE_REPLY = 5


class Stamp(NamedTuple):
    """A write's place in the order of writes."""

    switch: int
    sequence: int


UNSTAMPED = Stamp(0, 0)


class Packet(NamedTuple):
    """A Harmonia header and its payload.

    `object_id` is the 32-bit hash of `key`. `single` says that any one replica may answer this read if it passes the
    check against `committed`, the switch's last committed point. `client` and `request` name the request: a
    retry bears the same pair. A `WRITE_REPLY` with a stamp is that write's completion as well.
    """

    op: Op
    object_id: int
    client: Address
    request: int
    stamp: Stamp = UNSTAMPED
    committed: Stamp = UNSTAMPED
    single: bool = False
    key: Hashable = None
    value: Hashable = None
