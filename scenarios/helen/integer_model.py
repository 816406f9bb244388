"""The fixed-point protocol in whole numbers, without cryptography: what a secure run must come to, bit for bit.

The one thing that the protocol leaves open is the carry of a truncation (`spdz.fixed_point`): floor(x / 2^s), or one
more if (x mod 2^s) + r_low >= 2^s for the dealer's r_low. A model that is told the dealer's r_low is exact; one that
is not (r_low = 0) is off by a few units of 2^-F.
"""

from collections.abc import Callable, Sequence

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import RHO_FRACTION, SHARE_FRACTION
from scenarios.helen.spdz.dealer import Truncation
from scenarios.helen.summary import SummaryNumbers

#: The dealer's r_low of the n-th truncation of a kind; numbers are counted from the first of a run.
LowMask = Callable[[Truncation, int], int]


def run(terms: Agreement, summaries: Sequence[SummaryNumbers], low_mask: LowMask = lambda kind, number: 0) -> list[int]:
    """The weights z (d) after all iterations, with SHARE_FRACTION bits after the point."""
    m, d, q = terms.parties, terms.features, terms.budget.fraction
    u = np.full((m, d), mpz(0), dtype=object)
    z = np.full(d, mpz(0), dtype=object)
    factor = terms.rho_scaled << (q - SHARE_FRACTION - RHO_FRACTION)
    low = _Carries(low_mask)
    for _ in range(terms.iterations):
        w = np.array([one.inverse.dot(one.moment + (z - v) * factor) for one, v in zip(summaries, u, strict=True)])
        mean = (w.sum(axis=0) + (u.sum(axis=0) << (2 * q - SHARE_FRACTION))) * terms.shrink_scaled
        kept = np.array([low.truncated(terms.product_truncation, x) for x in w.ravel()], dtype=object).reshape(m, d)
        shrunken = [low.truncated(terms.mean_truncation, x) for x in mean]
        z = np.array([_soft(x, terms.threshold_scaled) for x in shrunken], dtype=object)
        u = u + kept - z
    return [int(x) for x in z]


def _soft(x: int, threshold: int) -> int:
    return max(x - threshold, 0) - max(-x - threshold, 0)


class _Carries:
    def __init__(self, low_mask: LowMask) -> None:
        self._low_mask, self._count = low_mask, dict[Truncation, int]()

    def truncated(self, kind: Truncation, x: int) -> int:
        number = self._count[kind] = self._count.get(kind, -1) + 1
        lower = (x & ((1 << kind.shift) - 1)) + self._low_mask(kind, number)
        return (x >> kind.shift) + (lower >> kind.shift)


def weights(z: Sequence[int]) -> NDArray[np.float64]:
    """The weights z as floating-point numbers."""
    return np.array([float(x) / (1 << SHARE_FRACTION) for x in z])
