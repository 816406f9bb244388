"""Memory and time of one iteration, three ways: what a replay on the engine sees, and what arrays say at once.

Memory has three levels, each with its own curve: *live* bytes (what the program asked for, by category),
*allocated* bytes (blocks handed out, rounded), *reserved* bytes (segments taken from the device).

Curves are step functions sampled 1 + 2 K times: when the resident tensors are in place, and for each kernel when
it starts (its buffers and workspace allocated) and when it has ended (workspace and dead buffers freed). Memory
only grows on the way to the start of a kernel and only shrinks at its end, so no peak falls between samples.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware_models.gpu.program import Floats, Ints, Program


@dataclass(frozen=True, slots=True, eq=False)
class LiveBytes:
    """Bytes the program has asked for over time. `bytes` has shape (categories, samples), `times` is seconds."""

    categories: tuple[str, ...]
    times: Floats
    bytes: Ints

    @property
    def total(self) -> Ints:
        """All categories together, shape (samples,)."""
        return np.asarray(self.bytes.sum(axis=0), dtype=np.int64)

    @property
    def peak(self) -> int:
        """The most bytes at any time."""
        return int(self.total.max())

    @property
    def at_peak(self) -> dict[str, int]:
        """What the memory held, by category, when the peak was first reached."""
        column = self.bytes[:, int(self.total.argmax())]
        return {name: int(size) for name, size in zip(self.categories, column, strict=True)}


@dataclass(frozen=True, slots=True)
class Holder:
    """A tensor in memory: its name, what it is for, its bytes."""

    name: str
    category: str
    bytes: int


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """Why the iteration stopped.

    `level` says what would have helped: "live" (the tensors themselves exceed the capacity: compute differently),
    "rounding" (the tensors fit, the allocator's blocks do not), "fragmentation" (the blocks would fit, but no
    segment has room for the next one). `kernel` and `kernel_name` are the kernel whose memory was wanted, -1
    and "" for the resident tensors. `held` is what was live by category, `largest` the largest holders first.
    """

    time: float
    kernel: int
    kernel_name: str
    wanted: int
    capacity: int
    allocated: int
    reserved: int
    level: str
    held: dict[str, int]
    largest: tuple[Holder, ...]

    @property
    def live(self) -> int:
        """Bytes held by tensors when the request failed."""
        return sum(self.held.values())


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """What one iteration did. Columns have one entry per sample; `out_of_memory` is None if it ran to its end.

    A run out of memory has one more sample at its end: what was held when the request failed. `kernels` is how
    many kernels ran; `seconds` and `energy` (joules) are theirs.
    """

    live: LiveBytes
    allocated: Ints
    reserved: Ints
    kernels: int
    seconds: float
    energy: float
    out_of_memory: OutOfMemory | None = None

    @property
    def peak_live(self) -> int:
        """Peak bytes of tensors."""
        return self.live.peak

    @property
    def peak_allocated(self) -> int:
        """Peak bytes of blocks handed out."""
        return int(self.allocated.max())

    @property
    def peak_reserved(self) -> int:
        """Peak bytes of segments taken from the device."""
        return int(self.reserved.max())

    @property
    def fragmentation(self) -> float:
        """Share of the most that was reserved that was never handed out at once, 0 to 1."""
        return 1.0 - self.peak_allocated / self.peak_reserved if self.peak_reserved else 0.0


def live_bytes(program: Program) -> LiveBytes:
    """The live curve by arrays alone, whatever the capacity; byte for byte what `device.replay` counts.

    With K kernels and a buffer's bytes b, category c, first and last kernel f and l:
    bytes[c, t] = resident[c] + sum of b over buffers with f started and l not yet ended at sample t.
    """
    kernels, categories = program.kernels, len(program.categories)
    change = np.zeros((categories, 1 + 2 * kernels), dtype=np.int64)
    change[:, 0] = program.resident_bytes()
    of = program.buffer_category
    size = program.buffer_bytes
    np.add.at(change, (of[program.allocated], 1 + 2 * program.allocated_before()), size[program.allocated])
    np.subtract.at(change, (of[program.freed], 2 + 2 * program.freed_after()), size[program.freed])
    change[-1, 1::2] += program.kernel_workspace
    change[-1, 2::2] -= program.kernel_workspace
    return LiveBytes(program.categories, sample_times(program.kernel_seconds), np.cumsum(change, axis=1))


def sample_times(seconds: NDArray[np.float64]) -> Floats:
    """When the samples of a program's curves are taken: 0, then start and end of each kernel, back to back."""
    ends = np.cumsum(seconds)
    times = np.zeros(1 + 2 * len(seconds))
    times[2::2] = ends
    times[3::2] = ends[:-1]
    return times
