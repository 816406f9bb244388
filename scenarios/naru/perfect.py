"""The perfect model: conditionals counted from the rows. What is wrong with an estimate is then the sampling alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.naru.conditionals import UNKNOWN, Prefixes, Probabilities
from scenarios.naru.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class Perfect:
    """P(column | prefix) = rows that agree with the prefix and have the code / rows that agree with the prefix.

    All prefixes of one call know the same columns. One that no row agrees with has probability zero everywhere.
    """

    table: Table
    order: tuple[int, ...]
    wildcards: bool = True

    @property
    def domains(self) -> tuple[int, ...]:
        """Number of codes of each column, in the table's order."""
        return self.table.domains

    def probabilities(self, place: int, prefixes: Prefixes) -> Probabilities:
        """See `Conditionals`; exact, from one pass over the rows."""
        known = np.flatnonzero(prefixes[0] != UNKNOWN)
        group, of_row = _groups(prefixes[:, known], self.table.codes[:, known])
        kept = of_row >= 0
        domain = self.domains[place]
        cells = of_row[kept] * domain + self.table.codes[kept, place]
        counts = np.bincount(cells, minlength=(group.max() + 1) * domain).reshape(-1, domain)[group]
        totals = counts.sum(axis=1, keepdims=True)
        return np.asarray(counts / np.maximum(totals, 1), dtype=np.float64)


def _groups(prefixes: NDArray[np.int64], rows: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers for equal prefixes, and each row's number, -1 where it agrees with none."""
    if prefixes.shape[1] == 0:
        return np.zeros(len(prefixes), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    distinct, group = np.unique(prefixes, axis=0, return_inverse=True)
    numbers = {prefix.tobytes(): number for number, prefix in enumerate(distinct)}
    seen, of_row = np.unique(rows.astype(np.int64), axis=0, return_inverse=True)
    number = np.array([numbers.get(row.tobytes(), -1) for row in seen], dtype=np.int64)
    return group.ravel(), number[of_row.ravel()]
