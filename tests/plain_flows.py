"""The flow engine, stated plainly: all rates anew at every event, with `max_min.rates`. Slow, and hard to get wrong."""

import numpy as np

from hardware_models.network.flows import After, Change, Flows
from hardware_models.network.max_min import rates


def routes_of(flows: Flows) -> list[list[int]]:
    return [flows.route[flows.first[f] : flows.first[f + 1]].tolist() for f in range(len(flows))]


def finish_times(capacity: np.ndarray, flows: Flows, after: list[After], changes: list[Change]) -> np.ndarray:
    room, routes, left = np.array(capacity, float), routes_of(flows), flows.size.copy()
    finish, ready = np.full(len(flows), np.inf), flows.release.copy()
    waits = np.bincount([one.later for one in after], minlength=len(flows))
    changes, now, active = sorted(changes), 0.0, []
    waiting = set(range(len(flows)))
    while True:
        due = sorted(f for f in waiting if waits[f] == 0 and ready[f] <= now * (1 + 1e-12))
        waiting -= set(due)
        active += due
        while changes and changes[0].time <= now * (1 + 1e-12):
            _, link, capacity_now = changes.pop(0)
            room[link] = capacity_now
        for f in [f for f in active if left[f] <= 1e-11 * flows.size[f]]:
            active.remove(f)
            finish[f] = now
            for one in after:
                if one.earlier == f:
                    waits[one.later] -= 1
                    ready[one.later] = max(ready[one.later], now + one.lag)
        if any(waits[f] == 0 and ready[f] <= now for f in waiting):
            continue
        speed = rates(room, [routes[f] for f in active], flows.weight[active], flows.cap[active], flows.count[active])
        with np.errstate(divide="ignore"):
            ends = now + (left[active] / speed if active else np.array([]))
        moments = [*ends, *(ready[f] for f in waiting if waits[f] == 0), *(change.time for change in changes[:1])]
        following = min(moments, default=np.inf)
        if following == np.inf:
            return finish
        left[active] -= np.where(np.isinf(speed), left[active], speed * (following - now))
        for f, end in zip(active, ends, strict=True):
            if end <= following * (1 + 1e-13):
                left[f] = 0.0
        now = following
