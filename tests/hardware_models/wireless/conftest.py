from collections.abc import Callable
from typing import Any

import pytest

from hardware_models.wireless.block_error import BlockErrorModel
from hardware_models.wireless.card import WirelessCard
from sim.config import assign, build
from sim.rng import Streams


@pytest.fixture(scope="session")
def card() -> Callable[..., WirelessCard]:
    """`card("cqi.delay=4", name="nr-n78")`: a card with some figures overridden, as on a command line."""

    def made(*settings: str, name: str = "lte-6prb") -> WirelessCard:
        tree: dict[str, Any] = {"card": name}
        for setting in settings:
            key, _, value = setting.partition("=")
            assign(tree, key, value)
        built: WirelessCard = build(WirelessCard, tree)
        return built

    return made


@pytest.fixture(scope="session")
def lte(card: Callable[..., WirelessCard]) -> BlockErrorModel:
    return BlockErrorModel.of(card())


@pytest.fixture
def streams() -> Streams:
    return Streams(seed=5, scenario="wireless", replicate=0)
