"""Collectives as rounds of messages: who sends what to whom, how many bytes that is, how long it takes in closed form.

A *round* is arrays (source, destination, size). A worker sends its message of round s when it has its own of round
s - 1 off its hands and has received all that came to it in round s - 1. Sizes are whole bytes: a vector that does not
divide by the workers is cut as evenly as whole bytes allow.

| collective | what each worker ends with | rounds | bytes on the wires | seconds, p workers, n bytes |
|---|---|---|---|---|
| reduce_scatter | its piece of the sum | p - 1 | (p - 1) n | (p - 1)(a + n / pB) |
| all_gather | every worker's piece | p - 1 | (p - 1) n | (p - 1)(a + n / pB) |
| ring | the sum | 2 (p - 1) | 2 (p - 1) n | 2 (p - 1)(a + n / pB) |
| halving_doubling | the sum | 2 log2 p | 2 (p - 1) n | 2 log2(p) a + 2 (p - 1)/p n / B |
| tree | the sum | 2 ceil(log2 p) | 2 (p - 1) n | 2 ceil(log2 p)(a + n / B) |
| switch | the sum, added on the way | 2 | 2 p n | 2 (a + n / B) |

(Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", 2005; the tree is
binomial and not pipelined.) With p not a power of two, halving-doubling folds the workers beyond it onto others
before and unfolds after, for 2 (a + n / B) more; the bytes are the same. A tree may then take up to a latency
less. `n` is the whole vector throughout.

>>> wire = Wire(rate=1e9, latency=1e-5)
>>> ring = COLLECTIVES["ring"]
>>> ring.bytes(10**6, 4), round(ring.seconds(10**6, 4, wire) * 1e6)
(6000000, 1560)
>>> traffic(ring.rounds(10**6, 4), 4).sent
array([1500000, 1500000, 1500000, 1500000])
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hardware_models.network.link_card import Wire
from sim.errors import UserError, did_you_mean

Integers = NDArray[np.int64]


class Round(NamedTuple):
    """Messages that may travel at once: `size[k]` bytes from worker `source[k]` to worker `destination[k]`."""

    source: Integers
    destination: Integers
    size: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Bytes that each worker sent and received."""

    sent: Integers
    received: Integers


@dataclass(frozen=True, slots=True)
class Collective:
    """A collective: `rounds(size, workers)`, `bytes(size, workers)` on all wires, `seconds(size, workers, wire)`.

    `seconds` is for equal wires, full duplex, no other traffic and workers that start together.
    """

    name: str
    rounds: Callable[[int, int], Iterator[Round]]
    bytes: Callable[[int, int], int]
    seconds: Callable[[float, int, Wire], float]


def collective(name: str) -> Collective:
    """The collective called `name`. Raises `UserError` if there is none."""
    if name not in COLLECTIVES:
        raise UserError(f"no collective is called '{name}'; {did_you_mean(name, COLLECTIVES)}")
    return COLLECTIVES[name]


def checked(size: float, workers: int) -> None:
    """Raises `UserError` unless there is a worker and the size is 0 bytes or more."""
    if workers < 1:
        raise UserError(f"workers is {workers}; a collective needs 1 or more")
    if not size >= 0:
        raise UserError(f"size is {size}; a message has 0 bytes or more")


def pieces(size: int, workers: int) -> Integers:
    """Bytes of each worker's piece of a vector of `size` bytes; they differ by one byte at most."""
    checked(size, workers)
    return np.diff(np.arange(workers + 1) * size // workers)


def traffic(rounds: Iterator[Round], workers: int) -> Traffic:
    """Bytes sent and received per worker, counted message by message."""
    sent, received = np.zeros(workers, np.int64), np.zeros(workers, np.int64)
    for source, destination, size in rounds:
        np.add.at(sent, source, size)
        np.add.at(received, destination, size)
    return Traffic(sent, received)


def reduce_scatter(size: int, workers: int) -> Iterator[Round]:
    """Around the ring: in round s, worker i passes piece i - s on, which its successor adds to its own."""
    piece, worker = pieces(size, workers), np.arange(workers)
    for step in range(workers - 1):
        yield Round(worker, (worker + 1) % workers, piece[(worker - step) % workers])


def all_gather(size: int, workers: int) -> Iterator[Round]:
    """Around the ring: in round s, worker i passes on piece i + 1 - s; it starts with piece i + 1."""
    piece, worker = pieces(size, workers), np.arange(workers)
    for step in range(workers - 1):
        yield Round(worker, (worker + 1) % workers, piece[(worker + 1 - step) % workers])


def ring(size: int, workers: int) -> Iterator[Round]:
    """All-reduce as a reduce-scatter and an all-gather around the ring."""
    yield from reduce_scatter(size, workers)
    yield from all_gather(size, workers)


def gather_sizes(sizes: Sequence[int]) -> Iterator[Round]:
    """All-gather of messages of `sizes` bytes, one per worker (sparse gradients, say), around the ring."""
    size, workers = np.asarray(sizes, np.int64), len(sizes)
    checked(int(size.min(initial=0)), workers)
    worker = np.arange(workers)
    for step in range(workers - 1):
        yield Round(worker, (worker + 1) % workers, size[(worker - step) % workers])


def halving_doubling(size: int, workers: int) -> Iterator[Round]:
    """All-reduce: recursive halving of the vector with ever nearer partners, then back."""
    checked(size, workers)
    core = 1 << (workers.bit_length() - 1)
    extra = np.arange(workers - core)
    fold = Round(extra + core, extra, np.full(len(extra), size, np.int64))
    exchanges = list(_halvings(size, core))
    if len(extra):
        yield fold
    yield from exchanges
    for source, destination, sizes in reversed(exchanges):
        yield Round(source, destination, sizes[destination])  # what a partner gave, it gets back as a sum
    if len(extra):
        yield Round(fold.destination, fold.source, fold.size)


def _halvings(size: int, workers: int) -> Iterator[Round]:
    worker, low, high = np.arange(workers), np.zeros(workers, np.int64), np.full(workers, size, np.int64)
    distance = workers // 2
    while distance:
        middle = (low + high) // 2
        upper = (worker & distance) > 0
        yield Round(worker, worker ^ distance, np.where(upper, middle - low, high - middle))
        low, high = np.where(upper, middle, low), np.where(upper, high, middle)
        distance //= 2


def tree(size: int, workers: int) -> Iterator[Round]:
    """All-reduce: the whole vector up a binomial tree to worker 0, and down again."""
    checked(size, workers)
    up = []
    for level in range((workers - 1).bit_length()):
        source = np.arange(1 << level, workers, 2 << level)
        up.append(Round(source, source - (1 << level), np.full(len(source), size, np.int64)))
    yield from up
    for source, destination, sizes in reversed(up):
        yield Round(destination, source, sizes)


def hierarchical(size: int, islands: int, island: int) -> Iterator[Round]:
    """All-reduce of `islands` islands of `island` workers each (worker i is on island i // island).

    A reduce-scatter within each island, an all-reduce of each piece around a ring through the islands, an all-gather
    within. What goes between islands is 2 (islands - 1) n bytes in all.
    """
    base = np.repeat(np.arange(islands) * island, island)
    inner, member = pieces(size, island), np.arange(island)
    for source, destination, sizes in reduce_scatter(size, island):
        yield Round(base + np.tile(source, islands), base + np.tile(destination, islands), np.tile(sizes, islands))
    rings = [list(ring(int(inner[(rank + 1) % island]), islands)) for rank in member]
    for step in range(2 * (islands - 1)):
        parts = [rings[rank][step] for rank in member]
        yield Round(
            np.concatenate([part.source * island + rank for rank, part in enumerate(parts)]),
            np.concatenate([part.destination * island + rank for rank, part in enumerate(parts)]),
            np.concatenate([part.size for part in parts]),
        )
    for source, destination, sizes in all_gather(size, island):
        yield Round(base + np.tile(source, islands), base + np.tile(destination, islands), np.tile(sizes, islands))


def hierarchical_seconds(size: float, islands: int, island: int, inner: Wire, outer: Wire) -> float:
    """Seconds of `hierarchical`, where all workers of an island share one `outer` wire each way."""
    checked(size, islands)
    checked(size, island)
    within = 2 * (island - 1) * inner.seconds(size / island)
    return within + 2 * (islands - 1) * outer.seconds(size / islands)


def gather_seconds(sizes: Sequence[float], wire: Wire) -> float:
    """Seconds of `gather_sizes`: in every round some worker passes the largest message on, so it is the pace."""
    return (len(sizes) - 1) * wire.seconds(max(sizes))


def _switch(size: int, workers: int) -> Iterator[Round]:
    """Everybody to the switch, which is worker number `workers`, and the sum back to everybody."""
    checked(size, workers)
    worker, sizes = np.arange(workers), np.full(workers, size, np.int64)
    switch = np.full(workers, workers)
    yield Round(worker, switch, sizes)
    yield Round(switch, worker, sizes)


def _around(times: int) -> Callable[[float, int, Wire], float]:
    def seconds(size: float, workers: int, wire: Wire) -> float:
        checked(size, workers)
        return times * (workers - 1) * wire.seconds(size / workers)

    return seconds


def _halving_doubling_seconds(size: float, workers: int, wire: Wire) -> float:
    checked(size, workers)
    core = 1 << (workers.bit_length() - 1)
    folding = 2 * wire.seconds(size) if core < workers else 0.0
    return folding + 2 * log2(core) * wire.latency + 2 * (core - 1) / core * size / wire.rate


def _tree_seconds(size: float, workers: int, wire: Wire) -> float:
    checked(size, workers)
    return 2 * ceil(log2(workers)) * wire.seconds(size)


def _switch_seconds(size: float, workers: int, wire: Wire) -> float:
    checked(size, workers)
    return 2 * wire.seconds(size)


COLLECTIVES: Mapping[str, Collective] = {
    one.name: one
    for one in (
        Collective("reduce_scatter", reduce_scatter, lambda n, p: (p - 1) * n, _around(1)),
        Collective("all_gather", all_gather, lambda n, p: (p - 1) * n, _around(1)),
        Collective("ring", ring, lambda n, p: 2 * (p - 1) * n, _around(2)),
        Collective("halving_doubling", halving_doubling, lambda n, p: 2 * (p - 1) * n, _halving_doubling_seconds),
        Collective("tree", tree, lambda n, p: 2 * (p - 1) * n, _tree_seconds),
        Collective("switch", _switch, lambda n, p: 2 * p * n, _switch_seconds),
    )
}
