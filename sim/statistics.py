"""What a simulated mean is worth: confidence intervals, from one long run or from many short ones.

Rules. Observations of one run depend on each other, so the spread of single observations says nothing about the
spread of their mean; only means of long batches, or of independent replications, may be put into Student's t.
What a run says before it has forgotten how it began (the warm-up) is cut off first.

>>> found = interval([9.0, 10.0, 11.0])
>>> found.mean, round(found.half_width, 6), 12.4 in found
(10.0, 2.484138, True)
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Batches that `batch_means` makes: enough for the t quantile to be near the normal one, few enough to be long
#: (Law, "Simulation Modeling and Analysis", ch. 9, recommends 10 to 40).
BATCHES = 32


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval of a mean, in the unit of the samples; `count` independent samples."""

    mean: float
    half_width: float
    count: int

    @property
    def low(self) -> float:
        """The lower end."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end."""
        return self.mean + self.half_width

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def t_quantile(probability: float, degrees: int) -> float:
    """The point below which Student's t with `degrees` of freedom falls with `probability`."""
    from scipy.special import stdtrit  # costs a tenth of a second, and most runs need none

    return float(stdtrit(degrees, probability))


def interval(samples: ArrayLike, confidence: float = 0.95) -> Interval:
    """The mean of independent `samples` with mean +- t(n - 1) * deviation / sqrt(n).

    Infinitely wide for a single sample. Raises `ValueError` without samples, or for a confidence not in (0, 1).
    """
    values = np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError("an interval needs a row of samples")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1, not at {confidence}")
    count = len(values)
    if count == 1:
        return Interval(float(values[0]), float("inf"), 1)
    spread = float(values.std(ddof=1)) / sqrt(count)
    return Interval(float(values.mean()), t_quantile(0.5 + confidence / 2, count - 1) * spread, count)


def batch_means(
    observations: ArrayLike, batches: int = BATCHES, warm_up: int | None = None, confidence: float = 0.95
) -> Interval:
    """The mean of dependent `observations` of one run, in order, from the means of equally long batches.

    The first `warm_up` observations are cut off (None: as many as `truncation` says), as is the remainder that
    fills no batch. Raises `ValueError` if less than one observation per batch is left.
    """
    values = np.asarray(observations, dtype=np.float64)
    kept = values[truncation(values) if warm_up is None else warm_up :]
    length = len(kept) // batches
    if batches < 2 or length < 1:
        raise ValueError(f"{len(kept)} observations do not fill {batches} batches (two batches or more)")
    return interval(kept[: length * batches].reshape(batches, length).mean(axis=1), confidence)


def truncation(observations: ArrayLike, group: int = 5) -> int:
    """How many first observations to cut off as warm-up, by MSER-5.

    Of all cuts d (multiples of `group`, in the first half of the run) the one with the least
    variance(kept) / number kept, that is with the least estimated squared error of the mean kept
    (K. P. White, "An effective truncation heuristic for bias reduction in simulation output", 1997).
    """
    values = np.asarray(observations, dtype=np.float64)
    means = values[: len(values) // group * group].reshape(-1, group).mean(axis=1)
    if len(means) < 2:
        return 0
    return int(np.argmin(_standard_errors(means)[: len(means) // 2])) * group


def _standard_errors(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each cut d the variance of means[d:] over their number, from sums taken from the back."""
    centred = means - means.mean()
    number = np.arange(len(means), 0, -1, dtype=np.float64)
    total = np.cumsum(centred[::-1])[::-1]
    squares = np.cumsum(centred[::-1] ** 2)[::-1]
    variance: NDArray[np.float64] = (squares - total**2 / number) / number
    return variance / number
