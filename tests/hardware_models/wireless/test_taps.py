"""Delay profiles of the standard, and one SNR for many subbands."""

from collections.abc import Callable

import numpy as np
import pytest

from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.effective_snr import eesm_db, miesm_db
from hardware_models.wireless.taps import tap_profile

Make = Callable[..., WirelessCard]


@pytest.mark.parametrize("profile", ["tdl-a", "tdl-b", "tdl-c", "tdl-d", "tdl-e"])
def test_profiles_have_unit_power_and_their_spread(profile: str, card: Make) -> None:
    law = "rice" if profile in ("tdl-d", "tdl-e") else "rayleigh"
    taps = tap_profile(card(f"delay.profile={profile}", f"fading.law={law}", "delay.spread=300ns"))
    assert (taps.amplitudes**2).sum() + taps.los_power == pytest.approx(1.0)
    assert taps.rms_spread() == pytest.approx(300e-9, rel=0.02)
    assert not taps.flat
    if taps.los_power:
        k_db = 10 * np.log10(taps.los_power / taps.amplitudes[0] ** 2)
        assert k_db == pytest.approx({"tdl-d": 13.3, "tdl-e": 22.0}[profile], abs=0.01)


def test_frequencies_decorrelate_by_the_spectrum_of_the_profile(card: Make) -> None:
    taps = tap_profile(card("delay.profile=tdl-a", "delay.spread=100ns"))
    matrix = taps.subband_matrix(20e6, 21)
    assert matrix.shape == (21, 23)
    correlation = (matrix * taps.amplitudes**2) @ matrix.conj().T
    assert correlation.diagonal().real == pytest.approx(np.ones(21))
    assert abs(correlation[0, 20]) < 0.5 < abs(correlation[0, 1])


@pytest.mark.parametrize("effective", [lambda snr: eesm_db(snr, 3.0), miesm_db])
def test_effective_snr_lies_between_the_worst_and_the_mean(effective: Callable[..., np.ndarray]) -> None:
    snr = np.random.default_rng(0).normal(8, 5, (200, 12))
    found = effective(snr)
    assert found.shape == (200,)
    assert (found >= snr.min(axis=1) - 1e-9).all()
    assert (found <= 10 * np.log10((10 ** (snr / 10)).mean(axis=1)) + 1e-9).all()
    assert effective(np.full((1, 5), 7.0)) == pytest.approx([7.0], abs=0.01)


def test_effective_snr_at_the_ends() -> None:
    assert eesm_db([-np.inf, -np.inf], 1.0) == -np.inf
    assert eesm_db([50.0, 50.0], 1.0) == pytest.approx(50.0)  # exp underflows without care
    assert miesm_db([-np.inf, -np.inf]) <= -29.9
    assert np.isfinite(miesm_db([60.0, 60.0]))
