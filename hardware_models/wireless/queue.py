"""A link's queue: packets wait, are sent one per slot, are acknowledged late, sent again, or given up.

Rules, in the order in which they act at the start of slot t (times in slots, packet of arrival time a):

1. The feedback of the transmission in slot t - round_trip is there, and its process is free. If it failed, the packet
   is sent again in slot t, unless it has had its attempts or can no longer meet its deadline; then it is dropped.
2. If nothing is sent again, and fewer than `processes` packets wait for feedback, the first packet of the queue that
   can still meet its deadline is sent; those before it are dropped as expired. A packet can be sent if a <= t.
3. A packet sent in slot t is delivered at t + 1 if the draw of slot t is not below the error of its attempt there.

Since a slot carries one transmission, retransmissions never meet, and they are exactly `round_trip` slots apart.
`serve` is compiled and does one link; `LinkQueue` says the same on the simulation engine, event by event.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from sim.engine import Engine
from sim.errors import UserError

Floats = NDArray[np.float64]

#: What became of a packet.
WAITING, DELIVERED, FAILED, EXPIRED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Served:
    """What became of each packet, arrays of shape (packets,).

    `delivered` is when, in slots (NaN if never), `attempts` how often it was sent, `fate` one of WAITING (the run
    ended), DELIVERED, FAILED (all attempts) and EXPIRED (its deadline).
    """

    arrivals: Floats
    delivered: Floats
    attempts: NDArray[np.int64]
    fate: NDArray[np.int8]

    @property
    def delays(self) -> Floats:
        """Slots from arrival to delivery, of delivered packets in order of arrival."""
        got = self.fate == DELIVERED
        return np.asarray(self.delivered[got] - self.arrivals[got], dtype=np.float64)

    def miss_ratio(self, deadline: float) -> float:
        """Share of packets whose fate is known that were not delivered within `deadline` slots; NaN without any."""
        known = self.fate != WAITING
        in_time = (self.fate == DELIVERED) & (self.delivered - self.arrivals <= deadline)
        return 1.0 - float(in_time.sum() / known.sum()) if known.any() else float("nan")


def serve(
    arrivals: ArrayLike,
    error: ArrayLike,
    draws: ArrayLike,
    round_trip: int,
    processes: int = 1,
    deadline: float = np.inf,
) -> Served:
    """One link's queue over all slots.

    `arrivals` in slots, rising. `error` has shape (slots, attempts): the probability that attempt m, sent in that slot,
    fails given that those before it (each `round_trip` slots earlier) did; or (attempts,) if slots do not differ.
    `draws` are uniform on [0, 1), shape (slots,). `deadline` in slots. Zero arrivals give empty arrays.
    """
    times = np.ascontiguousarray(arrivals, dtype=np.float64)
    uniform = np.ascontiguousarray(draws, dtype=np.float64)
    failing = np.asarray(error, dtype=np.float64)
    if failing.ndim == 1:
        failing = np.broadcast_to(failing, (len(uniform), len(failing)))
    _check(times, failing, uniform, round_trip, processes, deadline)
    delivered, attempts = np.full(len(times), np.nan), np.zeros(len(times), dtype=np.int64)
    fate = np.zeros(len(times), dtype=np.int8)
    _serve(times, failing, uniform, round_trip, processes, deadline, delivered, attempts, fate)
    return Served(times, delivered, attempts, fate)


def _check(times: Floats, error: Floats, draws: Floats, round_trip: int, processes: int, deadline: float) -> None:
    if (np.diff(times) < 0).any() or not np.isfinite(times).all():
        raise UserError("arrival times must be finite and must not fall")
    if error.ndim != 2 or len(error) != len(draws) or error.shape[1] < 1:
        raise UserError(f"errors of shape {error.shape} do not fit {len(draws)} slots; (slots, attempts) is needed")
    if not ((error >= 0) & (error <= 1)).all():
        raise UserError("errors of attempts must lie in 0 to 1")
    if round_trip < 1 or processes < 1:
        raise UserError(f"round_trip of {round_trip} and processes of {processes}; both must be 1 or more")
    if not deadline > 0:
        raise UserError(f"a deadline of {deadline} slots cannot be met; more than 0 is needed")


@njit(cache=True, nogil=True)
def _serve(
    times: Floats,
    error: Floats,
    draws: Floats,
    round_trip: int,
    processes: int,
    deadline: float,
    delivered: Floats,
    attempts: NDArray[np.int64],
    fate: NDArray[np.int8],
) -> None:
    slots, most = error.shape
    sent = np.full(round_trip, -1, dtype=np.int64)  # the packet of slot t lies at t % round_trip
    head, busy = 0, 0
    for t in range(slots):
        place = t % round_trip
        packet = sent[place]
        sent[place] = -1
        if packet >= 0:
            busy -= 1
            if fate[packet] != 0:
                packet = -1
            elif attempts[packet] >= most:
                fate[packet] = 2
                packet = -1
            elif t + 1 - times[packet] > deadline:
                fate[packet] = 3
                packet = -1
        if packet < 0 and busy < processes:
            while head < len(times) and times[head] <= t and t + 1 - times[head] > deadline:
                fate[head] = 3
                head += 1
            if head < len(times) and times[head] <= t:
                packet = head
                head += 1
        if packet >= 0:
            attempts[packet] += 1
            busy += 1
            sent[place] = packet
            if draws[t] >= error[t, attempts[packet] - 1]:
                delivered[packet] = t + 1.0
                fate[packet] = 1


class LinkQueue:
    """The same queue on an engine: arrivals, slots and feedback are events. `slot` is seconds.

    It is slower and can be watched: it leaves its queue's length on the engine's trace.
    """

    def __init__(
        self,
        engine: Engine,
        slot: float,
        error: ArrayLike,
        draws: ArrayLike,
        round_trip: int,
        processes: int = 1,
        deadline: float = np.inf,
    ) -> None:
        self._draws = np.asarray(draws, dtype=np.float64)
        failing = np.asarray(error, dtype=np.float64)
        self._error = np.broadcast_to(failing, (len(self._draws), failing.shape[-1])) if failing.ndim == 1 else failing
        _check(np.zeros(0), self._error, self._draws, round_trip, processes, deadline)
        self._engine, self._slot, self._round_trip = engine, slot, round_trip
        self._free, self._deadline = processes, deadline
        self._waiting: deque[int] = deque()
        self._again: int | None = None
        self._arrivals: list[float] = []
        self._delivered: list[float] = []
        self._attempts: list[int] = []
        self._fate: list[int] = []

    def run(self, arrivals: ArrayLike) -> Served:
        """Lets the packets of these arrival times (slots, rising) through; the engine runs to the end of the slots."""
        times = np.asarray(arrivals, dtype=np.float64)
        for time in times[times < len(self._draws)]:
            self._engine.call_at(float(time) * self._slot, self.arrive, float(time))
        if len(self._draws):
            self._engine.call_at(0.0, self._tick, 0)
        self._engine.run()
        late = times[len(self._arrivals) :]
        return Served(
            arrivals=np.array([*self._arrivals, *late]),
            delivered=np.array([*self._delivered, *[np.nan] * len(late)]),
            attempts=np.array([*self._attempts, *[0] * len(late)], dtype=np.int64),
            fate=np.array([*self._fate, *[WAITING] * len(late)], dtype=np.int8),
        )

    def arrive(self, time: float) -> None:
        """A packet arrives at `time` in slots."""
        self._waiting.append(len(self._arrivals))
        self._arrivals.append(time)
        self._delivered.append(np.nan)
        self._attempts.append(0)
        self._fate.append(WAITING)

    def _tick(self, slot: int) -> None:
        packet, self._again = self._again, None
        if packet is None and self._free:
            packet = self._next(slot)
        if packet is not None:
            self._send(packet, slot)
        self._engine.trace.counter("wireless/queue", self._engine.now, len(self._waiting))
        if slot + 1 < len(self._draws):
            self._engine.call_at((slot + 1) * self._slot, self._tick, slot + 1)

    def _next(self, slot: int) -> int | None:
        while self._waiting:
            packet = self._waiting.popleft()
            if not self._too_late(packet, slot):
                return packet
            self._fate[packet] = EXPIRED
        return None

    def _send(self, packet: int, slot: int) -> None:
        self._attempts[packet] += 1
        self._free -= 1
        if self._draws[slot] >= self._error[slot, self._attempts[packet] - 1]:
            self._delivered[packet], self._fate[packet] = slot + 1.0, DELIVERED
        back = slot + self._round_trip
        if back < len(self._draws):
            self._engine.call_at(back * self._slot, self._hear, packet, back)

    def _hear(self, packet: int, slot: int) -> None:
        self._free += 1
        if self._fate[packet] == DELIVERED:
            return
        if self._attempts[packet] >= self._error.shape[1]:
            self._fate[packet] = FAILED
        elif self._too_late(packet, slot):
            self._fate[packet] = EXPIRED
        else:
            self._again = packet

    def _too_late(self, packet: int, slot: int) -> bool:
        return slot + 1 - self._arrivals[packet] > self._deadline


def expected_delay(rate: float, error: ArrayLike, round_trip: int) -> float:
    """Mean slots from arrival to delivery of a packet that is delivered, with Poisson arrivals and one process.

    The link is an M/G/1 queue that starts work at slot borders. A packet of A attempts keeps it for S = A round_trip
    slots, and while the queue is empty it takes holidays of one slot, so (Pollaczek-Khinchine, with the decomposition
    of Fuhrmann and Cooper: "Stochastic decompositions in the M/G/1 queue with generalized vacations", Oper. Res.
    33(5), 1985) the mean wait is rate E[S^2] / (2 (1 - rate E[S])) + 1/2. `error` holds the errors of attempts, shape
    (M,); `rate` is packets per slot. Raises `UserError` if the load, rate E[S], is not below 1.

    >>> expected_delay(0.5, [0.0], 1)
    2.0
    """
    failing = np.asarray(error, dtype=np.float64)
    reaching = np.concatenate([[1.0], np.cumprod(failing)])  # probability of an attempt m = 1, 2, ... and of failure
    number = np.arange(1, len(failing) + 1)
    ends = reaching[:-1] - reaching[1:]
    ends_or_gives_up = ends + np.where(number == len(failing), reaching[-1], 0.0)
    service = float((ends_or_gives_up * number).sum()) * round_trip
    square = float((ends_or_gives_up * number**2).sum()) * round_trip**2
    if not rate * service < 1.0:
        raise UserError(f"a load of {rate * service:.3g} has no mean delay; below 1 is needed")
    attempts = float((ends * number).sum() / ends.sum())
    return rate * square / (2.0 * (1.0 - rate * service)) + 0.5 + (attempts - 1.0) * round_trip + 1.0
