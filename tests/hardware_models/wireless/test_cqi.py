"""Reports: quantised by the rule, late by the delay, held between, and lost now and then."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.cqi import CqiReporter, reference_rates
from hardware_models.wireless.mcs import mcs_table
from sim.rng import Streams

Make = Callable[..., WirelessCard]


@pytest.fixture(scope="module")
def reporter(card: Make, lte: BlockErrorModel) -> Callable[..., CqiReporter]:
    def made(*settings: str, links: int = 1) -> CqiReporter:
        return CqiReporter(card(*settings), lte, Streams(6, "cqi", 0), links)

    return made


def test_levels_follow_the_rule(reporter: Callable[..., CqiReporter], lte: BlockErrorModel) -> None:
    one = reporter()
    assert one.reference_mcs.tolist() == [0, 1, 3, 5, 8, 9, 11, 14, 16, 20, 22, 24, 25, 26, 27, 28]
    snr = np.random.default_rng(0).uniform(-15, 30, 3000)
    errors = lte.error_rate(snr)[:, one.reference_mcs]
    goodput = np.where(errors <= 0.1, (1 - errors) * lte.mcs.bits[one.reference_mcs], 0.0)
    by_rule = goodput.argmax(axis=1)
    found = one.quantise(snr)
    assert found.dtype == np.int8
    assert np.mean(found == by_rule) > 0.995  # the edges lie on a grid of 1/64 dB
    assert np.abs(found - by_rule).max() <= 1


def test_the_edges_of_the_axis(reporter: Callable[..., CqiReporter]) -> None:
    assert reporter().quantise([-np.inf, np.nan, np.inf, -40.0, 40.0]).tolist() == [0, 0, 15, 0, 15]


def test_an_outer_loop_reads_a_level_as_its_reference_rate_s_threshold(
    reporter: Callable[..., CqiReporter], lte: BlockErrorModel
) -> None:
    one = reporter()
    snr = one.snr_of(np.arange(16))
    assert (np.diff(snr) > 0).all()
    assert lte.error_of(snr, one.reference_mcs) == pytest.approx(np.full(16, 0.1), abs=1e-3)
    assert one.snr_of([3, 3]).shape == (2,)


def test_delay_and_period_hold_the_last_report(reporter: Callable[..., CqiReporter]) -> None:
    snr = np.linspace(-5, 20, 40)[:, None]
    level = reporter().quantise(snr)[:, 0]
    assert np.array_equal(reporter().report(snr)[:, 0], level)
    late = reporter("cqi.delay=5", "cqi.period=4").report(snr)[:, 0]
    expected = [level[(t - 5) // 4 * 4] if t >= 5 else 0 for t in range(40)]
    assert late.tolist() == expected


@pytest.mark.parametrize(
    "settings", [(), ("cqi.delay=7", "cqi.period=3"), ("cqi.delay=9", "cqi.error=2dB", "cqi.loss=0.4")]
)
def test_blocks_of_time_do_not_matter(settings: tuple[str, ...], reporter: Callable[..., CqiReporter]) -> None:
    snr = np.random.default_rng(1).normal(10, 6, (500, 3))
    whole = reporter(*settings, links=3).report(snr)
    parts = reporter(*settings, links=3)
    cuts = [0, 1, 2, 2, 10, 300, 301, 500]
    assert np.array_equal(np.concatenate([parts.report(snr[a:b]) for a, b in pairwise(cuts)]), whole)


def test_a_delay_beyond_the_run_leaves_level_zero(reporter: Callable[..., CqiReporter]) -> None:
    assert not reporter("cqi.delay=100").report(np.full((50, 1), 30.0)).any()


def test_losing_everything_leaves_level_zero(reporter: Callable[..., CqiReporter]) -> None:
    assert not reporter("cqi.loss=1").report(np.full((50, 1), 30.0)).any()


def test_a_lost_report_leaves_the_one_before(reporter: Callable[..., CqiReporter]) -> None:
    snr = np.linspace(-8, 22, 2000)[:, None]
    level, known = reporter().report(snr)[:, 0], reporter("cqi.loss=0.5").report(snr)[:, 0]
    assert (np.diff(known.astype(int)) >= 0).all()
    assert (known <= level).all()
    assert (known < level).any()
    assert known[-1] == level[-1]


def test_bias_and_error_shift_and_spread(reporter: Callable[..., CqiReporter]) -> None:
    snr = np.full((4000, 1), 10.0)
    assert reporter("cqi.bias=3dB").report(snr)[0, 0] == reporter().quantise(13.0)
    noisy = reporter("cqi.error=2dB").report(snr)[:, 0]
    above = np.mean(noisy >= reporter().quantise(10.44))
    assert above == pytest.approx(0.41, abs=0.03)  # P(N(10, 2) > 10.44)


def test_levels_spread_over_a_table_that_names_none() -> None:
    assert reference_rates(mcs_table("nr-1"), 4).tolist() == [0, 9, 19, 28]
    assert reference_rates(mcs_table("lte-6prb"), 2).tolist() == [0, 28]


def test_levels_of_an_nr_card_rise(card: Make) -> None:
    made = card(name="nr-n78")
    one = CqiReporter(made, BlockErrorModel.of(made), Streams(1, "n", 0), 1)
    levels = one.quantise(np.linspace(-15, 30, 400))
    assert (np.diff(levels.astype(int)) >= 0).all()
    assert levels[-1] == 15


def test_wrong_shapes_are_refused(reporter: Callable[..., CqiReporter]) -> None:
    with pytest.raises(ValueError, match=r"shape \(slots, 2\) are needed, not \(5, 3\)"):
        reporter(links=2).report(np.zeros((5, 3)))
