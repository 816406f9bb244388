"""Which object a request is for: all alike, or Zipf's law with any exponent from 0, also below 1.

>>> shares(4, 1.0).round(3).tolist()
[0.48, 0.24, 0.16, 0.12]
>>> table = alias_table(shares(4, 1.0))
>>> round(table.share_of(0), 3)
0.48
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.lanes import State, uniform

Floats = NDArray[np.float64]


def shares(objects: int, exponent: float) -> Floats:
    """The share of requests of each object, shape (objects,): proportional to 1 / rank**exponent, over finitely many.

    With finitely many objects the law exists for every exponent; 0 is the uniform one.
    """
    weights = np.arange(1, objects + 1, dtype=np.float64) ** -exponent
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True, slots=True)
class AliasTable:
    """A law over whole numbers that is drawn from in constant time (A. J. Walker, ACM TOMS 3 (3), 1977).

    Number i keeps its draw with probability `keep[i]` and hands it to `other[i]` else; shapes (objects,).
    """

    keep: Floats
    other: NDArray[np.int64]

    def share_of(self, number: int) -> float:
        """The probability of a number."""
        handed = (1.0 - self.keep)[self.other == number].sum()
        return float((self.keep[number] + handed) / len(self.keep))


def alias_table(share: Floats) -> AliasTable:
    """The alias table of probabilities `share`, shape (objects,)."""
    scaled = share * len(share)
    return AliasTable(*_balance(scaled))


@njit(cache=True)
def _balance(scaled: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Fills each number that has less than one share from one that has more (M. D. Vose, IEEE TSE 17 (9), 1991)."""
    count = len(scaled)
    keep, other = np.ones(count), np.arange(count)
    rest = scaled.copy()
    poor, rich = np.empty(count, np.int64), np.empty(count, np.int64)
    poors = riches = 0
    for number in range(count):
        if rest[number] < 1.0:
            poor[poors] = number
            poors += 1
        else:
            rich[riches] = number
            riches += 1
    while poors and riches:
        needy, giver = poor[poors - 1], rich[riches - 1]
        poors -= 1
        keep[needy], other[needy] = rest[needy], giver
        rest[giver] -= 1.0 - rest[needy]
        if rest[giver] < 1.0:
            riches -= 1
            poor[poors] = giver
            poors += 1
    return keep, other


@njit(cache=True, error_model="numpy", forceinline=True)
def draw(keep: Floats, other: NDArray[np.int64], state: State, lane: int) -> int:
    """A number by the alias table; one uniform draw does for both choices."""
    where = uniform(state, lane) * len(keep)
    number = int(where)
    if where - number < keep[number]:
        return number
    handed: int = other[number]
    return handed
