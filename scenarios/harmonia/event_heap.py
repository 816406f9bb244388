"""A binary heap of events in arrays, for compiled simulations.

An event is a time (seconds) and a 64-bit word that says what happens; equal times come out in the order they went
in. The heap is a pair of arrays and a count, handed from call to call; `push` returns the new count, `pop` puts the
earliest event into place 0 of the arrays `out_time` and `out_word`.

>>> import numpy as np
>>> times, words, orders = np.empty(4), np.empty(4, np.int64), np.empty(4, np.int64)
>>> count = push(times, words, orders, 0, 2.0, 7, 0)
>>> count = push(times, words, orders, count, 1.0, 8, 1)
>>> pop(times, words, orders, count), float(times[count - 1]), int(words[count - 1])
(1, 1.0, 8)
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Times = NDArray[np.float64]
Words = NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def push(times: Times, words: Words, orders: Words, count: int, time: float, word: int, order: int) -> int:
    """Adds an event to a heap of `count`; returns the new count. `order` grows from call to call."""
    at = count
    while at > 0:
        above = (at - 1) >> 1
        if times[above] < time or (times[above] == time and orders[above] < order):
            break
        times[at], words[at], orders[at] = times[above], words[above], orders[above]
        at = above
    times[at], words[at], orders[at] = time, word, order
    return count + 1


@njit(cache=True, error_model="numpy")
def pop(times: Times, words: Words, orders: Words, count: int) -> int:
    """Takes the earliest event out of a heap of `count` and leaves it just behind the heap; returns the new count."""
    first_time, first_word, first_order = times[0], words[0], orders[0]
    last = count - 1
    time, word, order = times[last], words[last], orders[last]
    at = 0
    below = 1
    while below < last:
        other = below + 1
        if other < last and (
            times[other] < times[below] or (times[other] == times[below] and orders[other] < orders[below])
        ):
            below = other
        if time < times[below] or (time == times[below] and order < orders[below]):
            break
        times[at], words[at], orders[at] = times[below], words[below], orders[below]
        at = below
        below = 2 * at + 1
    times[at], words[at], orders[at] = time, word, order
    times[last], words[last], orders[last] = first_time, first_word, first_order
    return last
