"""A schedule is the order in which operators run; an operator that stands twice is recomputed.

When values are freed need not be said, since one rule is optimal for every order: a value lives from the
moment it is produced until its last use before it is produced again, and a result of the graph lives from
its last production to the end. While an operator runs, its inputs, outputs and workspace are all resident.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Schedule:
    """Operator indices in running order, shape (steps,)."""

    order: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """One row per production of a value: resident during steps first..last, both included."""

    value: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
