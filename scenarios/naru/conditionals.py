"""What a density model must tell of a table: the distribution of a column, given some that stand before it.

A model has an `order`, a permutation of the columns' places. It is asked for column `order[i]` with prefixes that hold
codes of `order[:i]` only. An entry UNKNOWN says nothing about that column: the answer is marginal over it (a model
that is trained with wildcards does this; the perfect model does it exactly).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: The entry of a prefix of which nothing is known.
UNKNOWN = -1

Prefixes = NDArray[np.int64]
Probabilities = NDArray[np.float64]


class Conditionals(Protocol):
    """An autoregressive density model, as estimates use it."""

    @property
    def domains(self) -> tuple[int, ...]:
        """Number of codes of each column, in the table's order."""
        ...

    @property
    def order(self) -> tuple[int, ...]:
        """Which column comes first, second, and so on."""
        ...

    @property
    def wildcards(self) -> bool:
        """Whether UNKNOWN may stand before the column that is asked for."""
        ...

    def probabilities(self, place: int, prefixes: Prefixes) -> Probabilities:
        """P(column `place` | prefix), shape (prefixes, domains[place]); prefixes have shape (prefixes, columns)."""
        ...
