"""A switch in user space: a process with a raw socket on every port, which runs a packet function on each frame.

The function is made by what the experiment names, called with the ports; it takes a frame (bytes) and the host it comes
from, and returns what leaves: pairs of host and frame. A line with faults may stand in front of what leaves.
"""

import heapq
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import orjson

from emulation.host import Clock
from emulation.line import Faults, Line
from emulation.named import Made
from emulation.topology import Port
from sim.rng import Stream, Streams

PacketFunction = Callable[[bytes, str], Sequence[tuple[str, bytes]]]
_ALL, _OUTGOING, _SO_RCVBUFFORCE = 3, 4, 33
_FRAME = 2048


def forwarding(ports: Sequence[Port]) -> PacketFunction:
    """Plain forwarding by IPv4 address.

    >>> forward = forwarding([Port("s-eth0", 2, "a", "10.0.0.1", "02:00:00:00:00:01")])
    >>> frame = bytes(12) + bytes([8, 0]) + bytes(16) + bytes([10, 0, 0, 1])
    >>> forward(frame, "b") == [("a", frame)], forward(frame[:20], "b")
    (True, [])
    """
    hosts = {bytes(map(int, port.ip.split("."))): port.host for port in ports}

    def forward(frame: bytes, source: str) -> Sequence[tuple[str, bytes]]:
        host = hosts.get(frame[30:34]) if frame[12:14] == b"\x08\x00" else None
        return [(host, frame)] if host is not None else []

    return forward


class SoftSwitch:
    """Raw sockets on all ports, a packet function between them, and a line that packets leave through."""

    def __init__(self, ports: Sequence[Port], function: PacketFunction, faults: Faults, stream: Stream) -> None:
        self._function, self._stream = function, stream
        self._line = Line(faults, stream)
        self._clock = Clock()
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._count = 0
        self._sockets = {port.host: _raw(port.interface) for port in ports}
        self._hosts = {opened.fileno(): (host, opened) for host, opened in self._sockets.items()}
        self._poll = select.epoll()
        for descriptor in (*self._hosts, self._clock.descriptor, 0):
            self._poll.register(descriptor, select.EPOLLIN)

    def run(self) -> None:
        """Until standard input ends."""
        hosts, poll, buffer = self._hosts, self._poll, bytearray(_FRAME)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor in hosts:
                    host, opened = hosts[descriptor]
                    self._receive(host, opened, buffer)
                elif descriptor == 0:
                    if not self._obey(os.read(0, 65536)):
                        return
                else:
                    os.read(descriptor, 8)
            if self._waiting:
                self._release()

    def _receive(self, host: str, opened: socket.socket, buffer: bytearray) -> None:
        for _ in range(32):  # then the others
            try:
                size, address = opened.recvfrom_into(buffer)
            except OSError:
                return
            if address[2] == _OUTGOING:
                continue
            for to, frame in self._function(bytes(buffer[:size]), host):
                self._leave(to, frame)

    def _leave(self, to: str, frame: bytes) -> None:
        now = time.monotonic()
        for departure in self._line.departures(now):
            if departure <= now:
                _transmit(self._sockets[to], frame)
            else:
                self._count += 1
                heapq.heappush(self._waiting, (departure, self._count, to, frame))

    def _release(self) -> None:
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, _, to, frame = heapq.heappop(self._waiting)
            _transmit(self._sockets[to], frame)
        if self._waiting:
            self._clock.ring_at(self._waiting[0][0])

    def _obey(self, data: bytes) -> bool:
        for line in data.splitlines():
            self._line = Line(Faults(**orjson.loads(line)), self._stream)
        return bool(data)


def _raw(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # hears nothing until it is bound
    opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)
    opened.bind((interface, _ALL))
    opened.setblocking(False)
    opened.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING: what we send is not for us
    return opened


def _transmit(opened: socket.socket, frame: bytes) -> None:
    with suppress(OSError):  # the link is down or full
        opened.send(frame)


def main(specification: Path) -> None:
    """The process."""
    given = orjson.loads(specification.read_bytes())
    ports = [Port(**port) for port in given["ports"]]
    stream = Streams(*given["streams"])("line", "soft switch")
    switch = SoftSwitch(ports, Made(*given["function"])(ports), Faults(**given["faults"]), stream)
    print("ready", flush=True)
    switch.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
