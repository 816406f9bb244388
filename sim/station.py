"""A station: c servers, one first-come-first-served queue, room for K customers, and honest statistics.

Rules.

1. A customer who arrives takes a free server, else queues, else (K in the station already) is lost.
2. When a service ends, the next in the queue starts first; then the one who leaves is handed to `departed`. All
   of it happens at once, with no events in between.
3. Every statistic covers the time since the station was made, or since `forget` (the end of a warm-up).
4. Little's law is an identity, not a hope: with customers who are still there counted up to now, the integral
   of the number in the station equals the sum of all times spent in it. `check` compares the two, which come
   from different books (the number is the state machine's, the times are the customers').

>>> from sim.engine import Engine
>>> engine = Engine()
>>> desk = Station(engine, "desk", service=lambda customer: 2.0)
>>> for time in (0.0, 1.0):
...     _ = engine.call_at(time, desk.arrive, "customer")
>>> engine.run()
>>> engine.now, desk.statistics().mean_wait, desk.check().verdict
(4.0, 0.5, 'holds')
"""

from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.engine import Engine
from sim.scenario import Check, Verdict

#: Largest relative difference of the two books that floating-point sums explain.
_LITTLE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class StationStatistics:
    """What a station did in `duration` seconds. Means are NaN when nobody is there to take a mean of.

    `mean_number` and `utilisation` (share of servers busy) are averages over time, `mean_wait` (before service,
    of customers whose service began) and `mean_sojourn` (of customers who left) over customers, in seconds.
    """

    duration: float
    arrivals: int
    lost: int
    departures: int
    mean_number: float
    utilisation: float
    mean_wait: float
    mean_sojourn: float

    @property
    def throughput(self) -> float:
        """Departures per second."""
        return self.departures / self.duration if self.duration else float("nan")

    @property
    def loss(self) -> float:
        """Share of arrivals that found the station full."""
        return self.lost / self.arrivals if self.arrivals else float("nan")


class Station:
    """`servers` servers behind a queue; `service(customer)` gives seconds, `departed(customer)` gets who leaves.

    `capacity` is the most customers in the station, those in service included.
    """

    __slots__ = (
        "_area", "_arrived", "_busy", "_busy_area", "_carried", "_departed", "_engine", "_last", "_left_arrived",
        "_left_at", "_number", "_queue", "_service", "_since", "_waits", "capacity", "lost", "name", "servers",
    )  # fmt: skip

    def __init__(
        self,
        engine: Engine,
        name: str,
        service: Callable[[Any], float],
        servers: int = 1,
        capacity: float = inf,
        departed: Callable[[Any], object] | None = None,
    ) -> None:
        if servers < 1 or capacity < servers:
            raise ValueError(f"station '{name}' needs a server and room for each, not {servers} and {capacity}")
        self.name, self.servers, self.capacity = name, servers, capacity
        self._engine, self._service, self._departed = engine, service, departed
        self._queue: deque[tuple[Any, float]] = deque()
        self._number = self._busy = 0
        self.forget()

    def forget(self) -> None:
        """Starts the statistics anew from now, with whoever is in the station (the end of a warm-up)."""
        now = self._engine.now
        self._since = self._last = now
        self._area = self._busy_area = 0.0
        self.lost = 0
        self._carried = self._number
        self._arrived = array("d", [now] * self._number)
        self._waits, self._left_arrived, self._left_at = array("d"), array("d"), array("d")

    @property
    def number(self) -> int:
        """Customers in the station now."""
        return self._number

    @property
    def queued(self) -> int:
        """Customers waiting now."""
        return len(self._queue)

    def arrive(self, customer: Any = None) -> bool:
        """A customer arrives; False if there was no room."""
        number = self._number
        if number >= self.capacity:
            self.lost += 1
            return False
        now = self._engine._now
        elapsed = now - self._last
        self._last = now
        self._area += number * elapsed
        self._busy_area += self._busy * elapsed
        self._number = number + 1
        self._arrived.append(now)
        if self._busy < self.servers:
            self._busy += 1
            self._waits.append(0.0)
            self._engine.call_after(self._service(customer), self._leave, customer, now)
        else:
            self._queue.append((customer, now))
        return True

    def _leave(self, customer: Any, arrived: float) -> None:
        now = self._engine._now
        elapsed = now - self._last
        self._last = now
        self._area += self._number * elapsed
        self._busy_area += self._busy * elapsed
        self._number -= 1
        self._left_arrived.append(arrived)
        self._left_at.append(now)
        if self._queue:
            following, since = self._queue.popleft()
            self._waits.append(now - since)
            self._engine.call_after(self._service(following), self._leave, following, since)
        else:
            self._busy -= 1
        if self._departed is not None:
            self._departed(customer)

    @property
    def waits(self) -> NDArray[np.float64]:
        """Seconds in the queue, one per customer in the order services began."""
        return np.array(self._waits)

    @property
    def sojourns(self) -> NDArray[np.float64]:
        """Seconds in the station, one per customer in the order they left."""
        sojourns: NDArray[np.float64] = np.array(self._left_at) - np.array(self._left_arrived)
        return sojourns

    def statistics(self) -> StationStatistics:
        """The station's figures up to now."""
        self._settle()
        duration = self._last - self._since
        sojourns = self.sojourns
        return StationStatistics(
            duration=duration,
            arrivals=len(self._arrived) - self._carried + self.lost,
            lost=self.lost,
            departures=len(sojourns),
            mean_number=self._area / duration if duration else float("nan"),
            utilisation=self._busy_area / (self.servers * duration) if duration else float("nan"),
            mean_wait=float(self.waits.mean()) if len(self._waits) else float("nan"),
            mean_sojourn=float(sojourns.mean()) if len(sojourns) else float("nan"),
        )

    def check(self) -> Check:
        """Little's law, integral of the number = sum of times in the station, to 1e-9 of the larger."""
        self._settle()
        integral, spent = self._area, self._time_spent()
        scale = max(abs(integral), abs(spent))
        residual = abs(integral - spent) / scale if scale else 0.0
        verdict: Verdict = "holds" if residual <= _LITTLE_TOLERANCE else "fails"
        detail = f"integral {integral:.12g} s, time spent {spent:.12g} s, residual {residual:.1e}"
        return Check(f"Little's law at {self.name}", verdict, detail)

    def _time_spent(self) -> float:
        """Seconds in the station since `forget`, of those who left and of those who are still there."""
        left_arrived = np.maximum(np.array(self._left_arrived), self._since)
        of_gone = float((np.array(self._left_at) - left_arrived).sum())
        still_there = self._number * (self._last - self._since)
        entered_late = float((np.array(self._arrived) - self._since).sum()) - float((left_arrived - self._since).sum())
        return of_gone + still_there - entered_late

    def _settle(self) -> None:
        """Brings the integrals up to now."""
        elapsed = self._engine.now - self._last
        self._area += self._number * elapsed
        self._busy_area += self._busy * elapsed
        self._last = self._engine.now


def lindley(interarrivals: ArrayLike, services: ArrayLike) -> NDArray[np.float64]:
    """Waits in a first-come-first-served queue with one server, by arrays, shape (customers,).

    Customer n arrives `interarrivals[n]` seconds after the one before and is served for `services[n]` seconds:
    W[0] = 0 and W[n] = max(0, W[n-1] + services[n-1] - interarrivals[n]), D. V. Lindley, "The theory of queues
    with a single server", 1952; solved as a running sum less its running minimum. Right for any feed-forward
    G/G/1 queue, at a tenth of a microsecond per customer.

    >>> lindley([0.0, 1.0, 5.0], [2.0, 2.0, 2.0]).tolist()
    [0.0, 1.0, 0.0]
    """
    gaps, work = np.asarray(interarrivals, dtype=np.float64), np.asarray(services, dtype=np.float64)
    if len(gaps) == 0:
        return np.zeros(0)
    walk = np.concatenate(([0.0], np.cumsum(work[:-1] - gaps[1:])))
    return np.asarray(walk - np.minimum.accumulate(walk), dtype=np.float64)
