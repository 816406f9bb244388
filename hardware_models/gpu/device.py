"""A GPU that runs a program: a compute stream and two copy engines, one allocator, and a record of what happened.

Kernels run in order, each as soon as the last has ended, its memory is there and the copies it needs are done. Copies
to the host and copies from it run one after the other in the order queued, both beside each other and beside the
kernels, at the time that the program gives them (see `program.CopyOut` and `program.CopyIn`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np

from hardware_models.gpu.allocator import Allocator, Block
from hardware_models.gpu.program import CopyIn, CopyOut, Program
from hardware_models.gpu.timeline import Holder, LiveBytes, OutOfMemory, Timeline
from sim.engine import Engine
from sim.trace import Tracer

C = TypeVar("C", CopyIn, CopyOut)
#: How many of the largest tensors an out-of-memory report names.
_NAMED = 5


def replay(program: Program, allocator: Allocator, trace: Tracer | None = None) -> Timeline:
    """Runs `program` on a fresh engine with `allocator`, to its end or until it is out of memory.

    A recording `trace` gets the kernels as slices and the memory curves as counters.
    """
    engine = Engine(trace=trace)
    stream = ComputeStream(engine, program, allocator)
    stream.start()
    engine.run()
    return stream.timeline()


class CopyEngine:
    """Copies in one direction, one after the other. A copy is known by its buffer."""

    def __init__(self, engine: Engine, name: str, wake: Callable[[], None]) -> None:
        self._engine, self._name, self._wake = engine, name, wake
        self._free_at = 0.0
        self._done: set[int] = set()

    def queue(self, buffer: int, label: str, seconds: float) -> None:
        """Starts a copy as soon as those before it are over."""
        begin = max(self._engine.now, self._free_at)
        self._free_at = begin + seconds
        self._engine.call_after(self._free_at - self._engine.now, self._finish, buffer, label, begin)

    def over(self, buffers: Iterable[int]) -> bool:
        """Whether the copies of all `buffers` have ended."""
        return self._done.issuperset(buffers)

    def _finish(self, buffer: int, label: str, begin: float) -> None:
        self._done.add(buffer)
        self._engine.trace.slice(f"gpu/{self._name}", label, begin, self._engine.now)
        self._wake()


class ComputeStream:
    """The one stream on which a program's kernels run in order, each as soon as the last has ended."""

    def __init__(self, engine: Engine, program: Program, allocator: Allocator) -> None:
        self._engine, self._program, self._allocator = engine, program, allocator
        self._category = program.buffer_category.tolist()
        self._bytes = program.buffer_bytes.tolist()
        self._seconds = program.kernel_seconds.tolist()
        self._scratch = program.kernel_workspace.tolist()
        self._allocated = _rows(program.allocated_at.tolist(), program.allocated.tolist())
        self._freed = _rows(program.freed_at.tolist(), program.freed.tolist())
        self._live = [0] * len(program.categories)
        self._blocks: dict[int, Block | None] = {}
        self._resident: Counter[str] = Counter()
        self._samples: list[tuple[float, int, int, tuple[int, ...]]] = []
        self._out: OutOfMemory | None = None
        self._ran = 0
        self._outward = CopyEngine(engine, "copy out", self._wake)
        self._inward = CopyEngine(engine, "copy in", self._wake)
        self._queued_after = _grouped(program.copies_out, lambda copy: copy.after)
        self._leaving_before = _grouped(program.copies_out, lambda copy: copy.before)
        self._queued_at = _grouped(program.copies_in, lambda copy: copy.at)
        self._needed_by = _grouped(program.copies_in, lambda copy: copy.before)
        self._leaves = {copy.buffer for copy in program.copies_out}
        self._waiting: Callable[[], None] | None = None

    def start(self) -> None:
        """Puts the resident tensors in place and launches the first kernel."""
        for name, size in self._program.resident:
            if not self._take(-1, size, self._program.categories.index(name)):
                return
        self._sample()
        self._launch(0)

    def timeline(self) -> Timeline:
        """What has happened so far."""
        times, allocated, reserved, live = zip(*self._samples, strict=True)
        curves = np.array(live, dtype=np.int64).reshape(len(live), len(self._live)).T
        return Timeline(
            live=LiveBytes(self._program.categories, np.array(times, dtype=np.float64), curves),
            allocated=np.array(allocated, dtype=np.int64),
            reserved=np.array(reserved, dtype=np.int64),
            kernels=self._ran,
            seconds=self._engine.now,
            energy=float(self._program.kernel_energy[: self._ran].sum()),
            out_of_memory=self._out,
        )

    def _launch(self, kernel: int) -> None:
        if kernel == self._program.kernels:
            return
        leaving = [copy.buffer for copy in self._leaving_before[kernel]]
        self._when(lambda: self._outward.over(leaving), lambda: self._allocate_for(kernel, leaving))

    def _allocate_for(self, kernel: int, leaving: list[int]) -> None:
        for buffer in leaving:
            self._give_back(buffer)
        for buffer in self._allocated[kernel]:
            if not self._take(kernel, self._bytes[buffer], self._category[buffer], buffer):
                return
        workspace = self._allocate(self._scratch[kernel])
        if workspace is None and self._scratch[kernel]:
            self._fail(kernel, self._scratch[kernel])
            return
        self._live[-1] += self._scratch[kernel]
        for copy in self._queued_at[kernel]:
            self._inward.queue(copy.buffer, self._program.buffer_names[copy.buffer], copy.seconds)
        needed = [copy.buffer for copy in self._needed_by[kernel]]
        self._when(lambda: self._inward.over(needed), lambda: self._run(kernel, workspace))

    def _run(self, kernel: int, workspace: Block | None) -> None:
        self._sample()
        self._engine.call_after(self._seconds[kernel], self._retire, kernel, workspace)

    def _when(self, ready: Callable[[], bool], go: Callable[[], None]) -> None:
        """Goes on at once, or when the end of a copy makes it possible."""
        if ready():
            go()
        else:
            self._waiting = lambda: self._when(ready, go)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()

    def _retire(self, kernel: int, workspace: Block | None) -> None:
        if workspace is not None:
            self._allocator.free(workspace)
        self._live[-1] -= self._scratch[kernel]
        for buffer in self._freed[kernel]:
            if buffer not in self._leaves:
                self._give_back(buffer)
        for copy in self._queued_after[kernel]:
            self._outward.queue(copy.buffer, self._program.buffer_names[copy.buffer], copy.seconds)
        self._ran += 1
        self._sample()
        now = self._engine.now
        self._engine.trace.slice("gpu/compute", self._program.kernel_names[kernel], now - self._seconds[kernel], now)
        self._launch(kernel + 1)

    def _give_back(self, buffer: int) -> None:
        block = self._blocks.pop(buffer)
        if block is not None:
            self._allocator.free(block)
        self._live[self._category[buffer]] -= self._bytes[buffer]

    def _take(self, kernel: int, size: int, category: int, buffer: int | None = None) -> bool:
        """Allocates for a tensor; on failure the stream stops for good."""
        block = self._allocate(size)
        if block is None and size:
            self._fail(kernel, size)
            return False
        self._live[category] += size
        if buffer is None:
            self._resident[self._program.categories[category]] += size
        else:
            self._blocks[buffer] = block
        return True

    def _allocate(self, size: int) -> Block | None:
        """A block, or None: for nothing (0 bytes) or when there is no room."""
        return self._allocator.allocate(size) if size else None

    def _sample(self) -> None:
        allocator, now = self._allocator, self._engine.now
        self._samples.append((now, allocator.allocated, allocator.reserved, tuple(self._live)))
        trace = self._engine.trace
        if trace.recording:
            for name, size in zip(self._program.categories, self._live, strict=True):
                trace.counter(f"gpu/memory/{name}", now, size, "bytes")
            trace.counter("gpu/memory/allocated", now, allocator.allocated, "bytes")
            trace.counter("gpu/memory/reserved", now, allocator.reserved, "bytes")

    def _fail(self, kernel: int, wanted: int) -> None:
        allocator, program = self._allocator, self._program
        self._sample()
        self._out = OutOfMemory(
            time=self._engine.now,
            kernel=kernel,
            kernel_name=program.kernel_names[kernel] if kernel >= 0 else "",
            wanted=wanted,
            capacity=allocator.capacity,
            allocated=allocator.allocated,
            reserved=allocator.reserved,
            level=_level(allocator, wanted),
            held=dict(zip(program.categories, self._live, strict=True)),
            largest=self._largest(),
        )

    def _largest(self) -> tuple[Holder, ...]:
        program = self._program
        holders = [Holder(name, name, size) for name, size in self._resident.items()]
        for buffer in self._blocks:
            category = program.categories[self._category[buffer]]
            holders.append(Holder(program.buffer_names[buffer], category, self._bytes[buffer]))
        return tuple(sorted(holders, key=lambda holder: (-holder.bytes, holder.name))[:_NAMED])


def _level(allocator: Allocator, wanted: int) -> str:
    if allocator.requested + wanted > allocator.capacity:
        return "live"
    if allocator.allocated + allocator.block_size(wanted) > allocator.capacity:
        return "rounding"
    return "fragmentation"


def _grouped(copies: Sequence[C], kernel: Callable[[C], int]) -> dict[int, list[C]]:
    found: dict[int, list[C]] = defaultdict(list)
    for copy in copies:
        found[kernel(copy)].append(copy)
    return found


def _rows(offsets: list[int], entries: list[int]) -> list[list[int]]:
    return [entries[begin:end] for begin, end in pairwise(offsets)]
