"""A link against closed forms: queueing, loss, doubling, jitter, and every packet accounted for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.network.card import Impairments, LinkFigures
from hardware_models.network.link import Link
from sim.engine import Engine
from sim.rng import Streams
from sim.station import lindley


def figures(**changes: object) -> LinkFigures:
    return LinkFigures.model_validate({"rate": 1e9, "propagation": 1e-6, "buffer": 10**9, **changes})


def deliver(
    gaps: np.ndarray, sizes: np.ndarray, link: LinkFigures, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, Link]:
    """Which packets arrived and when, in the order of arrival."""
    engine, arrived = Engine(), []
    wire = Link(engine, "wire", link, Streams(seed, "link", 0)("wire"))
    for number, (time, size) in enumerate(zip(np.cumsum(gaps), sizes, strict=True)):
        engine.call_at(float(time), wire.send, int(size), lambda number: arrived.append((number, engine.now)), number)
    engine.run()
    numbers, times = zip(*arrived, strict=True) if arrived else ((), ())
    return np.array(numbers, dtype=int), np.array(times), wire


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_times_are_lindley_s(seed: int, packets: int) -> None:
    generator = np.random.default_rng(seed)
    gaps, sizes = generator.exponential(8e-6, packets), generator.integers(64, 1500, packets)
    numbers, times, _ = deliver(gaps, sizes, figures())
    services = sizes * 8e-9
    expected = np.cumsum(gaps) + lindley(gaps, services) + services + 1e-6
    assert numbers.tolist() == list(range(packets))
    assert times == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_the_mean_wait_is_that_of_a_queue_with_constant_service(load: float) -> None:
    """M/D/1, Pollaczek and Khinchine: W = load / (2 (1 - load)) services."""
    packets = 400_000
    gaps = np.random.default_rng(1).exponential(8e-6 / load, packets)
    _, times, _ = deliver(gaps, np.full(packets, 1000), figures())
    waits = times - np.cumsum(gaps) - 8e-6 - 1e-6
    assert waits.mean() / 8e-6 == pytest.approx(load / (2 * (1 - load)), rel=0.05)


def test_a_full_buffer_drops_and_every_packet_is_accounted_for() -> None:
    gaps = np.random.default_rng(2).exponential(4e-6, 50_000)
    numbers, _, link = deliver(gaps, np.full(50_000, 1000), figures(buffer=5000))
    assert link.full + link.accepted == 50_000
    assert len(numbers) == link.accepted
    # Twice the load that fits: half of it goes, and the link is never idle for long.
    assert link.full / 50_000 == pytest.approx(0.5, abs=0.01)
    assert link.busy() == pytest.approx(gaps.sum(), rel=0.01)


def test_loss_and_doubling_happen_as_often_as_they_should() -> None:
    impairments = Impairments(loss=0.1, duplication=0.2)
    numbers, _, link = deliver(np.full(100_000, 1e-5), np.full(100_000, 100), figures(impairments=impairments))
    assert link.lost / 100_000 == pytest.approx(0.1, abs=0.004)
    assert link.doubled / (100_000 - link.lost) == pytest.approx(0.2, abs=0.005)
    assert len(numbers) == link.accepted - link.lost + link.doubled


def test_jitter_is_exponential_and_reorders() -> None:
    gaps = np.full(100_000, 1e-6)
    numbers, times, _ = deliver(gaps, np.full(100_000, 100), figures(impairments=Impairments(jitter=5e-6)))
    extra = times - (numbers + 1) * 1e-6 - 8e-7 - 1e-6
    assert extra.mean() == pytest.approx(5e-6, rel=0.02)
    assert extra.std() == pytest.approx(5e-6, rel=0.03)
    assert (np.diff(numbers) < 0).mean() > 0.2


def test_reordering_holds_single_packets_back() -> None:
    impairments = Impairments(reordering=0.05, reorder_delay=1e-3)
    numbers, times, _ = deliver(np.full(20_000, 1e-5), np.full(20_000, 100), figures(impairments=impairments))
    late = times - (numbers + 1) * 1e-5 > 5e-4
    assert late.mean() == pytest.approx(0.05, abs=0.006)


def test_impairments_need_a_stream() -> None:
    with pytest.raises(ValueError, match="link 'wire' has impairments and no stream"):
        Link(Engine(), "wire", figures(impairments=Impairments(reordering=0.1)))
