"""Max-min fair rates: nobody can have more without somebody who has no more than they having less.

By progressive filling: all rates grow together, each by its weight, until a link is full or a flow is at its cap; what
that stops is frozen, the rest grows on (Bertsekas and Gallager, "Data Networks", 2nd ed., 6.5.2).

>>> rates([10.0, 4.0], [[0], [0, 1], [1]])
array([8., 2., 2.])
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

#: Links whose shares differ by less, relatively, are full at the same moment.
TIE = 1e-12


def rates(
    capacity: ArrayLike,
    routes: Sequence[Sequence[int]],
    weight: ArrayLike = 1.0,
    cap: ArrayLike = np.inf,
    count: ArrayLike = 1.0,
) -> Floats:
    """The rate of each flow in bytes per second; `routes[f]` are the links that flow f crosses.

    `count[f]` flows alike may stand in one place: each has the rate that is returned, the links carry `count` times
    that. A flow that crosses no link has its cap. This is the plain statement, O(links x flows) per bottleneck; the
    engine has a compiled one that tests hold equal to it.
    """
    flows = len(routes)
    uses = np.zeros((len(np.atleast_1d(capacity)), flows))
    for flow, route in enumerate(routes):
        uses[list(route), flow] = 1.0
    grows, limit = np.broadcast_to(weight, flows).astype(float), np.broadcast_to(cap, flows).astype(float)
    load = uses * grows * np.broadcast_to(count, flows)
    left, free, rate = np.array(capacity, float), np.ones(flows, bool), np.zeros(flows)
    while free.any():
        want = load[:, free].sum(axis=1)
        share = np.divide(np.maximum(left, 0.0), want, out=np.full(len(left), np.inf), where=want > 0)
        full, capped = share.min(initial=np.inf), (limit / grows)[free].min()
        level = min(full, capped)
        stops = (uses[share <= level * (1 + TIE)].any(axis=0) | (limit / grows <= level * (1 + TIE))) & free
        rate[stops] = level * grows[stops]
        left -= load[:, stops].sum(axis=1) * level if np.isfinite(level) else 0.0
        free &= ~stops
    return rate
