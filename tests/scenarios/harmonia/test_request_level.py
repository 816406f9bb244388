"""The request-level model against closed forms, and its parts by themselves."""

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.harmonia.closed_forms import Costs, dirty_entries, dirty_share, saturation
from scenarios.harmonia.event_heap import pop, push
from scenarios.harmonia.popularity import alias_table, draw, shares
from scenarios.harmonia.request_level import PROTOCOLS, Model, Requests, simulate
from sim import lanes
from sim.errors import UserError
from sim.rng import Streams

COSTS = Costs(read=1 / 0.92e6, write=1 / 0.80e6, message=1e-7)
MODEL = Model(
    protocol=PROTOCOLS["chain"], detection=True, replicas=3, cores=1, read=COSTS.read, write=COSTS.write,
    message=COSTS.message, exponential=False, up=5e-6, down=5e-6, writes=0.05, clients=1200,
    rate=0.0, stages=3, slots=65536, retry=1e-3, warmup=30_000, requests=100_000,
)  # fmt: skip
OBJECTS = 100_000


def run(skew: float = 0.0, seed: int = 1, **changes: object) -> tuple[Requests, Model]:
    model = MODEL._replace(**changes)
    state = lanes.seed(Streams(seed, "requests", 0), "all", [0])
    return simulate(model, alias_table(shares(OBJECTS, skew)), state), model


@pytest.mark.parametrize("writes", [0.0, 0.05, 0.25, 1.0])
@pytest.mark.parametrize("replicas", [1, 3, 10])
@pytest.mark.parametrize(
    ("protocol", "detection"),
    [("chain", False), ("primary_backup", False), ("craq", False), ("chain", True), ("primary_backup", True)],
)
def test_saturation_is_the_closed_form_s(protocol: str, detection: bool, replicas: int, writes: float) -> None:
    found, _ = run(
        protocol=PROTOCOLS[protocol], detection=detection, replicas=replicas, writes=writes, clients=400 * replicas,
        warmup=30_000 * replicas, requests=int(100_000 * replicas * (1 - 0.8 * writes)),
    )  # fmt: skip
    drawn = found.writes / (found.reads + found.writes)
    expected = saturation(protocol, detection, replicas, drawn, COSTS, found.dirty_share)
    assert found.throughput == pytest.approx(expected, rel=0.01)
    assert len(found.latencies) == found.reads + found.writes


def test_ten_replicas_read_ten_times_as_fast() -> None:
    alone, _ = run(detection=False, replicas=10, clients=4000, writes=0.0)
    together, _ = run(detection=True, replicas=10, clients=4000, writes=0.0)
    assert together.throughput / alone.throughput == pytest.approx(10, rel=0.01)


@pytest.mark.parametrize("skew", [0.5, 0.9, 0.99, 1.2])
def test_skew_costs_what_dirty_reads_cost(skew: float) -> None:
    found, model = run(skew, requests=600_000)
    write_rate, share = found.writes / found.duration, shares(OBJECTS, skew)
    assert found.dirty_share == pytest.approx(dirty_share(share, write_rate, found.pending), rel=0.05)
    assert found.entries == pytest.approx(dirty_entries(share, write_rate, found.pending), rel=0.02)
    drawn = found.writes / (found.reads + found.writes)
    expected = saturation("chain", True, model.replicas, drawn, COSTS, found.dirty_share)
    assert found.throughput == pytest.approx(expected, rel=0.02)


def test_an_open_loop_waits_as_a_queue_does() -> None:
    """One server, reads only, Poisson arrivals, constant service: M/D/1 by Pollaczek and Khinchine."""
    found, model = run(
        replicas=1, writes=0.0, rate=0.7 / COSTS.read, clients=10_000, requests=400_000, up=0.0, down=0.0
    )
    assert found.latencies.mean() / model.read - 1 == pytest.approx(0.7 / (2 * 0.3), rel=0.03)
    assert found.overload == 0
    spread, _ = run(
        replicas=1, writes=0.0, rate=0.7 / COSTS.read, clients=10_000, requests=400_000, up=0.0, down=0.0,
        exponential=True,
    )  # fmt: skip
    assert spread.latencies.mean() / model.read == pytest.approx(1 / 0.3, rel=0.05)


def test_a_small_table_drops_writes_and_they_come_again() -> None:
    found, _ = run(stages=1, slots=16, writes=0.2)
    assert found.drop_share > 0.2
    assert found.entries <= 16
    assert found.writes > 0


def test_slow_reads_that_a_write_overtakes_are_sent_on() -> None:
    """With several cores a write may be applied while an earlier read of the object is still served."""
    found, _ = run(1.2, cores=8, exponential=True, read=8 * COSTS.read, write=8 * COSTS.write, writes=0.3)
    assert found.bounced > 0
    calm, _ = run(1.2, writes=0.3)
    assert calm.bounced == 0


def test_craq_asks_its_tail_for_dirty_objects() -> None:
    found, _ = run(1.2, protocol=PROTOCOLS["craq"], detection=False, writes=0.1)
    assert 0.05 < found.asked / found.reads < 0.7
    assert found.dirty == 0


def test_the_same_seed_gives_the_same_requests_and_another_one_others() -> None:
    one, again, other = (run(0.9, seed=seed, requests=10_000)[0] for seed in (1, 1, 2))
    assert np.array_equal(one.latencies, again.latencies)
    assert not np.array_equal(one.latencies, other.latencies)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replicas": 0}, "replicas = 0; 1 or more is allowed"),
        ({"writes": 1.5}, "writes = 1.5; the share of writes is from 0 to 1"),
        ({"writes": -0.1}, "writes = -0.1; the share of writes is from 0 to 1"),
        ({"slots": 0}, "slots = 0; 1 or more is allowed"),
        ({"up": -1.0}, r"up = -1.0; 0 or more is allowed"),
    ],
)
def test_impossible_models_are_refused_in_one_sentence(changes: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        run(**changes)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=40), st.integers(0, 10**6))
def test_the_heap_is_python_s_heap(delays: list[int], seed: int) -> None:
    times, words, orders = np.empty(100), np.empty(100, np.int64), np.empty(100, np.int64)
    reference: list[tuple[float, int]] = []
    coin, count = np.random.default_rng(seed), 0
    for order, delay in enumerate(delays):
        count = push(times, words, orders, count, float(delay), order, order)
        heapq.heappush(reference, (float(delay), order))
        if coin.random() < 0.4:
            count = pop(times, words, orders, count)
            assert (times[count], words[count]) == heapq.heappop(reference)
    while reference:
        count = pop(times, words, orders, count)
        assert (times[count], words[count]) == heapq.heappop(reference)
    assert count == 0


@pytest.mark.parametrize("exponent", [0.0, 0.5, 0.99, 1.5])
def test_the_alias_table_draws_the_law(exponent: float) -> None:
    share = shares(50, exponent)
    table = alias_table(share)
    assert [table.share_of(number) for number in range(50)] == pytest.approx(share.tolist(), abs=1e-12)
    state = lanes.seed(Streams(3, "popularity", 0), "draws", [0])
    drawn = np.bincount([draw(table.keep, table.other, state, 0) for _ in range(200_000)], minlength=50)
    chi_square = (((drawn - 200_000 * share) ** 2) / (200_000 * share)).sum()
    assert chi_square < 49 + 5 * np.sqrt(2 * 49)
