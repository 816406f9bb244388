"""Replicates of a point become one row: the mean, and what it is worth.

Intervals are Student's, at 95 %, over replicates. When several names are compared (`paired`), all of them met the
same random streams in a replicate, so what is common to them in a replicate says nothing about which is better: each
replicate's own level is taken out first (G. Loftus, M. Masson, 1994; with the correction sqrt(n / (n - 1)) for n names
of R. Morey, 2008). Two paired intervals that do not overlap then show a difference; plain ones often would not.
"""

from collections.abc import Hashable, Mapping, Sequence
from math import sqrt
from typing import Any

import numpy as np

from sim.statistics import interval

Row = Mapping[str, Any]


def averaged(rows: Sequence[Row], by: Sequence[str], values: Sequence[str], paired: str = "") -> list[dict[str, Any]]:
    """One row per combination of the fields `by`, in order of appearance, each of `values` being a mean.

    With two replicates or more, FIELD_low and FIELD_high are its interval. Rows without a value do not count in its
    mean. Other fields are the first replicate's. `paired` is the field that names what is compared; rows then say
    their `replicate`.

    >>> averaged([{"x": 1, "y": 2.0}, {"x": 1, "y": 4.0}, {"x": 2, "y": 7.0}], ["x"], ["y"])[1]
    {'x': 2, 'y': 7.0}
    """
    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    merged = []
    for group in groups.values():
        row = dict(group[0])
        for value in values:
            samples = [float(each[value]) for each in group if each.get(value) is not None]
            if len(samples) > 1:
                spread = [s - _level(rows, each, by, value, paired) for s, each in zip(samples, group, strict=False)]
                half = interval(spread).half_width * (_correction(rows, paired) if paired else 1.0)
                mean = float(np.mean(samples))
                row |= {value: mean, f"{value}_low": mean - half, f"{value}_high": mean + half}
        merged.append(row)
    return merged


def _level(rows: Sequence[Row], row: Row, by: Sequence[str], value: str, paired: str) -> float:
    """What is common to all names in a row's replicate, at its other settings; 0 if nothing is paired."""
    if not paired:
        return 0.0
    same = [name for name in (*by, "replicate") if name != paired]
    peers = [r[value] for r in rows if r.get(value) is not None and all(r.get(n) == row.get(n) for n in same)]
    return float(np.mean(peers))


def _correction(rows: Sequence[Row], paired: str) -> float:
    names = len({row.get(paired) for row in rows})
    return sqrt(names / (names - 1)) if names > 1 else 1.0
