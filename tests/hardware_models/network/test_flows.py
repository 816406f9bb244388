"""The flow engine: fair, conserving, blind to order, equal to its plain statement, and right by hand."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_flows import finish_times, routes_of

from hardware_models.network.flows import After, Change, Flows, run
from hardware_models.network.max_min import rates
from sim.errors import UserError


@dataclass
class Case:
    capacity: np.ndarray
    flows: Flows
    after: list[After]
    changes: list[Change]

    def shuffled(self, order: np.ndarray) -> Flows:
        f, routes = self.flows, routes_of(self.flows)
        columns = (f.size, f.release, f.weight, f.cap, f.count)
        return Flows([routes[at] for at in order], *(column[order] for column in columns))


def case(seed: int) -> Case:
    """Few links and flows with whole numbers, so that ties are common; some caps, weights, counts, waits, failures."""
    draw = np.random.default_rng(seed)
    links, number = int(draw.integers(1, 6)), int(draw.integers(1, 9))
    capacity = draw.integers(1, 10, links).astype(float)
    routes = [draw.permutation(links)[: draw.integers(1, links + 1)].tolist() for _ in range(number)]
    cap = np.where(draw.random(number) < 0.3, draw.integers(1, 5, number), np.inf)
    release, size = draw.integers(0, 5, number), draw.integers(0, 20, number)
    flows = Flows(routes, size, release, draw.integers(1, 4, number), cap, draw.integers(1, 3, number))
    after, changes = [], []
    if draw.random() < 0.5:
        pairs = {tuple(sorted(draw.integers(0, number, 2).tolist())) for _ in range(3)}
        after = [After(a, b, float(draw.integers(0, 3))) for a, b in sorted(pairs) if a != b]
    if draw.random() < 0.5:
        changes = [Change(float(t), int(draw.integers(links)), float(draw.integers(0, 6))) for t in (2, 3)]
        changes.append(Change(6.0, changes[0].link, 4.0))
    return Case(capacity, flows, after, changes)


def used(capacity: np.ndarray, routes: list[list[int]], rate: np.ndarray, count: np.ndarray) -> np.ndarray:
    carried = np.zeros(len(capacity))
    for route, amount in zip(routes, rate * count, strict=True):
        carried[route] += amount
    return carried


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_rates_are_max_min_optimal(seed: int) -> None:
    """No link is over its capacity, and every flow is at its cap or has a full link where none has more."""
    one = case(seed)
    f, routes = one.flows, routes_of(one.flows)
    rate = rates(one.capacity, routes, f.weight, f.cap, f.count)
    load = used(one.capacity, routes, rate, f.count)
    assert (load <= one.capacity * (1 + 1e-9)).all()
    for flow, route in enumerate(routes):
        if rate[flow] >= f.cap[flow] * (1 - 1e-9):
            continue
        full = [link for link in route if load[link] >= one.capacity[link] * (1 - 1e-9)]
        level = rate[flow] / f.weight[flow]
        others = [[rate[g] / f.weight[g] for g, r in enumerate(routes) if link in r] for link in full]
        assert any(level >= max(levels) * (1 - 1e-9) for levels in others)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_finish_times_are_those_of_the_plain_engine(seed: int) -> None:
    one = case(seed)
    expected = finish_times(one.capacity, one.flows, one.after, one.changes)
    for fast in (True, False):
        assert run(one.capacity, one.flows, one.after, one.changes, fast).finish == pytest.approx(expected, rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_every_byte_is_carried_by_every_link_of_its_route(seed: int) -> None:
    one = case(seed)
    for fast in (True, False):
        over = run(one.capacity, one.flows, one.after, fast=fast)
        assert np.isfinite(over.finish).all()
        expected = used(one.capacity, routes_of(one.flows), one.flows.size, one.flows.count)
        assert over.carried == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert (over.carried <= one.capacity * over.finish.max() * (1 + 1e-9)).all()
        assert (over.start >= one.flows.release).all()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_of_flows_does_not_matter(seed: int) -> None:
    one = case(seed)
    order = np.random.default_rng(seed).permutation(len(one.flows))
    position = np.argsort(order)
    after = [After(int(position[a]), int(position[b]), lag) for a, b, lag in reversed(one.after)]
    straight = run(one.capacity, one.flows, one.after, one.changes).finish
    mixed = run(one.capacity, one.shuffled(order), after, one.changes[::-1]).finish
    assert mixed[position] == pytest.approx(straight, rel=1e-9)


def test_by_hand() -> None:
    """Link 0 of 10 has flows A, B; link 1 of 4 has B, C. B and C have 2, A 8 until A's 16 bytes are through at 2 s.

    B and C keep their 2, as link 1 is what limits them; B's 6 end at 3 s, and then C has 4 for the 4 it has left.
    """
    over = run([10.0, 4.0], Flows([[0], [0, 1], [1]], [16.0, 6.0, 10.0]))
    assert over.finish.tolist() == [2.0, 3.0, 4.0]
    assert over.ways == {"max-min": 3}


def test_ways_are_chosen_when_they_are_exact() -> None:
    flows = Flows([[0], [1, 3], [2, 3], [4, 5]], [10.0] * 4)
    over = run([5.0, 4.0, 4.0, 4.0, 2.0, 8.0], flows)
    assert over.ways == {"alone": 2, "shared link": 2}
    assert over.finish.tolist() == [2.0, 5.0, 5.0, 5.0]
    narrow = run([5.0, 3.0, 4.0, 4.0, 2.0, 8.0], flows)  # a way in could hold its flow up
    assert narrow.ways == {"alone": 2, "max-min": 2}
    assert run([4.0], Flows([[0], [0]], 8.0, cap=3.0)).ways == {"max-min": 2}


def test_flows_alike_are_one_with_a_count() -> None:
    """A parameter server in two shards and six workers: each worker's wire is shared by two, each shard's by six."""
    workers, shards, size = 6, 2, 9e6
    routes = [[worker, workers + shard] for worker in range(workers) for shard in range(shards)]
    each = run([1e9] * workers + [2e9] * shards, Flows(routes, size))
    merged = run([workers * 1e9, 2e9, 2e9], Flows([[0, 1], [0, 2]], size, count=workers))
    assert each.finish == pytest.approx(6 * 9e6 / 2e9, rel=1e-12)
    assert merged.finish == pytest.approx(each.finish[0], rel=1e-12)


def test_a_link_that_fails_holds_its_flow_and_one_that_returns_lets_it_go() -> None:
    flows = Flows([[0], [1]], [10.0, 10.0])
    assert run([1.0, 1.0], flows, changes=[Change(4.0, 0, 0.0)]).finish.tolist() == [np.inf, 10.0]
    assert run([1.0, 1.0], flows, changes=[Change(4.0, 0, 0.0), Change(9.0, 0, 2.0)]).finish.tolist() == [12.0, 10.0]
    assert run([0.0, 1.0], flows).finish.tolist() == [np.inf, 10.0]
    # what waits for a flow that never ends never starts, and that is no error
    over = run([0.0, 1.0], flows, [After(0, 1)])
    assert over.finish.tolist() == over.start[1:].tolist() * 2 == [np.inf] * 2


def test_flows_of_no_bytes_or_no_links_end_at_once() -> None:
    over = run(
        [1.0], Flows([[0], [], [], [0]], [0.0, 5.0, 6.0, 3.0], release=[1.0, 2.0, 0.0, 0.0], cap=[9, np.inf, 2, 9])
    )
    assert over.finish.tolist() == [1.0, 2.0, 3.0, 3.0]


def test_a_flow_waits_for_others_and_a_lag() -> None:
    over = run([2.0], Flows([[0]] * 3, [4.0, 8.0, 2.0]), [After(0, 2, 1.5), After(1, 2)])
    assert over.start.tolist() == [0.0, 0.0, 6.0]
    assert over.finish.tolist() == [4.0, 6.0, 7.0]


def test_nonsense_is_refused() -> None:
    for nonsense in ({"size": -1.0}, {"size": np.nan}, {"weight": 0.0}, {"cap": 0.0}, {"count": 0}, {"release": -1.0}):
        with pytest.raises(UserError):
            Flows([[0]], **{"size": 1.0, **nonsense})
    with pytest.raises(UserError, match="crosses a link twice"):
        Flows([[0, 0]], 1.0)
    with pytest.raises(UserError, match="capacity"):
        run([np.nan], Flows([[0]], 1.0))
    with pytest.raises(UserError, match="there are 1 links"):
        run([1.0], Flows([[1]], 1.0))
    with pytest.raises(UserError, match="waits, through others, for itself"):
        run([1.0], Flows([[0]] * 2, 1.0), [After(0, 1), After(1, 0)])
    with pytest.raises(UserError, match="a link changes that is not there"):
        run([1.0], Flows([[0]], 1.0), changes=[Change(1.0, 3, 1.0)])
    with pytest.raises(UserError, match="a flow waits for one that is not there"):
        run([1.0], Flows([[0]], 1.0), [After(0, 3)])
