"""Linear constraints, collected as arrays and handed to the solver as one sparse matrix."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

ABSENT = -1  # the column of a variable that is 0 in every useful schedule
ONE = 0  # the column that is fixed to 1


@dataclass(slots=True)
class Rows:
    """Constraints low <= sum of coefficient * column <= high, in blocks of equal shape."""

    count: int = 0
    _row: list[NDArray[np.int64]] = field(default_factory=list)
    _column: list[NDArray[np.int64]] = field(default_factory=list)
    _coefficient: list[NDArray[np.float64]] = field(default_factory=list)
    _low: list[NDArray[np.float64]] = field(default_factory=list)
    _high: list[NDArray[np.float64]] = field(default_factory=list)

    def add(self, terms: list[tuple[float, NDArray[np.int64]]], low: ArrayLike, high: ArrayLike) -> None:
        """A block of rows: each term is a coefficient and the column it stands at in every row of the block."""
        size = len(terms[0][1])
        row = self.count + np.arange(size, dtype=np.int64)
        for coefficient, columns in terms:
            there = columns != ABSENT
            self._row.append(row[there])
            self._column.append(columns[there])
            self._coefficient.append(np.full(int(there.sum()), coefficient))
        self._bounds(size, low, high)

    def add_one(self, columns: NDArray[np.int64], coefficients: NDArray[np.float64], low: float, high: float) -> None:
        """A single row of any length; ABSENT columns are left out."""
        there = columns != ABSENT
        self._row.append(np.full(int(there.sum()), self.count, dtype=np.int64))
        self._column.append(columns[there])
        self._coefficient.append(coefficients[there])
        self._bounds(1, low, high)

    def matrix(self, columns: int) -> tuple[csr_array, NDArray[np.float64], NDArray[np.float64]]:
        """(matrix, low, high); terms at the same place add up."""
        place = (np.concatenate(self._row), np.concatenate(self._column))
        matrix = csr_array((np.concatenate(self._coefficient), place), shape=(self.count, columns))
        return matrix, np.concatenate(self._low), np.concatenate(self._high)

    def _bounds(self, size: int, low: ArrayLike, high: ArrayLike) -> None:
        self._low.append(np.broadcast_to(np.asarray(low, dtype=np.float64), size))
        self._high.append(np.broadcast_to(np.asarray(high, dtype=np.float64), size))
        self.count += size
