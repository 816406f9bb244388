"""Paired comparison: the same points and the same random streams, one setting apart.

For each pair the difference d = other - base is taken; reported are its mean and the 95 % confidence interval
mean(d) +- t(0.975, n - 1) * s / sqrt(n) (Student's t; needs two pairs or more).
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.record import Record
from sim.statistics import interval

Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric, `other` against `base`, over `pairs` pairs; `half` is half the interval, None for one pair."""

    metric: str
    base: Any
    other: Any
    pairs: int
    base_mean: float
    other_mean: float
    difference: float
    half: float | None

    def verdict(self, better: str) -> str:
        """One of better, worse, differs, equal, no difference shown, one pair: said of the other value."""
        if self.difference == 0.0:
            return "equal"
        if self.half is None:
            return "one pair"
        if abs(self.difference) <= self.half:
            return "no difference shown"
        if better == "neither":
            return "differs"
        return "better" if (self.difference < 0) == (better == "lower") else "worse"


def paired(runs: Iterable[tuple[Point, Record]], by: str, metrics: Sequence[str]) -> list[Comparison]:
    """Compare every value of the setting `by` with its first one, over all points where both have the metric."""
    values: dict[Any, dict[Hashable, Record]] = {}
    for point, record in runs:
        rest = tuple(sorted((key, str(value)) for key, value in point.items() if key != by))
        values.setdefault(point[by], {})[rest] = record
    if not values:
        return []
    base, *others = values
    return [
        comparison
        for metric in metrics
        for other in others
        if (comparison := _compare(metric, base, other, values[base], values[other]))
    ]


def _compare(
    metric: str, base: Any, other: Any, left: Mapping[Hashable, Record], right: Mapping[Hashable, Record]
) -> Comparison | None:
    both = [(left[rest].value(metric), right[rest].value(metric)) for rest in left if rest in right]
    numbers = np.array([(a, b) for a, b in both if a is not None and b is not None], dtype=np.float64)
    if not len(numbers):
        return None
    differences = numbers[:, 1] - numbers[:, 0]
    return Comparison(
        metric,
        base,
        other,
        len(numbers),
        float(numbers[:, 0].mean()),
        float(numbers[:, 1].mean()),
        float(differences.mean()),
        interval(differences).half_width if len(differences) > 1 else None,
    )
