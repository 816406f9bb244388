"""One process on an emulated host: carries out what sans-IO nodes want done, over sockets and the kernel's clock.

The counterpart of the simulated network's driver, with the same effects. Every node has sockets of its own. With a
`cost`, a message waits for a core of the node's server and is handled when its service ends, so that the rate of a
replica is what the experiment says and not what the machine can do.

The session that starts it talks to it in lines of JSON on its standard input: {"start": t, "until": t} in seconds of
CLOCK_MONOTONIC, {"faults": {...}}, {"stop": true}. It says "ready" when its sockets are open, and writes its notes
(time, address, event) and its counts when it ends.
"""

import ctypes
import heapq
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from emulation.connections import Connections
from emulation.line import Faults, Line
from emulation.messages import Codec
from emulation.named import Made, named
from emulation.transport import Endpoint, Poll, Transport
from sim.errors import UserError
from sim.protocol import Address, CancelTimer, Effect, Node, Note, Send, SetTimer
from sim.rng import Stream, Streams

_PR_SET_TIMERSLACK, _CLOCK_MONOTONIC, _TFD_ABSTIME = 29, 1, 1


@dataclass(slots=True)
class _Place:
    """A node, its transport, its server's cores (when each is free) and its timers (the number of their setting)."""

    node: Node
    transport: Transport | Connections | None
    cost: Callable[[Any], float] | None
    cores: list[float]
    timers: dict[Hashable, int] = field(default_factory=dict)
    busy: float = 0.0


class Clock:
    """A file descriptor that is readable from a moment on (CLOCK_MONOTONIC, to the microsecond)."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._library.prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
        self.descriptor = self._library.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        self._setting = (ctypes.c_int64 * 4)()
        self._when = 0.0

    def rang(self) -> None:
        """Not readable any more."""
        os.read(self.descriptor, 8)

    def ring_at(self, when: float) -> None:
        """Readable from `when` on."""
        if when != self._when:
            self._when = when
            nanoseconds = max(int(when * 1e9), 1)
            self._setting[2], self._setting[3] = divmod(nanoseconds, 10**9)
            self._library.timerfd_settime(self.descriptor, _TFD_ABSTIME, self._setting, None)


class Host:
    """Runs nodes until a moment, or until it is told to stop; with `quits`, also when no node waits for anything."""

    def __init__(
        self,
        directory: dict[Address, Endpoint],
        codec: Codec,
        stream: Stream,
        quits: bool = False,
        transport: "Callable[..., Transport | Connections]" = Transport,
    ) -> None:
        self._directory, self._codec, self._stream, self._transport = directory, codec, stream, transport
        self._line: Line | None = None
        self._places: list[_Place] = []
        self._agenda: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = self._ringing = 0
        self._quits = quits
        self._clock = Clock()
        self._poll = Poll()
        self._poll.watch(self._clock.descriptor, lambda events: self._clock.rang())
        self._running = True
        self._begun = 0
        self.notes: list[tuple[float, Address, Hashable]] = []
        self.sent = self.received = self.malformed = 0

    def place(self, node: Node, cost: Callable[[Any], float] | None = None, cores: int = 1) -> None:
        """Opens the node's sockets."""
        place = _Place(node, None, cost, [0.0] * cores)
        place.transport = self._transport(
            node.address, self._directory, self._poll, lambda source, data: self._receive(place, source, data)
        )
        self._places.append(place)

    def command(self, descriptor: int, act: Callable[[], None]) -> None:
        """Calls `act` when `descriptor` is readable."""
        self._poll.watch(descriptor, lambda events: act())

    def set_faults(self, faults: Faults) -> None:
        """What is sent from now on passes a line with these faults, drawn from the host's stream."""
        self._line = Line(faults, self._stream)

    def start(self, at: float, until: float) -> None:
        """All nodes start at `at`; everything ends at `until`."""
        for place in self._places:
            self._at(at, self._begin, place)
        self._at(until, self.stop)

    def stop(self) -> None:
        """Ends `run`."""
        self._running = False

    def run(self) -> None:
        """Until it is stopped."""
        agenda, poll, clock = self._agenda, self._poll, self._clock
        while self._running:
            if self._quits and not self._ringing and self._begun == len(self._places):
                return
            if agenda and agenda[0][0] <= time.monotonic():
                _, _, act, given = heapq.heappop(agenda)
                act(*given)
                poll.wait(0)
            else:
                if agenda:
                    clock.ring_at(agenda[0][0])
                poll.wait(None)

    def close(self) -> None:
        """Sends what waits to be sent, and closes all sockets."""
        for place in self._places:
            assert place.transport is not None
            place.transport.close()

    def counts(self) -> dict[str, Any]:
        """What was sent and received, and each server's busy seconds."""
        line = self._line
        return {
            "sent": self.sent,
            "received": self.received,
            "malformed": self.malformed,
            "busy": {place.node.address: place.busy for place in self._places},
            "cpu": time.process_time(),
            "lost": line.lost if line else 0,
            "duplicated": line.duplicated if line else 0,
            "reordered": line.reordered if line else 0,
        }

    def _at(self, when: float, act: Callable[..., None], *given: Any) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (when, self._count, act, given))

    def _begin(self, place: _Place) -> None:
        self._begun += 1
        now = time.monotonic()
        self._carry(place, now, place.node.on_start(now))

    def _receive(self, place: _Place, source: Address, data: bytes) -> None:
        try:
            message = self._codec.decode(data)
        except ValueError:
            self.malformed += 1
            return
        self.received += 1
        now = time.monotonic()
        if place.cost is None:
            self._carry(place, now, place.node.on_message(now, source, message))
            return
        cost = place.cost(message)
        place.busy += cost
        done = max(now, place.cores[0]) + cost
        heapq.heapreplace(place.cores, done)
        self._at(done, self._served, place, source, message)

    def _served(self, place: _Place, source: Address, message: Any) -> None:
        now = time.monotonic()
        self._carry(place, now, place.node.on_message(now, source, message))

    def _ring(self, place: _Place, timer: Hashable, setting: int) -> None:
        if place.timers.get(timer) == setting:
            del place.timers[timer]
            self._ringing -= 1
            now = time.monotonic()
            self._carry(place, now, place.node.on_timer(now, timer))

    def _carry(self, place: _Place, now: float, effects: Iterable[Effect]) -> None:
        """Carries out what a node wants done."""
        for effect in effects:
            match effect:
                case Send(to, message):
                    self._send(place, to, message)
                case SetTimer(timer, delay):
                    self._count += 1
                    self._ringing += timer not in place.timers
                    place.timers[timer] = self._count
                    heapq.heappush(self._agenda, (now + delay, self._count, self._ring, (place, timer, self._count)))
                case CancelTimer(timer):
                    self._ringing -= place.timers.pop(timer, None) is not None
                case Note(event):
                    self.notes.append((time.monotonic(), place.node.address, event))

    def _send(self, place: _Place, to: Address, message: Any) -> None:
        endpoint = self._directory.get(to)
        if endpoint is None:
            raise KeyError(f"'{place.node.address}' sends to '{to}', which is not in the directory")
        data, send = self._codec.encode(message), place.transport.send  # type: ignore[union-attr]
        self.sent += 1
        if self._line is None:
            send(data, endpoint)
            return
        now = time.monotonic()
        for departure in self._line.departures(now):
            if departure <= now:
                send(data, endpoint)
            else:
                self._at(departure, send, data, endpoint)


def main(specification: Path) -> None:
    """The process: reads what it is to be, says that it is ready, runs, and leaves its notes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given = orjson.loads(specification.read_bytes())
    directory = {address: (ip, port) for address, (ip, port) in given["directory"].items()}
    codec, transport = Made(*given["codec"])(list(directory)), named(given["transport"])
    stream = Streams(*given["streams"])("line", *given["life"])
    host = Host(directory, codec, stream, quits=given["quits"], transport=transport)
    for one in given["nodes"]:
        cost = Made(*one["cost"])() if one["cost"] else None
        host.place(Made(*one["node"])(one["address"], directory), cost, one["cores"])
    host.command(0, lambda: _obey(host, os.read(0, 1 << 16)))
    print("ready", flush=True)
    try:
        host.run()
        host.close()
    finally:
        with Path(given["notes"]).open("wb") as out:
            pickle.dump((host.notes, host.counts()), out, protocol=pickle.HIGHEST_PROTOCOL)


def _obey(host: Host, data: bytes) -> None:
    if not data:  # the session is gone
        host.stop()
    for line in data.splitlines():
        said = orjson.loads(line)
        if "start" in said:
            host.start(said["start"], said["until"])
        elif "faults" in said:
            host.set_faults(Faults(**said["faults"]))
        else:
            host.stop()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(str(error))
