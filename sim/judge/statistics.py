"""The formulas behind A1 to A7 and A17, as pure functions over arrays.

Scores are arrays of shape (tasks, seeds), normalised so that 0 is uniform choice and 1 the oracle. Sources: Agarwal
et al., "Deep RL at the edge of the statistical precipice" (2021) for interquartile means, probability of improvement,
performance profiles, optimality gap and the stratified bootstrap; Hansen et al., COCO, for the expected running time.

>>> iqm([[0.0, 0.2, 0.4, 100.0]])
0.30000000000000004
>>> improvement([[1.0, 2.0]], [[0.0, 2.0]])
0.625
"""

from collections.abc import Callable, Sequence
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
#: Bootstrap resamples.
RESAMPLES = 2000


def normalised(value: ArrayLike, uniform: ArrayLike, oracle: ArrayLike) -> Floats:
    """N = (value - uniform) / (oracle - uniform): 0 for uniform choices, 1 for the oracle; never clipped."""
    at, zero, one = (np.asarray(part, dtype=np.float64) for part in (value, uniform, oracle))
    scores: Floats = (at - zero) / (one - zero)
    return scores


def flat(uniform: float, oracle: float) -> bool:
    """Whether nothing is to be gained: |uniform - oracle| <= 1e-9 |uniform|."""
    return abs(uniform - oracle) <= 1e-9 * abs(uniform) or uniform == oracle


def iqm(scores: ArrayLike) -> float:
    """Interquartile mean: the mean of all scores without a quarter at either end (rounded down)."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def improvement(ours: ArrayLike, theirs: ArrayLike) -> float:
    """Probability of improvement: over tasks the mean of P(ours > theirs) + P(equal) / 2 over pairs of seeds."""
    left, right = np.atleast_2d(np.asarray(ours, float)), np.atleast_2d(np.asarray(theirs, float))
    pairs = left[:, :, None] - right[:, None, :]
    return float(((pairs > 0).mean(axis=(1, 2)) + 0.5 * (pairs == 0).mean(axis=(1, 2))).mean())


def optimality_gap(scores: ArrayLike) -> float:
    """Mean of max(0, 1 - N)."""
    return float(np.maximum(0.0, 1.0 - np.asarray(scores, float)).mean())


def profile(scores: ArrayLike, thresholds: ArrayLike) -> Floats:
    """Performance profile: the share of runs with N above each threshold."""
    above = np.asarray(scores, float).reshape(-1)[None, :] > np.asarray(thresholds, float)[:, None]
    shares: Floats = above.mean(axis=1)
    return shares


def bootstrap(
    statistic: Callable[..., float],
    samples: Sequence[ArrayLike],
    generator: np.random.Generator,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of `statistic(*samples)`, each sample of shape (tasks, seeds); seeds are drawn anew per task.

    Tasks are strata: each keeps its number of seeds in every resample.
    """
    arrays = [np.atleast_2d(np.asarray(sample, float)) for sample in samples]
    found = np.empty(resamples)
    for index in range(resamples):
        drawn = [np.take_along_axis(a, generator.integers(0, a.shape[1], a.shape), axis=1) for a in arrays]
        found[index] = statistic(*drawn)
    low, high = np.quantile(found, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


def ratio_of_means(better: str, ours: ArrayLike, theirs: ArrayLike) -> float | None:
    """A1: the geometric mean over tasks of how much better our mean value is; above 1 is better.

    Values of shape (tasks, seeds) in the problem's unit. None where a value is not above 0: a ratio says nothing then.
    """
    left, right = (np.atleast_2d(np.asarray(part, float)).mean(axis=1) for part in (ours, theirs))
    if (left <= 0).any() or (right <= 0).any():
        return None
    ratios = right / left if better == "lower" else left / right
    return float(np.exp(np.log(ratios).mean()))


def expected_running_time(first_hits: Sequence[float], spent: Sequence[float]) -> tuple[float, int]:
    """ERT and successes: evaluations of all runs until the target or their end, over the runs that reached it.

    `first_hits` holds the evaluation at which a run reached the target (inf: never), `spent` how many it made.

    >>> expected_running_time([10, 30, inf], [100, 100, 100])
    (70.0, 2)
    """
    hits = np.asarray(first_hits, float)
    reached = np.isfinite(hits)
    successes = int(reached.sum())
    total = float(hits[reached].sum() + np.asarray(spent, float)[~reached].sum())
    return (total / successes if successes else inf), successes


def first_hit(evaluations: ArrayLike, scores: ArrayLike, target: float) -> float:
    """The first of `evaluations` at which the score is at least `target`; inf if none."""
    hits = np.flatnonzero(np.asarray(scores, float) >= target)
    return float(np.asarray(evaluations, float)[hits[0]]) if len(hits) else inf


def area(evaluations: ArrayLike, scores: ArrayLike) -> float:
    """A3 auc: the mean of a curve over the budget from its first point on, a score holding until the next point."""
    at, curve = np.asarray(evaluations, float), np.asarray(scores, float)
    if len(at) < 2:
        return float(curve[0])
    return float((curve[:-1] * np.diff(at)).sum() / (at[-1] - at[0]))


def ninety(evaluations: ArrayLike, scores: ArrayLike) -> float:
    """A3 t90: the first evaluation with 90 % of the curve's own final score."""
    return first_hit(evaluations, scores, 0.9 * float(np.asarray(scores, float)[-1]))


def plateau(evaluations: ArrayLike, scores: ArrayLike, tail: float = 0.2, gain: float = 0.01) -> bool:
    """A3: whether the last fifth of the budget brought less than 1 % of the final score."""
    at, curve = np.asarray(evaluations, float), np.asarray(scores, float)
    before = curve[np.flatnonzero(at <= (1.0 - tail) * at[-1])]
    return bool(len(before) and curve[-1] - before[-1] < gain * abs(curve[-1]))


def interquartile_range(values: ArrayLike) -> float:
    """Distance of the quartiles."""
    low, high = np.quantile(np.asarray(values, float), [0.25, 0.75])
    return float(high - low)


def worst_quarter(values: ArrayLike) -> float:
    """CVaR at 25 %: the mean of the worst quarter (rounded up to one)."""
    ordered = np.sort(np.asarray(values, float), axis=None)
    return float(ordered[: max(1, -(-len(ordered) // 4))].mean())


def drawdown(curve: ArrayLike) -> float:
    """The largest fall below an earlier height.

    >>> drawdown([0.1, 0.9, 0.4, 1.0])
    0.5
    """
    heights = np.asarray(curve, float)
    return float((np.maximum.accumulate(heights) - heights).max())


def jitter(curve: ArrayLike) -> float:
    """Interquartile range of first differences about their median: how restless a learning curve is."""
    steps = np.diff(np.asarray(curve, float))
    return interquartile_range(steps - np.median(steps)) if len(steps) else 0.0


def ranks(values: ArrayLike) -> Floats:
    """Ranks from 1, ties sharing their mean rank."""
    array = np.asarray(values, float)
    _, place, counts = np.unique(array, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = (ends - (counts - 1) / 2.0)[place]
    return means


def spearman(left: ArrayLike, right: ArrayLike) -> float | None:
    """Rank correlation; None where one side does not vary."""
    a, b = ranks(left), ranks(right)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def entropy(choices: ArrayLike, arms: int) -> float:
    """Shannon entropy of choices over log(arms): 0 always the same, 1 uniform."""
    counts = np.bincount(np.asarray(choices, np.int64), minlength=arms)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(arms)) if arms > 1 else 0.0
