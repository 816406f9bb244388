"""Progressive sampling: from per-column conditionals to the probability of a region (Naru, arXiv:1905.04278).

Columns are walked in the model's order. At each, the mass of the region's slice multiplies a path's weight, and the
path goes on with a code drawn from that slice; the mean of the weights is unbiased for the model's probability of the
region. It is importance sampling with proposal prod p(x_i | x_<i) 1[x_i in R_i] / m_i and weight prod m_i.

Five things make it fast, none changes what is estimated: paths with equal prefixes are one row with a number
(`_Paths`), so the model is asked once for all of them; only the column that is needed is asked for; draws are by
inverse CDF in one sorted search; nothing is drawn after the last column of the query; and a region whose prefixes are
few enough is enumerated, which is exact. A column whose whole domain is asked for is no column of the query.
"""

from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from scenarios.naru.conditionals import UNKNOWN, Conditionals, Prefixes, Probabilities
from scenarios.naru.table import Mask, Regions
from sim.errors import UserError


@dataclass(frozen=True, slots=True)
class Estimate:
    """A selectivity in 0..1, its standard error, and how it was found.

    `samples` is 0 and the error 0 where the answer is exact for the model. `asked` counts the prefixes for which the
    model was asked.
    """

    selectivity: float
    error: float
    samples: int
    asked: int

    @property
    def exact(self) -> bool:
        """Whether nothing was drawn."""
        return self.samples == 0


@dataclass(frozen=True, slots=True, eq=False)
class _Paths:
    """Distinct prefixes, shape (paths, columns); how many samples follow each; the mass each has come through."""

    prefixes: Prefixes
    number: NDArray[np.int64]
    weight: NDArray[np.float64]


def estimate(model: Conditionals, regions: Regions, samples: int, random: np.random.Generator) -> Estimate:
    """The model's probability of `regions`, from `samples` paths, or exact where that takes no more prefixes.

    Raises `UserError` for less than one sample.
    """
    if samples < 1:
        raise UserError(f"samples is {samples}; at least 1 is needed")
    wanted = _wanted(model, regions)
    if not all(mask.any() for _, mask in wanted):
        return Estimate(0.0, 0.0, 0, 0)
    if not wanted:
        return Estimate(1.0, 0.0, 0, 0)
    if prod(int(mask.sum()) for _, mask in wanted[:-1]) <= samples:
        return _enumerated(model, wanted)
    return _sampled(model, wanted, samples, random)


def estimate_within(
    model: Conditionals, regions: Regions, relative_error: float, most: int, random: np.random.Generator
) -> Estimate:
    """As `estimate`, in batches that double from 64 samples, until error <= `relative_error` * selectivity.

    At most `most` samples are drawn. Stopping by the error favours batches that came out small by a little.
    Raises `UserError` for less than one sample.
    """
    total = estimate(model, regions, min(64, most), random)
    while not total.exact and total.error > relative_error * total.selectivity and total.samples < most:
        more = estimate(model, regions, min(total.samples, most - total.samples), random)
        if more.exact:
            return more
        total = _pooled(total, more)
    return total


def _wanted(model: Conditionals, regions: Regions) -> list[tuple[int, Mask]]:
    """The query's columns in the model's order; without wildcards, all up to the query's last one."""
    queried = [place for place in model.order if place in regions and not regions[place].all()]
    if not queried:
        return []
    upto = model.order[: model.order.index(queried[-1]) + 1]
    walked = queried if model.wildcards else upto
    return [(place, regions.get(place, np.ones(model.domains[place], dtype=bool))) for place in walked]


def _enumerated(model: Conditionals, wanted: list[tuple[int, Mask]]) -> Estimate:
    paths, asked = _start(model, 1), 0
    for place, mask in wanted[:-1]:
        slices = _slices(model, place, mask, paths)
        asked += len(paths.prefixes)
        path, pick = np.nonzero(slices)
        if not len(path):
            return Estimate(0.0, 0.0, 0, asked)
        weight = paths.weight[path] * slices[path, pick]
        paths = _Paths(_longer(paths, path, place, np.flatnonzero(mask)[pick]), np.ones_like(path), weight)
    mass = _slices(model, *wanted[-1], paths).sum(axis=1)
    return Estimate(_share(float(paths.weight @ mass)), 0.0, 0, asked + len(mass))


def _sampled(
    model: Conditionals, wanted: list[tuple[int, Mask]], samples: int, random: np.random.Generator
) -> Estimate:
    paths, asked = _start(model, samples), 0
    for place, mask in wanted[:-1]:
        slices = _slices(model, place, mask, paths)
        asked += len(slices)
        paths = _drawn(paths, place, np.flatnonzero(mask), slices, random)
        if not len(paths.number):
            return Estimate(0.0, 0.0, samples, asked)
    weight = paths.weight * _slices(model, *wanted[-1], paths).sum(axis=1)
    mean = float(paths.number @ weight) / samples
    square = float(paths.number @ weight**2) / samples
    error = sqrt(max(0.0, square - mean**2) / max(1, samples - 1))
    return Estimate(_share(mean), error, samples, asked + len(weight))


def _drawn(
    paths: _Paths, place: int, codes: NDArray[np.int64], slices: Probabilities, random: np.random.Generator
) -> _Paths:
    """Every sample goes on by a code of the slice; paths without mass end, with weight zero, and are dropped."""
    mass = slices.sum(axis=1)
    alive = np.flatnonzero(mass > 0)
    number, weight = paths.number[alive], paths.weight[alive] * mass[alive]
    of_sample = np.repeat(np.arange(len(alive)), number)
    pick = _inverse(slices[alive] / mass[alive, None], of_sample, random.random(len(of_sample)))
    cells, number = np.unique(of_sample * len(codes) + pick, return_counts=True)
    path, pick = np.divmod(cells, len(codes))
    return _Paths(_longer(paths, alive[path], place, codes[pick]), number, weight[path])


def _inverse(shares: Probabilities, of_sample: NDArray[np.int64], uniform: NDArray[np.float64]) -> NDArray[np.int64]:
    """Inverse CDF for all samples in one search: path p's CDF is laid out from p to p + 1."""
    upto = np.cumsum(shares, axis=1)
    upto /= upto[:, -1:]
    laid = (upto + np.arange(len(shares))[:, None]).ravel()
    found = np.searchsorted(laid, of_sample + uniform, "right")
    last = shares.shape[1] - 1 - np.argmax(shares[:, ::-1] > 0, axis=1)  # a sum that is rounded to the next path's 0
    return np.asarray(np.minimum(found - of_sample * shares.shape[1], last[of_sample]), dtype=np.int64)


def _start(model: Conditionals, samples: int) -> _Paths:
    nothing = np.full((1, len(model.domains)), UNKNOWN, dtype=np.int64)
    return _Paths(nothing, np.array([samples]), np.ones(1))


def _slices(model: Conditionals, place: int, mask: Mask, paths: _Paths) -> Probabilities:
    return model.probabilities(place, paths.prefixes)[:, mask]


def _longer(paths: _Paths, path: NDArray[np.int64], place: int, codes: NDArray[np.int64]) -> Prefixes:
    prefixes = paths.prefixes[path]
    prefixes[:, place] = codes
    return prefixes


def _pooled(one: Estimate, two: Estimate) -> Estimate:
    samples = one.samples + two.samples
    share = one.samples / samples
    mean = share * one.selectivity + (1 - share) * two.selectivity
    error = sqrt((share * one.error) ** 2 + ((1 - share) * two.error) ** 2)
    return Estimate(mean, error, samples, one.asked + two.asked)


def _share(mass: float) -> float:
    """A sum of probabilities, without the rounding that may carry it past 1."""
    return min(1.0, mass)
