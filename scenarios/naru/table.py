"""A table as a matrix of codes, and what is known of it exactly: counts, entropy, distinct rows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.naru.column import Column
from sim.errors import UserError, did_you_mean

Codes = NDArray[np.int32]
#: Which codes of a column are asked for, shape (domain,).
Mask = NDArray[np.bool_]
#: Masks by a column's place in the table; a column that is missing may hold anything.
Regions = Mapping[int, Mask]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """`codes` has shape (rows, columns) and lies column by column; `codes[r, c] < columns[c].domain`.

    Raises `UserError` for a table without columns or with two of one name.
    """

    name: str
    columns: tuple[Column, ...]
    codes: Codes

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if not names:
            raise UserError(f"table {self.name} has no columns; at least one is needed")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(f"table {self.name} has two columns called {twice}; names must differ")

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def domains(self) -> tuple[int, ...]:
        """Number of codes of each column."""
        return tuple(column.domain for column in self.columns)

    def place(self, name: str) -> int:
        """Where the column called `name` stands. Raises `UserError` if there is none."""
        names = [column.name for column in self.columns]
        if name not in names:
            raise UserError(f"table {self.name} has no column {name}; {did_you_mean(name, names)}")
        return names.index(name)

    def matching(self, regions: Regions) -> NDArray[np.int64]:
        """The rows that lie in `regions`, ascending; narrow regions are looked at first, so little is looked at."""
        rows = np.arange(len(self))
        for place in sorted(regions, key=lambda place: regions[place].mean()):
            rows = rows[regions[place][self.codes[rows, place]]]
        return rows

    def count(self, regions: Regions) -> int:
        """The number of rows in `regions`, as SQL counts them."""
        return len(self.matching(regions))

    def distinct(self) -> tuple[Codes, NDArray[np.int64]]:
        """The distinct rows, ascending, and how often each stands in the table."""
        return np.unique(self.codes, axis=0, return_counts=True)

    @property
    def entropy(self) -> float:
        """Bits per row of the empirical joint distribution: what no density model's cross entropy can go below."""
        shares = self.distinct()[1] / len(self)
        return float(-(shares * np.log2(shares)).sum())
