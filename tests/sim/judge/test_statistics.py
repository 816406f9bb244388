from math import inf

import numpy as np
import pytest
from scipy import stats

from sim.judge import statistics as st

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("size", [4, 5, 7, 20, 61])
def test_iqm_is_scipys_trimmed_mean(size: int) -> None:
    scores = RNG.normal(size=size)
    assert st.iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25), rel=1e-12)


def test_improvement_is_the_mann_whitney_statistic_averaged_over_tasks() -> None:
    ours, theirs = RNG.integers(0, 6, (4, 9)).astype(float), RNG.integers(0, 6, (4, 7)).astype(float)
    expected = [stats.mannwhitneyu(a, b).statistic / (9 * 7) for a, b in zip(ours, theirs, strict=True)]
    assert st.improvement(ours, theirs) == pytest.approx(np.mean(expected), rel=1e-12)


def test_bootstrap_is_scipys_percentile_interval() -> None:
    sample = RNG.exponential(size=40)
    reference = stats.bootstrap(
        (sample,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    low, high = st.bootstrap(lambda x: float(x.mean()), [sample], np.random.default_rng(2), resamples=20_000)
    width = reference.high - reference.low
    assert low == pytest.approx(reference.low, abs=0.02 * width)
    assert high == pytest.approx(reference.high, abs=0.02 * width)


def test_the_interval_of_the_probability_of_improvement_is_scipys() -> None:
    ours, theirs = RNG.normal(0.4, 1.0, 25), RNG.normal(0.0, 1.0, 20)
    reference = stats.bootstrap(
        (ours, theirs), lambda a, b: stats.mannwhitneyu(a, b).statistic / (25 * 20), n_resamples=4000,
        method="percentile", vectorized=False, rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    low, high = st.bootstrap(st.improvement, [ours, theirs], np.random.default_rng(2), resamples=4000)
    assert [low, high] == pytest.approx([reference.low, reference.high], abs=0.04 * (reference.high - reference.low))


def test_the_profile_is_scipys_survival_function() -> None:
    scores, thresholds = RNG.integers(0, 10, 50) / 10.0, [0.0, 0.25, 0.5, 0.9]
    expected = stats.ecdf(scores).sf.evaluate(thresholds)
    assert st.profile(scores.reshape(5, 10), thresholds) == pytest.approx(expected)


def test_bootstrap_keeps_tasks_apart() -> None:
    apart = np.array([[0.0, 0.0, 0.0], [100.0, 100.0, 100.0]])  # no spread within a task: no spread at all
    assert st.bootstrap(st.iqm, [apart], np.random.default_rng(0), resamples=50) == (50.0, 50.0)


def test_spearman_is_scipys_with_ties() -> None:
    left, right = RNG.integers(0, 5, 30), RNG.integers(0, 5, 30)
    assert st.spearman(left, right) == pytest.approx(stats.spearmanr(left, right).statistic, rel=1e-12)
    assert st.ranks(left) == pytest.approx(stats.rankdata(left))
    assert st.spearman([1, 1, 1], [1, 2, 3]) is None


def test_quartiles_and_entropy_are_scipys() -> None:
    values = RNG.normal(size=33)
    assert st.interquartile_range(values) == pytest.approx(stats.iqr(values), rel=1e-12)
    choices = np.array([0, 0, 1, 2, 2, 2])
    assert st.entropy(choices, 4) == pytest.approx(stats.entropy([2, 1, 3], base=4), rel=1e-12)
    assert st.entropy([0, 0], 1) == 0.0


def test_the_ratio_is_scipys_geometric_mean() -> None:
    ours, theirs = RNG.uniform(1, 2, (5, 6)), RNG.uniform(1, 2, (5, 6))
    expected = stats.gmean(theirs.mean(axis=1) / ours.mean(axis=1))
    assert st.ratio_of_means("lower", ours, theirs) == pytest.approx(expected, rel=1e-12)
    assert st.ratio_of_means("higher", ours, theirs) == pytest.approx(1.0 / expected, rel=1e-12)
    assert st.ratio_of_means("lower", ours, -theirs) is None


def test_expected_running_time_by_hand() -> None:
    # reached after 20 and 50, and not in 100 and 80: (20 + 50 + 100 + 80) / 2
    assert st.expected_running_time([20, inf, 50, inf], [100, 100, 100, 80]) == (125.0, 2)
    assert st.expected_running_time([inf, inf], [10, 10]) == (inf, 0)


def test_curves_by_hand() -> None:
    at, curve = [1, 2, 4, 10], [0.0, 0.5, 0.8, 1.0]
    assert st.area(at, curve) == pytest.approx((0.0 * 1 + 0.5 * 2 + 0.8 * 6) / 9)
    assert st.area([3], [0.7]) == 0.7
    assert st.ninety(at, [0.0, 0.5, 0.9, 1.0]) == 4
    assert st.first_hit(at, curve, 0.81) == 10
    assert st.first_hit(at, curve, 1.1) == inf
    assert not st.plateau(at, curve)
    assert st.plateau(at, [0.0, 0.5, 0.995, 1.0])
    assert st.drawdown([0.2, 0.8, 0.1, 0.9, 0.7]) == pytest.approx(0.7)
    assert st.jitter([0.0, 0.1, 0.2, 0.3]) == pytest.approx(0.0)
    assert st.jitter([1.0]) == 0.0


def test_worst_quarter_gap_and_profile_by_hand() -> None:
    scores = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    assert st.worst_quarter(scores) == pytest.approx(0.1)
    assert st.worst_quarter([3.0]) == 3.0
    assert st.optimality_gap(scores) == pytest.approx((1.0 + 0.8 + 0.6 + 0.4 + 0.2) / 8)
    assert st.profile(scores, [0.5, 1.0]) == pytest.approx([5 / 8, 2 / 8])


def test_scores_are_not_clipped() -> None:
    assert st.normalised([3.0, 1.0, 0.5, 4.0], 3.0, 1.0) == pytest.approx([0.0, 1.0, 1.25, -0.5])
    assert st.flat(1.0, 1.0 + 1e-12)
    assert not st.flat(1.0, 1.001)
    assert st.flat(0.0, 0.0)
