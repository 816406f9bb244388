"""The compiled heart of the flow engine: events of flows that share links max-min fairly.

Between events every flow runs at its rate. An event is a flow that starts, one that ends, or a link that changes.
Then only flows that share links with what changed, directly or through others, get new rates: the rest keep theirs, and
their remaining bytes are not touched. Flows that end within a relative 1e-12 of each other end in one event.

Within what changed, progressive filling with a heap of links by the level at which they are full: a link's level only
grows while others freeze, so an entry that has become too low is put back when it comes up.

Arrays: `first[f]:first[f + 1]` are flow f's places in `route`, which holds link numbers; `next_first`, `next_flow` and
`next_lag` are the flows that wait for f's end and by how much later each may start.
"""

from heapq import heappop, heappush

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hardware_models.network.max_min import TIE

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@njit(cache=True)
def fluid(
    capacity: Floats, first: Integers, route: Integers, size: Floats, release: Floats, weight: Floats, cap: Floats,
    count: Floats, next_first: Integers, next_flow: Integers, next_lag: Floats, change_time: Floats,
    change_link: Integers, change_capacity: Floats,
) -> tuple[Floats, Floats, Floats, int]:  # fmt: skip
    """When each flow starts and ends (infinity: never), the bytes each link carried, and how many events there were."""
    flows, links = len(size), len(capacity)
    room = capacity.copy()
    start, finish = np.full(flows, np.inf), np.full(flows, np.inf)
    rate, left, since, due = np.zeros(flows), size.copy(), np.zeros(flows), np.full(flows, np.inf)
    ready, waits = release.copy(), np.zeros(flows, np.int64)
    carried = np.zeros(links)
    for edge in range(len(next_flow)):
        waits[next_flow[edge]] += 1

    # active flows in an array, and per link in a list threaded through the places of their routes
    active, actives = np.empty(flows, np.int64), 0
    owner = np.empty(len(route), np.int64)
    for flow in range(flows):
        owner[first[flow] : first[flow + 1]] = flow
    head = np.full(links, -1, np.int64)
    after, before = np.full(len(route), -1, np.int64), np.full(len(route), -1, np.int64)

    seen_link, seen_flow = np.zeros(links, np.int64), np.zeros(flows, np.int64)
    touched, found = np.empty(links, np.int64), np.empty(flows, np.int64)
    wanted, remaining, fresh = np.zeros(links), np.zeros(links), np.zeros(flows)

    starts = [(0.0, np.int64(0)) for _ in range(0)]
    for flow in range(flows):
        if waits[flow] == 0:
            heappush(starts, (release[flow], np.int64(flow)))
    change, events, stamp, links_touched, flows_found = 0, 0, 0, 0, 0

    while True:
        now = np.inf
        for at in range(actives):
            now = min(now, due[active[at]])
        if len(starts):
            now = min(now, starts[0][0])
        if change < len(change_time):
            now = min(now, change_time[change])
        if now == np.inf:
            break
        events += 1
        horizon = now + TIE * abs(now)
        stamp += 1
        links_touched = 0

        at = 0
        while at < actives:
            flow = active[at]
            if due[flow] > horizon:
                at += 1
                continue
            finish[flow] = due[flow]
            moved = rate[flow] * (due[flow] - since[flow]) * count[flow]
            for slot in range(first[flow], first[flow + 1]):
                link = route[slot]
                carried[link] += moved
                if before[slot] >= 0:
                    after[before[slot]] = after[slot]
                else:
                    head[link] = after[slot]
                if after[slot] >= 0:
                    before[after[slot]] = before[slot]
                if seen_link[link] != stamp:
                    seen_link[link] = stamp
                    touched[links_touched] = link
                    links_touched += 1
            actives -= 1
            active[at] = active[actives]
            for edge in range(next_first[flow], next_first[flow + 1]):
                later = next_flow[edge]
                ready[later] = max(ready[later], finish[flow] + next_lag[edge])
                waits[later] -= 1
                if waits[later] == 0:
                    heappush(starts, (ready[later], later))

        while change < len(change_time) and change_time[change] <= horizon:
            link = change_link[change]
            room[link] = change_capacity[change]
            change += 1
            if seen_link[link] != stamp:
                seen_link[link] = stamp
                touched[links_touched] = link
                links_touched += 1

        while len(starts) and starts[0][0] <= horizon:
            moment, number = heappop(starts)
            flow = int(number)
            start[flow] = moment
            if size[flow] == 0 or (first[flow] == first[flow + 1] and cap[flow] == np.inf):
                finish[flow] = moment
                for slot in range(first[flow], first[flow + 1]):
                    carried[route[slot]] += size[flow] * count[flow]
                for edge in range(next_first[flow], next_first[flow + 1]):
                    later = next_flow[edge]
                    ready[later] = max(ready[later], moment + next_lag[edge])
                    waits[later] -= 1
                    if waits[later] == 0:
                        heappush(starts, (ready[later], later))
                continue
            active[actives] = flow
            actives += 1
            since[flow] = moment
            if first[flow] == first[flow + 1]:
                rate[flow] = cap[flow]
                due[flow] = moment + size[flow] / cap[flow] if cap[flow] > 0 else np.inf
            for slot in range(first[flow], first[flow + 1]):
                link = route[slot]
                before[slot], after[slot] = -1, head[link]
                if head[link] >= 0:
                    before[head[link]] = slot
                head[link] = slot
                if seen_link[link] != stamp:
                    seen_link[link] = stamp
                    touched[links_touched] = link
                    links_touched += 1

        links_touched, flows_found = _reach(
            touched, links_touched, found, stamp, seen_link, seen_flow, head, after, owner, first, route, weight, count,
            room, wanted, remaining,
        )  # fmt: skip
        _fill(
            touched[:links_touched], found[:flows_found], head, after, owner, first, route, weight, count, cap,
            wanted, remaining, fresh,
        )  # fmt: skip
        for at in range(flows_found):
            flow = found[at]
            if fresh[flow] == rate[flow] and due[flow] < np.inf:
                continue
            moved = rate[flow] * max(now - since[flow], 0.0)
            left[flow] = max(left[flow] - moved, 0.0)
            for slot in range(first[flow], first[flow + 1]):
                carried[route[slot]] += moved * count[flow]
            rate[flow], since[flow] = fresh[flow], max(now, since[flow])
            if left[flow] <= TIE * size[flow]:
                due[flow] = since[flow]
            else:
                due[flow] = since[flow] + left[flow] / fresh[flow] if fresh[flow] > 0 else np.inf

    return start, finish, carried, events


@njit(cache=True)
def _reach(
    touched: Integers, links: int, found: Integers, stamp: int, seen_link: Integers, seen_flow: Integers,
    head: Integers, after: Integers, owner: Integers, first: Integers, route: Integers, weight: Floats, count: Floats,
    room: Floats, wanted: Floats, remaining: Floats,
) -> tuple[int, int]:  # fmt: skip
    """Adds to `touched` and `found` whatever shares links with what is there, and sums what each link is asked for."""
    flows, at = 0, 0
    while at < links:
        link = touched[at]
        at += 1
        wanted[link], remaining[link] = 0.0, room[link]
        slot = head[link]
        while slot >= 0:
            flow = owner[slot]
            wanted[link] += weight[flow] * count[flow]
            if seen_flow[flow] != stamp:
                seen_flow[flow] = stamp
                found[flows] = flow
                flows += 1
                for other in range(first[flow], first[flow + 1]):
                    if seen_link[route[other]] != stamp:
                        seen_link[route[other]] = stamp
                        touched[links] = route[other]
                        links += 1
            slot = after[slot]
    return links, flows


@njit(cache=True)
def _fill(
    touched: Integers, found: Integers, head: Integers, after: Integers, owner: Integers, first: Integers,
    route: Integers, weight: Floats, count: Floats, cap: Floats, wanted: Floats, remaining: Floats, fresh: Floats,
) -> None:  # fmt: skip
    """Max-min rates of the flows `found` on the links `touched`, into `fresh`. A cap of flow f is entry -1 - f."""
    levels = [(0.0, np.int64(0)) for _ in range(0)]
    for link in touched:
        if wanted[link] > 0:
            heappush(levels, (remaining[link] / wanted[link], link))
    for flow in found:
        fresh[flow] = -1.0
        if cap[flow] < np.inf:
            heappush(levels, (cap[flow] / weight[flow], np.int64(-1 - flow)))
    while len(levels):
        level, link = heappop(levels)
        if link < 0:
            flow = -1 - int(link)
            if fresh[flow] < 0:
                _freeze(flow, cap[flow], first, route, weight, count, wanted, remaining, fresh)
        elif wanted[link] > 0:
            current = max(remaining[link], 0.0) / wanted[link]
            if current > level * (1 + TIE):
                heappush(levels, (current, link))
                continue
            slot = head[link]
            while slot >= 0:
                flow = owner[slot]
                if fresh[flow] < 0:
                    _freeze(flow, weight[flow] * current, first, route, weight, count, wanted, remaining, fresh)
                slot = after[slot]
            wanted[link] = 0.0


@njit(cache=True)
def _freeze(
    flow: int, rate: float, first: Integers, route: Integers, weight: Floats, count: Floats, wanted: Floats,
    remaining: Floats, fresh: Floats,
) -> None:  # fmt: skip
    fresh[flow] = rate
    for at in range(first[flow], first[flow + 1]):
        wanted[route[at]] -= weight[flow] * count[flow]
        remaining[route[at]] -= rate * count[flow]
