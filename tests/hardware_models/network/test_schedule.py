"""Collectives played on the flow engine, around the ring in vectors, and in closed form: the same times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.network import ring, shared_link
from hardware_models.network.collectives import (
    COLLECTIVES,
    collective,
    gather_seconds,
    gather_sizes,
    hierarchical,
    hierarchical_seconds,
)
from hardware_models.network.fabric import Fabric, islands, leaf_spine, ring_of, star, torus
from hardware_models.network.flows import Change, Flows, run
from hardware_models.network.link_card import Wire
from hardware_models.network.parameter_server import ParameterServer
from hardware_models.network.schedule import finish_times, play
from sim.errors import UserError

WIRE = Wire(1.25e9, 1e-5)
NAMES = sorted(set(COLLECTIVES) - {"switch"})


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8, 12, 16, 32])
@pytest.mark.parametrize("name", NAMES)
def test_the_flow_engine_gives_the_closed_forms(name: str, workers: int) -> None:
    size = 26 * 10**6
    times, way = finish_times(name, size, star([WIRE] * workers), fast=False)
    assert way == "max-min"
    # a piece may be a byte larger than others, and a tree of 3, 5 or 12 has up to one latency less on its longest way
    even, full = size % workers == 0, workers & (workers - 1) == 0
    within = 1e-9 if even and full else 1e-3 if name == "tree" else 1e-5
    assert times.max() == pytest.approx(collective(name).seconds(size, workers, WIRE), rel=within)


def test_the_flow_engine_gives_the_closed_forms_of_islands_gathers_and_the_switch() -> None:
    inner, outer, size = Wire(1e10, 2e-6), Wire(1e9, 1e-5), 24 * 10**6
    times = play(hierarchical(size, 3, 4), islands(3, 4, inner, outer), np.zeros(12))
    assert times.max() == pytest.approx(hierarchical_seconds(size, 3, 4, inner, outer), rel=1e-6)
    sizes = [10**6, 3 * 10**6, 2 * 10**6, 0]
    # the largest message meets no faster one before it: the closed form is a bound, and met where sizes are equal
    assert play(gather_sizes(sizes), star([WIRE] * 4), np.zeros(4)).max() <= gather_seconds(sizes, WIRE) * (1 + 1e-9)
    equal = play(gather_sizes([10**6] * 4), star([WIRE] * 4), np.zeros(4)).max()
    assert equal == pytest.approx(gather_seconds([10**6] * 4, WIRE), rel=1e-9)
    wires = [WIRE] * 4 + [Wire(4 * WIRE.rate)]  # the switch has a port for each
    switch = play(collective("switch").rounds(size, 4), star(wires), np.zeros(5)).max()
    assert switch == pytest.approx(collective("switch").seconds(size, 4, WIRE) - WIRE.latency, rel=1e-9)


@pytest.mark.parametrize(("workers", "shards"), [(1, 1), (4, 1), (16, 4), (3, 8)])
def test_the_flow_engine_gives_a_parameter_server_s_closed_form(workers: int, shards: int) -> None:
    size = 24 * 10**6
    routes = [[worker, workers + shard] for worker in range(workers) for shard in range(shards)]
    seconds = run([WIRE.rate] * (workers + shards), Flows(routes, size / shards)).finish.max()
    assert seconds + WIRE.latency == pytest.approx(ParameterServer(WIRE, shards).seconds(size, workers), rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.sampled_from(["ring", "reduce_scatter", "all_gather"]))
def test_the_recurrence_is_the_flow_engine_on_wires_that_differ(seed: int, workers: int, name: str) -> None:
    draw = np.random.default_rng(seed)
    wires = [Wire(float(rate), float(delay)) for rate, delay in draw.uniform([1e8, 0], [1e9, 1e-3], (workers, 2))]
    ready, size = draw.exponential(1e-2, workers), int(draw.integers(0, 10**7))
    for fabric in (ring_of(wires), star(wires)):
        fast, way = finish_times(name, size, fabric, ready)
        slow, _ = finish_times(name, size, fabric, ready, fast=False)
        assert way == ("recurrence" if workers > 1 else "closed form")
        assert fast == pytest.approx(slow, rel=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 9))
def test_the_compiled_recurrence_is_the_plain_one(seed: int, workers: int, rounds: int) -> None:
    draw = np.random.default_rng(seed)
    sizes = draw.integers(0, 100, (rounds, workers))
    rate, latency, ready = draw.uniform(1, 9, workers), draw.uniform(0, 9, workers), draw.uniform(0, 9, workers)
    assert (
        ring.finish_times(sizes, rate, latency, ready) == ring.plain_finish_times(sizes, rate, latency, ready)
    ).all()
    table = np.array([one.size for one in collective("ring").rounds(97, workers)]).reshape(-1, workers)
    whole = ring.all_reduce_times(97, workers, rate, latency, ready)
    assert (whole == ring.finish_times(table, rate, latency, ready)).all()


def test_a_ring_with_a_wire_that_is_down_is_never_done() -> None:
    assert np.isinf(ring.all_reduce_times(100, 4, [1.0, 0.0, 1.0, 1.0])).all()


def test_the_way_is_chosen() -> None:
    same = star([WIRE] * 4)
    assert finish_times("ring", 4000, same)[1] == "closed form"
    assert finish_times("ring", 4001, same)[1] == "recurrence"
    assert finish_times("ring", 4000, same, ready=[0, 0, 0, 1e-3])[1] == "recurrence"
    assert finish_times("tree", 4000, same)[1] == "max-min"
    assert finish_times("ring", 4000, leaf_spine(4, 2, WIRE, WIRE))[1] == "recurrence"
    assert finish_times("ring", 4000, same, changes=[Change(1e-6, 0, 1e6)])[1] == "max-min"
    with pytest.raises(UserError, match="switch"):
        finish_times("switch", 4000, same)


def test_an_oversubscribed_uplink_is_shared() -> None:
    """Halves of 8 MB from four workers through one uplink as wide as one of them: four times as long."""
    wire = Wire(1e9)
    times, _ = finish_times("halving_doubling", 8 * 10**6, leaf_spine(8, 4, wire, uplink=wire))
    assert times.max() == pytest.approx(2 * (16e-3 + 2e-3 + 1e-3), rel=1e-9)


def test_a_straggler_delays_everyone_by_as_much() -> None:
    late, _ = finish_times("ring", 8 * 10**6, star([WIRE] * 8), ready=[0, 0, 0.5, 0, 0, 0, 0, 0])
    assert late.max() == pytest.approx(0.5 + collective("ring").seconds(8 * 10**6, 8, WIRE), rel=1e-9)


@pytest.mark.parametrize(
    "fabric",
    [
        star([WIRE] * 7), ring_of([WIRE] * 7), torus(3, 4, WIRE), leaf_spine(9, 4, WIRE, WIRE, spines=3),
        islands(2, 3, WIRE, WIRE),
    ],
    ids=["star", "ring", "torus", "leaf-spine", "islands"],
)  # fmt: skip
def test_ways_are_links_that_exist_and_cross_none_twice(fabric: Fabric) -> None:
    for source in range(fabric.workers):
        for to in range(fabric.workers):
            if source != to:
                way = fabric.way(source, to)
                assert 0 < len(way) == len(set(way))
                assert max(way) < len(fabric.capacity) == len(fabric.delay)


def test_a_torus_goes_the_shorter_way_round() -> None:
    fabric = torus(4, 5, WIRE)
    lengths = [len(fabric.way(0, to)) for to in range(20)]
    assert lengths == [min(c, 5 - c) + min(r, 4 - r) for r in range(4) for c in range(5)]


def test_a_shared_link_is_a_processor_sharing_queue() -> None:
    """M/M/1-PS: the mean sojourn is 1 / (mu - lambda), and so it is for any law of sizes of that mean."""
    draw = np.random.default_rng(1)
    release = np.cumsum(draw.exponential(1 / 0.7, 60_000))
    for sizes in (draw.exponential(1.0, len(release)), np.ones(len(release))):
        sojourn = shared_link.finish_times(sizes, release, 1.0) - release
        assert sojourn[5000:].mean() == pytest.approx(1 / (1 - 0.7), rel=0.05)
