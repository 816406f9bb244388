"""Who hands out device memory, and what that costs in bytes: PyTorch's caching allocator, and an exact one.

The caching allocator follows c10/cuda/CUDACachingAllocator.cpp of PyTorch 2.13 with its default settings; the
constants stand in c10/core/AllocatorConfig.h. Its rules:

1. A request is rounded up to a multiple of 512 B.
2. Rounded requests up to 1 MiB are served from the small pool, others from the large pool.
3. The smallest free block of the pool that is large enough is taken (ties: the lowest address). If what would
   remain is worth keeping (small pool: 512 B or more, large pool: more than 1 MiB), the block is split.
4. If there is none, a segment is taken from the device: 2 MiB for the small pool, 20 MiB for requests below
   10 MiB, otherwise the request rounded up to 2 MiB. The segment is one block; rule 3 splits it.
5. If the device has no room for the segment, all segments that are entirely free go back to it and rule 4 is
   tried once more; if that fails, the program is out of memory.
6. A freed block merges with free neighbours of its segment and returns to its pool. Segments stay.

What it leaves out: several streams, `max_split_size_mb`, garbage collection thresholds, expandable segments,
CUDA graphs' private pools.
"""

from bisect import bisect_left, insort
from typing import Literal, Protocol

#: Constants of c10/core/AllocatorConfig.h, bytes.
MIN_BLOCK = 512
SMALL_REQUEST = 1 << 20
SMALL_SEGMENT = 2 << 20
LARGE_SEGMENT = 20 << 20
MIN_LARGE_REQUEST = 10 << 20
SEGMENT_ROUND = 2 << 20


class Block:
    """A piece of a segment. `neighbours` of the same segment are linked in address order."""

    __slots__ = ("address", "bytes", "free", "next", "previous", "requested", "small")

    def __init__(self, address: int, size: int, small: bool) -> None:
        self.address, self.bytes, self.small = address, size, small
        self.free = True
        self.requested = 0
        self.previous: Block | None = None
        self.next: Block | None = None


class Allocator(Protocol):
    """What a memory timeline needs: bytes requested <= allocated <= reserved <= capacity, always."""

    capacity: int
    requested: int
    allocated: int
    reserved: int

    def allocate(self, size: int) -> Block | None:
        """A block of at least `size` bytes, or None when there is no room; the state is then as before."""
        ...

    def free(self, block: Block) -> None:
        """Takes back a block that `allocate` gave."""
        ...

    def block_size(self, size: int) -> int:
        """Bytes of the smallest block that serves a request of `size` bytes."""
        ...


def rounded(size: int) -> int:
    """Bytes of the block asked for (rule 1)."""
    return max(MIN_BLOCK, -(-size // MIN_BLOCK) * MIN_BLOCK)


def segment_size(request: int) -> int:
    """Bytes of the segment taken for a rounded request (rule 4)."""
    if request <= SMALL_REQUEST:
        return SMALL_SEGMENT
    if request < MIN_LARGE_REQUEST:
        return LARGE_SEGMENT
    return -(-request // SEGMENT_ROUND) * SEGMENT_ROUND


class _Pool:
    """Free blocks ordered by (bytes, address)."""

    __slots__ = ("blocks", "keys")

    def __init__(self) -> None:
        self.keys: list[tuple[int, int]] = []
        self.blocks: dict[int, Block] = {}

    def add(self, block: Block) -> None:
        insort(self.keys, (block.bytes, block.address))
        self.blocks[block.address] = block

    def remove(self, block: Block) -> None:
        del self.keys[bisect_left(self.keys, (block.bytes, block.address))]
        del self.blocks[block.address]

    def best_fit(self, size: int) -> Block | None:
        place = bisect_left(self.keys, (size, 0))
        if place == len(self.keys):
            return None
        return self.blocks.pop(self.keys.pop(place)[1])


class CachingAllocator:
    """PyTorch's caching allocator on one stream of a device with `capacity` bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.requested = self.allocated = self.reserved = 0
        self._pools = {True: _Pool(), False: _Pool()}
        self._frontier = 0

    def allocate(self, size: int) -> Block | None:
        """A block for `size` bytes (more than 0) by rules 1 to 5."""
        request = rounded(size)
        small = request <= SMALL_REQUEST
        pool = self._pools[small]
        block = pool.best_fit(request) or self._new_segment(segment_size(request), small)
        if block is None:
            return None
        remaining = block.bytes - request
        if remaining >= MIN_BLOCK if small else remaining > SMALL_REQUEST:
            pool.add(_split(block, request))
        block.free, block.requested = False, size
        self.requested += size
        self.allocated += block.bytes
        return block

    def free(self, block: Block) -> None:
        """Merges `block` with its free neighbours and keeps it for later (rule 6)."""
        if block.free:
            raise ValueError(f"block at {block.address} is freed twice")
        self.requested -= block.requested
        self.allocated -= block.bytes
        block.free = True
        pool = self._pools[block.small]
        following, preceding = block.next, block.previous
        if following is not None and following.free:
            pool.remove(following)
            _absorb(block, following)
        if preceding is not None and preceding.free:
            pool.remove(preceding)
            _absorb(preceding, block)
            block = preceding
        pool.add(block)

    def block_size(self, size: int) -> int:
        """The request rounded by rule 1."""
        return rounded(size)

    def release_cached(self) -> int:
        """Gives all entirely free segments back to the device; how many bytes that were."""
        before = self.reserved
        for pool in self._pools.values():
            for block in [block for block in pool.blocks.values() if block.previous is None and block.next is None]:
                pool.remove(block)
                self.reserved -= block.bytes
        return before - self.reserved

    @property
    def cached(self) -> int:
        """Bytes that are reserved and not handed out."""
        return self.reserved - self.allocated

    @property
    def largest_free(self) -> int:
        """Bytes of the largest free block (0 if there is none)."""
        return max((pool.keys[-1][0] for pool in self._pools.values() if pool.keys), default=0)

    def _new_segment(self, size: int, small: bool) -> Block | None:
        if self.reserved + size > self.capacity:
            self.release_cached()
            if self.reserved + size > self.capacity:
                return None
        self.reserved += size
        block = Block(self._frontier, size, small)
        self._frontier += size
        return block


def _split(block: Block, size: int) -> Block:
    """Cuts `block` down to `size` bytes; the remainder, a free block behind it."""
    rest = Block(block.address + size, block.bytes - size, block.small)
    block.bytes = size
    rest.previous, rest.next = block, block.next
    if rest.next is not None:
        rest.next.previous = rest
    block.next = rest
    return rest


def _absorb(block: Block, following: Block) -> None:
    """Makes `following` part of `block`."""
    block.bytes += following.bytes
    block.next = following.next
    if block.next is not None:
        block.next.previous = block


class ExactAllocator:
    """No rounding, no segments, no fragmentation: the bound that a perfect static layout approaches."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.requested = self.allocated = self.reserved = 0

    def allocate(self, size: int) -> Block | None:
        """A block of exactly `size` bytes while they fit into the capacity."""
        if self.requested + size > self.capacity:
            return None
        self._count(size)
        block = Block(0, size, small=False)
        block.free = False
        return block

    def free(self, block: Block) -> None:
        """Takes the block's bytes back."""
        if block.free:
            raise ValueError("a block is freed twice")
        block.free = True
        self._count(-block.bytes)

    def block_size(self, size: int) -> int:
        """The request itself."""
        return size

    def _count(self, size: int) -> None:
        self.requested += size
        self.allocated = self.reserved = self.requested


AllocatorName = Literal["caching", "exact", "static"]
#: The allocators that need not know what will be asked of them; `layout.StaticAllocator` does.
ALLOCATORS: dict[AllocatorName, type[CachingAllocator] | type[ExactAllocator]] = {
    "caching": CachingAllocator,
    "exact": ExactAllocator,
}
