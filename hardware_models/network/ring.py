"""Rounds around a ring as a recurrence: every worker's time of one round from that of the round before, in vectors.

Worker i's message of a round starts when what it passes on has come and its wire is free:

    start_i = max(ready_i, free_i);  free_i = start_i + n_i / B_i;  ready_{i+1} = start_i + n_i / B_i + a_i

(a max-plus recurrence). Wires may differ and workers may start at different times: that is all exact, because nothing
else uses a ring's wires. A wire that is down (rate 0) is never done. One round costs one pass over the workers.

>>> finish_times(np.full((6, 4), 25.0), rate=np.full(4, 100.0), latency=0.1)  # 2 (p - 1) rounds of a quarter each
array([2.1, 2.1, 2.1, 2.1])
"""

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from hardware_models.network.collectives import pieces

Floats = NDArray[np.float64]


def finish_times(sizes: ArrayLike, rate: ArrayLike, latency: ArrayLike = 0.0, ready: ArrayLike = 0.0) -> Floats:
    """When each worker has sent and received all of its messages (seconds).

    `sizes[s, i]` are the bytes that worker i sends its successor in round s, `rate[i]` (bytes per second) and
    `latency[i]` its wire's, `ready[i]` when it starts. All but `sizes` broadcast.
    """
    size = np.atleast_2d(np.asarray(sizes, float))
    return _finish(size, *_wires(size.shape[1], rate, latency, ready))


def all_reduce_times(
    size: int, workers: int, rate: ArrayLike, latency: ArrayLike = 0.0, ready: ArrayLike = 0.0
) -> Floats:
    """When each worker has the sum of vectors of `size` bytes: reduce-scatter and all-gather, 2 (p - 1) rounds.

    The same as `finish_times` on the sizes of `collectives.ring`, without their table.
    """
    piece = pieces(size, workers).astype(float)
    return _all_reduce(piece, *_wires(workers, rate, latency, ready))


def plain_finish_times(sizes: ArrayLike, rate: ArrayLike, latency: ArrayLike = 0.0, ready: ArrayLike = 0.0) -> Floats:
    """The recurrence in NumPy, a round at a time; tests hold the compiled one equal to it."""
    size = np.atleast_2d(np.asarray(sizes, float))
    rates, delay, has, has_sent = *_wires(size.shape[1], rate, latency, ready), np.zeros(size.shape[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        for bytes_now in size:
            has_sent = np.maximum(has, has_sent) + np.where(bytes_now > 0, bytes_now / rates, 0.0)
            has = np.roll(has_sent + delay, 1)
    return np.maximum(has, has_sent)


def _wires(workers: int, rate: ArrayLike, latency: ArrayLike, ready: ArrayLike) -> tuple[Floats, Floats, Floats]:
    rates, delay, has = (np.array(np.broadcast_to(np.asarray(one, float), workers)) for one in (rate, latency, ready))
    return rates, delay, has


@njit(cache=True, error_model="numpy")
def _finish(size: Floats, rate: Floats, latency: Floats, has: Floats) -> Floats:
    sent = np.zeros(len(rate))
    for step in range(len(size)):
        _round(size[step], 0, rate, latency, has, sent)
    return np.maximum(has, sent)


@njit(cache=True, error_model="numpy")
def _all_reduce(piece: Floats, rate: Floats, latency: Floats, has: Floats) -> Floats:
    workers = len(piece)
    sent, twice = np.zeros(workers), np.concatenate((piece, piece))
    for step in range(workers - 1):
        _round(twice, workers - step, rate, latency, has, sent)
    for step in range(workers - 1):
        _round(twice, (workers + 1 - step) % workers, rate, latency, has, sent)
    return np.maximum(has, sent)


@njit(cache=True, error_model="numpy")
def _round(size: Floats, first: int, rate: Floats, latency: Floats, has: Floats, sent: Floats) -> None:
    """One round in place: worker i sends size[first + i]."""
    workers = len(rate)
    came = 0.0
    for worker in range(workers):
        bytes_now = size[first + worker]
        sent[worker] = max(has[worker], sent[worker]) + (bytes_now / rate[worker] if bytes_now > 0 else 0.0)
        has[worker], came = came, sent[worker] + latency[worker]
    has[0] = came
