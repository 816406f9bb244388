"""Harmonia's packets and the nodes' messages as bytes: the switch program's 32-byte header, then key and value.

Clients are numbers in the header: their places in the list of all addresses. Messages that are no packets begin with
op 0, and switches forward them like anything else.

>>> wire = Wire(["switch", "client"])
>>> packet = Packet(Op.WRITE, 7, "client", 1, key="x", value=("client", 1))
>>> wire.decode(wire.encode(packet)) == packet, len(wire.encode(packet)) - HEADER.size
(True, 13)
"""

import struct
from collections.abc import Sequence

import msgpack

from emulation.messages import Messages
from scenarios.harmonia.packet import Op, Packet, Stamp
from sim.protocol import Address

#: op, flags, group, object_id, switch_id, committed_switch, sequence, committed, client, request
HEADER = struct.Struct(">BBHIHHIIII")
#: The group that our switches serve.
GROUP = 1
SINGLE = 1
_MESSAGE = b"\x00"


class Wire:
    """A codec for the nodes at these addresses, which all must list alike; `classes` are those of other messages."""

    def __init__(self, addresses: Sequence[Address], classes: Sequence[type] = ()) -> None:
        self._addresses = tuple(addresses)
        self._numbers = {address: number for number, address in enumerate(addresses)}
        self._messages = Messages([Op, Stamp, Packet, *classes])

    def number(self, client: Address) -> int:
        """A client's number in the header."""
        return self._numbers[client]

    def encode(self, message: object) -> bytes:
        """A packet or another message as bytes."""
        if message.__class__ is not Packet:
            return _MESSAGE + self._messages.encode(message)
        op, object_id, client, request, stamp, committed, single, key, value = message  # type: ignore[misc]
        head = HEADER.pack(
            op, SINGLE if single else 0, GROUP, object_id, stamp[0], committed[0], stamp[1], committed[1],
            self._numbers[client], request,
        )  # fmt: skip
        return head + msgpack.packb((key, value))  # type: ignore[no-any-return]

    def decode(self, data: bytes) -> object:
        """The message. Raises `ValueError` for bytes that are none."""
        if data[:1] == _MESSAGE:
            return self._messages.decode(data[1:])
        try:
            op, flags, group, object_id, switch, committed_switch, sequence, committed, client, request = (
                HEADER.unpack_from(data)
            )
            key, value = msgpack.unpackb(data[HEADER.size :], use_list=False, strict_map_key=False)
            return Packet(
                Op(op), object_id, self._addresses[client], request, Stamp(switch, sequence),
                Stamp(committed_switch, committed), bool(flags & SINGLE), key, value,
            )  # fmt: skip
        except (struct.error, msgpack.UnpackException, IndexError, TypeError) as error:
            raise ValueError(f"no packet: {error}") from None
