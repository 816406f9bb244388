"""Foresight: predict the fade, price the failures. The testbed's own policy, for stale reports.

A report says what the channel was some slots ago. What it is now depends on where it was going, which earlier reports
know, and on the acknowledgements since, which nobody else reads that way. Foresight keeps a filter per link
(`scenarios.con_ts.fading_filter`) that both kinds of news go into, predicts the law of this slot's SNR (a Rice law),
averages every arm's success over it, and plays

    argmax_k (r_k + price) E[success_k],

the dual form of the constrained problem. The price is a virtual queue: each failure raises it, each success lowers
it, so that the average block error rate stays at the target or below, and it is zero while the constraint is slack.

It is told the target, the offline table and the reports' delay. How fast the link moves (from how often the reports
cross their mean) and how strong it is are learned from the reports, link by link.
"""

from math import log, log10, pi, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.con_ts import fading_filter
from scenarios.con_ts.fading_filter import WAVES
from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policy import LOST, Feedback, OfflineTable, Task

#: The price moves by so much of the largest rate per failure above target.
_PRICE_STEP = 0.08
#: The largest price, in units of the largest rate: then only the most robust arms are played.
_PRICE_LIMIT = 10.0
#: How much of an acknowledgement's weight is believed, see `fading_filter.see_side`.
_TRUST = 0.7
#: Slots in which the filter forgets, in units of the fading's period 1 / f_D.
_MEMORY = 10.0
#: Doppler estimates move on a ladder, so that the filter's waves change rarely: lowest rung (cycles per slot), ratio.
_LOWEST, _RATIO, _RUNGS = 1e-4, 1.4, 26
#: What is believed before the first report: crossings and slots they took, which makes f_D about 0.02.
_CROSSINGS, _SLOTS = 1.0, 54.0
#: Upward crossings of its rms per period of a Rayleigh envelope, sqrt(2 pi) / e (S. O. Rice, 1948).
_RICE = sqrt(2.0 * pi) * 0.36787944117144233
#: The expected success is tabulated in steps of a quarter dB of mean power and of 1 / 24 of its uncertain share.
_LEVEL_STEP, _SHARES = 0.25, 25


class Foresight:
    """One filter and one price per link."""

    def __init__(self, task: Task, links: int) -> None:
        table = task.known("foresight")
        self._rates, self._delay = task.rates, task.delay
        self._reports = _levels(table)
        self._thresholds, self._widths = _soft_thresholds(table)
        self._expected, self._floor = _expected_success(table)
        self._step, self._target = _PRICE_STEP * float(task.rates.max()), task.target
        self._limit = _PRICE_LIMIT * float(task.rates.max())
        self._acted = self._heard = 0
        self.price = np.zeros(links)
        self._mean, self._covariance = np.zeros((links, 2 * WAVES)), np.zeros((links, 2 * WAVES, 2 * WAVES))
        self._pace = np.zeros((links, _PACE))
        self._rung = np.full(links, -1, np.int64)

    def act(self, contexts: Arms) -> Arms:
        """Take the report in, look ahead, choose."""
        arms = _act(
            self._acted, self._delay, contexts, *self._reports, self._mean, self._covariance, self._pace, self._rung,
            self._rates, self.price, self._expected, self._floor,
        )  # fmt: skip
        self._acted += 1
        return arms

    def update(self, feedback: Feedback) -> None:
        """Take the acknowledgement in, at the slot it is about, and move the price."""
        _hear(
            self._heard, feedback.arms, feedback.acks, self._thresholds, self._widths, self._mean, self._covariance,
            self._rung, self.price, self._step, self._target, self._limit,
        )  # fmt: skip
        self._heard += 1


def _levels(table: OfflineTable) -> tuple[Floats, Floats]:
    """Lower edge and width of the magnitudes that each report stands for; the last has no upper edge (width inf)."""
    edges = 10.0 ** (np.append(table.snr[1:], np.inf) / 20.0)
    lower = np.append(0.0, edges[:-1])
    return lower, edges - lower


def _soft_thresholds(table: OfflineTable) -> tuple[Floats, Floats]:
    """Per arm the magnitude at which it succeeds half of the time, and the half width of its rise from 16 to 84 %."""
    snr = table.lowest + table.step * np.arange(len(table.error_rate))
    magnitude = 10.0 ** (snr / 20.0)
    success = 1.0 - table.error_rate
    at = np.array([[np.interp(share, curve, magnitude) for share in (0.16, 0.5, 0.84)] for curve in success.T])
    return at[:, 1], 0.5 * (at[:, 2] - at[:, 0]) + 1e-3


def _expected_success(table: OfflineTable) -> tuple[Floats, float]:
    """Success of every arm over Rice laws, shape (levels, shares, arms), and the lowest level in dB.

    |h|**2 with mean 1 and an uncertain share s is s / 2 times a noncentral chi-squared variable with 2 degrees of
    freedom and noncentrality 2 (1 - s) / s; it is averaged over 64 equally likely values.
    """
    from scipy.stats import ncx2

    floor = table.lowest - 12.0
    levels = np.arange(floor, table.lowest + table.step * len(table.error_rate) + 12.0, _LEVEL_STEP)
    shares = np.clip(np.linspace(0.0, 1.0, _SHARES), 1e-4, 1.0)
    probabilities = (np.arange(64) + 0.5) / 64
    expected = np.empty((len(levels), _SHARES, table.error_rate.shape[1]))
    for index, share in enumerate(shares):
        power = 0.5 * share * ncx2.ppf(probabilities, 2, 2.0 * (1.0 - share) / share)
        decibels = 10.0 * np.log10(np.maximum(power, 1e-12))
        expected[:, index] = 1.0 - table.at(levels[:, None] + decibels).mean(axis=1)
    return expected, floor


#: Columns of the pace: slots reported, sum of powers, upward crossings, whether the envelope was last seen high.
_PACE = 4


@njit(cache=True)
def _pace_of(pace: Floats, lower: float, width: float) -> tuple[float, float]:
    """(mean power, Doppler) after one more report, a crossing being one from 1 dB below the rms to 1 dB above."""
    magnitude = lower + 0.5 * width if width < np.inf else 1.2 * lower
    pace[0] += 1.0
    pace[1] += magnitude * magnitude
    power = pace[1] / pace[0]
    level = magnitude / sqrt(power)
    if level > 1.12:
        if pace[3] < 0.0:
            pace[2] += 1.0
        pace[3] = 1.0
    elif level < 0.89:
        pace[3] = -1.0
    return power, (pace[2] + _CROSSINGS) / (_RICE * (pace[0] + _SLOTS))


@njit(cache=True)
def _doppler_of(rung: int) -> float:
    doppler: float = _LOWEST * _RATIO**rung
    return doppler


@njit(cache=True, error_model="numpy")
def _act(
    slot: int,
    delay: int,
    contexts: Arms,
    lower: Floats,
    width: Floats,
    mean: Floats,
    covariance: Floats,
    pace: Floats,
    rung: Arms,
    rates: Floats,
    price: Floats,
    expected: Floats,
    floor: float,
) -> Arms:
    links, size = mean.shape
    arms = np.empty(links, np.int64)
    real, imaginary, row, spread = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    for link in range(links):
        report = contexts[link]
        if slot >= delay or rung[link] < 0:
            power, doppler = _pace_of(pace[link], lower[report], width[report])
            place = log(doppler / _LOWEST) / log(_RATIO)
            if rung[link] < 0 or abs(place - rung[link]) > 0.8:
                rung[link] = max(0, min(_RUNGS - 1, round(place)))
                fading_filter.forget_all(mean[link], covariance[link], power)
        doppler, power = _doppler_of(rung[link]), pace[link, 1] / pace[link, 0]
        if slot >= delay:
            fading_filter.fade(mean[link], covariance[link], power, 1.0 - doppler / _MEMORY)
            fading_filter.waves(doppler, slot - delay, real, imaginary)
            _see_report(mean[link], covariance[link], real, imaginary, lower[report], width[report], row, spread)
        fading_filter.waves(doppler, slot, real, imaginary)
        ahead, share = fading_filter.outlook(mean[link], covariance[link], real, imaginary)
        level = int((10.0 * log10(max(ahead, 1e-12)) - floor) / _LEVEL_STEP + 0.5)
        success = expected[max(0, min(len(expected) - 1, level)), int(share * (_SHARES - 1) + 0.5)]
        best, chosen = -1.0, 0
        for arm in range(len(rates)):
            gain = (rates[arm] + price[link]) * success[arm]
            if gain > best:
                best, chosen = gain, arm
        arms[link] = chosen
    return arms


@njit(cache=True)
def _see_report(
    mean: Floats,
    covariance: Floats,
    real: Floats,
    imaginary: Floats,
    lower: float,
    width: float,
    row: Floats,
    spread: Floats,
) -> None:
    """A report in the middle of the scale is a value with the variance of its interval; at the ends it is a side."""
    if width == np.inf:
        fading_filter.see_side(mean, covariance, real, imaginary, lower, 0.05 * lower, True, 1.0, row, spread)
    elif lower == 0.0:
        fading_filter.see_side(mean, covariance, real, imaginary, width, 0.05 * width, False, 1.0, row, spread)
    else:
        fading_filter.see_value(
            mean, covariance, real, imaginary, lower + 0.5 * width, width * width / 12.0, row, spread
        )


@njit(cache=True, error_model="numpy")
def _hear(
    slot: int,
    arms: Arms,
    acks: NDArray[np.int8],
    thresholds: Floats,
    widths: Floats,
    mean: Floats,
    covariance: Floats,
    rung: Arms,
    price: Floats,
    step: float,
    target: float,
    limit: float,
) -> None:
    links, size = mean.shape
    real, imaginary, row, spread = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    for link in range(links):
        if acks[link] == LOST:
            continue
        arm, failed = arms[link], acks[link] == 0
        fading_filter.waves(_doppler_of(rung[link]), slot, real, imaginary)
        fading_filter.see_side(
            mean[link], covariance[link], real, imaginary, thresholds[arm], widths[arm], not failed, _TRUST, row, spread
        )
        price[link] = min(limit, max(0.0, price[link] + step * (failed - target)))
