"""Random draws for many lanes at once inside compiled loops: one independent stream per lane.

A vectorised model advances thousands of lanes (links, queries, workers) by one step per call. If they shared one
generator, what a lane draws would depend on which others are there. Here each lane has a generator of its own, seeded
by name like every stream of `sim.rng`, so that a lane's results are the same alone and among a thousand.

The generator is SplitMix64 (G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA
2014): a counter and a mixing function, so that draws of a lane overlap in the processor's pipeline. All lanes walk one
cycle of 2**64, each from a place of its own; that two of a thousand lanes with a billion draws each meet has a
probability below 1e-4. The functions below take the state array and a lane; they are compiled and meant to be called
from other compiled functions.

>>> from sim.rng import Streams
>>> state = seed(Streams(7, "queue", 0), "service", range(3))
>>> alone = seed(Streams(7, "queue", 0), "service", [2])
>>> uniform(state, 2) == uniform(alone, 0)
True
"""

from collections.abc import Iterable
from math import exp, log, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.rng import Streams, spawn_key

#: A word per lane: its place on the cycle.
State = NDArray[np.uint64]

#: What a uniform draw is a multiple of: 2**-53.
_STEP = 2.0**-53
_STRIDE = np.uint64(0x9E3779B97F4A7C15)
_LAYERS = 256
#: Where the ziggurat's tail begins, and the area of each layer, for 256 layers (G. Marsaglia, W. W. Tsang, "The
#: ziggurat method for generating random variables", J. Stat. Soft. 5 (8), 2000).
_TAIL, _AREA = 3.6541528853610088, 0.00492867323399


def seed(streams: Streams, name: str, lanes: Iterable[int]) -> State:
    """The state of each of `lanes`, from the stream called (name, lane) of a run."""
    key = (streams.scenario, streams.replicate, name)
    words = [
        np.random.SeedSequence(streams.seed, spawn_key=spawn_key(*key, lane)).generate_state(1, np.uint64)[0]
        for lane in lanes
    ]
    return np.array(words, dtype=np.uint64)


def _ziggurat() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right edges x[i] of the layers, falling, and the density exp(-x*x/2) at each."""
    edges = np.empty(_LAYERS + 1)
    edges[0], edges[1] = _AREA * exp(_TAIL * _TAIL / 2), _TAIL
    for layer in range(2, _LAYERS):
        before = edges[layer - 1]
        edges[layer] = sqrt(-2.0 * log(_AREA / before + exp(-before * before / 2)))
    edges[_LAYERS] = 0.0
    return edges, np.exp(-edges * edges / 2)


_EDGES, _HEIGHTS = _ziggurat()


@njit(cache=True, error_model="numpy", forceinline=True)
def bits(state: State, lane: int) -> np.uint64:
    """64 random bits."""
    state[lane] += _STRIDE
    word = state[lane]
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.uint64 = word ^ (word >> np.uint64(31))
    return mixed


@njit(cache=True, error_model="numpy", forceinline=True)
def uniform(state: State, lane: int) -> float:
    """A draw from [0, 1), 53 bits."""
    whole: float = float(np.int64(bits(state, lane) >> np.uint64(11)))
    return whole * _STEP


@njit(cache=True, error_model="numpy", forceinline=True)
def normal(state: State, lane: int) -> float:
    """A standard Gaussian draw, by the ziggurat."""
    while True:
        drawn = bits(state, lane)
        layer = int(drawn & np.uint64(_LAYERS - 1))
        x = float(np.int64(drawn >> np.uint64(11))) * _STEP * _EDGES[layer]
        sign = 1.0 - 2.0 * float(np.int64((drawn >> np.uint64(8)) & np.uint64(1)))  # no branch: it would be a coin
        if x >= _EDGES[layer + 1]:
            x = _outside(state, lane, layer, x)
        if x >= 0.0:
            signed: float = sign * x
            return signed


@njit(cache=True, error_model="numpy")
def _outside(state: State, lane: int, layer: int, x: float) -> float:
    """What becomes of a candidate outside of its layer's core: itself, one from the tail, or -1 for rejected."""
    if layer > 0:
        low, high = _HEIGHTS[layer], _HEIGHTS[layer + 1]
        return x if low + uniform(state, lane) * (high - low) < exp(-x * x / 2) else -1.0
    while True:
        x = exponential(state, lane) / _TAIL
        if 2.0 * exponential(state, lane) > x * x:
            return _TAIL + x


@njit(cache=True, error_model="numpy", forceinline=True)
def exponential(state: State, lane: int) -> float:
    """A draw with mean 1."""
    return -log(1.0 - uniform(state, lane))


@njit(cache=True, error_model="numpy", forceinline=True)
def gamma(state: State, lane: int, shape: float) -> float:
    """A gamma draw with `shape` > 0 and scale 1 (G. Marsaglia, W. W. Tsang, ACM TOMS 26, 2000)."""
    if shape < 1.0:
        boost: float = (1.0 - uniform(state, lane)) ** (1.0 / shape)
        return boost * _gamma_above_one(state, lane, shape + 1.0)
    return _gamma_above_one(state, lane, shape)


@njit(cache=True, error_model="numpy", forceinline=True)
def _gamma_above_one(state: State, lane: int, shape: float) -> float:
    """`gamma` for shapes of 1 and more, where it rarely rejects."""
    third = shape - 1.0 / 3.0
    scale = 1.0 / sqrt(9.0 * third)
    while True:
        x = normal(state, lane)
        cube = 1.0 + scale * x
        if cube <= 0.0:
            continue
        cube = cube * cube * cube
        u = 1.0 - uniform(state, lane)
        if u < 1.0 - 0.0331 * (x * x) * (x * x):
            return third * cube
        if log(u) < 0.5 * x * x + third * (1.0 - cube + log(cube)):
            return third * cube


@njit(cache=True, error_model="numpy", forceinline=True)
def beta(state: State, lane: int, successes: float, failures: float) -> float:
    """A beta draw with both parameters > 0."""
    good = gamma(state, lane, successes)
    total = good + gamma(state, lane, failures)
    return good / total if total > 0.0 else 0.5
