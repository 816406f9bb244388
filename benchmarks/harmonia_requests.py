"""Harmonia on a chain, request by request: the compiled event loop beside the same system in SimPy processes.

    python benchmarks/harmonia_requests.py [requests]

Three replicas, 5 % writes, 600 clients in a closed loop, a million objects, the rack's constants. Prints requests per
second of CPU time of each and the throughput that each found; they must agree to 0.1 %. Then what a kernel alone
does: events per second with 1,000 timers pending that each set the next, for SimPy processes, SimPy callbacks, the
engine's timers and the compiled heap. Exit status 1 if the loop is not 15 times as fast as SimPy.
"""

import sys
from collections.abc import Callable
from time import process_time

import numpy as np
import simpy
from numba import njit
from rich.console import Console
from rich.table import Table

from scenarios.harmonia.event_heap import pop, push
from scenarios.harmonia.popularity import alias_table, shares
from scenarios.harmonia.request_level import CHAIN, Model, simulate
from sim import lanes
from sim.engine import Engine
from sim.rng import Stream, Streams

BAR, PENDING = 15.0, 1000
MODEL = Model(
    protocol=CHAIN, detection=True, replicas=3, cores=1, read=1 / 0.92e6, write=1 / 0.80e6, message=1e-7,
    exponential=False, up=5e-6, down=5e-6, writes=0.05, clients=600, rate=0.0, stages=3,
    slots=65536, retry=1e-3, warmup=0, requests=0,
)  # fmt: skip
OBJECTS = 1_000_000


class Chain:
    """The same system as prose: a process per client, a resource per server, a dictionary for the dirty set."""

    def __init__(self, model: Model, choose: Stream) -> None:
        self.model, self.choose = model, choose
        self.environment = simpy.Environment()
        self.servers = [simpy.Resource(self.environment, model.cores) for _ in range(model.replicas)]
        self.dirty: dict[int, int] = {}
        self.applied: list[dict[int, int]] = [{} for _ in range(model.replicas)]
        self.sequence = self.committed = 0
        self.finished = 0
        self.began = self.ended = 0.0
        self.over = self.environment.event()
        for _ in range(model.clients):
            self.environment.process(self.client())

    def client(self) -> simpy.events.ProcessGenerator:
        """One client: request, wait, request again."""
        model, environment = self.model, self.environment
        yield environment.timeout(self.choose.uniform() * (model.read + model.write) * model.clients / model.replicas)
        while True:
            key = int(self.choose.uniform() * OBJECTS)
            writes = self.choose.uniform() < model.writes
            yield environment.timeout(model.up)
            yield from self.write(key) if writes else self.read(key)
            yield environment.timeout(model.up)
            self.count()

    def read(self, key: int) -> simpy.events.ProcessGenerator:
        """A read, from the switch back to it."""
        model, environment, tail = self.model, self.environment, self.model.replicas - 1
        committed, server = self.committed, tail
        if key not in self.dirty:
            server = int(self.choose.uniform() * model.replicas)
        yield environment.timeout(model.down)
        yield from self.work(server, model.read)
        if server != tail and self.applied[server].get(key, 0) > committed:
            yield environment.timeout(model.up + model.down)
            yield from self.work(tail, model.read)
        yield environment.timeout(model.down)

    def write(self, key: int) -> simpy.events.ProcessGenerator:
        """A write, from the switch down the chain and back."""
        model, environment = self.model, self.environment
        self.sequence += 1
        stamp = self.dirty[key] = self.sequence
        yield environment.timeout(model.down)
        for server in range(model.replicas):
            if server:
                yield environment.timeout(model.up + model.down)
            yield from self.work(server, model.write)
            self.applied[server][key] = stamp
        yield environment.timeout(model.down)
        self.committed = max(self.committed, stamp)
        if self.dirty.get(key, 0) <= stamp:
            self.dirty.pop(key, None)

    def work(self, server: int, seconds: float) -> simpy.events.ProcessGenerator:
        """A turn at a server."""
        with self.servers[server].request() as turn:
            yield turn
            yield self.environment.timeout(seconds)

    def count(self) -> None:
        """Counts a request, and remembers when warm-up and run were over."""
        self.finished += 1
        if self.finished == self.model.warmup:
            self.began = self.environment.now
        if self.finished == self.model.warmup + self.model.requests:
            self.ended = self.environment.now
            self.over.succeed()

    def throughput(self) -> float:
        """Requests per second, warm-up left out."""
        self.environment.run(self.over)
        return self.model.requests / (self.ended - self.began)


def timed(run: Callable[[], float]) -> tuple[float, float]:
    """CPU seconds, and what came out."""
    started = process_time()
    found = run()
    return process_time() - started, found


def simpy_processes(events: int) -> None:
    environment = simpy.Environment()

    def tick(gap: float) -> simpy.events.ProcessGenerator:
        while True:
            yield environment.timeout(gap)

    for gap in GAPS:
        environment.process(tick(gap))
    for _ in range(events):
        environment.step()


def simpy_callbacks(events: int) -> None:
    environment = simpy.Environment()

    def again(gap: float) -> None:
        environment.timeout(gap).callbacks.append(lambda event: again(gap))

    for gap in GAPS:
        again(gap)
    for _ in range(events):
        environment.step()


def engine_timers(events: int) -> None:
    engine, left = Engine(), [events]

    def again(gap: float) -> None:
        left[0] -= 1
        if left[0] > 0:
            engine.call_after(gap, again, gap)

    for gap in GAPS:
        engine.call_after(gap, again, gap)
    engine.run()


@njit(cache=True)
def _hold(gaps, events):  # type: ignore[no-untyped-def]
    room = len(gaps) + 1
    times, words, orders = np.empty(room), np.empty(room, np.int64), np.empty(room, np.int64)
    count = order = 0
    for which in range(len(gaps)):
        count = push(times, words, orders, count, gaps[which], which, order)
        order += 1
    for _ in range(events):
        count = pop(times, words, orders, count)
        time, which = times[count], words[count]
        count = push(times, words, orders, count, time + gaps[which], which, order)
        order += 1
    return times[0]


def compiled_heap(events: int) -> None:
    _hold(np.array(GAPS), events)


GAPS = [0.5 + Streams(1, "hold", 0)("gaps", number).uniform() for number in range(PENDING)]
KERNELS = {
    "SimPy processes": (simpy_processes, 300_000),
    "SimPy callbacks": (simpy_callbacks, 600_000),
    "engine timers": (engine_timers, 1_000_000),
    "compiled heap": (compiled_heap, 20_000_000),
}


def main() -> int:
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    console = Console()
    objects = alias_table(shares(OBJECTS, 0.0))
    simulate(MODEL._replace(warmup=10, requests=10), objects, lanes.seed(Streams(1, "b", 0), "all", [0]))  # compile
    ours = MODEL._replace(warmup=requests // 5, requests=10 * requests)
    plain = MODEL._replace(warmup=requests // 5, requests=requests)
    state = lanes.seed(Streams(1, "requests", 0), "all", [0])
    our_time, our_rate = timed(lambda: simulate(ours, objects, state).throughput)
    plain_time, plain_rate = timed(lambda: Chain(plain, Streams(1, "simpy", 0)("all")).throughput())
    speeds = [(plain.warmup + plain.requests) / plain_time, (ours.warmup + ours.requests) / our_time]
    table = Table("model", "requests per CPU second", "ratio", "simulated throughput")
    for name, speed, rate in zip(("SimPy processes", "compiled loop"), speeds, (plain_rate, our_rate), strict=True):
        table.add_row(name, f"{speed:,.0f}", f"{speed / speeds[0]:.1f}", f"{rate / 1e6:.4f} M/s")
    console.print(table)
    console.print(f"throughputs differ by {abs(our_rate / plain_rate - 1):.3%}")
    kernels = Table("kernel, 1,000 pending", "events per CPU second", "ratio")
    compiled_heap(10)
    base = 0.0
    for name, (run, events) in KERNELS.items():
        started = process_time()
        run(events)
        rate = events / (process_time() - started)
        base = base or rate
        kernels.add_row(name, f"{rate:,.0f}", f"{rate / base:.1f}")
    console.print(kernels)
    return 0 if speeds[1] >= BAR * speeds[0] and abs(our_rate / plain_rate - 1) <= 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
