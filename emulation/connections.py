"""How a node's messages travel where none may be lost or overtaken: a TCP connection to each of the others, for good.

Each connection carries one direction: the sender's name, then messages, each with its length before it. When a
connection ends, its receiver is handed empty bytes, once; a length above LARGEST is handed over as a sentence after
"!" and ends the connection. Names are believed: who may connect is the network's affair.
"""

import select
import socket
import struct
from collections.abc import Mapping
from contextlib import suppress

from emulation.transport import Deliver, Endpoint, Poll
from sim.protocol import Address

#: Bytes of a message, at most.
LARGEST = 1 << 28
_LENGTH = struct.Struct(">I")
_CHUNK = 1 << 18
_GIVE_UP_SECONDS = 5.0


class Connections:
    """The connections of the node called `address`. `deliver(sender, bytes)` is called for each message that comes."""

    def __init__(self, address: Address, directory: Mapping[Address, Endpoint], poll: Poll, deliver: Deliver) -> None:
        self._address, self._poll, self._deliver = address, poll, deliver
        self._outgoing: dict[Endpoint, _Outgoing] = {}
        self._listening = socket.create_server(tuple(directory[address]), reuse_port=False)
        self._listening.setblocking(False)
        poll.watch(self._listening.fileno(), self._accept)

    def send(self, data: bytes, to: Endpoint) -> None:
        """Sends, after everything that was sent to the same node before."""
        if to not in self._outgoing:
            self._outgoing[to] = _Outgoing(to, self._poll)
            self._outgoing[to].send(self._address.encode())
        self._outgoing[to].send(data)

    def close(self) -> None:
        """Sends what is still to be sent, for some seconds at most."""
        for one in self._outgoing.values():
            one.close()
        self._poll.forget(self._listening.fileno())
        self._listening.close()

    def _accept(self, events: int) -> None:
        with suppress(OSError):
            opened, _ = self._listening.accept()
            _Incoming(opened, self._poll, self._deliver)


class _Outgoing:
    """One direction to one node; what cannot be sent at once waits."""

    def __init__(self, to: Endpoint, poll: Poll) -> None:
        self._poll, self._waiting, self._watched = poll, bytearray(), False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(_GIVE_UP_SECONDS)
        self._open = self._socket.connect_ex(to) == 0
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)

    def send(self, data: bytes) -> None:
        """A message with its length."""
        self._waiting += _LENGTH.pack(len(data)) + data
        self._go_on(0)

    def close(self) -> None:
        """Sends what waits, and ends the connection."""
        if self._open:
            self._watch(False)
            with suppress(OSError):
                self._socket.settimeout(_GIVE_UP_SECONDS)
                self._socket.sendall(self._waiting)
            self._over()

    def _go_on(self, events: int) -> None:
        if not self._open:
            return
        try:
            while self._waiting:
                sent = self._socket.send(self._waiting)
                del self._waiting[:sent]
        except BlockingIOError:
            self._watch(True)
            return
        except OSError:  # nobody there any more; the node will hear nothing from them either
            self._over()
            return
        self._watch(False)

    def _watch(self, wanted: bool) -> None:
        if wanted and not self._watched:
            self._poll.watch(self._socket.fileno(), self._go_on, select.EPOLLOUT)
        elif self._watched and not wanted:
            self._poll.forget(self._socket.fileno())
        self._watched = wanted

    def _over(self) -> None:
        self._watch(False)
        self._open = False
        self._socket.close()


class _Incoming:
    """One direction from one node."""

    def __init__(self, opened: socket.socket, poll: Poll, deliver: Deliver) -> None:
        self._socket, self._poll, self._deliver = opened, poll, deliver
        self._data, self._sender = bytearray(), ""
        opened.setblocking(False)
        poll.watch(opened.fileno(), self._go_on)

    def _go_on(self, events: int) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self._data += chunk
        end = b"" if self._take() else self._too_long()
        if not chunk or end:
            self._over()
            self._deliver(self._sender, end)

    def _take(self) -> bool:
        """Delivers all messages that are whole; False if one is too long."""
        at = 0
        while len(self._data) - at >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._data, at)
            if size > LARGEST:
                return False
            end = at + _LENGTH.size + size
            if len(self._data) < end:
                break
            message = bytes(self._data[at + _LENGTH.size : end])
            at = end
            if self._sender:
                self._deliver(self._sender, message)
            else:
                self._sender = message.decode(errors="replace")
        del self._data[:at]
        return True

    def _too_long(self) -> bytes:
        return f"!a message that says it is longer than {LARGEST} bytes".encode()

    def _over(self) -> None:
        self._poll.forget(self._socket.fileno())
        self._socket.close()
