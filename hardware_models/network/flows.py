"""Flows over links, max-min fair: when each starts and ends, by the cheapest way that is exact.

A flow is bytes along a route of links, from a moment on or after other flows have ended. Links have a capacity, which
may change (a failure is a capacity of 0: what crosses it stands still, and never ends if it stays so). Flows that have
to do with each other, by sharing links or by waiting for one another, are one *group*; for each group `run` chooses

- "alone": a flow by itself takes size / (least capacity on its route),
- "shared link": one link that all cross and no other can hold up; virtual time (`hardware_models.network.shared_link`),
- "max-min": anything else; events with progressive filling (`hardware_models.network.fluid`).

>>> flows = Flows(routes=[[0, 2], [1, 2], [1]], size=[6e6, 6e6, 1e6])
>>> over = run([1e9, 1e9, 1e9], flows)
>>> (over.finish * 1e3).round(3), over.ways
(array([12., 12.,  2.]), {'max-min': 3})
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hardware_models.network.fluid import fluid
from hardware_models.network.shared_link import finish_times
from sim.errors import UserError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class After(NamedTuple):
    """Flow `later` may start `lag` seconds after flow `earlier` has ended, and not before."""

    earlier: int
    later: int
    lag: float = 0.0


class Change(NamedTuple):
    """At `time` seconds the capacity of `link` becomes `capacity` bytes per second."""

    time: float
    link: int
    capacity: float


class Flows:
    """Flows: `routes[f]` are the links that f crosses, `size` its bytes, `release` when it may start (seconds).

    `weight` is its weight in the sharing, `cap` a rate that it never exceeds (bytes per second), and `count` how many
    flows alike it stands for: each of them ends when it does, and links carry them all. That is exact for flows whose
    routes mirror each other, with a link that stands for `count` links having `count` times their capacity.

    Raises `UserError` for sizes, weights, caps or counts that make no sense.
    """

    def __init__(
        self, routes: Sequence[Sequence[int]], size: ArrayLike, release: ArrayLike = 0.0, weight: ArrayLike = 1.0,
        cap: ArrayLike = np.inf, count: ArrayLike = 1,
    ) -> None:  # fmt: skip
        number = len(routes)
        self.first = np.zeros(number + 1, np.int64)
        np.cumsum([len(route) for route in routes], out=self.first[1:])
        self.route = np.array([link for route in routes for link in route], np.int64)
        self.size = _column("size", size, number, least=0.0)
        self.release = _column("release", release, number, least=0.0)
        self.weight = _column("weight", weight, number, above=0.0)
        self.cap = _column("cap", cap, number, above=0.0, infinite=True)
        self.count = _column("count", count, number, above=0.0)
        for flow, route in enumerate(routes):
            if len(set(route)) < len(route):
                raise UserError(f"flow {flow} crosses a link twice; a route names each link once")

    def __len__(self) -> int:
        return len(self.size)


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """When each flow started and ended (infinity: never), the bytes that each link carried, and how it was found.

    `ways` counts flows by way, `events` those of the max-min engine.
    """

    start: Floats
    finish: Floats
    carried: Floats
    ways: dict[str, int]
    events: int


def run(
    capacity: ArrayLike, flows: Flows, after: Iterable[After] = (), changes: Iterable[Change] = (), fast: bool = True
) -> Passed:
    """Lets `flows` pass over links of `capacity` bytes per second each. `fast=False` is the max-min engine for all.

    Raises `UserError` for links or flows that are not there, and for flows that wait for each other in a circle.
    """
    rooms = _column("capacity", capacity, len(np.atleast_1d(capacity)), least=0.0)
    edges = _edges(after, len(flows))
    altered = _changes(changes, len(rooms))
    if len(flows.route) and not (flows.route.min() >= 0 and flows.route.max() < len(rooms)):
        raise UserError(f"a flow crosses link {flows.route.max()}; there are {len(rooms)} links, from 0")
    start, finish, carried = np.full(len(flows), np.nan), np.full(len(flows), np.inf), np.zeros(len(rooms))
    rest = np.arange(len(flows))
    ways: Counter[str] = Counter()
    if fast:
        rest = _short_cuts(rooms, flows, edges, altered, start, finish, carried, ways)
    events = 0
    if len(rest):
        part = _subset(flows, rest)
        inside = np.isin(edges[0], rest)
        position = np.zeros(len(flows), np.int64)
        position[rest] = np.arange(len(rest))
        order = np.argsort(position[edges[0][inside]], kind="stable")
        earlier, later = position[edges[0][inside]][order], position[edges[1][inside]][order]
        next_first = np.searchsorted(earlier, np.arange(len(rest) + 1)).astype(np.int64)
        start[rest], finish[rest], moved, events = fluid(
            rooms, part.first, part.route, part.size, part.release, part.weight, part.cap, part.count,
            next_first, later, edges[2][inside][order], *altered,
        )  # fmt: skip
        carried += moved
        ways["max-min"] += len(rest)
        _refuse_circles(start[rest], finish[rest], earlier, later)
    return Passed(start, finish, carried, dict(ways), events)


def _short_cuts(
    rooms: Floats, flows: Flows, edges: tuple[Integers, Integers, Floats], altered: tuple[Floats, Integers, Floats],
    start: Floats, finish: Floats, carried: Floats, ways: Counter[str],
) -> Integers:  # fmt: skip
    """Fills in what has a short way, and returns the flows that have none."""
    number, length = len(flows), np.diff(flows.first)
    owner = np.repeat(np.arange(number), length)
    pairs = np.concatenate([owner, edges[0]]), np.concatenate([flows.route + number, edges[1]])
    nodes = number + len(rooms)
    graph = coo_array((np.ones(len(pairs[0]), np.int8), pairs), shape=(nodes, nodes))
    _, group = connected_components(graph, directed=False)
    of_flow = group[:number]
    hard = np.zeros(nodes, bool)
    hard[of_flow[edges[0]]] = True
    hard[group[number + altered[1]]] = True

    members = np.bincount(of_flow, minlength=nodes)
    least = np.full(number, np.inf)
    np.minimum.at(least, owner, rooms[flows.route])
    rate = np.minimum(least / flows.count, flows.cap)
    alone = (members[of_flow] == 1) & ~hard[of_flow]
    start[alone] = flows.release[alone]
    with np.errstate(divide="ignore", invalid="ignore"):
        finish[alone] = flows.release[alone] + np.where(flows.size > 0, flows.size / rate, 0.0)[alone]
    ended = alone & np.isfinite(finish)
    np.add.at(carried, flows.route[ended[owner]], (flows.size * flows.count)[owner][ended[owner]])
    ways.update({"alone": int(alone.sum())} if alone.any() else {})

    crossing = np.bincount(flows.route, minlength=len(rooms))
    for link in np.flatnonzero((crossing > 1) & (crossing == members[group[number:]]) & ~hard[group[number:]]).tolist():
        inside = np.flatnonzero(of_flow == group[number + link])
        if np.isnan(start[inside[0]]) and rooms[link] > 0 and _cannot_hold_up(rooms, flows, inside, link):
            start[inside] = flows.release[inside]
            heavy = (flows.weight * flows.count)[inside]
            finish[inside] = finish_times(
                (flows.size * flows.count)[inside], flows.release[inside], float(rooms[link]), heavy
            )
            for flow in inside:
                carried[flows.route[flows.first[flow] : flows.first[flow + 1]]] += flows.size[flow] * flows.count[flow]
            ways["shared link"] += len(inside)
    return np.flatnonzero(np.isnan(start))


def _cannot_hold_up(rooms: Floats, flows: Flows, inside: Integers, link: int) -> bool:
    """Whether no cap and no other link of the flows can be what limits them: each has room for all of the link."""
    others = np.concatenate([flows.route[flows.first[flow] : flows.first[flow + 1]] for flow in inside])
    wide = rooms[others].min() >= rooms[link]
    return bool(wide and (flows.cap[inside] * flows.count[inside] >= rooms[link]).all())


def _subset(flows: Flows, which: Integers) -> Flows:
    if len(which) == len(flows):
        return flows
    routes = [flows.route[flows.first[flow] : flows.first[flow + 1]].tolist() for flow in which]
    return Flows(
        routes, flows.size[which], flows.release[which], flows.weight[which], flows.cap[which], flows.count[which]
    )


def _column(
    name: str, values: ArrayLike, number: int, least: float | None = None, above: float | None = None,
    infinite: bool = False,
) -> Floats:  # fmt: skip
    column: Floats = np.array(np.broadcast_to(np.asarray(values, float), number), order="C")
    bad = np.isnan(column) | (np.isinf(column) & (not infinite))
    bad |= column < least if least is not None else column <= (above or 0.0)
    if bad.any():
        allowed = f"{least:g} or more" if least is not None else "above 0"
        raise UserError(f"{name}[{bad.argmax()}] is {column[bad.argmax()]}; it must be {allowed}")
    return column


def _edges(after: Iterable[After], flows: int) -> tuple[Integers, Integers, Floats]:
    rows = np.array([tuple(one) for one in after], float).reshape(-1, 3)
    earlier, later = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64)
    if len(rows) and not (min(earlier.min(), later.min()) >= 0 and max(earlier.max(), later.max()) < flows):
        raise UserError(f"a flow waits for one that is not there; there are {flows} flows, from 0")
    return earlier, later, _column("lag", rows[:, 2], len(rows), least=0.0)


def _changes(changes: Iterable[Change], links: int) -> tuple[Floats, Integers, Floats]:
    rows = np.array(sorted(tuple(one) for one in changes), float).reshape(-1, 3)
    link = rows[:, 1].astype(np.int64)
    if len(rows) and not (link.min() >= 0 and link.max() < links):
        raise UserError(f"a link changes that is not there; there are {links} links, from 0")
    time, capacity = (_column("change", rows[:, at], len(rows), least=0.0) for at in (0, 2))
    return time, link, capacity


def _refuse_circles(start: Floats, finish: Floats, earlier: Integers, later: Integers) -> None:
    """A flow that never started although all that it waits for have ended waits for itself."""
    stuck = np.isinf(start)
    if stuck.any():
        held = np.zeros(len(start), bool)
        held[np.isinf(finish) & ~stuck] = True
        while (further := np.unique(later[held[earlier]]))[~held[further]].size:
            held[further] = True
        if (stuck & ~held).any():
            raise UserError(f"flow {np.flatnonzero(stuck & ~held)[0]} waits, through others, for itself")
