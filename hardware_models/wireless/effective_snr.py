"""One SNR for a block that saw many: the SNR of a flat channel on which a code would fare the same.

    EESM   -beta ln( mean over subbands of exp(-snr / beta) )
    MIESM  the SNR whose mutual information is the mean of the subbands' (BICM, per modulation)

(Brueninghaus et al.: "Link performance models for system level simulations of broadband radio access systems", PIMRC
2005.) Both lie between the worst subband and the mean. They depend on the modulation, through beta or the curve;
a channel that offers one SNR for all rates uses the card's `beta`, or 16QAM's curve for MIESM.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.mutual_information import SNR_RANGE_DB, bicm_moments

Floats = NDArray[np.float64]

#: Bits per symbol of the modulation in the middle, whose curve stands for all rates.
_MIDDLE = 4
_STEP_DB = 1.0 / 16.0


def eesm_db(snr_db: ArrayLike, beta: float) -> Floats:
    """Exponential effective SNR in dB over the last axis; `beta` is linear and more than 0.

    >>> float(eesm_db([3.0, 3.0], 5.0).round(9)), float(eesm_db([-np.inf, 40.0], 1.0).round(3))
    (3.0, -1.592)
    """
    linear = 10.0 ** (np.asarray(snr_db, dtype=np.float64) / 10.0)
    worst = linear.min(axis=-1, keepdims=True)
    inner = np.exp(-(linear - worst) / beta).mean(axis=-1)
    with np.errstate(divide="ignore"):
        return np.asarray(10.0 * np.log10(worst[..., 0] - beta * np.log(inner)), dtype=np.float64)


def miesm_db(snr_db: ArrayLike, bits: int = _MIDDLE) -> Floats:
    """Mutual-information effective SNR in dB over the last axis, for the square QAM with `bits` per symbol.

    Clamped to where the curve can be inverted, -30 dB to its saturation.

    >>> float(miesm_db([3.0, 3.0]).round(3))
    3.0
    """
    moments = bicm_moments(bits)
    grid = np.arange(SNR_RANGE_DB[0], SNR_RANGE_DB[1] + _STEP_DB / 2, _STEP_DB)
    curve = moments.mean(grid)
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(curve)) > 1e-12])
    information = np.interp(np.asarray(snr_db, dtype=np.float64), grid, curve).mean(axis=-1)
    return np.asarray(np.interp(information, curve[rising], grid[rising]), dtype=np.float64)


def effective_snr_db(card: WirelessCard, snr_db: ArrayLike) -> Floats:
    """The card's one SNR for all rates, over the last axis of `snr_db`."""
    if card.delay.effective_snr == "eesm":
        return eesm_db(snr_db, card.delay.beta)
    return miesm_db(snr_db)
