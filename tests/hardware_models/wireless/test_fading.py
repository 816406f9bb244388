"""Fading against closed forms: correlation, laws of power, level crossings, and what a genie would get through it."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import j0
from scipy.stats import kstest, ncx2

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.fading import Fading, doppler_shares
from hardware_models.wireless.link import Channel, fading_of
from sim.rng import Streams

Make = Callable[..., WirelessCard]
LINKS = 2000


def gains(made: WirelessCard, slots: int, links: int = LINKS, seed: int = 1) -> NDArray[np.complex128]:
    """Shape (links, slots)."""
    fading, streams = fading_of(made, slots, 1), Streams(seed, "fading", 0)
    return np.concatenate([_one(fading, streams, link, slots) for link in range(links)])


def _one(fading: Fading, streams: Streams, link: int, slots: int) -> NDArray[np.complex128]:
    state = fading.draw(streams("fading", link).generator)
    chunks = range(-(-slots // fading.chunk))
    return np.concatenate([fading.gains(state, chunk) for chunk in chunks], axis=1)[:, :slots]


def correlation(h: NDArray[np.complex128], lags: range) -> NDArray[np.float64]:
    return np.array([np.mean(h[:, lag:] * h[:, : h.shape[1] - lag].conj()).real for lag in lags])


@pytest.mark.parametrize("method", ["ifft_doppler", "sum_of_sinusoids"])
@pytest.mark.parametrize("doppler", [0.05, 0.2])
def test_autocorrelation_is_bessel_s(method: str, doppler: float, card: Make) -> None:
    h = gains(card(f"doppler={doppler}", f"fading.method={method}"), 1000)
    lags = range(0, int(5 / doppler) + 1, max(1, int(0.1 / doppler)))
    off = correlation(h, lags) - j0(2 * np.pi * doppler * np.array(lags))
    assert np.abs(off).max() < 0.01


def test_autocorrelation_across_chunks_and_at_the_slowest_doppler(card: Make) -> None:
    h = gains(card("doppler=0.0005"), 10_001, links=LINKS)
    lags = np.arange(0, 10_001, 250)
    off = [np.mean(h[:, lag] * h[:, 0].conj()).real - j0(2 * np.pi * 0.0005 * lag) for lag in lags]
    assert np.abs(off).max() < 0.08  # one pair of slots per link: three standard errors of 1 / sqrt(2000)
    assert np.sqrt(np.mean(np.square(off))) < 0.03
    jumps = np.abs(np.diff(h, axis=1)).mean(axis=0)
    assert jumps[4095] == pytest.approx(jumps.mean(), rel=0.1)


def test_ar1_is_right_at_one_slot_and_wrong_later(card: Make) -> None:
    h = gains(card("doppler=0.05", "fading.method=ar1_fast"), 1000)
    found = correlation(h, range(12))
    assert found[1] / found[0] == pytest.approx(j0(2 * np.pi * 0.05), abs=0.001)
    assert found[11] > j0(2 * np.pi * 0.05 * 11) + 0.5


@pytest.mark.parametrize("method", ["ifft_doppler", "sum_of_sinusoids", "ar1_fast"])
def test_power_is_exponential(method: str, card: Make) -> None:
    power = np.abs(gains(card("doppler=0.1", f"fading.method={method}"), 2000)[:, ::100]) ** 2
    assert kstest(power.ravel(), "expon").statistic < 0.01
    assert power.mean() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("k_db", [0.0, 9.0])
def test_power_is_rice_s(k_db: float, card: Make) -> None:
    made = card("fading.law=rice", f"fading.k_factor={k_db}dB", "mean_snr=0dB", "doppler=0.1")
    power = 10 ** (Channel(made, Streams(2, "rice", 0), LINKS, 2000).snr_db(0, 2000)[::100] / 10)
    k = 10 ** (k_db / 10)
    assert kstest(2 * (k + 1) * power.ravel(), ncx2(2, 2 * k).cdf).statistic < 0.01


@pytest.mark.parametrize("rho_db", [-10.0, -5.0, 0.0])
def test_level_crossings_and_fade_durations(rho_db: float, card: Make) -> None:
    doppler, slots = 0.005, 8000
    below = np.abs(gains(card(f"doppler={doppler}"), slots)) < 10 ** (rho_db / 20)
    starts = np.count_nonzero(below[:, 1:] & ~below[:, :-1])
    rho = 10 ** (rho_db / 20)
    crossing_rate = np.sqrt(2 * np.pi) * doppler * rho * np.exp(-(rho**2))
    fade = np.expm1(rho**2) / (rho * doppler * np.sqrt(2 * np.pi))
    assert starts / (LINKS * (slots - 1)) == pytest.approx(crossing_rate, rel=0.03)
    assert np.count_nonzero(below) / starts == pytest.approx(fade, rel=0.03)


def test_a_genie_s_throughput_is_the_quadrature_s(card: Make, lte: BlockErrorModel) -> None:
    made = card("mean_snr=0dB", "doppler=0.2")
    snr_db = np.sort(Channel(made, Streams(3, "genie", 0), LINKS, 2000).snr_db(0, 2000), axis=None)
    low, step, table = lte.grid()
    rows = low + step * np.arange(len(table))
    best = ((1.0 - table) * lte.mcs.bits).max(axis=1)
    x = np.linspace(-60.0, 20.0, 200_001)  # power in dB, of density exp(-p) p ln(10) / 10
    weight = np.exp(-(10 ** (x / 10))) * 10 ** (x / 10) * np.log(10) / 10
    for mean_db in (0.0, 5.0, 10.0, 15.0, 20.0):
        exact = np.trapezoid(np.interp(x + mean_db, rows, best) * weight, x)
        assert np.interp(snr_db + mean_db, rows, best).mean() == pytest.approx(exact, rel=0.003)


def test_without_motion_each_link_keeps_its_gain(card: Make) -> None:
    for method in ("ifft_doppler", "sum_of_sinusoids", "ar1_fast"):
        power = np.abs(gains(card("doppler=0", f"fading.method={method}"), 50)) ** 2
        assert np.ptp(power, axis=1).max() < 1e-9
        assert kstest(power[:, 0], "expon").statistic < 0.04


def test_the_fastest_doppler_still_has_unit_power(card: Make) -> None:
    h = gains(card("doppler=0.5"), 500)
    assert np.mean(np.abs(h) ** 2) == pytest.approx(1.0, abs=0.02)
    assert correlation(h, range(1, 2))[0] == pytest.approx(j0(np.pi), abs=0.01)


@pytest.mark.parametrize(("edge", "top"), [(64.0, 64), (64.3, 64), (0.4, 0), (1.0, 1)])
def test_the_spectrum_s_shares_sum_to_one(edge: float, top: int) -> None:
    shares = doppler_shares(edge, top)
    assert shares.sum() == pytest.approx(1.0)
    assert shares == pytest.approx(shares[::-1])
    assert (shares > 0).all()
