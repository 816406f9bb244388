"""Packets and the nodes' messages as datagrams: the switch program's header, then key and value.

Clients are numbers in the header: their places in the list of all addresses. Messages that are no packets begin with
op 0, and switches forward them like anything else.

>>> codec = Datagrams(["switch", "client"])
>>> packet = Packet(Op.WRITE, 7, "client", 1, key="x", value=("client", 1))
>>> codec.decode(codec.encode(packet)) == packet, len(codec.encode(packet)) - HEADER_BYTES
(True, 12)
"""

import struct
from collections.abc import Sequence

from emulation.messages import Messages
from scenarios.harmonia import controller, craq, primary_backup, read_ahead, replica, switch
from scenarios.harmonia.nopaxos import messages as nopaxos
from scenarios.harmonia.packet import Op, Packet, Stamp
from scenarios.harmonia.viewstamped import messages as viewstamped
from scenarios.harmonia.wire import HEADER_BYTES
from sim.protocol import Address

#: The group that our switches serve.
GROUP = 1
_HEADER = struct.Struct(">BBHIHHIIII")
_MESSAGE = b"\x00"


def _message_classes() -> list[type]:
    """What nodes say to each other: the named tuples of these modules, in an order that all processes agree on."""
    modules = (controller, craq, primary_backup, read_ahead, replica, switch, nopaxos, viewstamped)
    found = {
        (module.__name__, name): made
        for module in modules
        for name, made in vars(module).items()
        if isinstance(made, type) and issubclass(made, tuple) and made.__module__ == module.__name__
    }
    return [found[name] for name in sorted(found)]


class Datagrams:
    """A codec for the nodes at these addresses, which all must list alike."""

    def __init__(self, addresses: Sequence[Address]) -> None:
        self._addresses = tuple(addresses)
        self.numbers = {address: number for number, address in enumerate(addresses)}
        self._messages = Messages([Op, Stamp, Packet, *_message_classes()])

    def encode(self, message: object) -> bytes:
        """A packet or another message as bytes."""
        if message.__class__ is not Packet:
            return _MESSAGE + self._messages.encode(message)
        op, object_id, client, request, stamp, committed, single, key, value = message
        head = _HEADER.pack(
            op, single, GROUP, object_id, stamp[0], committed[0], stamp[1], committed[1],
            self.numbers[client], request,
        )  # fmt: skip
        return head + self._messages.encode((key, value))

    def decode(self, data: bytes) -> object:
        """The message. Raises `ValueError` for bytes that are none."""
        if data[:1] == _MESSAGE:
            return self._messages.decode(data[1:])
        try:
            op, flags, _, object_id, switch_id, committed_switch, sequence, committed, client, request = (
                _HEADER.unpack_from(data)
            )
            key, value = self._messages.decode(data[HEADER_BYTES:])
            return Packet(
                _OPS[op], object_id, self._addresses[client], request, Stamp(switch_id, sequence),
                Stamp(committed_switch, committed), flags & 1 == 1, key, value,
            )  # fmt: skip
        except (struct.error, KeyError, IndexError, TypeError) as error:
            raise ValueError(f"no packet: {error}") from None


_OPS = {int(op): op for op in Op}
