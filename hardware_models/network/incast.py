"""Many send to one at once: packet by packet where a switch port overflows, as a fluid where it cannot.

N senders have a block each for one receiver; all packets meet in the port before it, a drop-tail queue of Q bytes at B.
Nothing can be lost, and a fluid is right (N block / B), if the queue holds what may ever be in it at once:

    (N - 1) block + a packet <= Q   if a block fits in a window,   N window <= Q   otherwise

(headers included; a single sender on a wire like the port's queues nothing). The bound needs no luck in timing: since a
busy period began, one sender's bytes have come no faster than they left, and the others' are a block each at most.
Otherwise packets may be lost, and a sender that loses the last ones of its window hears nothing and waits for its
retransmission timer, 200 ms at least, while the link stands idle: goodput collapses by orders of magnitude, which no
fluid shows (Phanishayee et al., "Measurement and Analysis of TCP Throughput Collapse in Cluster-based Storage Systems",
FAST 2008; Chen et al., "Understanding TCP Incast Throughput Collapse in Datacenter Networks", WREN 2009).

Senders speak NewReno (RFC 5681, 6582): slow start, congestion avoidance, fast retransmit at the third duplicate
acknowledgement, and a timer that doubles (RFC 6298).

>>> port = Port(rate=1.25e8, buffer=128_000, round_trip=1e-4)
>>> few, many = Incast(port, senders=4, block=16_384), Incast(port, senders=32, block=65_536)
>>> few.regime, many.regime
('fluid', 'packets')
>>> f"{few.seconds() * 1e3:.2f} ms"
'0.65 ms'
>>> f"{many.fluid_seconds() * 1e3:.0f} ms as a fluid, {many.seconds() * 1e3:.0f} ms in packets"
'18 ms as a fluid, 601 ms in packets'
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from hardware_models.network.link_card import LinkCard
from sim.errors import UserError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Port:
    """The port before the receiver: `rate` in bytes per second on the wire, `buffer` in bytes, `round_trip` in s.

    `round_trip` is that of an empty network without the time on the wire. Senders' own links are as fast as the port.
    """

    rate: float
    buffer: int
    round_trip: float

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.buffer > 0 and self.round_trip >= 0):
            raise UserError(f"{self} makes no sense; rate and buffer are above 0, round_trip is 0 s or more")

    @classmethod
    def of(cls, card: LinkCard) -> "Port":
        """The port of a link card; the way there and back takes twice its latency."""
        return cls(card.rate / 8, card.buffer, 2 * card.latency)


@dataclass(frozen=True, slots=True)
class Transport:
    """TCP: `segment` bytes of payload per packet and `header` bytes around them, windows, and the least timeout.

    Defaults: MTU 1500 with timestamps (1448 + 66 bytes), ten segments at first (RFC 6928), a receiver's window of
    64 KiB, Linux' least timeout of 200 ms, and 120 s as the most that it doubles to.
    """

    segment: int = 1448
    header: int = 66
    initial_window: int = 10
    window: int = 65_536
    least_timeout: float = 0.2
    most_timeout: float = 120.0

    def __post_init__(self) -> None:
        if min(self.segment, self.initial_window, self.window) < 1 or self.header < 0:
            raise UserError(f"{self} makes no sense; segment and windows are 1 or more, header is 0 or more")
        if not 0 < self.least_timeout <= self.most_timeout:
            raise UserError(f"least_timeout is {self.least_timeout} s; it is above 0 and at most most_timeout")

    @property
    def packet(self) -> int:
        """Bytes of a full packet on the wire."""
        return self.segment + self.header


@dataclass(frozen=True, slots=True)
class Burst:
    """What happened: when each sender's block was through, packets `sent`, `lost` in the queue, and `timeouts`."""

    finish: tuple[float, ...]
    sent: int
    lost: int
    timeouts: int

    @property
    def seconds(self) -> float:
        """When the last block was through."""
        return max(self.finish)


@dataclass(frozen=True, slots=True)
class Incast:
    """`senders` of them with `block` bytes each for the receiver behind `port`."""

    port: Port
    senders: int
    block: int
    transport: Transport = Transport()

    def __post_init__(self) -> None:
        if self.senders < 1 or self.block < 1:
            raise UserError(f"senders is {self.senders} and block is {self.block} bytes; both are 1 or more")
        if self.port.buffer < self.transport.packet:
            raise UserError(f"buffer is {self.port.buffer} bytes; it must hold a packet, {self.transport.packet} bytes")

    @property
    def regime(self) -> Literal["fluid", "packets"]:
        """Which model applies: "fluid" if nothing can be lost, else "packets"."""
        if self.senders == 1:
            return "fluid"
        if self.block <= self.transport.window:
            most = (self.senders - 1) * self._on_wire(self.block) + self.transport.packet
        else:
            most = self.senders * self._on_wire(self.transport.window)
        return "fluid" if most <= self.port.buffer else "packets"

    def seconds(self, start: ArrayLike = 0.0) -> float:
        """When all blocks are through, by the model that applies. `start` is when each sender begins (seconds)."""
        if self.regime == "fluid":
            return float(np.max(start)) + self.fluid_seconds()
        return self.packets(start).seconds

    def fluid_seconds(self) -> float:
        """Seconds if nothing were ever lost: all bytes at the port's rate, and the way there and back."""
        return self.port.round_trip + self.senders * self._on_wire(self.block) / self.port.rate

    def goodput(self, seconds: float) -> float:
        """The part of the port's rate that blocks took, over `seconds`."""
        return self.senders * self.block / (self.port.rate * seconds)

    def packets(self, start: ArrayLike = 0.0) -> Burst:
        """The burst packet by packet."""
        begin = np.array(np.broadcast_to(np.asarray(start, float), self.senders))
        one = self.transport
        finish, sent, lost, timeouts = _burst(
            begin, self.block, one.segment, one.header, self.port.rate, float(self.port.buffer), self.port.round_trip,
            one.initial_window, max(one.window // one.segment, 1), one.least_timeout, one.most_timeout,
        )  # fmt: skip
        return Burst(tuple(finish.tolist()), sent, lost, timeouts)

    def _on_wire(self, size: int) -> int:
        return size + -(-size // self.transport.segment) * self.transport.header


#: Kinds of event: a packet at the queue, its acknowledgement at the sender, a sender's timer, a sender that begins.
_ARRIVAL, _ACKNOWLEDGED, _TIMER, _BEGIN = 0, 1, 2, 3


@njit(cache=True)
def _burst(
    begin: Floats, block: int, segment: int, header: int, rate: float, buffer: float, round_trip: float,
    initial_window: int, most_window: int, least_timeout: float, most_timeout: float,
) -> tuple[Floats, int, int, int]:  # fmt: skip
    senders, packets = len(begin), -(-block // segment)
    finish = np.full(senders, np.inf)
    # the sender: first unacknowledged, next to send, highest ever sent, window, threshold, duplicates, end of recovery
    first, ahead, highest = np.zeros(senders, np.int64), np.zeros(senders, np.int64), np.zeros(senders, np.int64)
    window, threshold = np.full(senders, float(initial_window)), np.full(senders, 1e9)
    duplicates, recover = np.zeros(senders, np.int64), np.full(senders, -1, np.int64)
    timeout, deadline = np.full(senders, least_timeout), np.full(senders, np.inf)
    armed, wire_free = np.zeros(senders, np.bool_), np.zeros(senders)
    has, expected = np.zeros((senders, packets), np.bool_), np.zeros(senders, np.int64)  # the receiver
    queue_free = 0.0
    sent = lost = timeouts = number = 0
    events = [(0.0, 0, 0, 0, 0) for _ in range(0)]
    for sender in range(senders):
        heappush(events, (begin[sender], number, _BEGIN, sender, 0))
        number += 1
    while len(events):
        now, _, kind, sender, packet = heappop(events)
        again = -1  # a packet to send once more, whatever the window
        if kind == _ARRIVAL:
            took = (min(segment, block - packet * segment) + header) / rate
            if max(queue_free - now, 0.0) + took > buffer / rate * (1 + 1e-9):
                lost += 1
                continue
            queue_free = max(queue_free, now) + took
            heappush(events, (queue_free + round_trip / 2, number, _ACKNOWLEDGED, sender, packet))
            number += 1
            continue
        if first[sender] >= packets:
            continue
        if kind == _ACKNOWLEDGED:  # the way there and the way back are one event, as both take the same for all
            has[sender, packet] = True
            while expected[sender] < packets and has[sender, expected[sender]]:
                expected[sender] += 1
            new = expected[sender] - first[sender]
            if new > 0:
                first[sender] = expected[sender]
                ahead[sender] = max(ahead[sender], first[sender])
                timeout[sender], duplicates[sender] = least_timeout, 0
                deadline[sender] = now + timeout[sender]
                if first[sender] >= packets:
                    finish[sender] = now
                    continue
                if recover[sender] < 0:
                    window[sender] += new if window[sender] < threshold[sender] else new / window[sender]
                elif first[sender] >= recover[sender]:
                    recover[sender], window[sender] = -1, threshold[sender]
                else:
                    again = first[sender]
            else:
                duplicates[sender] += 1
                if recover[sender] >= 0:
                    window[sender] += 1.0
                elif duplicates[sender] == 3:
                    threshold[sender] = max((ahead[sender] - first[sender]) / 2, 2.0)
                    recover[sender], window[sender] = highest[sender], threshold[sender] + 3
                    again = first[sender]
        elif kind == _TIMER:
            if now < deadline[sender]:
                heappush(events, (deadline[sender], number, _TIMER, sender, 0))
                number += 1
                continue
            timeouts += 1
            threshold[sender], window[sender] = max((ahead[sender] - first[sender]) / 2, 2.0), 1.0
            recover[sender], duplicates[sender], ahead[sender] = -1, 0, first[sender]
            timeout[sender] = min(2 * timeout[sender], most_timeout)
            deadline[sender] = now + timeout[sender]
            heappush(events, (deadline[sender], number, _TIMER, sender, 0))
            number += 1
        allowed = first[sender] + min(int(window[sender]), most_window)
        while again >= 0 or (ahead[sender] < allowed and ahead[sender] < packets):
            packet = again
            if again < 0:
                packet = ahead[sender]
                ahead[sender] += 1
            again = -1
            highest[sender] = max(highest[sender], packet + 1)
            took = (min(segment, block - packet * segment) + header) / rate
            wire_free[sender] = max(wire_free[sender], now) + took
            heappush(events, (wire_free[sender] + round_trip / 2, number, _ARRIVAL, sender, packet))
            number, sent = number + 1, sent + 1
            if not armed[sender]:
                armed[sender], deadline[sender] = True, now + timeout[sender]
                heappush(events, (deadline[sender], number, _TIMER, sender, 0))
                number += 1
    return finish, sent, lost, timeouts
