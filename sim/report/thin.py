"""Fewer points for the same picture: what a screen can show of a hundred thousand records."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A panel with more points than this is thinned.
MOST_POINTS = 4000


def thinned(
    rows: Sequence[Mapping[str, Any]], x: str, y: str, line: Sequence[str], most: int = MOST_POINTS
) -> list[Mapping[str, Any]]:
    """At most about `most` of `rows`, in order: of every line the lowest and highest y in equal steps along x.

    A line is what shares the values of the fields `line`. What is kept are real rows, so each still has its record.
    """
    if len(rows) <= most:
        return list(rows)
    xs = np.array([row[x] for row in rows], dtype=np.float64)
    lines: dict[Hashable, list[int]] = {}
    for index, row in enumerate(rows):
        lines.setdefault(tuple(row.get(name) for name in line), []).append(index)
    steps = max(1, most // (2 * len(lines)))
    span = float(xs.max() - xs.min()) or 1.0
    step = np.minimum((xs - xs.min()) / span * steps, steps - 1).astype(np.int64)
    kept: set[int] = set()
    for members in lines.values():
        extremes: dict[int, list[int]] = {}
        for index in members:
            held = extremes.setdefault(int(step[index]), [index, index])
            held[0] = min(held[0], index, key=lambda each: rows[each][y])
            held[1] = max(held[1], index, key=lambda each: rows[each][y])
        kept.update(index for pair in extremes.values() for index in pair)
    return [rows[index] for index in sorted(kept)]


def peaks(times: NDArray[np.float64], totals: NDArray[np.float64], most: int = 600) -> NDArray[np.int64]:
    """Indices of at most about `most` moments, with the largest and the smallest total of every stretch among them."""
    if len(times) <= most:
        return np.arange(len(times))
    stretches = np.array_split(np.arange(len(times)), most // 2)
    chosen = [index for part in stretches for index in (part[totals[part].argmax()], part[totals[part].argmin()])]
    return np.unique(np.array([0, *chosen, len(times) - 1], dtype=np.int64))
