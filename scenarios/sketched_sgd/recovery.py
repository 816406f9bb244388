"""Heavy hitters out of a sketch: HEAVYMIX (arXiv:1903.04488, algorithm 1).

    H    = {j : g^_j^2 >= |g|^^2 / k}        by point queries and the norm's estimate
    I    = H and k - |H| of the other coordinates, drawn at random; of a larger H its k largest
    out  = g at I, exactly, by a second round; 0 elsewhere

With a sketch of Theta(k log(d / delta)) counters this is a k/d-contraction (lemma 1): with probability 1 - delta over
the hashes, E |g - out|^2 <= (1 - k/d) |g|^2 over the random coordinates. The text prints H's condition without the
square on the estimate; units need it.
"""

import numpy as np

from scenarios.sketched_sgd.sketch import Table
from scenarios.sketched_sgd.top_k import Indices, top_k


def heavy(table: Table, k: int) -> Indices:
    """H: coordinates whose estimate carries 1/k of the estimated squared norm or more; at most k, ascending."""
    estimates = table.estimates()
    above = np.abs(estimates) >= np.float32(table.norm() / np.sqrt(k))
    return top_k(np.where(above, estimates, np.float32(0.0)), min(k, len(estimates)))


def heavymix(table: Table, k: int, random: np.random.Generator) -> Indices:
    """I: the k coordinates whose exact values are to be fetched, ascending."""
    hitters = heavy(table, k)
    rest = np.setdiff1d(np.arange(table.family.size, dtype=np.int32), hitters, assume_unique=True)
    filled = random.choice(rest, min(k, table.family.size) - len(hitters), replace=False)
    return np.sort(np.concatenate([hitters, filled])).astype(np.int32)
