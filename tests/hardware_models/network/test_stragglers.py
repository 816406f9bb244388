"""Laws against their draws and closed forms; synchronous, backed-up and stale steps by hand; buckets and overlap."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_models.network.overlap import BUCKET, FIRST_BUCKET, Backward, Bucket
from hardware_models.network.stragglers import (
    Constant,
    Law,
    LogNormal,
    Pauses,
    ShiftedExponential,
    Trace,
    compute_times,
    stale_times,
    synchronous_times,
)
from sim.errors import UserError
from sim.rng import Streams

STREAMS = Streams(1, "stragglers", 0)
LAWS = [Constant(0.3), ShiftedExponential(0.1, 0.05), LogNormal(0.2, 0.4), Trace((0.1, 0.2, 0.2, 0.7, 0.3))]


@pytest.mark.parametrize("backups", [0, 1, 3])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_the_mean_of_the_slowest_is_that_of_draws(law: Law, backups: int) -> None:
    times = law.draw(STREAMS(type(law).__name__, backups), 40_000, 8)
    measured = np.sort(times, axis=1)[:, 7 - backups].mean()
    assert measured == pytest.approx(law.mean_of_slowest(8, backups), rel=0.01)


def test_the_quadrature_is_the_closed_form() -> None:
    law = ShiftedExponential(0.1, 0.05)
    for workers, backups in ((1, 0), (4, 0), (16, 2), (256, 0)):
        assert Law.mean_of_slowest(law, workers, backups) == pytest.approx(
            law.mean_of_slowest(workers, backups), rel=1e-6
        )


def test_steps_by_hand() -> None:
    times = np.array([[1.0, 4.0, 2.0], [3.0, 1.0, 1.0]])
    assert synchronous_times(times, exchange=0.5).tolist() == [4.5, 8.0]
    assert synchronous_times(times, backups=1).tolist() == [2.0, 3.0]
    assert stale_times(times, 0).max(axis=1).tolist() == [4.0, 7.0]
    assert stale_times(times, 1).tolist() == [[1.0, 4.0, 2.0], [4.0, 5.0, 3.0]]


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 12))
def test_staleness_only_helps_and_none_is_synchronous(seed: int, workers: int, steps: int) -> None:
    times = np.random.default_rng(seed).exponential(1.0, (steps, workers))
    ends = [stale_times(times, staleness)[-1].max() for staleness in range(steps + 1)]
    assert ends[0] == pytest.approx(synchronous_times(times)[-1], rel=1e-12)
    assert all(later <= sooner * (1 + 1e-12) for sooner, later in pairwise(ends))
    assert ends[-1] == pytest.approx(times.sum(axis=0).max(), rel=1e-12)


def test_slow_workers_and_pauses() -> None:
    times = compute_times(
        Constant(1.0), STREAMS("slow"), 2000, 6, slow=[1, 1, 1, 1, 1, 3], pauses=[Pauses(0.1, 5.0, 3)]
    )
    assert set(np.unique(times)) == {1.0, 6.0, 3.0, 8.0}
    assert (times[:, 0] == times[:, 2]).all()  # a rack pauses together
    assert (times[:, 0] > 1).mean() == pytest.approx(0.1, abs=0.02)


def test_buckets_are_closed_by_what_fills_them() -> None:
    layers = Backward((1.0,) * 5, (FIRST_BUCKET, 10, BUCKET, 5, 6))
    assert layers.buckets() == [Bucket(FIRST_BUCKET, 1.0), Bucket(BUCKET + 10, 3.0), Bucket(11, 5.0)]
    assert layers.buckets(limit=None) == [Bucket(FIRST_BUCKET + BUCKET + 21, 5.0)]


def test_overlap_by_hand() -> None:
    """Three buckets ready at 1, 2, 3 s of 2 s each: 1-3, 3-5, 5-7. Without overlap 3 + 6. Stretched: from 1.5."""
    layers = Backward((1.0,) * 3, (2 * BUCKET,) * 3)
    send = {2 * BUCKET: 2.0, 6 * BUCKET: 6.0}.__getitem__
    assert layers.step_seconds(send) == 7.0
    assert layers.step_seconds(send, overlap=False) == 9.0
    assert layers.step_seconds(send, limit=None) == 9.0
    assert layers.step_seconds(send, slowdown=1.5) == 7.5
    assert layers.step_seconds(lambda _: 0.1) == pytest.approx(3.1, rel=1e-12)
    assert layers.step_seconds(lambda _: 0.0) == 3.0


def test_nonsense_is_refused() -> None:
    for call in (
        lambda: Constant(1.0).mean_of_slowest(4, 4),
        lambda: stale_times(np.ones((1, 1)), -1),
        lambda: compute_times(Constant(1.0), STREAMS("x"), 1, 3, slow=[1.0]),
        lambda: Backward((1.0,), ()),
        lambda: Backward((-1.0,), (1,)),
        lambda: Backward((1.0,), (1,)).step_seconds(lambda _: 0.0, slowdown=0.5),
    ):
        with pytest.raises(UserError):
            call()
