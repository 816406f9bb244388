"""M/M/4 through a `Station` on the callback path, beside SimPy processes with a `Resource`, same random draws.

    python benchmarks/engine.py [customers]

Prints customers per second (best of three, interleaved, CPU time) and checks that all of them saw the same
queue. The bare heap is the bound: the same queue as a loop over `heapq`, with no engine and no statistics.
Exit status 1 if the station is not at least three times as fast as SimPy.
"""

import sys
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from time import process_time

import simpy
from rich.console import Console
from rich.table import Table

from sim.engine import Engine
from sim.rng import Stream, Streams
from sim.station import Station

SERVERS, LOAD, REPEATS, BAR = 4, 0.8, 3, 3.0


def streams() -> tuple[Stream, Stream]:
    made = Streams(seed=1, scenario="benchmark", replicate=0)
    return made("arrivals"), made("services")


def with_station(customers: int) -> float:
    """Mean wait, by callbacks."""
    arrivals, services = streams()
    engine = Engine()
    station = Station(engine, "mm4", lambda customer: services.exponential(1.0), servers=SERVERS)
    gap = 1.0 / (SERVERS * LOAD)

    def arrive(index: int) -> None:
        if index + 1 < customers:
            engine.call_after(arrivals.exponential(gap), arrive, index + 1)
        station.arrive()

    engine.call_after(arrivals.exponential(gap), arrive, 0)
    engine.run()
    return station.statistics().mean_wait


def with_processes(make: Callable[[], simpy.Environment]) -> Callable[[int], float]:
    """Mean wait, by a process per customer on the environment that `make` makes."""

    def run(customers: int) -> float:
        arrivals, services = streams()
        environment = make()
        resource = simpy.Resource(environment, SERVERS)
        gap, waits = 1.0 / (SERVERS * LOAD), []

        def customer() -> simpy.events.ProcessGenerator:
            arrived = environment.now
            with resource.request() as request:
                yield request
                waits.append(environment.now - arrived)
                yield environment.timeout(services.exponential(1.0))

        def source() -> simpy.events.ProcessGenerator:
            for _ in range(customers):
                yield environment.timeout(arrivals.exponential(gap))
                environment.process(customer())

        environment.process(source())
        environment.run()
        return sum(waits) / len(waits)

    return run


def with_bare_heap(customers: int) -> float:
    """Mean wait, by a loop over a heap."""
    arrivals, services = streams()
    gap, sequence, total, busy = 1.0 / (SERVERS * LOAD), count(), 0.0, 0
    heap = [(arrivals.exponential(gap), next(sequence), True)]
    queue: deque[float] = deque()
    arrived = 0
    while heap:
        now, _, arrival = heappop(heap)
        if arrival:
            arrived += 1
            if arrived < customers:
                heappush(heap, (now + arrivals.exponential(gap), next(sequence), True))
            if busy < SERVERS:
                busy += 1
                heappush(heap, (now + services.exponential(1.0), next(sequence), False))
            else:
                queue.append(now)
        elif queue:
            total += now - queue.popleft()
            heappush(heap, (now + services.exponential(1.0), next(sequence), False))
        else:
            busy -= 1
    return total / customers


CONTENDERS: dict[str, Callable[[int], float]] = {
    "bare heapq loop (bound)": with_bare_heap,
    "Station on Engine, callbacks": with_station,
    "Resource on Engine, processes": with_processes(Engine),
    "Resource on SimPy, processes": with_processes(simpy.Environment),
}
OURS, PEER = "Station on Engine, callbacks", "Resource on SimPy, processes"


def main(customers: int) -> int:
    best, waits = dict.fromkeys(CONTENDERS, 0.0), {}
    for _ in range(REPEATS):
        for name, run in CONTENDERS.items():
            begin = process_time()
            waits[name] = run(customers)
            best[name] = max(best[name], customers / (process_time() - begin))
    table = Table("M/M/4, load 0.8", "customers/s", "times SimPy", "mean wait")
    for name, rate in best.items():
        table.add_row(name, f"{rate:,.0f}", f"{rate / best[PEER]:.2f}", f"{waits[name]:.9f}")
    Console().print(table)
    ratio = best[OURS] / best[PEER]
    same = max(waits.values()) - min(waits.values()) < 1e-9
    print(f"{customers} customers; ratio {ratio:.2f}, bar {BAR}; waits {'agree' if same else 'DIFFER'}")
    return 0 if same and ratio >= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
