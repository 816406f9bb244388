"""Static offsets: where every buffer of a program lies, decided before it runs, so that nothing fragments.

A buffer is bytes over a span of kernels, first..last, both included; two buffers whose spans meet must not share
bytes. The least height is NP-hard to find (dynamic storage allocation; Garey and Johnson, SR2) and never below the
most bytes alive at once, the *liveness bound*. Buffers are placed one after the other at the lowest offset where
they fit, in several orders (largest first, longest first, most bytes times kernels first, in order of time); then
whatever rose above the bound is placed earlier in the next round, until the bound is near or the rounds are over
("squeaky wheel" optimisation: Joslin and Clements, JAIR 10, 1999). `layout_exact` proves the least height.

Offsets and sizes are multiples of 512 bytes, as CUDA allocations are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from hardware_models.gpu.allocator import ALLOCATORS, MIN_BLOCK, Allocator, AllocatorName, Block
from hardware_models.gpu.program import Program

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: Rounds of the local search, each a placement of all buffers: at most so many, and rounds x buffers^2; and how near
#: to the bound it ends.
MOST_ROUNDS, WORK, NEAR = 40_000, 6_000_000_000, 1.01


@dataclass(frozen=True, slots=True, eq=False)
class Buffers:
    """What is to be laid out, one entry per buffer: `first` and `last` kernel, `size` in bytes."""

    first: Ints
    last: Ints
    size: Ints

    @classmethod
    def of(cls, first: ArrayLike, last: ArrayLike, size: ArrayLike, alignment: int = MIN_BLOCK) -> "Buffers":
        """Buffers with sizes rounded up to `alignment` bytes."""
        bytes_ = np.asarray(size, dtype=np.int64)
        rounded = -(-bytes_ // alignment) * alignment
        return cls(np.asarray(first, dtype=np.int64), np.asarray(last, dtype=np.int64), rounded)

    @property
    def bound(self) -> int:
        """The most bytes alive at once: no layout is lower."""
        if not len(self.size):
            return 0
        change = np.zeros(int(self.last.max()) + 2, dtype=np.int64)
        np.add.at(change, self.first, self.size)
        np.subtract.at(change, self.last + 1, self.size)
        return int(np.cumsum(change).max())


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Offsets of some buffers, bytes, shape (buffers,), and the height they reach."""

    buffers: Buffers
    offset: Ints

    @property
    def height(self) -> int:
        """Bytes from 0 to the top of the highest buffer."""
        return int((self.offset + self.buffers.size).max(initial=0))


def lay_out(buffers: Buffers, rounds: int | None = None, enough: int = 0) -> Layout:
    """The lowest layout found within about `rounds` placements; unset, what takes seconds at most. Deterministic.

    A height of `enough` bytes, the device's capacity say, ends the search.

    >>> layout = lay_out(Buffers.of([0, 1, 2], [1, 2, 3], [1024, 512, 1024]))
    >>> layout.offset.tolist(), layout.height, layout.buffers.bound
    ([0, 1024, 0], 1536, 1536)
    """
    if not len(buffers.size):
        return Layout(buffers, np.zeros(0, dtype=np.int64))
    spans = buffers.last - buffers.first + 1
    size, length = buffers.size.astype(np.float64), spans.astype(np.float64)
    starts = (size, size * length, length, -buffers.first.astype(np.float64), -buffers.last.astype(np.float64))
    best = None
    near = max(enough, int(NEAR * buffers.bound))
    for offset in _attempts(buffers, starts, rounds or _rounds(len(buffers.size)), near):
        layout = Layout(buffers, offset)
        best = layout if best is None or layout.height < best.height else best
        if best.height <= max(enough, buffers.bound):
            break
    assert best is not None
    return best


def _rounds(count: int) -> int:
    """A few seconds' worth of rounds for so many buffers."""
    return max(500, min(MOST_ROUNDS, WORK // count**2))


def _attempts(buffers: Buffers, starts: Sequence[Floats], rounds: int, near: int) -> Iterator[Ints]:
    """Offsets by the wheel from every start, then by the local search from the lowest of them on, half as long each."""
    b, state = buffers, np.ones(1, dtype=np.int64)
    found: list[tuple[int, int, Floats]] = []
    for place, priority in enumerate(starts):
        rank, height = wheel(b.first, b.last, b.size, _ranked(priority), min(100, rounds), b.bound)
        found.append((height, place, rank))
        yield placed(b.first, b.last, b.size, np.argsort(rank, kind="stable"))
    lowest = min(found)[0]
    for _, _, rank in sorted(found, key=lambda each: each[:2]):
        if lowest <= near:
            return
        rounds //= 2
        climbed(b.first, b.last, b.size, rank, rounds, b.bound, near, state)
        offset = placed(b.first, b.last, b.size, np.argsort(rank, kind="stable"))
        lowest = min(lowest, int((offset + b.size).max()))
        yield offset


def _ranked(priority: Floats) -> Floats:
    """Places from 0 for the highest priority on, shape (buffers,)."""
    rank = np.empty(len(priority))
    rank[np.argsort(-priority, kind="stable")] = np.arange(len(priority))
    return rank


@njit(cache=True)
def wheel(first: Ints, last: Ints, size: Ints, rank: Floats, rounds: int, bound: int) -> tuple[Floats, int]:
    """(best order as ranks, its height): what rises above the bound moves forward, further in some rounds."""
    offset = placed(first, last, size, np.argsort(rank, kind="mergesort"))
    best, height = rank.copy(), (offset + size).max()
    for turn in range(rounds):
        if height == bound:
            break
        for buffer in range(len(size)):
            if offset[buffer] + size[buffer] > bound:
                rank[buffer] -= len(size) * (0.05 + 0.45 * (turn % 7) / 6.0)
        offset = placed(first, last, size, np.argsort(rank, kind="mergesort"))
        top = (offset + size).max()
        if top < height:
            best, height = rank.copy(), top
    return best, height


@njit(cache=True)
def climbed(first: Ints, last: Ints, size: Ints, rank: Floats, rounds: int, bound: int, near: int, state: Ints) -> None:
    """Improves `rank` by a local search that ends at height `near`: move a few buffers, keep what is not worse.

    Worse is a greater height, or more bytes and kernels above the bound.
    """
    offset = placed(first, last, size, np.argsort(rank, kind="mergesort"))
    best = _badness(first, last, size, offset, bound)
    for _ in range(rounds):
        if (offset + size).max() <= near:
            break
        tried = rank.copy()
        over = np.flatnonzero(offset + size > bound)
        if _random(state) < 0.5:
            only = -1 if _random(state) < 0.3 else over[int(_random(state) * len(over))]
            far = len(size) * _random(state) ** 2
            for buffer in over:
                if only in (-1, buffer):
                    tried[buffer] -= far
        else:
            for _ in range(1 + int(3 * _random(state))):
                tried[int(_random(state) * len(size))] += len(size) * 0.7 * (_random(state) - 0.5)
        there = placed(first, last, size, np.argsort(tried, kind="mergesort"))
        badness = _badness(first, last, size, there, bound)
        if badness <= best:
            offset, best = there, badness
            rank[np.argsort(tried, kind="mergesort")] = np.arange(len(size))


@njit(cache=True)
def _badness(first: Ints, last: Ints, size: Ints, offset: Ints, bound: int) -> float:
    """Height over the bound, and a fifth of the mean of (bytes above the bound x kernels) per buffer."""
    area, height = 0.0, 0
    for buffer in range(len(size)):
        top = offset[buffer] + size[buffer]
        height = max(height, top)
        if top > bound:
            area += float(top - bound) * float(last[buffer] - first[buffer] + 1)
    return height / bound + 0.2 * area / bound / len(size)


@njit(cache=True)
def _random(state: Ints) -> float:
    """A uniform draw from [0, 1), 31 bits of a linear congruential generator (Knuth's MMIX constants)."""
    state[0] = state[0] * 6364136223846793005 + 1442695040888963407
    return float((state[0] >> 33) & 0x7FFFFFFF) / 2147483648.0


@njit(cache=True)
def placed(first: Ints, last: Ints, size: Ints, order: Ints) -> Ints:
    """Offsets when buffers are placed in `order`, each at the lowest offset where it overlaps no other."""
    offset = np.zeros(len(size), np.int64)
    stack = np.empty(len(size), np.int64)  # placed buffers by ascending offset
    for count, buffer in enumerate(order):
        low = 0
        for place in range(count):
            other = stack[place]
            if offset[other] - low >= size[buffer]:
                break
            if first[other] <= last[buffer] and first[buffer] <= last[other]:
                low = max(low, offset[other] + size[other])
        offset[buffer] = low
        place = count
        while place and offset[stack[place - 1]] > low:
            stack[place] = stack[place - 1]
            place -= 1
        stack[place] = buffer
    return offset


def of_program(program: Program) -> Buffers:
    """All that a program allocates, in the order in which a stream asks for it.

    First the resident tensors, then for each kernel its buffers and its workspace. What has no bytes is left out, as
    no stream asks for it.
    """
    final = program.kernels
    last = np.full(len(program.buffer_bytes), final, dtype=np.int64)
    last[program.freed] = program.freed_after()
    kernel = program.allocated_before()
    scratch = np.arange(final, dtype=np.int64)
    first = np.concatenate([np.zeros(len(program.resident), dtype=np.int64), kernel, scratch])
    until = np.concatenate([np.full(len(program.resident), final), last[program.allocated], scratch])
    resident = np.array([size for _, size in program.resident], dtype=np.int64)
    size = np.concatenate([resident, program.buffer_bytes[program.allocated], program.kernel_workspace])
    sort = np.concatenate([np.full(len(resident), -1.0), kernel, scratch + 0.5])
    order = np.argsort(sort, kind="stable")
    order = order[size[order] > 0]
    return Buffers.of(first[order], until[order], size[order])


class StaticAllocator:
    """Hands out the offsets of a layout, in the order in which its buffers stand there; all of it is reserved at once.

    Raises `ValueError` when something else is asked for than was laid out.
    """

    def __init__(self, capacity: int, layout: Layout) -> None:
        self.capacity, self._layout = capacity, layout
        self.requested = self.allocated = self.reserved = 0
        self._next = 0

    def allocate(self, size: int) -> Block | None:
        """The next buffer's place, or None if the whole layout is higher than the capacity."""
        if self._layout.height > self.capacity:
            return None
        room = int(self._layout.buffers.size[self._next]) if self._next < len(self._layout.offset) else 0
        if self.block_size(size) != room:
            raise ValueError(f"the layout has {room} bytes for buffer {self._next}, {size} are wanted")
        block = Block(int(self._layout.offset[self._next]), room, small=False)
        block.free, block.requested = False, size
        self._next += 1
        self.requested += size
        self.allocated += room
        self.reserved = self._layout.height
        return block

    def free(self, block: Block) -> None:
        """Takes a block back; its bytes are another's from then on."""
        if block.free:
            raise ValueError(f"block at {block.address} is freed twice")
        block.free = True
        self.requested -= block.requested
        self.allocated -= block.bytes

    def block_size(self, size: int) -> int:
        """The request rounded up to 512 bytes."""
        return -(-size // MIN_BLOCK) * MIN_BLOCK


def allocator_for(name: AllocatorName, capacity: int, program: Program) -> Allocator:
    """The allocator called `name` for one run of `program` on a device of `capacity` bytes."""
    if name == "static":
        return StaticAllocator(capacity, lay_out(of_program(program), enough=capacity))
    return ALLOCATORS[name](capacity)


def minimalloc_csv(layout: Layout, names: Sequence[str] | None = None) -> str:
    """The layout in the format of MiniMalloc (Moffitt, ASPLOS 2023): a buffer lives in [lower, upper).

    >>> print(minimalloc_csv(lay_out(Buffers.of([0, 1], [1, 1], [512, 512]))), end="")
    id,lower,upper,size,offset
    0,0,2,512,0
    1,1,2,512,512
    """
    lines = ["id,lower,upper,size,offset"]
    columns = (layout.buffers.first, layout.buffers.last + 1, layout.buffers.size, layout.offset)
    for index, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        lines.append(",".join(map(str, (names[index] if names else index, *row))))
    return "\n".join(lines) + "\n"
