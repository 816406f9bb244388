"""Ours beside what PyTorch offers, in one process: eager, checkpoints by block, the min-cut partitioner's budget.

Peaks are what the process really took above its resident tensors; times are medians of iterations taken in turns. Our
costs are a profile taken at the start. Ours stands there twice: at a peak no higher than the checkpoints', and over ten
budgets from near the least to what keeping everything takes.

    python benchmarks/checkmate_pytorch.py --network resnet50 --batch 4 --shape 3,160,160
"""

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter, process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from torch import Tensor

from scenarios.checkmate.agreement import Agreement
from scenarios.checkmate.capture import capture
from scenarios.checkmate.child import Request, measured
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.executable import fine_schedule
from scenarios.checkmate.gauges import gauge_of, keep_memory, return_memory
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.measurement import Subject, as_before, built
from scenarios.checkmate.on_device import Costs, merged
from scenarios.checkmate.peers import blocks, checkpointed, partitioned
from scenarios.checkmate.portfolio import heuristics
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.profile import Profile
from scenarios.checkmate.schedule import Schedule, all_once, cost, peak
from scenarios.checkmate.step import Step


@dataclass(slots=True)
class Contender:
    """One way to run an iteration, its peak (bytes) and its seconds: wall and CPU."""

    name: str
    run: Callable[[], Tensor]
    peak: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def weigh(subject: Subject, run: Callable[[], Tensor]) -> int:
    """Bytes the process took above its resident tensors; the second of two iterations."""
    for _ in range(2):
        with as_before(subject):
            gauge = gauge_of(subject.device)
            gauge.start()
            loss = run()
            most = gauge.lap()
            del loss
    return most


def time(subject: Subject, contenders: list[Contender], repeats: int) -> None:
    """Iterations in turns, the first of each not counted."""
    for repeat in range(repeats + 1):
        for contender in contenders:
            with as_before(subject):
                wall, cpu = perf_counter(), process_time()
                contender.run()
                wall, cpu = perf_counter() - wall, process_time() - cpu
            if repeat:
                contender.wall.append(wall)
                contender.cpu.append(cpu)


class Ours:
    """Schedules of one recorded step, costs and workspaces as profiled."""

    def __init__(self, subject: Subject, request: Request) -> None:
        self.subject = subject
        self.agreement = Agreement.of(subject.module, subject.inputs)
        self.captured = capture(subject.module, subject.inputs, "ours")
        graph = self.captured.graph
        (found,) = measured(replace(request, orders=[all_once(graph).order]))
        assert not found.weight.difference, found.weight.difference
        profile = Profile.of("here", graph, found.timing, found.weight)
        self.graph, seconds = profile.with_workspaces(graph), profile.seconds(graph)
        self.coarse = coarsen(self.graph)
        self.costs = merged(Costs(seconds, seconds, seconds), self.coarse.parts).solver

    def range(self) -> tuple[int, int]:
        """Bytes of the least and of keeping everything."""
        graph = self.coarse.graph
        results = sum(graph.values[value].bytes for value in graph.results)
        return max(working_set(graph)[0], results), peak(graph, all_once(graph))

    def schedule(self, budget: int) -> Schedule | None:
        """The coarse schedule for `budget` bytes."""
        return heuristics(Problem(self.coarse.graph, self.costs, budget)).schedule

    def contender(self, name: str, schedule: Schedule) -> Contender:
        """One of ours."""
        step = Step(self.subject.module, self.captured, fine_schedule(self.coarse, schedule), self.agreement, 0, 0.0)
        return Contender(name, lambda: step(*self.subject.inputs))


def curve(ours: Ours, points: int) -> list[Contender]:
    """Ours for budgets from near the least to keeping everything; a smaller budget's cheaper schedule is kept."""
    least, most = ours.range()
    least += int(0.12 * (most - least))  # below that no schedule of whole layers is found for ResNet50
    best: Schedule | None = None
    found = []
    for budget in np.linspace(least, most, points):
        schedule = ours.schedule(int(budget))
        if schedule is None:
            continue
        best = schedule if best is None or cost(ours.costs, schedule) < cost(ours.costs, best) else best
        found.append(ours.contender(f"ours at {budget / 1e6:.0f} MB", best))
    return found


def progress(contender: Contender) -> None:
    print(f"{contender.name}: {contender.peak / 1e6:.1f} MB", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--shape", default="3,160,160")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()
    torch.set_num_threads(1)
    return_memory()
    shape = tuple(map(int, given.shape.split(",")))
    subject = built(given.network, given.batch, shape, device=given.device)
    ours = Ours(subject, Request(given.network, given.batch, shape, [], given.repeats, device=given.device))

    def by_block() -> Tensor:
        with checkpointed(blocks(subject.module)):
            return subject.eager()

    eager, block = Contender("eager", subject.eager), Contender("checkpoint per block", by_block)
    everything = ours.contender("ours, keeping everything", all_once(ours.coarse.graph))
    for contender in (eager, block, everything):
        contender.peak = weigh(subject, contender.run)
        progress(contender)
    matching = None
    for share in (1.0, 0.99, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9):  # the model of the peak is good to a per cent or two
        schedule = ours.schedule(int(block.peak * share))
        if schedule is None:
            break
        matching = ours.contender("ours at its peak", schedule)
        matching.peak = weigh(subject, matching.run)
        if matching.peak <= block.peak:
            break
    assert matching is not None, "nothing fits in the memory of the checkpoints"
    points = curve(ours, 10)
    for contender in points:
        contender.peak = weigh(subject, contender.run)
        progress(contender)
    cuts = []
    for budget in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0):
        cut = Contender(f"min-cut, budget {budget}", partitioned(subject, budget))
        cut.peak = weigh(subject, cut.run)
        cuts.append(cut)
        progress(cut)
    keep_memory()
    time(subject, [eager, block, everything, matching, *points[::3]], given.repeats)
    best = min(cuts, key=lambda cut: cut.peak)
    time(subject, [best], max(3, given.repeats // 3))
    print(f"{given.network}, batch {given.batch} of {given.shape}, on {given.device}, {torch.get_num_threads()} thread")
    print(f"{'':26} {'peak MB':>9} {'wall s':>8} {'added':>8} {'CPU s':>8} {'added':>8}")
    base_wall, base_cpu = median(eager.wall), median(eager.cpu)
    for contender in (eager, block, everything, matching, *cuts, *points):
        line = f"{contender.name:26} {contender.peak / 1e6:9.1f}"
        if contender.wall:
            wall, cpu = median(contender.wall), median(contender.cpu)
            line += f" {wall:8.3f} {wall / base_wall - 1:8.1%} {cpu:8.3f} {cpu / base_cpu - 1:8.1%}"
        print(line)
    for what in ("wall", "cpu"):
        e, b, m, a = (median(getattr(one, what)) for one in (eager, block, matching, everything))
        shares = f"{(m - e) / (b - e):.2f}, by recomputation alone {(m - a) / (b - e):.2f}"
        print(f"{what}: our added time over the checkpoints' {shares}")
    print(
        f"peak: ours {matching.peak / block.peak:.3f} of the checkpoints'; "
        f"our least {points[0].peak / best.peak:.3f} of the best min-cut point's ({best.name})"
    )
    peaks = [contender.peak for contender in points]
    print(f"measured peak monotone over {len(points)} budgets: {peaks == sorted(peaks)}")


if __name__ == "__main__":
    main()
