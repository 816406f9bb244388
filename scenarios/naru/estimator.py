"""What every estimator of selectivity is asked, and how wrong an answer is."""

from math import ceil
from typing import Protocol

import numpy as np

from scenarios.naru.conditionals import Conditionals
from scenarios.naru.progressive import estimate
from scenarios.naru.table import Regions


class Estimator(Protocol):
    """A synopsis of a table."""

    @property
    def bytes(self) -> int:
        """What it stores."""
        ...

    def selectivity(self, regions: Regions) -> float:
        """The share of the rows that it expects in `regions`, 0..1."""
        ...


class Progressive:
    """Progressive sampling on a density model that stores `bytes`.

    Every query meets the same random numbers, so the answer to one does not depend on those before it, and ranges that
    grow are compared on common draws.
    """

    def __init__(self, model: Conditionals, samples: int, seed: int, stored: int) -> None:
        self.bytes = stored
        self._model, self._samples, self._seed = model, samples, seed

    def selectivity(self, regions: Regions) -> float:
        """See `Estimator`."""
        return estimate(self._model, regions, self._samples, np.random.default_rng(self._seed)).selectivity


def rows_of(selectivity: float, rows: int) -> int:
    """An estimate in rows: rounded up, as Naru's artefact does, after rounding errors are taken off."""
    return ceil(round(selectivity * rows, 6))


def q_error(estimated: int, true: int) -> float:
    """max(estimated / true, true / estimated); 1 if both are 0; if one is 0, the other.

    >>> q_error(10, 5), q_error(0, 0), q_error(0, 7)
    (2.0, 1.0, 7.0)
    """
    if estimated == true:
        return 1.0
    if min(estimated, true) == 0:
        return float(max(estimated, true))
    return max(estimated, true) / min(estimated, true)
