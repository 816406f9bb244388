"""What the recent past says about a fading channel's next gain: a Gaussian filter for each link.

A channel whose paths come from all sides is a sum of waves with Doppler shifts f_D cos(theta). Over some hundred slots
it is well described by a few of them at fixed angles,

    h(t) = sum_k a_k exp(2 pi i f_D cos(theta_k) t),     theta_k = pi (k - 1/2) / K,

whose amplitudes a_k are what the filter is unsure about. At first they are independent with equal powers (K nodes of
Gauss-Chebyshev quadrature: the autocorrelation is then J0(2 pi f_D t) for lags up to about K / (2 pi f_D)). Since the
a_k do not move, observations may come in any order: a late report and a prompt acknowledgement fit together.

Two kinds of observations, both of the magnitude |h|: a value with a variance (a report), and "above" or "below" a soft
threshold (an acknowledgement; a report at the end of its scale). Phases are never seen, so the filter linearises |h|
around where it believes h to be, and takes for the truth one of the many phase histories that explain the magnitudes
equally well. What is older than `memory` slots fades back to the prior.

State: `mean` of shape (2K,), real and imaginary parts in turn, and its covariance, shape (2K, 2K). Magnitudes are in
units of an SNR of 0 dB.
"""

from math import cos, erf, exp, pi, sin, sqrt

from numba import njit

from scenarios.con_ts.hull import Floats

#: Waves per link.
WAVES = 12
#: Beyond so many deviations a surprise is taken for no larger: a soft threshold is not as Gaussian as all that.
_SURPRISE = 5.0


@njit(cache=True)
def waves(doppler: float, slot: int, real: Floats, imaginary: Floats) -> None:
    """Rows that make the real and the imaginary part of h(slot) out of a state; `doppler` in cycles per slot."""
    count = len(real) // 2
    for wave in range(count):
        angle = 2.0 * pi * doppler * cos(pi * (wave + 0.5) / count) * slot
        c, s = cos(angle), sin(angle)
        real[2 * wave], real[2 * wave + 1] = c, -s
        imaginary[2 * wave], imaginary[2 * wave + 1] = s, c


@njit(cache=True)
def forget_all(mean: Floats, covariance: Floats, power: float) -> None:
    """Back to the prior: nothing known but the mean `power` |h|**2."""
    mean[:] = 0.0
    covariance[:] = 0.0
    for i in range(len(mean)):
        covariance[i, i] = power / len(mean)


@njit(cache=True, fastmath=True)
def fade(mean: Floats, covariance: Floats, power: float, keep: float) -> None:
    """One slot's forgetting: a share `1 - keep` of what is known, variances in proportion, returns to the prior."""
    for i in range(len(mean)):
        mean[i] *= keep
        for j in range(len(mean)):
            covariance[i, j] *= keep * keep
        covariance[i, i] += (1.0 - keep * keep) * power / len(mean)


@njit(cache=True, fastmath=True)
def _along(
    mean: Floats, covariance: Floats, real: Floats, imaginary: Floats, row: Floats, spread: Floats
) -> tuple[float, float]:
    """|h| where it is believed to be, its variance, the `row` that makes it, and `spread` = covariance @ row."""
    size = len(mean)
    x, y = 0.0, 0.0
    for i in range(size):
        x += real[i] * mean[i]
        y += imaginary[i] * mean[i]
    magnitude = sqrt(x * x + y * y)
    toward_real, toward_imaginary = (x / magnitude, y / magnitude) if magnitude > 1e-9 else (1.0, 0.0)
    variance = 0.0
    for i in range(size):
        row[i] = toward_real * real[i] + toward_imaginary * imaginary[i]
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += covariance[i, j] * row[j]
        spread[i] = total
        variance += row[i] * total
    return magnitude, variance


@njit(cache=True, fastmath=True)
def see_value(
    mean: Floats, covariance: Floats, real: Floats, imaginary: Floats, value: float, noise: float,
    row: Floats, spread: Floats,
) -> None:  # fmt: skip
    """Learn that |h| is `value` with variance `noise`: the extended Kalman filter's step."""
    magnitude, variance = _along(mean, covariance, real, imaginary, row, spread)
    total = variance + noise
    surprise = (value - magnitude) / total
    for i in range(len(mean)):
        mean[i] += spread[i] * surprise
        for j in range(len(mean)):
            covariance[i, j] -= spread[i] * spread[j] / total


@njit(cache=True, fastmath=True)
def see_side(
    mean: Floats, covariance: Floats, real: Floats, imaginary: Floats, threshold: float, width: float, above: bool,
    trust: float, row: Floats, spread: Floats,
) -> None:  # fmt: skip
    """Learn that |h| lies above or below a threshold with the likelihood Phi(+-(|h| - threshold) / width).

    Mean and variance are matched to those of the product (assumed density filtering, as in T. Minka, UAI 2001);
    `trust` below 1 takes a smaller step, since the same fade shows in many acknowledgements.
    """
    magnitude, variance = _along(mean, covariance, real, imaginary, row, spread)
    total = sqrt(variance + width * width)
    sign = 1.0 if above else -1.0
    place = max(-_SURPRISE, sign * (magnitude - threshold) / total)
    ratio = 0.3989422804014327 * exp(-0.5 * place * place) / (0.5 * (1.0 + erf(place / 1.4142135623730951)))
    step, shrink = trust * sign * ratio / total, trust * ratio * (ratio + place) / (total * total)
    for i in range(len(mean)):
        mean[i] += spread[i] * step
        for j in range(len(mean)):
            covariance[i, j] -= spread[i] * spread[j] * shrink


@njit(cache=True, fastmath=True)
def outlook(mean: Floats, covariance: Floats, real: Floats, imaginary: Floats) -> tuple[float, float]:
    """(power, share) expected of |h|**2: its mean, and how much of that is uncertainty (1: Rayleigh, 0: known)."""
    x, y, variance = 0.0, 0.0, 0.0
    size = len(mean)
    for i in range(size):
        x += real[i] * mean[i]
        y += imaginary[i] * mean[i]
        along_real, along_imaginary = 0.0, 0.0
        for j in range(size):
            along_real += covariance[i, j] * real[j]
            along_imaginary += covariance[i, j] * imaginary[j]
        variance += real[i] * along_real + imaginary[i] * along_imaginary
    power = x * x + y * y + variance
    return power, variance / power
