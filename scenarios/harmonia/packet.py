"""What travels between clients, the switch and replicas: one header for requests, replies and completions.

A write is named by its `Stamp`, the switch that ordered it and that switch's sequence number; stamps are ordered
lexicographically. A packet whose stamp is `UNSTAMPED` passed no ordering switch.
"""

from collections.abc import Hashable
from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

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

    def __str__(self) -> str:
        return f"{self.switch}.{self.sequence}"


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

    def __str__(self) -> str:
        said = [f"{self.op.name} {self.key}"]
        if self.op in (Op.WRITE, Op.READ_REPLY):
            said.append(f"= {self.value}")
        said.append(f"of {self.client}'s request {self.request}")
        if self.stamp != UNSTAMPED:
            said.append(f"stamped {self.stamp}")
        if self.single:
            said.append(f"(single, committed {self.committed})")
        return " ".join(said)


def object_id(key: Hashable) -> int:
    """The 32-bit hash by which switches know an object: the CRC of its name as Python writes it."""
    return crc32(repr(key).encode())
