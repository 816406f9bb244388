"""What combining leaves of the block error, attempt by attempt."""

from collections.abc import Callable

import numpy as np
import pytest

from hardware_models.wireless.card import COMBININGS, WirelessCard
from hardware_models.wireless.harq import HarqModel
from hardware_models.wireless.link import Channel
from hardware_models.wireless.queue import serve
from hardware_models.wireless.traffic import poisson
from sim.errors import UserError
from sim.rng import Streams

Make = Callable[..., WirelessCard]


@pytest.mark.parametrize("combining", COMBININGS)
@pytest.mark.parametrize("name", ["lte-6prb", "nr-n78"])
def test_residual_error_falls_with_every_attempt(combining: str, name: str, card: Make) -> None:
    model = HarqModel.of(card(f"harq.combining={combining}", name=name))
    thresholds = model.errors.threshold_db(0.3)
    for rate in range(len(model.errors.mcs)):
        left = model.residual(np.full(4, thresholds[rate] - 0.5), rate)
        assert left[0] == pytest.approx(model.errors.error_of(thresholds[rate] - 0.5, rate))
        assert (np.diff(left[left > 2e-6]) < 0).all()
        assert left[1] < left[0]


def test_without_combining_errors_multiply(card: Make) -> None:
    model = HarqModel.of(card("harq.combining=none"))
    snr = np.array([6.0, 7.0, 8.0])
    assert model.residual(snr, 15) == pytest.approx(np.cumprod(model.errors.error_of(snr, 15)))


def test_chase_adds_signal_to_noise_ratios(card: Make) -> None:
    model = HarqModel.of(card("harq.combining=chase"))
    left = model.residual([3.0, 3.0], 15)
    assert left[1] == pytest.approx(float(model.errors.error_of(3.0 + 10 * np.log10(2), 15)))
    mixed = model.residual([[-np.inf], [6.0]], 15)
    assert mixed[1, 0] == pytest.approx(float(model.errors.error_of(6.0, 15)))


def test_new_parity_beats_repetition_at_high_rates_and_equals_it_at_low_ones(card: Make) -> None:
    chase, fresh = (HarqModel.of(card(f"harq.combining={c}", name="nr-n78")) for c in ("chase", "ir"))
    snr = np.full(2, chase.errors.threshold_db(0.5)[28] - 3.0)
    assert chase.residual(snr, 28)[1] == pytest.approx(0.45, abs=0.1)
    assert fresh.residual(snr, 28)[1] < 1e-4
    low = np.full(2, chase.errors.threshold_db(0.5)[0] - 3.0)
    assert fresh.residual(low, 0)[1] == pytest.approx(chase.residual(low, 0)[1])


def test_two_halves_of_a_code_are_the_whole(card: Make) -> None:
    """Two attempts at rate R are one block of rate R / 2 with the same information bits."""
    model = HarqModel.of(card("harq.combining=ir", "decoder.profile=nr-ldpc-ideal"))
    double = HarqModel.of(card("decoder.profile=nr-ldpc-ideal", "symbols=1728", "harq.combining=none"))
    rate = 28
    twin = int(
        np.argmin(
            np.abs(double.errors.mcs.bits - model.errors.mcs.bits[rate])
            + 1e6 * (double.errors.mcs.modulation_bits != 6)
        )
    )
    off = double.errors.mcs.bits[twin] / model.errors.mcs.bits[rate] - 1
    assert abs(off) < 0.11
    snr = np.linspace(4, 9, 200)
    ours = np.interp(0.1, model.residual(np.stack([snr, snr]), rate)[1][::-1], snr[::-1])
    assert ours == pytest.approx(double.errors.threshold_db(0.1)[twin] - 10 * np.log10(1 + off), abs=0.35)


@pytest.mark.parametrize("combining", COMBININGS)
def test_attempts_multiply_to_the_residual(combining: str, card: Make) -> None:
    model = HarqModel.of(card(f"harq.combining={combining}"))
    snr = np.random.default_rng(0).normal(8, 4, (4, 50, 3))
    rate = np.arange(150).reshape(50, 3) % 29
    assert np.cumprod(model.attempt_error(snr, rate), axis=0) == pytest.approx(model.residual(snr, rate))


@pytest.mark.parametrize("combining", COMBININGS)
def test_the_ends_of_the_axis(combining: str, card: Make) -> None:
    model = HarqModel.of(card(f"harq.combining={combining}"))
    assert model.residual(np.full(3, -np.inf), 4).tolist() == [1, 1, 1]
    assert model.residual(np.full(3, np.inf), 4).max() <= 1e-6
    with pytest.raises(UserError, match="need the SNR of each attempt"):
        model.residual(3.0, 4)


@pytest.mark.parametrize("combining", COMBININGS)
def test_over_time_each_attempt_meets_its_own_slot(combining: str, card: Make) -> None:
    model = HarqModel.of(card(f"harq.combining={combining}"))
    snr = np.random.default_rng(1).normal(6, 5, (20, 2))
    error = model.over_time(snr, [12, 20], round_trip=4, attempts=3)
    assert error.shape == (20, 3, 2)
    history = snr[[3, 7, 11]]
    assert error[[3, 7, 11], [0, 1, 2]] == pytest.approx(model.attempt_error(history, [12, 20]))
    assert (error[:4, 1] == 1).all()
    assert (error[:8, 2] == 1).all()
    assert model.over_time(np.empty((0, 2)), [12, 20], 4, 3).shape == (0, 3, 2)
    assert (model.over_time(snr[:2], [12, 20], 4, 3)[:, 1:] == 1).all()
    with pytest.raises(UserError, match="a round_trip and attempts of 1 or more are needed"):
        model.over_time(snr, [12, 20], 0, 3)


def test_combining_saves_deadlines_over_a_fading_link(card: Make) -> None:
    misses = []
    for combining in COMBININGS:
        made = card(f"harq.combining={combining}", "doppler=0.05", "mean_snr=10dB")
        snr = Channel(made, Streams(3, "deadline", 0), 1, 60_000).snr_db(0, 60_000)[:, 0]
        error = HarqModel.of(made).over_time(snr, 12, made.harq.round_trip, made.harq.attempts)
        arrivals = poisson(0.3, 60_000, Streams(3, "deadline", 0)("arrivals"))
        draws = Streams(3, "deadline", 0)("decode").generator.random(60_000)
        misses.append(serve(arrivals, error, draws, made.harq.round_trip, made.harq.processes).miss_ratio(20.0))
    assert 0.5 > misses[0] > misses[1] >= misses[2] > 0.001
