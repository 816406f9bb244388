"""A uniform sample of the rows: good where many rows match, blind where few do."""

from dataclasses import replace

import numpy as np

from scenarios.naru.table import Regions, Table


class RowSample:
    """Keeps a share of the rows, drawn without replacement, at least one; 4 bytes a code."""

    def __init__(self, table: Table, share: float, random: np.random.Generator) -> None:
        number = max(1, round(share * len(table)))
        rows = random.choice(len(table), size=number, replace=False)
        self._sample = replace(table, codes=np.asfortranarray(table.codes[rows]))
        self.bytes = 4 * self._sample.codes.size

    def selectivity(self, regions: Regions) -> float:
        """See `Estimator`."""
        return self._sample.count(regions) / len(self._sample)
