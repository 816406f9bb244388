"""A collective on a fabric: its messages as flows that wait for one another, and the times when workers are done.

A worker is ready for its next round when its own last message is off its hands and all that comes to it in earlier
rounds has arrived, a latency after the last byte left. Around a ring a message starts when its sender is ready (eager);
elsewhere when sender and receiver are (rendezvous), as large messages of MPI do.

`finish_times` chooses the cheapest way that is exact: the closed form for equal wires and workers that start together,
the recurrence for rings on wires of their own, and the flow engine for everything else (other collectives,
oversubscribed fabrics, shared uplinks, failures).

>>> from hardware_models.network.fabric import leaf_spine, star
>>> from hardware_models.network.link_card import Wire
>>> wire = Wire(1e9, 1e-5)
>>> times, way = finish_times("ring", 8 * 10**6, star([wire] * 8))
>>> way, round(float(times.max()), 5)
('closed form', 0.01414)
>>> times, way = finish_times("halving_doubling", 8 * 10**6, leaf_spine(8, 4, wire, uplink=wire))
>>> way, round(float(times.max()), 5)  # four workers of a rack share one uplink when halves are exchanged
('max-min', 0.03808)
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.network import ring
from hardware_models.network.collectives import Round, collective
from hardware_models.network.fabric import Fabric, Way
from hardware_models.network.flows import After, Change, Flows, run
from sim.errors import UserError

Floats = NDArray[np.float64]

#: Collectives that go around a ring only.
_RINGS = ("ring", "reduce_scatter", "all_gather")


def finish_times(
    name: str, size: int, fabric: Fabric, ready: ArrayLike = 0.0, changes: Sequence[Change] = (), fast: bool = True
) -> tuple[Floats, str]:
    """When each worker is done with the collective `name` on `size` bytes, and the way it was found.

    `ready[i]` is when worker i starts (seconds). `fast=False` is the flow engine whatever the case. Raises `UserError`
    for an unknown collective, and for "switch", which has no worker to add: ask its closed form.
    """
    starts = np.array(np.broadcast_to(np.asarray(ready, float), fabric.workers))
    if name == "switch":
        raise UserError("a switch that adds is no worker of a fabric; its closed form is collective('switch').seconds")
    rounds = collective(name).rounds
    if fast and not changes and name in _RINGS and (wires := _private(fabric)) is not None:
        rate, latency = wires
        if _all_equal(rate) and _all_equal(latency) and _all_equal(starts) and size % fabric.workers == 0:
            times = 2 if name == "ring" else 1
            seconds = times * (fabric.workers - 1) * (latency[0] + size / fabric.workers / rate[0])
            return starts + seconds, "closed form"
        sizes = np.array([one.size for one in rounds(size, fabric.workers)]).reshape(-1, fabric.workers)
        return ring.finish_times(sizes, rate, latency, starts), "recurrence"
    return play(rounds(size, fabric.workers), fabric, starts, changes, rendezvous=name not in _RINGS), "max-min"


def play(
    rounds: Iterable[Round], fabric: Fabric, ready: Floats, changes: Sequence[Change] = (), rendezvous: bool = False
) -> Floats:
    """When each worker is done with `rounds`, by the flow engine; `rendezvous` makes senders wait for receivers."""
    routes: list[Way] = []
    sizes: list[int] = []
    release: list[float] = []
    edges: list[After] = []
    needs: list[list[tuple[int, float]]] = [[] for _ in range(fabric.workers)]
    for source, destination, size in rounds:
        sent: dict[int, list[tuple[int, float]]] = {}
        came: list[tuple[int, tuple[int, float]]] = []
        for start, end, amount in zip(source.tolist(), destination.tolist(), size.tolist(), strict=True):
            flow = len(sizes)
            routes.append(fabric.way(start, end))
            sizes.append(amount)
            both = (start, end) if rendezvous else (start,)
            release.append(max(ready[worker] for worker in both))
            edges += [After(earlier, flow, lag) for worker in both for earlier, lag in needs[worker]]
            sent.setdefault(start, []).append((flow, 0.0))
            came.append((end, (flow, fabric.latency(start, end))))
        for worker, own in sent.items():
            needs[worker] = own
        for worker, one in came:
            needs[worker].append(one)
    if not sizes:
        return ready.copy()
    finish = run(fabric.capacity, Flows(routes, sizes, release), edges, changes, fast=False).finish
    return np.array(
        [max([start, *(finish[flow] + lag for flow, lag in need)]) for start, need in zip(ready, needs, strict=True)]
    )


def _private(fabric: Fabric) -> tuple[Floats, Floats] | None:
    """Rate and latency from each worker to its successor, if those ways share no link."""
    if fabric.workers == 1:
        return np.ones(1), np.zeros(1)
    pairs = [(worker, (worker + 1) % fabric.workers) for worker in range(fabric.workers)]
    ways = [fabric.way(*pair) for pair in pairs]
    crossed = [link for way in ways for link in way]
    if len(set(crossed)) < len(crossed):
        return None
    rate = np.array([min(fabric.capacity[link] for link in way) for way in ways])
    return rate, np.array([fabric.latency(*pair) for pair in pairs])


def _all_equal(values: Floats) -> bool:
    return bool((values == values[0]).all())
