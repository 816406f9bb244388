"""Fabrics: which links a flow from one worker to another crosses, what they carry, and how long the way is.

>>> fabric = leaf_spine(8, per_rack=4, host=Wire(1e9, 1e-5), uplink=Wire(2e9, 1e-6))
>>> fabric.way(0, 1), fabric.way(0, 5)  # within the rack; up, through the spine, down
((0, 9), (0, 16, 19, 13))
>>> round(fabric.latency(0, 5) * 1e6)
11
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware_models.network.link_card import Wire
from sim.errors import UserError
from sim.rng import spawn_key

Way = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Fabric:
    """`workers` on links of `capacity` bytes per second and `delay` seconds; `way(i, j)` are the links from i to j."""

    workers: int
    capacity: NDArray[np.float64]
    delay: NDArray[np.float64]
    way: Callable[[int, int], Way]

    def latency(self, source: int, destination: int) -> float:
        """Seconds from the last byte out of `source` to the last byte in at `destination`."""
        return float(sum(self.delay[link] for link in self.way(source, destination)))


def star(wires: Sequence[Wire]) -> Fabric:
    """Each worker on a wire of its own, both ways, to a switch that never blocks. A wire's latency is its way out."""
    workers = _some(len(wires))
    rate = np.array([wire.rate for wire in wires])
    delay = np.concatenate([[wire.latency for wire in wires], np.zeros(workers)])
    return Fabric(workers, np.concatenate([rate, rate]), delay, lambda source, to: (source, workers + to))


def ring_of(wires: Sequence[Wire]) -> Fabric:
    """`wires[i]` leads from worker i to its successor and nowhere else; what goes further goes through others."""
    workers = _some(len(wires))

    def way(source: int, to: int) -> Way:
        return tuple((source + step) % workers for step in range((to - source) % workers))

    return Fabric(workers, *_columns(wires), way)


def torus(rows: int, columns: int, wire: Wire) -> Fabric:
    """A 2-D torus: four equal wires out of each worker; ways go along the row first, the shorter way round."""
    workers = _some(rows) * _some(columns)

    def way(source: int, to: int) -> Way:
        (row, column), (row_to, column_to), links = divmod(source, columns), divmod(to, columns), []
        for axis, (here, there, length) in enumerate(((column, column_to, columns), (row, row_to, rows))):
            forward = (there - here) % length
            step = 1 if forward <= length - forward else -1
            while here != there:
                node = row * columns + here if axis == 0 else here * columns + column_to
                links.append(4 * node + 2 * axis + (step < 0))
                here = (here + step) % length
        return tuple(links)

    return Fabric(workers, *_columns([wire] * (4 * workers)), way)


def leaf_spine(workers: int, per_rack: int, host: Wire, uplink: Wire, spines: int = 1) -> Fabric:
    """Racks of `per_rack` workers; each rack has one uplink to each of `spines` spines, and one down from it.

    Which spine a pair of workers uses is a hash of their numbers (equal-cost multipath); it never changes. The rack is
    oversubscribed by per_rack host.rate / (spines uplink.rate).
    """
    racks = -(-_some(workers) // _some(per_rack))
    _some(spines)
    wires = [host] * workers + [Wire(host.rate)] * workers + [uplink] * (racks * spines)
    wires += [Wire(uplink.rate)] * (racks * spines)

    def way(source: int, to: int) -> Way:
        here, there = source // per_rack, to // per_rack
        if here == there:
            return (source, workers + to)
        spine = spawn_key(source, to)[0] % spines if spines > 1 else 0
        up = 2 * workers + here * spines + spine
        down = 2 * workers + racks * spines + there * spines + spine
        return (source, up, down, workers + to)

    return Fabric(workers, *_columns(wires), way)


def islands(number: int, island: int, inner: Wire, outer: Wire) -> Fabric:
    """`number` islands of `island` workers each: `inner` wires within one, one shared `outer` wire each way between."""
    workers = _some(number) * _some(island)
    wires = [inner] * workers + [Wire(inner.rate)] * workers + [outer] * number + [Wire(outer.rate)] * number

    def way(source: int, to: int) -> Way:
        here, there = source // island, to // island
        if here == there:
            return (source, workers + to)
        return (2 * workers + here, 2 * workers + number + there)

    return Fabric(workers, *_columns(wires), way)


def _columns(wires: Sequence[Wire]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([wire.rate for wire in wires]), np.array([wire.latency for wire in wires])


def _some(number: int) -> int:
    if number < 1:
        raise UserError(f"a fabric with {number} of something; it needs 1 or more of workers, racks, islands, spines")
    return number
