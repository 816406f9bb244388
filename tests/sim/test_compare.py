"""Paired comparison against scipy's, and what it refuses to claim."""

import numpy as np
import pytest
from scipy import stats

from sim.compare import paired
from sim.record import Record


def record(value: float | None) -> Record:
    metrics = {"m": {"value": value, "unit": "1", "better": "lower", "label": "simulated"}}
    return Record("k", "ok", "s", 1, {}, 0, 0, "c", metrics=metrics)


def runs(base: np.ndarray, other: np.ndarray) -> list[tuple[dict[str, object], Record]]:
    points = [({"policy": "a", "i": i}, record(float(v))) for i, v in enumerate(base)]
    return points + [({"policy": "b", "i": i}, record(float(v))) for i, v in enumerate(other)]


def test_interval_is_that_of_the_paired_t_test() -> None:
    generator = np.random.default_rng(1)
    base, noise = generator.normal(10, 5, 30), generator.normal(0.5, 0.1, 30)
    (found,) = paired(runs(base, base + noise), "policy", ["m"])
    low, high = stats.ttest_rel(base + noise, base).confidence_interval(0.95)
    assert found.difference - (found.half or 0) == pytest.approx(low)
    assert found.difference + (found.half or 0) == pytest.approx(high)
    assert found.verdict("lower") == "worse"
    assert found.verdict("higher") == "better"
    assert found.verdict("neither") == "differs"


def test_no_claim_without_evidence() -> None:
    (found,) = paired(runs(np.array([1.0, 2.0]), np.array([2.5, 1.0])), "policy", ["m"])
    assert found.verdict("lower") == "no difference shown"
    (single,) = paired(runs(np.array([1.0]), np.array([2.0])), "policy", ["m"])
    assert single.half is None
    assert single.verdict("lower") == "one pair"


def test_only_points_that_both_have_are_paired() -> None:
    some = [*runs(np.array([1.0, 2.0]), np.array([1.0])), ({"policy": "b", "i": 1}, record(None))]
    (found,) = paired(some, "policy", ["m"])
    assert (found.pairs, found.verdict("lower")) == (1, "equal")
    assert paired([], "policy", ["m"]) == []
