import numpy as np
import pytest

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts.outer_loop import Choices, OuterLoop
from scenarios.con_ts.policy import OfflineTable
from scenarios.con_ts.radio import Radio
from sim.errors import UserError
from sim.rng import Streams


def _radio(links=20, slots=5000, **figures):
    card = WirelessCard.model_validate({"card": "lte-6prb", "doppler": 0.01, "mean_snr": 15.0, **figures})
    return Radio(card, 0.1, Streams(9, "olla", 0), links, slots)


@pytest.mark.parametrize("ack_delay", [0, 7])
def test_the_conservation_identity_holds_exactly_under_feedback_delay(ack_delay):
    world = _radio(ack={"delay": ack_delay, "loss": 0.0}, cqi={"delay": 10})
    step = 0.1
    policy = OuterLoop(world.task, world.links, step, clip=1e9)
    episode = world.play(policy, lambda share: None)
    bler = 1.0 - episode.acks.mean(axis=0)
    told = world.task.target * (1.0 - policy.offsets / (world.slots * step))
    assert abs(bler - told).max() <= 1e-12


@pytest.mark.parametrize(
    "figures",
    [{}, {"cqi": {"delay": 10}}, {"cqi": {"bias": 2.0}}, {"mean_snr": 20.0}],
    ids=["15 dB", "stale", "biased", "20 dB"],
)
def test_the_target_is_met_where_the_lowest_rate_is_decodable(figures):
    world = _radio(links=50, **figures)
    episode = world.play(OuterLoop(world.task, world.links, 0.1), lambda share: None)
    assert abs(1.0 - episode.success.mean() - 0.1) <= 0.003


def test_both_rules_by_hand():
    table = OfflineTable(0.0, 1.0, np.array([[0.9, 1.0, 1.0], [0.05, 0.4, 1.0], [0.0, 0.08, 0.6]]), np.zeros(1))
    rates = np.array([1.0, 2.0, 4.0])
    assert Choices.of(table, rates, 0.1, "best_rate").arms.tolist() == [0, 1, 1]
    assert Choices.of(table, rates, 0.1, "highest").arms.tolist() == [0, 0, 1]


def test_offsets_are_clipped():
    world = _radio(links=3, slots=300, mean_snr=-30.0)
    policy = OuterLoop(world.task, world.links, 1.0, clip=5.0)
    world.play(policy, lambda share: None)
    assert (policy.offsets == -5.0).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"step": -1.0}, "olla_step"), ({"step": 0.1, "clip": 0.0}, "olla_clip")],
)
def test_bad_settings_are_one_sentence(settings, said):
    with pytest.raises(UserError, match=said):
        OuterLoop(_radio(1, 10).task, 1, **settings)


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_a_target_without_odds_is_refused(target):
    card = WirelessCard.model_validate("lte-6prb")
    world = Radio(card, target, Streams(0, "olla", 0), 1, 10)
    with pytest.raises(UserError, match="odds"):
        OuterLoop(world.task, 1, 0.1)
