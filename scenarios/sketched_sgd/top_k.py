"""The k largest magnitudes of a vector, exactly, in three passes without sorting (radix selection).

The bits of a float's magnitude order as the float does. So a histogram over the upper 15 bits finds the bin that holds
the k-th largest, one over the lower 16 bits within that bin finds its very value, and a third pass collects. Ties go
to the lower index: the same vector gives the same answer everywhere.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.errors import UserError

Floats = NDArray[np.float32]
Indices = NDArray[np.int32]

_MAGNITUDE, _LOWER, _UPPER_BITS = np.uint32(0x7FFFFFFF), np.uint32(0xFFFF), np.uint32(16)
#: Upper bits from which on a float is infinite or not a number.
_NOT_FINITE = 0x7F80


def top_k(vector: Floats, k: int) -> Indices:
    """Indices of the k entries of largest magnitude, ascending; fewer where fewer are not zero.

    Raises `UserError` for k below 0 or above the length, and for a vector that holds NaN or infinity.

    >>> top_k(np.array([1, -5, 0, 5, 2], np.float32), 2), top_k(np.zeros(3, np.float32), 2)
    (array([1, 3], dtype=int32), array([], dtype=int32))
    """
    if not 0 <= k <= len(vector):
        raise UserError(f"k is {k}; of {len(vector)} coordinates, 0 to {len(vector)} can be chosen")
    bits = np.ascontiguousarray(vector, np.float32).view(np.uint32)
    upper = _upper_histogram(bits)
    if upper[_NOT_FINITE:].any():
        raise UserError("the vector holds NaN or infinity; there is no largest entry (has training diverged?)")
    if not k:
        return np.empty(0, np.int32)
    bin_, above = _bin_of(upper, k)
    rest, higher = _bin_of(_lower_histogram(bits, np.uint32(bin_)), k - above)
    threshold = np.uint32(bin_ << 16 | rest)
    found: Indices = _collect(bits, threshold, k - above - higher if threshold else 0, k)
    return found


def _bin_of(histogram: NDArray[np.int64], k: int) -> tuple[int, int]:
    """The highest bin from which upwards there are k entries, and how many are in the bins above it."""
    from_above = np.cumsum(histogram[::-1])
    place = int(np.searchsorted(from_above, k))
    return len(histogram) - 1 - place, int(from_above[place] - histogram[len(histogram) - 1 - place])


@njit(cache=True)
def _upper_histogram(bits: NDArray[np.uint32]) -> NDArray[np.int64]:
    counts = np.zeros((4, 1 << 15), np.int64)  # four, so that equal neighbours need not wait for each other
    for place in range(len(bits)):
        counts[place & 3, (bits[place] & _MAGNITUDE) >> _UPPER_BITS] += 1
    total: NDArray[np.int64] = counts.sum(axis=0)
    return total


@njit(cache=True)
def _lower_histogram(bits: NDArray[np.uint32], bin_: np.uint32) -> NDArray[np.int64]:
    counts = np.zeros(1 << 16, np.int64)
    for place in range(len(bits)):
        magnitude = bits[place] & _MAGNITUDE
        if magnitude >> _UPPER_BITS == bin_:
            counts[magnitude & _LOWER] += 1
    return counts


@njit(cache=True)
def _collect(bits: NDArray[np.uint32], threshold: np.uint32, ties: int, k: int) -> Indices:
    found: Indices = np.empty(k, np.int32)
    number = 0
    for place in range(len(bits)):
        magnitude = bits[place] & _MAGNITUDE
        if magnitude > threshold:
            found[number] = place
            number += 1
        elif magnitude == threshold and ties > 0:
            ties -= 1
            found[number] = place
            number += 1
    return found[:number]
