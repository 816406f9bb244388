"""Mutual information against quadrature, and what must hold of every curve of every profile."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from hardware_models.wireless.block_error import BlockErrorModel, capacity_limit_db, normal_argument
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.decoder import PROFILES, decoder_profile
from hardware_models.wireless.mcs import MODULATIONS, McsTable, mcs_table, table_names
from hardware_models.wireless.mutual_information import bicm_moments
from sim.errors import UserError

#: SNRs at 10 % block error of the 29 LTE rates on 864 resource elements, as measured on the turbo-coded table of
#: github.com/vidits-kth/bayesla-link-adaptation, commit d1266b1.
KTH = np.array([
    -5.70, -4.60, -4.00, -2.71, -1.82, -1.02, -0.17, 0.67, 1.49, 2.71, 3.43, 3.72, 4.44, 5.34, 6.38, 7.37, 7.67,
    8.05, 8.84, 9.87, 10.62, 11.88, 12.55, 13.43, 14.48, 15.78, 16.33, 16.82, 17.94,
])  # fmt: skip


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 4.0, 9.0])
def test_qpsk_is_two_binary_channels(snr_db: float) -> None:
    snr = 10 ** (snr_db / 10)
    mean_llr = 2 * snr  # per quadrature: the log-likelihood ratio is Gaussian with mean 2 snr and variance 4 snr

    def density(z: float) -> float:
        return 1.0 - float(np.log2(1.0 + np.exp(-(mean_llr + 2 * np.sqrt(snr) * z))))

    def gaussian(z: float) -> float:
        return float(np.exp(-z * z / 2) / np.sqrt(2 * np.pi))

    mean = quad(lambda z: density(z) * gaussian(z), -12, 12)[0]
    square = quad(lambda z: density(z) ** 2 * gaussian(z), -12, 12)[0]
    moments = bicm_moments(2)
    assert moments.mean(snr_db) == pytest.approx(2 * mean, abs=1e-4)
    assert moments.variance(snr_db) == pytest.approx(2 * (square - mean**2), abs=1e-3)


@pytest.mark.parametrize("bits", MODULATIONS)
def test_information_rises_from_nothing_to_all_bits_below_shannon(bits: int) -> None:
    snr_db = np.linspace(-30, 50, 801)
    mean = bicm_moments(bits).mean(snr_db)
    assert (np.diff(mean) > -1e-9).all()
    assert (mean <= np.log2(1 + 10 ** (snr_db / 10)) + 1e-6).all()
    assert mean[-1] == pytest.approx(bits)
    assert bicm_moments(bits).mean([-np.inf, np.inf]) == pytest.approx([0, bits], abs=2e-3)


def test_information_of_64qam_by_drawing_symbols() -> None:
    generator = np.random.default_rng(0)
    amplitudes = np.array([-7, -5, -3, -1, 1, 3, 5, 7]) / np.sqrt(42)
    labels = np.array([[g >> b & 1 for b in range(3)] for g in (i ^ i >> 1 for i in range(8))])
    snr = 10 ** (12 / 10)
    sent = generator.integers(0, 8, 400_000)
    received = amplitudes[sent] + generator.normal(0, np.sqrt(0.5 / snr), len(sent))
    likelihood = np.exp(-((received[:, None] - amplitudes) ** 2) * snr)
    density = sum(
        1 + np.log2((likelihood * (labels[:, b] == labels[sent, b][:, None])).sum(1) / likelihood.sum(1))
        for b in range(3)
    )
    assert bicm_moments(6).mean(12.0) == pytest.approx(2 * density.mean(), rel=0.01)
    assert bicm_moments(6).variance(12.0) == pytest.approx(2 * density.var(), rel=0.03)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize(("table", "symbols"), [(t, s) for t in table_names() for s in (50, 864, 7344)])
def test_what_holds_of_every_curve(name: str, table: str, symbols: int) -> None:
    profile, mcs = decoder_profile(name), mcs_table(table, symbols)
    model = BlockErrorModel.normal(mcs, profile)
    errors = model.error_rate(np.array([-np.inf, -100.0, *np.arange(-25, 45, 0.125), 100.0, np.inf]))
    assert np.all(errors[0] == 1.0)
    assert np.all(np.diff(errors, axis=0) <= 0)
    assert np.all(errors[-1] == errors[-2])
    assert np.all(errors >= profile.floor)
    for modulation in np.unique(mcs.modulation_bits):
        assert np.all(np.diff(errors[:, mcs.modulation_bits == modulation], axis=1) >= 0)
    limit = capacity_limit_db(mcs, profile)
    reachable = np.isfinite(limit)
    assert np.all(model.error_rate(np.where(reachable, limit, 0.0)).diagonal()[reachable] >= 0.5 - 1e-3)
    assert np.all(model.threshold_db(0.1)[reachable] >= limit[reachable])


def test_nan_stays_nan(lte: BlockErrorModel) -> None:
    assert np.isnan(lte.error_rate(np.nan)).all()
    assert np.isnan(lte.error_of(np.nan, 3))


def test_shapes_and_the_chosen_rate(lte: BlockErrorModel) -> None:
    snr = np.linspace(-12, 25, 60).reshape(3, 20)
    errors = lte.error_rate(snr)
    assert errors.shape == (3, 20, 29)
    rates = np.arange(60).reshape(3, 20) % 29
    assert np.array_equal(lte.error_of(snr, rates), np.take_along_axis(errors, rates[..., None], axis=2)[..., 0])
    assert lte.error_rate(np.empty((0, 4))).shape == (0, 4, 29)
    with pytest.raises(UserError, match="a rate must lie in 0 to 28, not 0 to 29"):
        lte.error_of(0.0, [0, 29])


def test_the_table_is_the_formula_within_three_thousandths(lte: BlockErrorModel) -> None:
    profile = decoder_profile("lte-turbo")
    snr = np.linspace(-8, 20, 4001)
    for rate in (0, 9, 16, 28):
        blocks, length = profile.segmented(lte.mcs.bits[rate])
        assert blocks == 1
        moments = bicm_moments(int(lte.mcs.modulation_bits[rate]))
        seen = snr - profile.gap_db(length / 864 / lte.mcs.modulation_bits[rate], length)
        argument = normal_argument(864 * moments.mean(seen), 864 * moments.variance(seen), length, 864)
        exact = ndtr(-argument / profile.spread)
        assert np.abs(lte.error_of(snr, rate) - np.maximum(exact, 1e-6)).max() < 3e-3


def test_interpolation_is_numpy_s(lte: BlockErrorModel) -> None:
    low, step, table = lte.grid()
    snr = np.random.default_rng(1).uniform(-30, 40, 500)
    rows = low + step * np.arange(len(table))
    plain = np.stack([np.interp(snr, rows, curve) for curve in table.T], axis=1)
    assert np.abs(lte.error_rate(snr) - plain).max() < 1e-12


def test_a_genie_over_the_lte_profile_gets_what_it_got_over_the_published_table(lte: BlockErrorModel) -> None:
    """Quadrature over the table itself: 2684.4 bits at block error 1.63 % at 15 dB, 991.6 and 9.06 % at 5 dB."""
    x = np.linspace(-60.0, 20.0, 100_001)
    weight = np.exp(-(10 ** (x / 10))) * 10 ** (x / 10) * np.log(10) / 10
    for mean_db, bits, block_error in ((15.0, 2684.4, 0.0163), (5.0, 991.6, 0.0906)):
        errors = lte.error_rate(x + mean_db)
        goodput = (1.0 - errors) * lte.mcs.bits
        chosen = goodput.argmax(axis=1)[:, None]
        assert np.trapezoid(np.take_along_axis(goodput, chosen, 1)[:, 0] * weight, x) == pytest.approx(bits, rel=0.015)
        found = np.trapezoid(np.take_along_axis(errors, chosen, 1)[:, 0] * weight, x)
        assert found == pytest.approx(block_error, abs=0.003)


def test_the_lte_profile_meets_its_calibration_set(lte: BlockErrorModel) -> None:
    off = lte.threshold_db(0.1) - KTH
    assert np.sqrt(np.mean(off**2)) < 0.22
    assert np.abs(off).max() < 0.5
    assert abs(off.mean()) < 0.02


def test_longer_packets_are_cut_and_fail_more_often() -> None:
    profile = decoder_profile("nr-ldpc-ideal")
    blocks, length = profile.segmented([1000.0, 8424.0, 8425.0, 40_000.0])
    assert blocks.tolist() == [1, 1, 2, 5]
    assert length[0] == 1024
    assert length[2] == pytest.approx((8425 + 24) / 2 + 24)
    whole = McsTable("whole", np.array([6]), np.array([0.95]), np.array([40_000.0]), 7000)
    part = McsTable("part", np.array([6]), np.array([0.95]), length[3:] - 24, 1400)
    snr = np.linspace(10, 25, 500)
    single = BlockErrorModel.normal(part, profile).error_rate(snr)
    five = BlockErrorModel.normal(whole, profile).error_rate(snr)
    assert five == pytest.approx(1 - (1 - single) ** 5, abs=2e-3)


def test_longer_blocks_need_less_snr() -> None:
    thresholds = [
        BlockErrorModel.normal(mcs_table("nr-1", symbols), PROFILES["nr-ldpc-ideal"]).threshold_db(0.1)[10]
        for symbols in (100, 300, 1000, 3000)
    ]
    assert thresholds == sorted(thresholds, reverse=True)


def test_profiles_are_ordered_and_a_gap_shifts(card: Callable[..., WirelessCard]) -> None:
    at = {n: BlockErrorModel.of(card(f"decoder.profile={n}")).threshold_db(0.1) for n in PROFILES}
    assert np.all(at["nr-ldpc-ideal"] < at["lte-turbo"])
    assert np.all(at["lte-turbo"] < at["conservative"])
    shifted = BlockErrorModel.of(card("decoder.gap=1.5dB")).threshold_db(0.1)
    assert shifted == pytest.approx(at["lte-turbo"] + 1.5, abs=0.02)


def test_an_unreachable_target_is_infinite(lte: BlockErrorModel) -> None:
    assert np.isinf(lte.threshold_db(1e-9)).all()
    assert lte.threshold_db(1.0) == pytest.approx(np.full(29, lte.snr_db_min))


PAIR = McsTable("pair", np.array([2, 2]), np.array([0.1, 0.2]), np.array([16.0, 32.0]), 80)


def test_a_users_own_curves() -> None:
    model = BlockErrorModel.from_table(PAIR, [0.0, 1.0, 3.0], [[1.0, 1.0], [0.5, 1.0], [0.0, 0.2]])
    assert model.error_rate([0.5, 1.0, 2.0, 99.0]) == pytest.approx(
        np.array([[0.75, 1.0], [0.5, 1.0], [0.25, 0.6], [0.0, 0.2]])
    )
    assert model.threshold_db(0.5) == pytest.approx([1.0, 2.25])


@pytest.mark.parametrize(
    ("snr", "errors", "said"),
    [
        ([], [], "needs at least 2 SNRs, not 0"),
        ([0.0], [[1.0, 1.0]], "needs at least 2 SNRs, not 1"),
        ([0.0, 1.0], [[1.0], [0.0]], r"has shape \(2, 1\)"),
        ([1.0, 0.0], [[1.0, 1.0], [0.0, 0.0]], "must rise: 1 dB is followed by 0 dB"),
        ([0.0, 0.0], [[1.0, 1.0], [0.0, 0.0]], "must rise: 0 dB is followed by 0 dB"),
        ([0.0, np.inf], [[1.0, 1.0], [0.0, 0.0]], "must be finite"),
        ([0.0, 1.0], [[0.5, 1.0], [0.6, 0.0]], "block error of rate 0 rises with the SNR"),
        ([0.0, 1.0], [[1.5, 1.0], [0.6, 0.0]], "must lie in 0 to 1"),
        ([0.0, 1.0], [[np.nan, 1.0], [0.6, 0.0]], "must lie in 0 to 1"),
    ],
)
def test_bad_curves_are_one_sentence(snr: list[float], errors: list[list[float]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        BlockErrorModel.from_table(PAIR, snr, errors)


def test_other_bad_models_are_refused() -> None:
    with pytest.raises(UserError, match=r"decoder.gap of -1 dB would put curves left of capacity"):
        BlockErrorModel.normal(PAIR, PROFILES["conservative"], -1)
    with pytest.raises(UserError, match=r"table for 2 rates has shape \(3,\)"):
        BlockErrorModel(PAIR, 0.0, 1.0, np.ones(3))
    with pytest.raises(UserError, match="no decoder profile is called 'nr-ldpc'; did you mean nr-ldpc-ideal"):
        decoder_profile("nr-ldpc")
