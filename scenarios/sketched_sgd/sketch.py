"""Count sketches of a gradient: r rows of c counters that add up as gradients do.

Row i adds coordinate j into bucket h_i(j) with sign s_i(j) (Charikar, Chen and Farach-Colton, 2002):

    S[i, h_i(j)] += s_i(j) g[j]                     encode
    g^[j] = median_i s_i(j) S[i, h_i(j)]            point query
    |g|^  = sqrt(median_i sum_b S[i, b]^2)          norm

Two families of hashes stand behind one interface. `PolynomialSketch` hashes every coordinate (buckets 2-wise, signs
4-wise independent): what the theory asks for, and slow, for each counter is a random access. `BlockSketch` hashes
blocks of consecutive coordinates: block b lies in row i on consecutive counters from o_i(b) on, wrapped around, and
its signs are a window into a string of random signs, at a place of the block's own and flipped or not. All accesses
are contiguous. Two coordinates of different blocks collide with probability 1/c, two of one block never.

Workers that share a family (same kind, shape and draw) can add their tables. Others are refused.

>>> family = BlockSketch(np.random.default_rng(0), size=1000, rows=5, columns=400)
>>> spike = np.zeros(1000, np.float32); spike[17] = -3.0
>>> table = family.encode(spike) + family.encode(spike)
>>> float(table.estimates()[17]), table.norm(), table.heaviest(1)
(-6.0, 6.0, array([17], dtype=int32))
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.sketched_sgd import hashing
from scenarios.sketched_sgd.hashing import Words
from scenarios.sketched_sgd.top_k import Floats, Indices, top_k
from sim.errors import UserError

Integers = NDArray[np.int64]


class Family(Protocol):
    """A drawn family of hashes for vectors of `size` coordinates and tables of `rows` x `columns`."""

    size: int
    rows: int
    columns: int
    key: str

    @property
    def state_bytes(self) -> int:
        """Bytes that a worker keeps of the hashes."""
        ...

    def encode(self, vector: Floats) -> "Table":
        """The sketch of `vector`, shape (size,)."""
        ...

    def estimates_of(self, counters: Floats) -> Floats:
        """The point queries of all coordinates, shape (size,)."""
        ...

    def buckets(self, indices: Indices) -> Integers:
        """The bucket of each of `indices` in each row, shape (rows, len(indices))."""
        ...

    def signs(self, indices: Indices) -> Floats:
        """The sign of each of `indices` in each row, shape (rows, len(indices))."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A sketch: `counters` of shape (rows, columns), float32, and the family that they were made with."""

    family: Family
    counters: Floats

    def __add__(self, other: "Table") -> "Table":
        if self.family.key != other.family.key:
            raise UserError("two sketches of different families (kind, shape or seed) cannot be added")
        return Table(self.family, self.counters + other.counters)

    def __mul__(self, factor: float) -> "Table":
        return Table(self.family, self.counters * np.float32(factor))

    def estimates(self) -> Floats:
        """The point queries of all coordinates, shape (size,)."""
        return self.family.estimates_of(self.counters)

    def estimates_at(self, indices: Indices) -> Floats:
        """The point queries of some coordinates."""
        buckets, signs = self.family.buckets(indices), self.family.signs(indices)
        seen = np.take_along_axis(self.counters, buckets, axis=1) * signs
        median: Floats = np.median(seen, axis=0).astype(np.float32)
        return median

    def norm(self) -> float:
        """The estimate of the vector's Euclidean norm."""
        return float(np.sqrt(np.median(np.square(self.counters, dtype=np.float64).sum(axis=1))))

    def heaviest(self, k: int) -> Indices:
        """The k coordinates of largest estimated magnitude, ascending."""
        return top_k(self.estimates(), k)


def _checked(size: int, rows: int, columns: int) -> None:
    if size < 1 or columns < 1:
        raise UserError(f"a sketch of {size} coordinates in {columns} columns; both are 1 or more")
    if rows < 1 or rows % 2 == 0:
        raise UserError(f"rows is {rows}; an odd number is needed, for the median to be one of the estimates")


class PolynomialSketch:
    """Every coordinate hashed by polynomials of its own row: degree 1 for buckets, 3 for signs. Slow, small, exact."""

    def __init__(self, random: np.random.Generator, size: int, rows: int, columns: int) -> None:
        _checked(size, rows, columns)
        self.size, self.rows, self.columns = size, rows, columns
        self._bucket_words, self._sign_words = hashing.draw(random, 1, rows), hashing.draw(random, 3, rows)
        self.key = _key("polynomial", (size, rows, columns), self._bucket_words, self._sign_words)

    @property
    def state_bytes(self) -> int:
        """Six coefficients per row."""
        return self._bucket_words.nbytes + self._sign_words.nbytes

    def encode(self, vector: Floats) -> Table:
        """The sketch of `vector`."""
        counters = np.zeros((self.rows, self.columns), np.float32)
        _polynomial_encode(_vector(vector, self.size), self._bucket_words, self._sign_words, counters)
        return Table(self, counters)

    def estimates_of(self, counters: Floats) -> Floats:
        """All point queries, a slice of coordinates at a time."""
        table, out = Table(self, counters), np.empty(self.size, np.float32)
        for start in range(0, self.size, 1 << 16):
            slice_ = np.arange(start, min(start + (1 << 16), self.size), dtype=np.int32)
            out[slice_] = table.estimates_at(slice_)
        return out

    def buckets(self, indices: Indices) -> Integers:
        """h_i(j)."""
        found = [hashing.hashes(indices, words) % np.uint64(self.columns) for words in self._bucket_words]
        return np.stack(found).astype(np.int64)

    def signs(self, indices: Indices) -> Floats:
        """s_i(j): the last bit of a 4-wise independent hash."""
        bits = np.stack([hashing.hashes(indices, words) & np.uint64(1) for words in self._sign_words])
        return 1 - 2 * bits.astype(np.float32)


class BlockSketch:
    """Blocks of consecutive coordinates hashed as one: contiguous, so as fast as memory allows.

    Offsets, windows and flips of the blocks come from 4-wise independent hashes, the string of signs is drawn. State
    is 3 words per block and row, and twice a block's signs per row. `block` coordinates per block; about sqrt(size),
    a power of two between 16 and 2048 and at most an eighth of `columns`, if not given.
    """

    def __init__(
        self, random: np.random.Generator, size: int, rows: int, columns: int, block: int | None = None
    ) -> None:
        _checked(size, rows, columns)
        self.size, self.rows, self.columns = size, rows, columns
        self.block = block or _block(size, columns)
        if not 1 <= self.block <= columns:
            raise UserError(f"block is {self.block}; of {columns} columns, a block takes 1 to {columns}")
        number = -(-size // self.block)
        drawn = [_block_words(random, rows, number) for _ in range(3)]
        self._offsets = (drawn[0] % np.uint64(columns)).astype(np.int32)
        self._windows = (drawn[1] % np.uint64(self.block)).astype(np.int32)
        self._flips = 1 - 2 * (drawn[2] & np.uint64(1)).astype(np.float32)
        self._string = 1 - 2 * random.integers(0, 2, (rows, 2 * self.block)).astype(np.float32)
        self.key = _key("block", (size, rows, columns, self.block), *drawn, self._string)

    @property
    def state_bytes(self) -> int:
        """Bytes of offsets, windows, flips and signs."""
        return sum(part.nbytes for part in (self._offsets, self._windows, self._flips, self._string))

    def encode(self, vector: Floats) -> Table:
        """The sketch of `vector`."""
        wide = np.zeros((self.rows, self.columns + self.block), np.float32)
        _block_encode(_vector(vector, self.size), self._offsets, self._windows, self._flips, self._string, wide)
        wide[:, : self.block] += wide[:, self.columns :]
        return Table(self, wide[:, : self.columns])

    def estimates_of(self, counters: Floats) -> Floats:
        """All point queries, block by block."""
        wide = np.concatenate([counters, counters[:, : self.block]], axis=1)
        out = np.empty(self.size, np.float32)
        decode = {1: _decode_1, 3: _decode_3, 5: _decode_5}.get(self.rows, _decode_any)
        decode(wide, self._offsets, self._windows, self._flips, self._string, out)
        return out

    def buckets(self, indices: Indices) -> Integers:
        """Where the block lies, and how far into it the coordinate is."""
        block, lane = np.divmod(np.asarray(indices, np.int64), self.block)
        buckets: Integers = (self._offsets[:, block].astype(np.int64) + lane) % self.columns
        return buckets

    def signs(self, indices: Indices) -> Floats:
        """The sign at the coordinate's place in the block's window, flipped or not."""
        block, lane = np.divmod(np.asarray(indices, np.int64), self.block)
        signs: Floats = np.take_along_axis(self._string, self._windows[:, block] + lane, 1) * self._flips[:, block]
        return signs


#: The families by name.
FAMILIES: dict[str, type[BlockSketch] | type[PolynomialSketch]] = {"block": BlockSketch, "polynomial": PolynomialSketch}


def _block(size: int, columns: int) -> int:
    wanted = min(2048, max(16, 1 << (size.bit_length() // 2)), max(1, columns // 8))
    return 1 << (wanted.bit_length() - 1)


def _block_words(random: np.random.Generator, rows: int, blocks: int) -> Words:
    words, keys = hashing.draw(random, 3, rows), np.arange(blocks)
    return np.stack([hashing.hashes(keys, row) for row in words])


def _key(kind: str, shape: tuple[int, ...], *parts: NDArray[np.generic]) -> str:
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(part.tobytes())
    return f"{kind} {shape} {digest.hexdigest()}"


def _vector(vector: Floats, size: int) -> Floats:
    if vector.shape != (size,):
        raise UserError(f"the vector has shape {vector.shape}; this sketch is for {size} coordinates")
    return np.ascontiguousarray(vector, np.float32)


@njit(cache=True)
def _polynomial_encode(vector: Floats, bucket_words: Words, sign_words: Words, counters: Floats) -> None:
    columns = np.uint64(counters.shape[1])
    for row in range(counters.shape[0]):
        for place in range(len(vector)):
            bucket = hashing.polynomial(np.uint64(place), bucket_words[row]) % columns
            odd = hashing.polynomial(np.uint64(place), sign_words[row]) & np.uint64(1)
            counters[row, bucket] += -vector[place] if odd else vector[place]


@njit(cache=True)
def _block_encode(
    vector: Floats, offsets: Indices, windows: Indices, flips: Floats, string: Floats, wide: Floats
) -> None:
    block = string.shape[1] // 2
    for number in range(offsets.shape[1]):
        values = vector[number * block : (number + 1) * block]
        for row in range(offsets.shape[0]):
            flip, offset, window = flips[row, number], offsets[row, number], windows[row, number]
            counters = wide[row, offset : offset + len(values)]
            signs = string[row, window : window + len(values)]
            for lane in range(len(values)):
                counters[lane] += flip * signs[lane] * values[lane]


@njit(cache=True)
def _decode_1(wide: Floats, offsets: Indices, windows: Indices, flips: Floats, string: Floats, out: Floats) -> None:
    block = string.shape[1] // 2
    for number in range(offsets.shape[1]):
        values = out[number * block : (number + 1) * block]
        counters, signs = wide[0, offsets[0, number] :], string[0, windows[0, number] :]
        for lane in range(len(values)):
            values[lane] = flips[0, number] * signs[lane] * counters[lane]


@njit(cache=True, fastmath={"nnan", "nsz"})
def _decode_3(wide: Floats, offsets: Indices, windows: Indices, flips: Floats, string: Floats, out: Floats) -> None:
    block = string.shape[1] // 2
    for number in range(offsets.shape[1]):
        values = out[number * block : (number + 1) * block]
        t0, s0, f0 = wide[0, offsets[0, number] :], string[0, windows[0, number] :], flips[0, number]
        t1, s1, f1 = wide[1, offsets[1, number] :], string[1, windows[1, number] :], flips[1, number]
        t2, s2, f2 = wide[2, offsets[2, number] :], string[2, windows[2, number] :], flips[2, number]
        for lane in range(len(values)):
            a, b, c = f0 * s0[lane] * t0[lane], f1 * s1[lane] * t1[lane], f2 * s2[lane] * t2[lane]
            values[lane] = max(min(a, b), min(max(a, b), c))


@njit(cache=True, fastmath={"nnan", "nsz"})
def _decode_5(wide: Floats, offsets: Indices, windows: Indices, flips: Floats, string: Floats, out: Floats) -> None:
    """The median of five: of four, drop the least and the greatest; the middle of what is left and the fifth."""
    block = string.shape[1] // 2
    for number in range(offsets.shape[1]):
        values = out[number * block : (number + 1) * block]
        t0, s0, f0 = wide[0, offsets[0, number] :], string[0, windows[0, number] :], flips[0, number]
        t1, s1, f1 = wide[1, offsets[1, number] :], string[1, windows[1, number] :], flips[1, number]
        t2, s2, f2 = wide[2, offsets[2, number] :], string[2, windows[2, number] :], flips[2, number]
        t3, s3, f3 = wide[3, offsets[3, number] :], string[3, windows[3, number] :], flips[3, number]
        t4, s4, f4 = wide[4, offsets[4, number] :], string[4, windows[4, number] :], flips[4, number]
        for lane in range(len(values)):
            a, b = f0 * s0[lane] * t0[lane], f1 * s1[lane] * t1[lane]
            c, d = f2 * s2[lane] * t2[lane], f3 * s3[lane] * t3[lane]
            low, high = max(min(a, b), min(c, d)), min(max(a, b), max(c, d))
            e = f4 * s4[lane] * t4[lane]
            values[lane] = max(min(low, high), min(max(low, high), e))


@njit(cache=True)
def _decode_any(wide: Floats, offsets: Indices, windows: Indices, flips: Floats, string: Floats, out: Floats) -> None:
    block = string.shape[1] // 2
    seen = np.empty(offsets.shape[0], np.float32)
    for place in range(len(out)):
        number, lane = place // block, place % block
        for row in range(len(seen)):
            sign = flips[row, number] * string[row, windows[row, number] + lane]
            value, slot = sign * wide[row, offsets[row, number] + lane], row
            while slot > 0 and seen[slot - 1] > value:
                seen[slot] = seen[slot - 1]
                slot -= 1
            seen[slot] = value
        out[place] = seen[len(seen) // 2]
