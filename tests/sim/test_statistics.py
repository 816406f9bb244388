import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from sim.statistics import batch_means, interval, t_quantile, truncation


def autoregressive(seed: int, length: int, memory: float) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=length)
    values = np.empty(length)
    state = 0.0
    for index in range(length):
        state = memory * state + noise[index]
        values[index] = state
    return values


def test_t_quantile_is_scipys() -> None:
    for degrees in (1, 2, 7, 31, 1000):
        assert t_quantile(0.975, degrees) == pytest.approx(stats.t.ppf(0.975, degrees), rel=1e-12)


def test_interval_is_the_textbook_one() -> None:
    samples = np.random.default_rng(3).normal(5.0, 2.0, 17)
    low, high = stats.t.interval(0.9, 16, loc=samples.mean(), scale=stats.sem(samples))
    found = interval(samples, confidence=0.9)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))
    assert samples.mean() in found
    assert high + 1.0 not in found


def test_one_sample_says_nothing_about_its_spread() -> None:
    assert interval([4.0]).half_width == float("inf")


@pytest.mark.parametrize("samples", [[], [[1.0, 2.0]]])
def test_interval_refuses_what_is_not_a_row(samples: list) -> None:
    with pytest.raises(ValueError, match="row of samples"):
        interval(samples)


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_interval_refuses_certainty(confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        interval([1.0, 2.0], confidence)


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(11)
    covered = sum(0.0 in interval(generator.normal(size=10)) for _ in range(2000))
    assert stats.binom.cdf(covered, 2000, 0.95) > 1e-4
    assert stats.binom.sf(covered, 2000, 0.95) > 1e-4


def test_batches_cover_a_correlated_mean_where_single_observations_do_not() -> None:
    runs = [autoregressive(seed, 8192, memory=0.9) for seed in range(200)]
    by_batches = sum(0.0 in batch_means(run, warm_up=0) for run in runs)
    naive = sum(0.0 in interval(run) for run in runs)
    assert 180 <= by_batches <= 200
    assert naive < 120


def test_truncation_finds_a_planted_transient() -> None:
    run = np.random.default_rng(5).normal(size=4000)
    run[:600] += np.linspace(30.0, 5.0, 600)
    assert 590 <= truncation(run) <= 660
    assert truncation(np.random.default_rng(5).normal(size=4000)) < 1000


def test_batch_means_cuts_the_transient_off() -> None:
    run = np.random.default_rng(6).normal(size=6400)
    run[:800] += 50.0
    assert abs(batch_means(run).mean) < 0.1
    assert batch_means(run, warm_up=0).mean > 5.0


def test_batch_means_refuses_a_run_that_is_too_short() -> None:
    with pytest.raises(ValueError, match="do not fill"):
        batch_means(np.arange(10.0), batches=32)


def test_too_little_to_truncate() -> None:
    assert truncation([1.0, 2.0, 3.0]) == 0


def test_importing_statistics_does_not_import_scipy() -> None:
    code = "import sys, sim.statistics; raise SystemExit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
