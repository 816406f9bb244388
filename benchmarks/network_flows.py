"""Flows on a leaf-spine fabric beside SimGrid, a ring of a thousand workers beside an event per message, a search.

    python benchmarks/network_flows.py [flows]

1. Poisson flows with Pareto(1.5) sizes between 256 hosts on 10 Gbit/s, racks of 16 behind 40 Gbit/s, at 0.6 and at 2
   times what the racks' links carry, through our engine and through a SimGrid program in C++ (model CM02: max-min
   fair, no factors) that this file compiles; same routes, same starts. SimGrid is Debian's `libsimgrid-dev`, installed
   by hand; without it one line says so.
2. An all-reduce around 1,024 workers on wires that differ: the recurrence, and one heap event per message.
3. Flows through one link in virtual time, and a parameter server of 512 workers and 8 shards with equal flows merged.
4. A population of 16 trials and 30 intervals on the cluster model, nothing to compute.

CPU seconds, medians of interleaved repeats. Exit status 1 if finish times differ from SimGrid's by more than 5e-6, if
our engine is slower than SimGrid, or if the recurrence is less than 20 times as fast as events.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from hardware_models.network import cluster, ring, shared_link
from hardware_models.network.fabric import leaf_spine
from hardware_models.network.flows import Flows, run
from hardware_models.network.link_card import Wire

HOSTS, RACK, REPEATS, WORKERS, LOADS = 256, 16, 3, 1024, (0.6, 2.0)
NEAR, RING_BAR = 5e-6, 20.0

SIMGRID = r"""
#include <simgrid/s4u.hpp>
#include <cstdio>
#include <ctime>
#include <vector>
namespace sg = simgrid::s4u;
int main(int argc, char** argv) {
  sg::Engine engine(&argc, argv);
  sg::Engine::set_config("network/model:CM02");
  sg::Engine::set_config("network/crosstraffic:0");
  sg::Engine::set_config("network/TCP-gamma:0");
  int hosts, links, flows;
  if (scanf("%d %d %d", &hosts, &links, &flows) != 3) return 1;
  auto* zone = sg::create_full_zone("fabric");
  std::vector<sg::Host*> host; std::vector<sg::Link*> link;
  for (int i = 0; i < hosts; i++) host.push_back(zone->create_host("h" + std::to_string(i), 1e9)->seal());
  for (int i = 0; i < links; i++) {
    double rate; if (scanf("%lf", &rate) != 1) return 1;
    auto* one = zone->create_link("l" + std::to_string(i), rate); one->set_latency(0); link.push_back(one->seal());
  }
  struct Flow { int from, to; double start, size, end; };
  std::vector<Flow> flow(flows); std::vector<char> known(hosts * hosts);
  for (auto& f : flow) {
    int length; if (scanf("%d %d %lf %lf %d", &f.from, &f.to, &f.start, &f.size, &length) != 5) return 1;
    std::vector<sg::LinkInRoute> way;
    for (int i = 0, at; i < length; i++) { if (scanf("%d", &at) != 1) return 1; way.emplace_back(link[at]); }
    if (!known[f.from * hosts + f.to]++)
      zone->add_route(host[f.from]->get_netpoint(), host[f.to]->get_netpoint(), nullptr, nullptr, way, false);
  }
  zone->seal();
  for (auto& f : flow)
    sg::Actor::create("flow", host[f.from], [&f, &host]() {
      sg::this_actor::sleep_until(f.start);
      sg::Comm::sendto(host[f.from], host[f.to], f.size);
      f.end = sg::Engine::get_clock();
    });
  clock_t begin = clock();
  engine.run();
  printf("%.9f\n", double(clock() - begin) / CLOCKS_PER_SEC);
  for (auto& f : flow) printf("%.17g\n", f.end);
}
"""


def traffic(number: int, load: float) -> tuple[np.ndarray, Flows, list[tuple[int, int]]]:
    """Capacities, flows, and their ends; `load` is bytes that come over what the racks' uplinks carry."""
    draw = np.random.default_rng(1)
    fabric = leaf_spine(HOSTS, RACK, Wire(1.25e9), Wire(5e9))
    source = draw.integers(0, HOSTS, number)
    ends = list(zip(source.tolist(), ((source + draw.integers(1, HOSTS, number)) % HOSTS).tolist(), strict=True))
    size = 1e6 * (1 + draw.pareto(1.5, number))
    release = np.cumsum(draw.exponential(size.mean() / (load * (HOSTS // RACK) * 5e9), number))
    return fabric.capacity, Flows([fabric.way(*pair) for pair in ends], size, release), ends


def compiled(folder: Path) -> Path | None:
    """The SimGrid program, or None with a line that says why not."""
    if shutil.which("g++") is None or not Path("/usr/include/simgrid/s4u.hpp").exists():
        print("SimGrid is not here (apt-get install g++ libsimgrid-dev): no comparison with it")
        return None
    (folder / "flows.cpp").write_text(SIMGRID)
    command = ["g++", "-O2", "-std=c++17", "-o", str(folder / "flows"), str(folder / "flows.cpp"), "-lsimgrid"]
    subprocess.run(command, check=True)
    return folder / "flows"


def simgrid(program: Path, capacity: np.ndarray, flows: Flows, ends: list[tuple[int, int]]) -> tuple[float, np.ndarray]:
    """CPU seconds of SimGrid's own run, without reading and setting up, and when flows ended."""
    lines = [f"{HOSTS} {len(capacity)} {len(flows)}", *(f"{rate:.17g}" for rate in capacity)]
    for flow, (source, to) in enumerate(ends):
        way = flows.route[flows.first[flow] : flows.first[flow + 1]]
        numbers = (source, to, f"{flows.release[flow]:.17g}", f"{flows.size[flow]:.17g}", len(way), *way)
        lines.append(" ".join(map(str, numbers)))
    command = [str(program), "--log=root.thres:critical"]
    out = subprocess.run(command, input="\n".join(lines), text=True, check=True, capture_output=True).stdout.split()
    return float(out[0]), np.array(out[1:], float)


def naive_ring(size: int, workers: int, rate: np.ndarray, latency: float) -> np.ndarray:
    """An event per message: it arrives, and the receiver sends what comes next when its wire is free."""
    piece, rounds = size / workers, 2 * (workers - 1)
    free, done, took = [0.0] * workers, [0.0] * workers, (piece / rate).tolist()
    events = [(0.0, worker, 0) for worker in range(workers)]
    heapify(events)
    while events:
        now, worker, step = heappop(events)
        done[worker] = max(now, free[worker])
        if step < rounds:
            free[worker] = max(now, free[worker]) + took[worker]
            heappush(events, (free[worker] + latency, (worker + 1) % workers, step + 1))
    return np.maximum(done, free)


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    begin = process_time()
    result = call()
    return process_time() - begin, result


def leaf_spine_rows(table: Table, number: int, load: float) -> bool:
    capacity, flows, ends = traffic(number, load)
    run(capacity, flows)  # compiled once
    ours, theirs, apart = [], [], 0.0
    with tempfile.TemporaryDirectory() as folder:
        program = compiled(Path(folder))
        for _ in range(REPEATS):
            seconds, passed = timed(lambda: run(capacity, flows))
            ours.append(seconds)
            if program is not None:
                seconds, finish = simgrid(program, capacity, flows, ends)
                theirs.append(seconds)
                apart = float(np.max(np.abs(finish - passed.finish) / passed.finish))
    table.add_row(f"{number:,} flows, load {load:g}", f"{median(ours):.3f} s", f"{passed.events:,} events")
    if not theirs:
        return True
    ratio = median(theirs) / median(ours)
    table.add_row("  SimGrid", f"{median(theirs):.3f} s", f"{ratio:.1f} x ours; times apart by {apart:.1e} at most")
    return apart <= NEAR and ratio >= 1


def ring_rows(table: Table) -> bool:
    rate = np.random.default_rng(2).uniform(1e9, 2e9, WORKERS)
    size, latency = WORKERS * 10**5, 1e-6
    ring.all_reduce_times(size, WORKERS, rate, latency)
    fast, slow = [], []
    for _ in range(REPEATS):
        seconds, ours = timed(lambda: ring.all_reduce_times(size, WORKERS, rate, latency))
        fast.append(seconds)
        seconds, naive = timed(lambda: naive_ring(size, WORKERS, rate, latency))
        slow.append(seconds)
    ratio, apart = median(slow) / median(fast), np.abs(ours / naive - 1).max()
    table.add_row(f"ring of {WORKERS:,}, wires differ", f"{median(fast):.4f} s", f"{2 * (WORKERS - 1):,} rounds")
    table.add_row("  an event per message", f"{median(slow):.3f} s", f"{ratio:.0f} x ours; apart by {apart:.0e}")
    return bool(ratio >= RING_BAR and apart < 1e-9)


def other_rows(table: Table) -> None:
    draw, number = np.random.default_rng(3), 200_000
    release = np.cumsum(draw.exponential(1.2, number))
    seconds, _ = timed(lambda: shared_link.finish_times(draw.exponential(1.0, number), release, 1.0))
    table.add_row("one shared link", f"{seconds:.3f} s", f"{number / seconds / 1e6:.2f} M flows per second")
    server = Flows([[0, 1 + shard] for shard in range(8)], 1e6, count=512)
    seconds, _ = timed(lambda: run([512 * 1.25e9] + [1.25e9] * 8, server))
    table.add_row("512 workers, 8 shards, merged", f"{seconds * 1e3:.2f} ms", "4,096 flows as 8")
    for synchronous in (True, False):
        seconds, search = timed(lambda how=synchronous: cluster.run(cluster.Cluster(16), lambda *_: 1.0, 16, 30, how))
        way = "synchronous" if synchronous else "asynchronous"
        table.add_row(f"search, 16 x 30, {way}", f"{seconds * 1e3:.1f} ms", f"{search.makespan:g} s simulated")


def main() -> int:
    table = Table("what", "CPU time", "and", title="Flows, rings and searches")
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    good = all(leaf_spine_rows(table, number, load) for load in LOADS)
    good &= ring_rows(table)
    other_rows(table)
    Console(width=110).print(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
