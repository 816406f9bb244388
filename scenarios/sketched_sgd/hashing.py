"""Polynomial hashing modulo the prime 2**61 - 1, exact in 64-bit words.

A polynomial of degree t - 1 with coefficients drawn uniformly from [0, p) is a t-wise independent family (Wegman and
Carter, 1981): any t different keys hash to independent, uniform values. Products of two residues have 122 bits, so
they are put together from halves; reducing is adding, because 2**61 = 1 modulo p.

>>> coefficients = np.array([3, 2**60 + 12345], np.uint64)  # 3 x + (2**60 + 12345), by Horner's rule
>>> hashes(np.array([2**60 + 7], np.int64), coefficients)[0] == (3 * (2**60 + 7) + 2**60 + 12345) % PRIME
np.True_
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.uint64]

#: The Mersenne prime 2**61 - 1.
PRIME = (1 << 61) - 1

_P = np.uint64(PRIME)
_HALF = np.uint64((1 << 32) - 1)
_LOW29 = np.uint64((1 << 29) - 1)
_S3, _S29, _S32, _S61 = (np.uint64(shift) for shift in (3, 29, 32, 61))


def draw(random: np.random.Generator, degree: int, families: int) -> Words:
    """Coefficients of `families` polynomials, shape (families, degree + 1), uniform in [0, p)."""
    return random.integers(0, PRIME, size=(families, degree + 1), dtype=np.uint64)


def hashes(keys: NDArray[np.int32] | NDArray[np.int64], coefficients: Words) -> Words:
    """The polynomial's value at each of `keys` (0 <= key < p), uniform in [0, p) over the draw of coefficients."""
    out: Words = _hashes(np.ascontiguousarray(keys, np.int64), coefficients)
    return out


@njit(cache=True, inline="always")
def polynomial(key: np.uint64, coefficients: Words) -> np.uint64:
    """Horner's rule modulo p, for compiled callers."""
    value: np.uint64 = coefficients[0]
    for place in range(1, len(coefficients)):
        value = _reduced(_product(value, key) + coefficients[place])
    return value


@njit(cache=True, inline="always")
def _reduced(value: np.uint64) -> np.uint64:
    value = (value & _P) + (value >> _S61)
    if value >= _P:
        value -= _P
    return value


@njit(cache=True, inline="always")
def _product(left: np.uint64, right: np.uint64) -> np.uint64:
    """The product, congruent modulo p and below 2**62."""
    left_high, left_low = left >> _S32, left & _HALF
    right_high, right_low = right >> _S32, right & _HALF
    low = left_low * right_low
    middle = left_high * right_low + left_low * right_high
    high = (left_high * right_high) << _S3  # 2**64 = 8
    total = high + (middle >> _S29) + ((middle & _LOW29) << _S32) + (low & _P) + (low >> _S61)
    return (total & _P) + (total >> _S61)


@njit(cache=True)
def _hashes(keys: NDArray[np.int64], coefficients: Words) -> Words:
    out = np.empty(len(keys), np.uint64)
    for place in range(len(keys)):
        out[place] = polynomial(np.uint64(keys[place]), coefficients)
    return out
