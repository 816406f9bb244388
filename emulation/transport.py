"""How a node's messages travel: a datagram each, and a connection of its own for one that fits no datagram.

A node has one UDP socket and listens for connections on the same port. A long message (a log, a snapshot) is sent over
a connection that is made for it and closed after it: the sender's name, then the message. A connection that gets
nowhere is given up; like a lost datagram, protocols bear that.
"""

import select
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress

from sim.protocol import Address

#: What is told of a message: sender and bytes.
Deliver = Callable[[Address, bytes], None]
#: What is done when a file descriptor is ready: given the events.
Act = Callable[[int], None]
Endpoint = tuple[str, int]

#: The largest message that is a datagram: it fits one frame.
LARGEST = 1400
_SO_NO_CHECK, _SO_RCVBUFFORCE = 11, 33
_GIVE_UP_MILLISECONDS = 5000
_NAME = struct.Struct(">H")
_CHUNK = 1 << 16


class Poll:
    """What is to be done when a file descriptor is ready."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._acts: dict[int, Act] = {}

    def watch(self, descriptor: int, act: Act, events: int = select.EPOLLIN) -> None:
        """From now on `act` is called."""
        self._acts[descriptor] = act
        self._poll.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Not any more."""
        del self._acts[descriptor]
        self._poll.unregister(descriptor)

    def wait(self, seconds: float | None) -> None:
        """Does what is to be done now, or as soon as there is something; for `seconds` at most if not None."""
        for descriptor, events in self._poll.poll(seconds):
            act = self._acts.get(descriptor)
            if act is not None:  # one before it may have closed it
                act(events)


class Transport:
    """The sockets of the node called `address`. `deliver(sender, bytes)` is called for each message that comes."""

    def __init__(self, address: Address, directory: Mapping[Address, Endpoint], poll: Poll, deliver: Deliver) -> None:
        self._address, self._poll, self._deliver = address, poll, deliver
        self._senders = {endpoint: name for name, endpoint in directory.items()}
        here = directory[address]
        self._datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._datagrams.setsockopt(socket.SOL_SOCKET, _SO_NO_CHECK, 1)
        self._datagrams.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)
        self._datagrams.bind(here)
        self._datagrams.setblocking(False)
        self._listening = socket.create_server(here, reuse_port=False)
        self._listening.setblocking(False)
        poll.watch(self._datagrams.fileno(), self._receive)
        poll.watch(self._listening.fileno(), self._accept)

    def send(self, data: bytes, to: Endpoint) -> None:
        """Sends; whether it comes is the network's affair."""
        if len(data) > LARGEST:
            _Sending(data, self._address, to, self._poll)
            return
        with suppress(OSError):  # the network is down or full: a lost packet
            self._datagrams.sendto(data, to)

    def close(self) -> None:
        """Closes both sockets; a long message that is on its way goes on by itself."""
        for opened in (self._datagrams, self._listening):
            self._poll.forget(opened.fileno())
            opened.close()

    def _receive(self, events: int) -> None:
        try:
            data, sender = self._datagrams.recvfrom(_CHUNK)
        except OSError:  # someone we sent to is not there (ICMP), or nothing after all
            return
        self._deliver(self._senders.get(sender, f"{sender[0]}:{sender[1]}"), data)

    def _accept(self, events: int) -> None:
        with suppress(OSError):
            opened, _ = self._listening.accept()
            _Receiving(opened, self._poll, self._deliver)


class _Connection(ABC):
    """A connection that is watched until it is over."""

    def __init__(self, opened: socket.socket, poll: Poll, events: int) -> None:
        self._socket, self._poll = opened, poll
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GIVE_UP_MILLISECONDS)
        poll.watch(opened.fileno(), self._go_on, events)

    @abstractmethod
    def _go_on(self, events: int) -> None: ...

    def _over(self) -> None:
        self._poll.forget(self._socket.fileno())
        self._socket.close()


class _Sending(_Connection):
    def __init__(self, data: bytes, sender: Address, to: Endpoint, poll: Poll) -> None:
        name = sender.encode()
        self._left = memoryview(_NAME.pack(len(name)) + name + data)
        super().__init__(socket.socket(socket.AF_INET, socket.SOCK_STREAM), poll, select.EPOLLOUT)
        self._socket.connect_ex(to)

    def _go_on(self, events: int) -> None:
        try:
            if events & (select.EPOLLERR | select.EPOLLHUP):
                raise OSError("nobody there")
            self._left = self._left[self._socket.send(self._left) :]
        except BlockingIOError:
            return
        except OSError:
            self._over()
            return
        if not self._left:
            self._over()


class _Receiving(_Connection):
    def __init__(self, opened: socket.socket, poll: Poll, deliver: Deliver) -> None:
        self._data, self._deliver = bytearray(), deliver
        super().__init__(opened, poll, select.EPOLLIN)

    def _go_on(self, events: int) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:  # cut off: not a message
            self._over()
            return
        if chunk:
            self._data += chunk
            return
        self._over()
        if len(self._data) > _NAME.size:
            start = _NAME.size + _NAME.unpack_from(self._data)[0]
            self._deliver(self._data[_NAME.size : start].decode(errors="replace"), bytes(self._data[start:]))
