"""Random streams by name.

A stream is identified by *what it is for* (seed, scenario, replicate, names), never by the order in which
streams are created, so adding a consumer changes no other stream. Streams of the workload must not depend
on hardware or algorithm: two policies then meet the very same arrivals, and comparisons are paired.

>>> streams = Streams(seed=7, scenario="queue", replicate=0)
>>> bool(streams("arrivals").exponential(1.0) == Streams(7, "queue", 0)("arrivals").exponential(1.0))
True
"""

from collections.abc import Callable
from hashlib import blake2b
from operator import index

import numpy as np
from numpy.typing import NDArray

_BLOCK = 4096


def spawn_key(*names: str | int) -> tuple[int, ...]:
    """Four 32-bit words that stand for `names`, whatever else exists (BLAKE2b-128 of their text)."""
    text = "\x1f".join(f"{type(name).__name__}:{name}" for name in _plain(names))
    digest = blake2b(text.encode(), digest_size=16).digest()
    return tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))


def _plain(names: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """`names` with NumPy integers and the like as plain int, so that equal names are one stream."""
    return tuple(str(name) if isinstance(name, str) else index(name) for name in names)


#: How a block of each law is drawn.
_LAWS: dict[str, Callable[[np.random.Generator], NDArray[np.float64]]] = {
    "uniform": lambda generator: generator.random(_BLOCK),
    "exponential": lambda generator: generator.standard_exponential(_BLOCK),
    "normal": lambda generator: generator.standard_normal(_BLOCK),
}


class Stream:
    """Scalar draws out of blocks (NumPy's scalar calls cost twenty times a block's share).

    Each law keeps a block of its own, so interleaving draws of two laws gives the same values as drawing
    them apart. `generator` is the NumPy generator behind it, for whole arrays.
    """

    __slots__ = ("_blocks", "_sequence", "generator")

    def __init__(self, sequence: np.random.SeedSequence) -> None:
        self._sequence = sequence
        self.generator = np.random.Generator(np.random.PCG64(sequence))
        self._blocks: dict[str, tuple[np.random.Generator, list[float]]] = {}

    def _next(self, law: str) -> float:
        entry = self._blocks.get(law)
        if entry is None:
            sequence = np.random.SeedSequence(
                self._sequence.entropy, spawn_key=(*self._sequence.spawn_key, *spawn_key(law))
            )
            entry = self._blocks[law] = (np.random.Generator(np.random.PCG64(sequence)), [])
        generator, block = entry
        if not block:
            block.extend(_LAWS[law](generator)[::-1].tolist())
        return block.pop()

    def uniform(self) -> float:
        """A draw from [0, 1)."""
        return self._next("uniform")

    def exponential(self, mean: float) -> float:
        """A draw with the given mean (same unit as the mean)."""
        return mean * self._next("exponential")

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """A Gaussian draw."""
        return mean + deviation * self._next("normal")

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high - 1, uniform up to 2**-53 (range below 2**32)."""
        return low + int(self.uniform() * (high - low))


class Streams:
    """All streams of one run; calling it with names gives the stream of those names.

    Creating one takes about 50 us, so it is done at the first call and kept.
    """

    __slots__ = ("_made", "replicate", "scenario", "seed")

    def __init__(self, seed: int, scenario: str, replicate: int) -> None:
        self.seed, self.scenario, self.replicate = seed, scenario, replicate
        self._made: dict[tuple[str | int, ...], Stream] = {}

    def __call__(self, *names: str | int) -> Stream:
        """The stream called `names`, for instance `streams("arrivals", host)`."""
        names = _plain(names)
        stream = self._made.get(names)
        if stream is None:
            key = spawn_key(self.scenario, self.replicate, *names)
            stream = self._made[names] = Stream(np.random.SeedSequence(self.seed, spawn_key=key))
        return stream
