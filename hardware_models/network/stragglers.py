"""Workers that take unequal times: laws of a step's computing, what waiting for the slowest costs, and ways around it.

A *law* draws seconds per step and worker and knows the mean of its order statistics: in a synchronous step all wait
for the slowest of W, with b backup workers for the (W - b)-th (Chen et al., "Revisiting Distributed Synchronous SGD",
2016). For the shifted exponential that is least + mean (H_W - H_b), with H_n the n-th harmonic number.

>>> law = ShiftedExponential(least=0.1, mean=0.02)
>>> [round(law.mean_of_slowest(workers), 4) for workers in (1, 16, 256)]
[0.12, 0.1676, 0.2225]
>>> round(law.mean_of_slowest(16, backups=2), 4)
0.1376
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincinv, ndtri

from sim.errors import UserError
from sim.rng import Stream

Floats = NDArray[np.float64]

#: Points of the quadrature over a law's quantiles, and its reach: weight beyond is 1e-12 on either side.
_POINTS, _REACH = 4001, 28.0


class Law(ABC):
    """Seconds that a worker computes in a step. Independent from worker to worker and step to step."""

    @abstractmethod
    def quantile(self, part: Floats) -> Floats:
        """The seconds that a share `part` (0 to 1) of all steps stays below."""

    def draw(self, stream: Stream, steps: int, workers: int) -> Floats:
        """Seconds, of shape (steps, workers)."""
        return self.quantile(stream.generator.random((steps, workers)))

    def mean_of_slowest(self, workers: int, backups: int = 0) -> float:
        """The mean of the (workers - backups)-th of `workers`, the slowest if there are no backups.

        The quantile at an order statistic of uniforms, which is Beta distributed, averaged by the trapezoidal rule.
        """
        _waited(workers, backups)
        logit = np.linspace(-_REACH, _REACH, _POINTS)
        weight = np.exp(-np.abs(logit)) / (1 + np.exp(-np.abs(logit))) ** 2
        part = betaincinv(workers - backups, backups + 1, 1 / (1 + np.exp(-logit)))
        return float(np.sum(self.quantile(part) * weight) / np.sum(weight))


@dataclass(frozen=True, slots=True)
class Constant(Law):
    """Always `seconds`."""

    seconds: float

    def quantile(self, part: Floats) -> Floats:
        """`seconds`, whatever the part."""
        return np.full(np.shape(part), self.seconds)


@dataclass(frozen=True, slots=True)
class ShiftedExponential(Law):
    """`least` seconds and an exponential time of `mean` seconds more."""

    least: float
    mean: float

    def quantile(self, part: Floats) -> Floats:
        """`least` - `mean` log(1 - part)."""
        return np.asarray(self.least - self.mean * np.log1p(-part))

    def mean_of_slowest(self, workers: int, backups: int = 0) -> float:
        """Exact: least + mean (H_W - H_b)."""
        _waited(workers, backups)
        return self.least + self.mean * float(np.sum(1 / np.arange(backups + 1, workers + 1)))


@dataclass(frozen=True, slots=True)
class LogNormal(Law):
    """`median` seconds times e to a normal of standard deviation `sigma`."""

    median: float
    sigma: float

    def quantile(self, part: Floats) -> Floats:
        """`median` exp(`sigma` Phi^-1(part))."""
        return np.asarray(self.median * np.exp(self.sigma * ndtri(part)))


@dataclass(frozen=True, slots=True)
class Trace(Law):
    """Measured `seconds`, drawn with replacement."""

    seconds: tuple[float, ...]

    def quantile(self, part: Floats) -> Floats:
        """The trace, sorted, read at `part` of its length."""
        ordered = np.sort(self.seconds)
        return np.asarray(ordered[np.minimum((np.asarray(part) * len(ordered)).astype(int), len(ordered) - 1)])

    def mean_of_slowest(self, workers: int, backups: int = 0) -> float:
        """Exact, from the chance of each entry to be the order statistic."""
        _waited(workers, backups)
        below = betainc(workers - backups, backups + 1, np.arange(len(self.seconds) + 1) / len(self.seconds))
        return float(np.sort(self.seconds) @ np.diff(below))


@dataclass(frozen=True, slots=True)
class Pauses:
    """With `probability` per step, a group of `together` neighbouring workers (a rack, say) pauses for `seconds`."""

    probability: float
    seconds: float
    together: int = 1

    def draw(self, stream: Stream, steps: int, workers: int) -> Floats:
        """Seconds to add, of shape (steps, workers)."""
        groups = -(-workers // self.together)
        hit = stream.generator.random((steps, groups)) < self.probability
        return np.asarray(np.repeat(hit, self.together, axis=1)[:, :workers] * self.seconds, np.float64)


def compute_times(
    law: Law, stream: Stream, steps: int, workers: int, slow: Sequence[float] = (), pauses: Sequence[Pauses] = ()
) -> Floats:
    """Seconds of computing, of shape (steps, workers): the law's, times each worker's factor in `slow`, plus pauses."""
    factor = np.asarray(slow or 1.0, float)
    if (factor.ndim and len(factor) != workers) or not (factor > 0).all():
        raise UserError(f"slow has {np.size(factor)} factors; it needs one above 0 for each of {workers} workers")
    times: Floats = law.draw(stream, steps, workers) * factor
    for one in pauses:
        times = times + one.draw(stream, steps, workers)
    return times


def synchronous_times(times: Floats, exchange: float = 0.0, backups: int = 0) -> Floats:
    """When each step ends if all start together, wait for all but the slowest `backups`, and exchange for `exchange` s.

    `times` has shape (steps, workers). A worker that was not waited for drops what it was doing.
    """
    waited = _waited(times.shape[1], backups)
    return np.cumsum(np.partition(times, waited - 1, axis=1)[:, waited - 1] + exchange)


def stale_times(times: Floats, staleness: int, exchange: float = 0.0) -> Floats:
    """When each worker ends each step if it may be at most `staleness` steps ahead of the slowest (Ho et al., 2013).

    Returns an array like `times` (steps, workers). With `staleness` 0 it is synchronous; `exchange` (seconds) is paid
    by each worker after each step. Raises `UserError` for a staleness below 0.
    """
    if staleness < 0:
        raise UserError(f"staleness is {staleness}; it is 0 or more steps")
    ends = np.zeros_like(times)
    last = np.zeros(times.shape[1])
    for step, seconds in enumerate(times):
        gate = ends[step - 1 - staleness].max() if step > staleness else 0.0
        last = ends[step] = np.maximum(last, gate) + seconds + exchange
    return ends


def _waited(workers: int, backups: int) -> int:
    if not 0 <= backups < workers:
        raise UserError(f"backups is {backups} of {workers} workers; it is 0 or more and leaves one to wait for")
    return workers - backups
