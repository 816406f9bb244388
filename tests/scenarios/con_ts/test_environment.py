import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts.environment import SILENT, LinkEnvironment
from sim.errors import UserError


def test_gymnasiums_own_checker_is_content():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not of type 'Env'.*|.*spec.*|.*render.*")
        check_env(LinkEnvironment(slots=50), skip_render_check=True)


def test_acknowledgements_come_late():
    card = WirelessCard.model_validate({"card": "lte-6prb", "ack": {"delay": 2}, "mean_snr": 40.0})
    environment = LinkEnvironment(card, slots=6)
    environment.reset(seed=3)
    seen = [environment.step(np.int64(arm))[0] for arm in (5, 6, 7, 8)]
    assert [int(each["outcome"]) for each in seen] == [SILENT, SILENT, 1, 1]
    assert [int(each["arm"]) for each in seen[2:]] == [5, 6]


def test_the_reward_is_what_came_through():
    card = WirelessCard.model_validate({"card": "lte-6prb", "mean_snr": 60.0, "fading": {"law": "none"}})
    environment = LinkEnvironment(card, slots=5)
    environment.reset(seed=1)
    assert environment.step(np.int64(28))[1] == 1.0
    assert environment.step(np.int64(0))[1] == pytest.approx(152 / 4008)
    card = WirelessCard.model_validate({"card": "lte-6prb", "mean_snr": -60.0, "fading": {"law": "none"}})
    environment = LinkEnvironment(card, slots=5)
    environment.reset(seed=1)
    _, reward, _, _, info = environment.step(np.int64(0))
    assert (reward, info["failed"]) == (0.0, True)


@pytest.mark.parametrize(("settings", "said"), [({"target": 2.0}, "target"), ({"slots": 0}, "slots")])
def test_bad_input_is_one_sentence(settings, said):
    with pytest.raises(UserError, match=said):
        LinkEnvironment(**settings)
