"""Bit-interleaved coded modulation: mutual information and its variance per symbol, against the SNR.

For a square QAM with Gray labels, both quadratures are the same Gray-labelled PAM. A symbol's information density
is the sum over its bits of

    i(b; y) = log2( p(y | b) / p(y) )

(Caire, Taricco, Biglieri: "Bit-interleaved coded modulation", IEEE Trans. IT 44(3), 1998). Its mean I and variance
V are what the normal approximation of the block error needs (Martinez, Guillen i Fabregas: "Saddlepoint
approximation of random-coding bounds", ITA 2011, use the same two moments). They are integrated with Gauss-Hermite
nodes over the noise, once per modulation, and interpolated by cubic splines in dB.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

#: SNR range of the tables in dB; below it nothing gets through, above it every modulation here is saturated.
SNR_RANGE_DB = (-30.0, 50.0)
_STEP_DB = 0.25
_NODES = 96


@dataclass(frozen=True, slots=True, eq=False)
class BicmMoments:
    """Mean and variance of the information density per symbol, in bits and bits squared, of one modulation."""

    bits: int
    _mean: CubicSpline
    _variance: CubicSpline

    def mean(self, snr_db: ArrayLike) -> NDArray[np.float64]:
        """I(snr), 0 to `bits`, in the shape of `snr_db`; -inf dB gives (almost) 0, +inf dB the ceiling."""
        return np.asarray(np.clip(self._mean(_clamped(snr_db)), 0.0, self.bits), dtype=np.float64)

    def variance(self, snr_db: ArrayLike) -> NDArray[np.float64]:
        """V(snr), 0 or more, in the shape of `snr_db`."""
        return np.asarray(np.maximum(self._variance(_clamped(snr_db)), 0.0), dtype=np.float64)


def _clamped(snr_db: ArrayLike) -> NDArray[np.float64]:
    return np.clip(np.asarray(snr_db, dtype=np.float64), *SNR_RANGE_DB)


@cache
def bicm_moments(bits: int) -> BicmMoments:
    """The moments of the square Gray QAM with `bits` (2, 4, 6, 8, 10) per symbol.

    >>> round(float(bicm_moments(2).mean(0.0)), 3), round(float(bicm_moments(6).mean(40.0)), 3)
    (0.972, 6.0)
    """
    snr_db = np.arange(SNR_RANGE_DB[0], SNR_RANGE_DB[1] + _STEP_DB / 2, _STEP_DB)
    moments = np.array([_pam_moments(bits // 2, snr) for snr in snr_db])
    return BicmMoments(bits, CubicSpline(snr_db, 2.0 * moments[:, 0]), CubicSpline(snr_db, 2.0 * moments[:, 1]))


def _pam_moments(bits: int, snr_db: float) -> tuple[float, float]:
    """Mean and variance of one quadrature's information density: PAM of energy 1/2, noise of variance 1/(2 snr)."""
    points, labels = _gray_pam(bits)
    deviation = np.sqrt(0.5 / 10.0 ** (snr_db / 10.0))
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    received = points[:, None] + deviation * nodes  # (points, nodes)
    exponent = -((received[:, :, None] - points) ** 2) / (2.0 * deviation**2)  # (points, nodes, candidates)
    likelihood = np.exp(exponent - exponent.max(axis=2, keepdims=True))
    density = np.zeros(received.shape)
    for bit in range(bits):
        same = labels[:, None, bit] == labels[None, :, bit]  # (points, candidates)
        density += 1.0 + np.log2((likelihood * same[:, None, :]).sum(axis=2) / likelihood.sum(axis=2))
    mean = float((density * weights).sum() / len(points))
    return mean, float((density**2 * weights).sum() / len(points)) - mean**2


def _gray_pam(bits: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Amplitudes, shape (2**bits,), of mean square 1/2, and their Gray labels, shape (2**bits, bits)."""
    levels = np.arange(2**bits)
    amplitudes = 2.0 * levels - (2**bits - 1)
    gray = levels ^ (levels >> 1)
    labels = (gray[:, None] >> np.arange(bits)) & 1
    return amplitudes * np.sqrt(0.5 / np.mean(amplitudes**2)), labels
