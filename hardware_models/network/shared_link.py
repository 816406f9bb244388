"""One link shared by all: when each flow ends, in virtual time, at O(log n) per flow and without solving for rates.

Let V grow by B over the summed weight of the flows that are there. A flow of s bytes and weight w that comes at V0 ends
when V is V0 + s / w, whoever comes and goes in between: so a heap of those tags is all there is to keep (generalised
processor sharing: Parekh and Gallager, 1993).

>>> finish_times([2.0, 1.0], release=[0.0, 0.0], capacity=1.0)
array([3., 2.])
"""

from heapq import heappop, heappush

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def finish_times(size: ArrayLike, release: ArrayLike, capacity: float, weight: ArrayLike = 1.0) -> Floats:
    """When flows of `size` bytes that come at `release` have passed a link of `capacity` bytes per second.

    Arrays broadcast; `weight` is a flow's weight in the sharing.
    """
    sizes, releases, weights = (np.atleast_1d(array).astype(float) for array in (size, release, weight))
    sizes, releases, weights = np.broadcast_arrays(sizes, releases, weights)
    finish, (work, heavy) = np.empty(len(sizes)), ((sizes / weights).tolist(), weights.tolist())
    tags: list[tuple[float, int]] = []
    now = virtual = present = 0.0
    for flow, moment in zip(
        order := np.argsort(releases, kind="stable").tolist(), releases[order].tolist(), strict=True
    ):
        while tags and (end := now + (tags[0][0] - virtual) * present / capacity) <= moment:
            virtual, done = heappop(tags)
            now = finish[done] = end
            present = present - heavy[done] if tags else 0.0
        if present:
            virtual += (moment - now) * capacity / present
        now = moment
        heappush(tags, (virtual + work[flow], flow))
        present += heavy[flow]
    while tags:
        tag, done = heappop(tags)
        now = finish[done] = now + (tag - virtual) * present / capacity
        virtual, present = tag, present - heavy[done]
    return finish
