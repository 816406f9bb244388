"""Large scale: path loss, thermal noise, and shadowing that changes as the terminal moves.

Mean SNR in dB = tx_power - path loss - (-174 dBm/Hz + 10 log10(bandwidth) + noise_figure). Path losses in dB, with d in
metres and f in GHz:

    free_space    20 log10(4 pi d f / c)                                    (Friis)
    log_distance  reference_loss + 10 exponent log10(d)
    lte_macro     128.1 + 37.6 log10(d / 1 km)                              (TR 36.942, urban macro at 2 GHz)
    uma_los       28.0 + 22 log10 d + 20 log10 f                            (TR 38.901 table 7.4.1-1, as are all below)
    uma_nlos      13.54 + 39.08 log10 d + 20 log10 f - 0.6 (h - 1.5)        at least uma_los; h: terminal height
    umi_los       32.4 + 21 log10 d + 20 log10 f
    umi_nlos      22.4 + 35.3 log10 d + 21.3 log10 f - 0.3 (h - 1.5)        at least umi_los

The LOS formulas are those below the breakpoint distance; d is the 3D distance. Shadowing is Gaussian in dB and its
correlation falls as exp(-distance moved / decorrelation) (Gudmundson: "Correlation model for shadow fading in mobile
radio systems", Electronics Letters 27(23), 1991). It is drawn at knots at most 2 % of the decorrelation distance apart
and linear in between.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, log10, pi

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from hardware_models.wireless.card import SPEED_OF_LIGHT, PathLoss, WirelessCard

Floats = NDArray[np.float64]

#: Thermal noise density at 290 K, dBm/Hz.
THERMAL_NOISE = -174.0
#: Distance between knots of the shadowing, as a share of the decorrelation distance.
_KNOT = 0.02


def _uma_los(d: float, f: float) -> float:
    return 28.0 + 22.0 * log10(d) + 20.0 * log10(f)


def _umi_los(d: float, f: float) -> float:
    return 32.4 + 21.0 * log10(d) + 20.0 * log10(f)


def _uma_nlos(d: float, f: float, height: float) -> float:
    return max(_uma_los(d, f), 13.54 + 39.08 * log10(d) + 20.0 * log10(f) - 0.6 * (height - 1.5))


def _umi_nlos(d: float, f: float, height: float) -> float:
    return max(_umi_los(d, f), 22.4 + 35.3 * log10(d) + 21.3 * log10(f) - 0.3 * (height - 1.5))


_LOSSES: Mapping[PathLoss, Callable[[WirelessCard, float, float], float]] = {
    "free_space": lambda card, d, f: 20.0 * log10(4.0 * pi * d * f * 1e9 / SPEED_OF_LIGHT),
    "log_distance": lambda card, d, f: card.geometry.reference_loss + 10.0 * card.geometry.exponent * log10(d),
    "lte_macro": lambda card, d, f: 128.1 + 37.6 * log10(d / 1000.0),
    "uma_los": lambda card, d, f: _uma_los(d, f),
    "uma_nlos": lambda card, d, f: _uma_nlos(d, f, card.geometry.terminal_height),
    "umi_los": lambda card, d, f: _umi_los(d, f),
    "umi_nlos": lambda card, d, f: _umi_nlos(d, f, card.geometry.terminal_height),
}


def path_loss_db(card: WirelessCard) -> float:
    """The card's path loss in dB at its distance and carrier."""
    return _LOSSES[card.geometry.path_loss](card, card.geometry.distance, card.carrier / 1e9)


def noise_dbm(card: WirelessCard) -> float:
    """Noise power in dBm in the card's bandwidth, the receiver's own included."""
    return THERMAL_NOISE + 10.0 * log10(card.bandwidth) + card.geometry.noise_figure


def mean_snr_db(card: WirelessCard) -> float:
    """Mean SNR in dB at the card's distance: what its geometry gives, whatever its `mean_snr` says."""
    return card.geometry.tx_power - path_loss_db(card) - noise_dbm(card)


@dataclass(frozen=True, slots=True)
class Shadowing:
    """Shadowing of a run: `knots` values per link, `stride` slots apart, `correlation` from one to the next."""

    sigma: float
    stride: int
    knots: int
    correlation: float

    @classmethod
    def of(cls, card: WirelessCard, slots: int) -> "Shadowing":
        """The card's shadowing over `slots` slots; a terminal that stands still keeps one value."""
        step = card.metres_per_slot / card.shadowing.decorrelation
        stride = max(1, slots) if step * max(1, slots) <= _KNOT else max(1, int(_KNOT / step))
        return cls(card.shadowing.sigma, stride, -(-slots // stride) + 2, exp(-step * stride))

    def draw(self, generator: np.random.Generator) -> Floats:
        """The knots of one link in dB, shape (knots,); empty without shadowing."""
        if self.sigma == 0.0:
            return np.empty(0)
        noise = self.sigma * generator.standard_normal(self.knots)
        noise[1:] *= np.sqrt(1.0 - self.correlation**2)
        return np.asarray(lfilter([1.0], [1.0, -self.correlation], noise), dtype=np.float64)

    def at(self, knots: Floats, start: int, slots: int) -> Floats:
        """Shadowing in dB of `slots` slots from `start`, shape (slots,); past the end of the run the last knot."""
        if len(knots) == 0:
            return np.zeros(slots)
        position = (start + np.arange(slots)) / self.stride
        return np.interp(position, np.arange(self.knots), knots)
