"""Rows of parties, made up: correlated features of unit size, a sparse model, noise.

Parties draw from streams of their own, so one more party changes nobody's rows.
"""

import numpy as np

from scenarios.helen.session import Rows
from sim.rng import Streams


def synthetic(
    parties: int, features: int, rows: int, correlation: float, nonzero: int, noise: float, streams: Streams
) -> list[Rows]:
    """Each party's X (rows x features, columns of root mean square 1) and y.

    Any two features correlate by `correlation`; `nonzero` weights are not 0 and of equal size, together explaining a
    variance of 1 less that of the noise, `noise` (a standard deviation).
    """
    signs = np.where(streams("model").generator.random(features) < 0.5, -1.0, 1.0)
    weights = np.where(np.arange(features) < nonzero, signs, 0.0)
    variance = (1.0 - correlation) * nonzero + correlation * weights.sum() ** 2
    weights *= np.sqrt(max(1.0 - noise**2, 0.0) / variance)
    return [_rows(weights, rows, correlation, noise, streams, party) for party in range(parties)]


def _rows(weights: np.ndarray, rows: int, correlation: float, noise: float, streams: Streams, party: int) -> Rows:
    draw = streams("rows", party).generator
    shared, own = draw.standard_normal((rows, 1)), draw.standard_normal((rows, len(weights)))
    X = np.sqrt(correlation) * shared + np.sqrt(1.0 - correlation) * own
    X /= np.sqrt((X**2).mean(axis=0))
    return X, X @ weights + noise * draw.standard_normal(rows)
