"""A link's SNR is its own whatever the batch and the blocks; slots, reports and feedback happen in order."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from hardware_models.wireless.cqi import CqiReporter
from hardware_models.wireless.link import Channel, Downlink, Sent
from hardware_models.wireless.path_loss import Shadowing, mean_snr_db
from sim.engine import Engine
from sim.rng import Streams

Make = Callable[..., WirelessCard]

VARIANTS = [
    (),
    ("fading.law=none",),
    ("fading.law=rice", "shadowing.sigma=6dB", "speed=100km/h", "doppler=speed"),
    ("fading.method=sum_of_sinusoids",),
    ("fading.method=ar1_fast",),
    ("delay.profile=tdl-a", "delay.effective_snr=eesm", "bandwidth=10MHz"),
    ("delay.profile=tdl-d", "fading.law=rice"),
]


@pytest.mark.parametrize("settings", VARIANTS, ids=" ".join)
def test_a_link_is_the_same_alone_and_in_a_crowd_in_one_read_and_in_many(settings: tuple[str, ...], card: Make) -> None:
    made, slots = card(*settings), 5000
    crowd = Channel(made, Streams(1, "batch", 0), 12, slots)
    whole = crowd.snr_db(0, slots)
    assert whole.shape == (slots, 12)
    assert whole.dtype == np.float64
    alone = Channel(made, Streams(1, "batch", 0), [7], slots)
    cut = [alone.snr_db(a, b) for a, b in ((0, 1), (1, 1), (1, 4095), (4095, 4200), (4200, slots))]
    assert np.array_equal(np.concatenate(cut)[:, 0], whole[:, 7])
    assert np.array_equal(crowd.snr_db(10, 20), whole[10:20])


def test_one_of_a_thousand_is_one_of_one(card: Make, lte: BlockErrorModel) -> None:
    made = card("cqi.delay=3", "cqi.period=2", "cqi.error=1dB", "cqi.loss=0.2")
    everyone, someone = Streams(4, "batch", 0), Streams(4, "batch", 0)
    many = Channel(made, everyone, 1000, 300).snr_db(0, 300)
    one = Channel(made, someone, [0], 300).snr_db(0, 300)
    assert np.array_equal(many[:, :1], one)
    reports = CqiReporter(made, lte, everyone, 1000).report(many)
    assert np.array_equal(CqiReporter(made, lte, someone, 1).report(one), reports[:, :1])
    assert np.array_equal(lte.error_rate(many)[:, :1], lte.error_rate(one))


def test_mean_snr_can_be_given_per_link_or_by_geometry(card: Make) -> None:
    steady = card("fading.law=none")
    assert (
        Channel(steady, Streams(1, "m", 0), 3, 2, mean_snr_db=[1.0, 2.0, 3.0]).snr_db(0, 2).tolist() == [[1, 2, 3]] * 2
    )
    placed = card("fading.law=none", "mean_snr=geometry")
    assert Channel(placed, Streams(1, "m", 0), 1, 1).snr_db(0, 1)[0, 0] == pytest.approx(mean_snr_db(placed))


def test_empty_and_impossible_runs(card: Make) -> None:
    assert Channel(card(), Streams(1, "e", 0), 3, 0).snr_db(0, 0).shape == (0, 3)
    assert Channel(card(), Streams(1, "e", 0), 0, 5).snr_db(0, 5).shape == (5, 0)
    for start, stop in ((-1, 2), (0, 6), (3, 2)):
        with pytest.raises(ValueError, match="do not lie in a run of 5 slots"):
            Channel(card(), Streams(1, "e", 0), 1, 5).snr_db(start, stop)
    with pytest.raises(ValueError, match="do not lie in a run of 5 slots"):
        Channel(card(), Streams(1, "e", 0), 1, 5).subband_snr_db(0, 6, 0)
    with pytest.raises(ValueError, match="0 slots or more"):
        Channel(card(), Streams(1, "e", 0), 1, -1)


def test_shadowing_has_its_spread_and_forgets_with_distance(card: Make) -> None:
    made = card("shadowing.sigma=8dB", "shadowing.decorrelation=10m", "doppler=speed", "speed=20m/s")
    shadowing, slots = Shadowing.of(made, 1000), 1000  # 20 m in all
    generator = np.random.default_rng(0)
    levels = np.stack([shadowing.at(shadowing.draw(generator), 0, slots) for _ in range(4000)])
    assert levels.std(axis=0) == pytest.approx(np.full(slots, 8.0), rel=0.05)
    found = np.mean(levels[:, 0] * levels[:, 500]) / 64
    assert found == pytest.approx(np.exp(-1), abs=0.05)


def test_shadowing_of_a_terminal_that_stands_is_one_number(card: Make) -> None:
    made = card("fading.law=none", "doppler=0", "shadowing.sigma=8dB")
    snr = Channel(made, Streams(1, "s", 0), 5, 100).snr_db(0, 100)
    assert np.ptp(snr, axis=0).max() == 0.0
    assert np.ptp(snr[0]) > 1.0


def test_many_subbands_average_fades_out(card: Make) -> None:
    flat = Channel(card(), Streams(1, "t", 0), 50, 500).snr_db(0, 500)
    wide = Channel(card("delay.profile=tdl-c", "bandwidth=20MHz", "delay.subbands=17"), Streams(1, "t", 0), 50, 500)
    assert wide.snr_db(0, 500).std() < 0.6 * flat.std()
    bands = wide.subband_snr_db(100, 200, 3)
    assert bands.shape == (100, 17)
    assert np.all(wide.snr_db(100, 200)[:, 3] >= bands.min(axis=1) - 1e-6)
    assert np.all(wide.snr_db(100, 200)[:, 3] <= bands.max(axis=1) + 1e-6)


class Fixed:
    """Sends one rate and writes down what it is told."""

    def __init__(self, rate: int, links: int) -> None:
        self.rate, self.links = rate, links
        self.log: list[tuple[str, int]] = []
        self.heard: list[NDArray[np.bool_]] = []

    def act(self, slot: int, cqi: NDArray[np.int8]) -> NDArray[np.integer[Any]]:
        self.log.append(("act", slot))
        return np.full(self.links, self.rate)

    def hear(self, slot: int, rates: NDArray[np.int16], acks: NDArray[np.bool_], heard: NDArray[np.bool_]) -> None:
        assert (rates == self.rate).all()
        self.log.append(("hear", slot))
        self.heard.append(heard)


@pytest.mark.parametrize("delay", [0, 3])
def test_feedback_comes_before_the_slot_that_may_use_it(delay: int, card: Make) -> None:
    fixed = Fixed(5, 2)
    Downlink(Engine(), card(f"ack.delay={delay}"), Streams(1, "d", 0), 2, 10).run(fixed)
    for slot in range(10 - 1 - delay):
        assert fixed.log.index(("hear", slot)) == fixed.log.index(("act", slot + 1 + delay)) - 1
    assert [what for what, _ in fixed.log].count("hear") == 10


def test_decoding_follows_the_block_error(card: Make) -> None:
    sent = Downlink(Engine(), card("ack.loss=0.3"), Streams(1, "d", 0), 40, 3000)
    fixed = Fixed(12, 40)
    found = sent.run(fixed)
    assert found.acks.mean() == pytest.approx(1 - found.errors.mean(), abs=0.005)
    assert np.mean(fixed.heard) == pytest.approx(0.7, abs=0.01)
    assert 0.05 < found.errors.mean() < 0.2


def test_a_downlink_is_the_same_for_a_link_alone(card: Make) -> None:
    def sent(links: int) -> Sent:
        return Downlink(Engine(), card(), Streams(9, "d", 0), links, 1500).run(Fixed(15, links))

    one, many = sent(1), sent(20)
    assert np.array_equal(one.acks, many.acks[:, :1])
    assert np.array_equal(one.errors, many.errors[:, :1])


def test_a_run_of_no_slots_ends_at_once(card: Make) -> None:
    assert Downlink(Engine(), card(), Streams(1, "d", 0), 4, 0).run(Fixed(0, 4)).acks.shape == (0, 4)
