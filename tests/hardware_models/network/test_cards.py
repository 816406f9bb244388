"""Every card loads and is sourced, and what makes no sense is refused in one sentence."""

from importlib import resources
from pathlib import Path

import pytest
from pydantic import ValidationError

from hardware_models.network.card import NetworkCard
from sim.conformance import check_card

FILES = sorted(Path(str(resources.files("hardware_models.network.cards"))).glob("*.toml"))


def test_the_cards_that_are_promised_are_there() -> None:
    assert {path.stem for path in FILES} == {"mininet", "rack-10g", "rack-40g", "rack-100g"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_card_is_complete_and_sourced(path: Path) -> None:
    check_card(NetworkCard, path)


@pytest.mark.parametrize(
    "overrides",
    [
        {"link": {"rate": 0.0}},
        {"link": {"propagation": -1e-6}},
        {"link": {"buffer": 0}},
        {"link": {"impairments": {"loss": 1.0}}},
        {"link": {"impairments": {"jitter": -1.0}}},
        {"server": {"cores": 0}},
        {"server": {"read_rate": 0.0}},
        {"host": {"latency": -1.0}},
    ],
)
def test_impossible_figures_are_refused(overrides: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        NetworkCard.model_validate({"card": "rack-40g", **overrides})
