"""The queue: rules on small cases, the engine's twin, and the closed form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.wireless.queue import DELIVERED, EXPIRED, FAILED, WAITING, LinkQueue, Served, expected_delay, serve
from hardware_models.wireless.traffic import constant, full_buffer, on_off, poisson
from sim.engine import Engine
from sim.errors import UserError
from sim.rng import Streams

ERRORS = np.array([0.3, 0.1, 0.05, 0.02])


@pytest.mark.parametrize("load", [0.3, 0.6, 0.9])
def test_mean_delay_is_the_closed_form_s(load: float) -> None:
    streams = Streams(1, "queue", 0)
    round_trip, slots = 4, int(4e6 if load < 0.9 else 4e7)
    service = round_trip * (1 + 0.3 + 0.03 + 0.0015)
    arrivals = poisson(load / service, slots, streams("arrivals"))
    served = serve(arrivals, ERRORS, streams("decode").generator.random(slots), round_trip)
    assert served.delays.mean() == pytest.approx(expected_delay(load / service, ERRORS, round_trip), rel=0.02)
    assert np.mean(served.attempts >= 2) == pytest.approx(ERRORS[0], abs=0.005)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 4), st.integers(1, 4), st.sampled_from([4.5, 20.0, np.inf])
)
def test_the_engine_says_the_same(seed: int, round_trip: int, processes: int, attempts: int, deadline: float) -> None:
    generator = np.random.default_rng(seed)
    arrivals = np.sort(generator.uniform(0, 70, generator.integers(0, 60)))
    error, draws = generator.random((60, attempts)), generator.random(60)
    fast = serve(arrivals, error, draws, round_trip, processes, deadline)
    slow = LinkQueue(Engine(), 1e-3, error, draws, round_trip, processes, deadline).run(arrivals)
    for column in ("arrivals", "delivered", "attempts", "fate"):
        assert np.array_equal(getattr(fast, column), getattr(slow, column), equal_nan=True), column
    assert (fast.attempts <= attempts).all()
    assert (fast.delays <= deadline).all()


def test_one_packet_step_by_step() -> None:
    draws = np.array([0.0, 0.9, 0.9, 0.0, 0.9, 0.9, 0.9, 0.9])  # below 0.5 fails
    served = serve([0.0, 0.5], [0.5, 0.5], draws, round_trip=3)
    # The first packet fails in slot 0 and is sent again in 3, where it fails too; then the second gets slot 6.
    assert served.fate.tolist() == [FAILED, DELIVERED]
    assert served.attempts.tolist() == [2, 1]
    assert served.delivered[1] == 7.0
    two = serve([0.0, 0.5], [0.5, 0.5], draws, round_trip=3, processes=2)
    assert two.delivered[1] == 2.0


def test_deadlines_expire_in_the_queue_and_between_attempts() -> None:
    draws = np.array([0.0, 0.9, 0.9, 0.9, 0.9, 0.9])
    served = serve([0.0, 0.0], [0.5, 0.5], draws, round_trip=3, deadline=3.0)
    assert served.fate.tolist() == [EXPIRED, EXPIRED]
    assert served.miss_ratio(3.0) == 1.0
    relaxed = serve([0.0, 0.0], [0.5, 0.5], draws, round_trip=3)
    assert relaxed.fate.tolist() == [DELIVERED, WAITING]
    assert relaxed.miss_ratio(4.0) == 0.0
    assert relaxed.miss_ratio(3.0) == 1.0


def test_no_arrivals_no_slots() -> None:
    empty = serve([], ERRORS, np.zeros(10), 2)
    assert len(empty.delays) == 0
    assert np.isnan(empty.miss_ratio(5.0))
    assert serve([0.0], ERRORS, [], 2).fate.tolist() == [WAITING]
    assert isinstance(LinkQueue(Engine(), 1e-3, ERRORS, [], 2).run([]), Served)


def test_parallel_processes_fill_every_slot() -> None:
    served = serve(full_buffer(100), [0.0], np.full(100, 0.5), round_trip=8, processes=8)
    assert served.delivered.tolist() == list(range(1, 101))
    single = serve(full_buffer(100), [0.0], np.full(100, 0.5), round_trip=8)
    assert np.count_nonzero(single.fate == DELIVERED) == 13


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([2.0, 1.0], ERRORS, [0.5], 1), "must not fall"),
        (([np.nan], ERRORS, [0.5], 1), "must be finite"),
        (([0.0], np.zeros((2, 3)), [0.5], 1), r"shape \(2, 3\) do not fit 1 slots"),
        (([0.0], np.zeros(0), [0.5], 1), "do not fit"),
        (([0.0], [1.5], [0.5], 1), "must lie in 0 to 1"),
        (([0.0], [0.5], [0.5], 0), "round_trip of 0"),
        (([0.0], [0.5], [0.5], 1, 0), "processes of 0"),
        (([0.0], [0.5], [0.5], 1, 1, 0.0), "a deadline of 0.0 slots"),
    ],
)
def test_bad_queues_are_one_sentence(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        serve(*arguments)  # type: ignore[arg-type]


def test_a_full_load_has_no_mean_delay() -> None:
    with pytest.raises(UserError, match="a load of 1 has no mean delay"):
        expected_delay(0.5, [0.0], 2)


def test_traffic_has_its_rate() -> None:
    streams = Streams(2, "traffic", 0)
    for arrivals, rate in (
        (poisson(0.2, 100_000, streams("p")), 0.2),
        (constant(0.2, 100_000), 0.2),
        (on_off(0.5, 200_000, 20.0, 30.0, streams("b")), 0.2),
    ):
        assert (np.diff(arrivals) >= 0).all()
        assert len(arrivals) / (200_000 if len(arrivals) > 30_000 else 100_000) == pytest.approx(rate, rel=0.03)
    assert len(poisson(0.0, 100, streams("none"))) == len(constant(0.0, 100)) == 0
    assert len(on_off(0.5, 0, 1.0, 1.0, streams("none"))) == 0
    gaps = np.diff(on_off(0.5, 50_000, 20.0, 200.0, streams("g")))
    assert gaps.std() > 2 * gaps.mean()  # burstier than Poisson


@pytest.mark.parametrize("rate", [-1.0, np.nan, np.inf])
def test_bad_traffic_is_one_sentence(rate: float) -> None:
    with pytest.raises(UserError, match="0 or more is allowed"):
        poisson(rate, 10, Streams(1, "t", 0)("x"))
    with pytest.raises(UserError, match="off periods of 0 slots"):
        on_off(0.5, 10, 1.0, 0.0, Streams(1, "t", 0)("x"))
