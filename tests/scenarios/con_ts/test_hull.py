import highs
import numpy as np
import pytest

from scenarios.con_ts.hull import solve, solve_rows
from sim.errors import UserError

BATCHES, ROWS = 100, 1000


def _instances(rng, arms, kind):
    """(success, rates, eta) of ROWS instances of one kind; rates differ from row to row only where they may."""
    success = rng.random((ROWS, arms))
    rates = np.sort(rng.random(arms)) + 0.01
    eta = float(rng.choice([0.3, 0.5, 0.7, 0.9, 0.99]))
    if kind == "ties in success":
        success = rng.integers(0, 5, (ROWS, arms)) / 4
    elif kind == "ties in rate":
        rates = rng.integers(1, 4, arms) / 4
    elif kind == "duplicate arms":
        success[:, arms // 2 :] = success[:, : arms - arms // 2]
        rates[arms // 2 :] = rates[: arms - arms // 2]
    elif kind == "equal gains":
        success = rng.integers(1, 5, (ROWS, arms)) / 4
        rates = 1.0 / (4.0 * rng.integers(1, 5, arms) / 4)
    elif kind == "infeasible":
        success *= 0.6
        eta = 0.7
    elif kind == "eta 0":
        eta = 0.0
    elif kind == "eta 1":
        success *= 0.99
        success[rng.random((ROWS, arms)) < 0.1] = 1.0
        eta = 1.0
    elif kind == "at the edge":
        success = np.minimum(success, eta)
        success[:, 0] = eta
    elif kind == "falling":
        success = np.sort(success, axis=1)[:, ::-1].copy()
    elif kind == "all equal":
        success[:] = rng.random((ROWS, 1))
        rates[:] = 0.5
    return success, rates, eta


KINDS = (
    "ties in success", "ties in rate", "duplicate arms", "equal gains", "infeasible", "eta 0", "eta 1", "at the edge",
    "falling", "all equal",
)  # fmt: skip


def _agrees(success, rates, eta):
    mixes = solve_rows(success, rates, eta)
    objective, feasible, _ = highs.solve(success, np.broadcast_to(rates, success.shape), np.full(len(success), eta))
    assert (mixes.feasible == feasible).all()
    assert abs(mixes.value(success, rates) - objective)[feasible].max(initial=0.0) <= 1e-12
    assert ((mixes.weight >= 0.0) & (mixes.weight <= 1.0)).all()
    rows = np.arange(len(success))
    kept = (1 - mixes.weight) * success[rows, mixes.low] + mixes.weight * success[rows, mixes.high]
    assert (kept[feasible] >= eta - 1e-12).all()


@pytest.mark.slow
def test_a_hundred_thousand_random_programs_agree_with_highs():
    rng = np.random.default_rng(1)
    for _ in range(BATCHES):
        _agrees(*_instances(rng, int(rng.integers(1, 30)), "random"))


@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_adversarial_programs_agree_with_highs(kind):
    rng = np.random.default_rng(2)
    _agrees(*_instances(rng, int(rng.integers(2, 30)), kind))


def test_nearly_equal_probabilities_agree_with_all_pairs():
    # HiGHS's own tolerance is too coarse here, so every pair of arms is tried.
    rng = np.random.default_rng(3)
    for _ in range(200):
        success = 0.5 + 1e-9 * rng.random(12) * rng.integers(0, 2, 12) + 0.4 * (rng.random(12) < 0.5)
        rates, eta = rng.random(12) + 0.1, 0.8
        mix = solve(success, rates, eta)
        assert mix.feasible == bool(success.max() >= eta)
        if mix.feasible:
            low, high = mix.arms
            value = (1 - mix.weight) * rates[low] * success[low] + mix.weight * rates[high] * success[high]
            assert value == pytest.approx(_best_pair(success, rates, eta), abs=1e-12)


def _best_pair(success, rates, eta):
    best = max((r * p for r, p in zip(rates, success, strict=True) if p >= eta), default=-1.0)
    for i, low in enumerate(success):
        for j, high in enumerate(success):
            if low < eta <= high:
                weight = (eta - low) / (high - low)
                best = max(best, (1 - weight) * rates[i] * low + weight * rates[j] * high)
    return best


def test_of_equal_arms_the_one_that_succeeds_more_often_is_taken_then_the_first():
    assert solve(np.array([0.5, 1.0, 0.5]), np.array([2.0, 1.0, 2.0]), 0.0).arms == (1, 1)
    assert solve(np.array([0.5, 0.5]), np.array([2.0, 2.0]), 0.0).arms == (0, 0)


def test_what_is_infeasible_names_the_most_robust_arm():
    mix = solve(np.array([0.2, 0.6, 0.4]), np.array([9.0, 1.0, 3.0]), 0.7)
    assert (mix.feasible, mix.arms) == (False, (1, 1))


@pytest.mark.parametrize(
    ("success", "rates", "eta", "said"),
    [
        ([0.5], [1.0], 1.5, "eta is the required success probability"),
        ([0.5], [1.0], float("nan"), "eta is the required success probability"),
        ([0.5], [0.0], 0.5, "above 0"),
        ([0.5], [-1.0], 0.5, "above 0"),
        ([1.5], [1.0], 0.5, "from 0 to 1"),
        ([float("nan")], [1.0], 0.5, "from 0 to 1"),
        ([0.5, 0.5], [1.0], 0.5, "2 arms"),
        ([], [], 0.5, "at least one"),
    ],
)
def test_bad_input_is_one_sentence(success, rates, eta, said):
    with pytest.raises(UserError, match=said):
        solve(np.array(success), np.array(rates), eta)
