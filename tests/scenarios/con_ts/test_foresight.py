import numpy as np
import pytest
from scipy import stats
from scipy.special import j0

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts import fading_filter, foresight
from scenarios.con_ts.fading_filter import WAVES
from scenarios.con_ts.foresight import Foresight
from scenarios.con_ts.policies import Knobs, make
from scenarios.con_ts.radio import Radio
from sim import lanes
from sim.rng import Streams

SIZE = 2 * WAVES


def _prior(power=1.0):
    mean, covariance = np.empty(SIZE), np.empty((SIZE, SIZE))
    fading_filter.forget_all(mean, covariance, power)
    return mean, covariance


def _rows(doppler, slot):
    real, imaginary = np.empty(SIZE), np.empty(SIZE)
    fading_filter.waves(doppler, slot, real, imaginary)
    return real, imaginary


def _outlook(mean, covariance, slot):
    return fading_filter.outlook(mean, covariance, *_rows(0.01, slot), np.empty(SIZE))


def test_the_prior_has_the_autocorrelation_of_a_channel_whose_paths_come_from_all_sides():
    _, covariance = _prior()
    now = _rows(0.01, 0)
    for lag in range(0, 120, 10):
        later = _rows(0.01, lag)
        together = later[0] @ covariance @ now[0] + later[1] @ covariance @ now[1]
        assert together == pytest.approx(j0(2 * np.pi * 0.01 * lag), abs=1e-6)


def test_a_value_is_learned_and_fades_back_to_the_prior():
    mean, covariance = _prior()
    row, spread = np.empty(SIZE), np.empty(SIZE)
    fading_filter.see_value(mean, covariance, *_rows(0.01, 0), 2.0, 1e-4, row, spread)
    power, share = _outlook(mean, covariance, 0)
    assert power == pytest.approx(4.0 + 0.5, rel=0.05)  # across the seen direction nothing is known
    assert share < 0.15
    assert _outlook(mean, covariance, 35)[1] > 0.8  # J0 has a zero near a lag of 0.383 / f_D
    for _ in range(4000):
        fading_filter.fade(mean, covariance, 1.0, 0.995)
    assert _outlook(mean, covariance, 0) == pytest.approx((1.0, 1.0), abs=1e-3)


@pytest.mark.parametrize("above", [True, False])
def test_a_side_matches_the_moments_of_the_product(above):
    mean, covariance = _prior()
    row, spread = np.empty(SIZE), np.empty(SIZE)
    fading_filter.see_value(mean, covariance, *_rows(0.01, 0), 1.0, 0.05, row, spread)
    real, imaginary = _rows(0.01, 3)
    x, y = real @ mean, imaginary @ mean
    toward = (x * real + y * imaginary) / np.hypot(x, y)
    level, variance = float(np.hypot(x, y)), float(toward @ covariance @ toward)
    grid = np.linspace(level - 12 * variance**0.5, level + 12 * variance**0.5, 200_001)
    sign = 1.0 if above else -1.0
    weight = stats.norm.pdf(grid, level, variance**0.5) * stats.norm.cdf(sign * (grid - 1.1) / 0.1)
    weight /= weight.sum()
    fading_filter.see_side(mean, covariance, real, imaginary, 1.1, 0.1, above, 1.0, row, spread)
    assert toward @ mean == pytest.approx((weight * grid).sum(), abs=1e-4)
    expected = (weight * (grid - (weight * grid).sum()) ** 2).sum()
    assert toward @ covariance @ toward == pytest.approx(expected, rel=1e-3)


def test_the_covariance_stays_one():
    rng = np.random.default_rng(0)
    mean, covariance = _prior()
    row, spread = np.empty(SIZE), np.empty(SIZE)
    for slot in range(3000):
        fading_filter.fade(mean, covariance, 1.0, 0.999)
        fading_filter.see_value(mean, covariance, *_rows(0.01, slot), rng.rayleigh(0.7), 0.01, row, spread)
        fading_filter.see_side(mean, covariance, *_rows(0.01, slot + 9), 0.8, 0.1, slot % 9 > 0, 0.7, row, spread)
    values = np.linalg.eigvalsh(covariance)
    assert np.isfinite(mean).all()
    assert values.min() > -1e-9
    assert values.max() < 1.0


def test_the_expected_success_is_the_mean_over_rice_laws():
    world = _world(links=1, slots=1)
    table = world.task.table
    expected, floor = foresight._expected_success(table)
    rng = np.random.default_rng(1)
    for level, share in ((5.0, 1.0), (12.0, 0.25), (15.0, 0.5)):
        direct = np.sqrt(1 - share) + np.sqrt(share / 2) * (rng.standard_normal(400_000) + 0j)
        direct += 1j * np.sqrt(share / 2) * rng.standard_normal(400_000)
        sampled = 1 - table.at(level + 20 * np.log10(abs(direct))).mean(axis=0)
        told = expected[round((level - floor) / 0.25), round(share * 24)]
        assert abs(told - sampled).max() < 0.012


def _world(links=40, slots=5000, seed=11, **figures):
    card = WirelessCard.model_validate(
        {"card": "lte-6prb", "mean_snr": 15.0, "doppler": 0.01, "cqi": {"delay": 10}, **figures}
    )
    return Radio(card, 0.1, Streams(seed, "foresight", 0), links, slots)


def test_under_stale_reports_it_keeps_the_constraint_and_delivers_most():
    shares, errors, over = {}, {}, {}
    for name in ("foresight", "olla", "latent_mean", "con_ts_informed"):
        world = _world()
        policy = make(name, world, lanes.seed(Streams(11, "foresight", 0), "policy", range(40)), Knobs())
        episode = world.play(policy, lambda share: None)
        shares[name] = (world.task.rates[episode.arms] * episode.success).mean() / world.best.rate
        errors[name] = 1 - episode.success.mean()
        over[name] = ((1 - episode.acks.reshape(10, 500, -1).mean(axis=1)) > 0.11).mean()
    assert shares["foresight"] >= 0.80
    assert errors["foresight"] <= 0.10
    assert over["foresight"] <= 0.05
    assert max(shares.values()) == shares["foresight"]


def test_it_finds_out_how_fast_a_link_moves_and_how_strong_it_is():
    for doppler in (0.003, 0.01, 0.04):
        world = _world(doppler=doppler, slots=6000)
        policy = Foresight(world.task, world.links)
        world.play(policy, lambda share: None)
        found = [foresight._doppler_of(rung) for rung in policy._rung]
        assert 0.6 * doppler < np.median(found) < 1.5 * doppler
        power = 10 * np.log10(policy._pace[:, 1] / policy._pace[:, 0])
        assert abs(np.median(power) - 15.0) < 1.5


def test_the_price_is_zero_where_the_constraint_is_slack_and_high_where_it_cannot_be_kept():
    easy = _world(links=10, mean_snr=35.0, slots=3000)
    policy = Foresight(easy.task, easy.links)
    easy.play(policy, lambda share: None)
    assert np.median(policy.price) == 0.0
    hopeless = _world(links=10, mean_snr=-20.0, slots=500)
    policy = Foresight(hopeless.task, hopeless.links)
    episode = hopeless.play(policy, lambda share: None)
    assert (policy.price == 10.0 * hopeless.task.rates.max()).all()
    assert (episode.arms[-100:] == 0).all()
