"""Every link card loads and is sourced; rates run from 0.1 to 400 Gbit/s; a wire pays a latency and its bytes."""

from importlib import resources
from pathlib import Path

import pytest
from pydantic import ValidationError

from hardware_models.network.link_card import LinkCard, Wire
from sim.conformance import check_card
from sim.errors import UserError

FILES = sorted(Path(str(resources.files("hardware_models.network.link_cards"))).glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_card_is_complete_and_sourced(path: Path) -> None:
    check_card(LinkCard, path)


def test_links_of_a_rack_a_board_and_a_continent_are_there() -> None:
    names = {path.stem for path in FILES}
    ethernet = [LinkCard.model_validate(f"ethernet-{name}").rate for name in ("100m", "1g", "10g", "100g", "400g")]
    assert ethernet == [1e8, 1e9, 1e10, 1e11, 4e11]
    assert names >= {"pcie-3-x16", "pcie-4-x16", "nvlink-2", "nvlink-4", "wan-metro", "wan-ocean"}


def test_a_wire_pays_its_latency_and_its_payload() -> None:
    card = LinkCard.model_validate({"card": "ethernet-1g", "latency": "1ms", "goodput": 0.8})
    assert card.wire() == Wire(1e8, 1e-3)
    assert card.wire().seconds(10**6) == pytest.approx(0.011, rel=1e-15)
    assert Wire(float("inf"), 2.0).seconds(10**9) == 2.0


@pytest.mark.parametrize("figures", [{"rate": 0}, {"latency": -1e-6}, {"goodput": 1.2}, {"buffer": 0}])
def test_impossible_figures_are_refused(figures: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LinkCard.model_validate({"card": "ethernet-1g", **figures})


@pytest.mark.parametrize("figures", [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1.0, -1.0), (1.0, float("nan"))])
def test_an_impossible_wire_is_refused(figures: tuple[float, float]) -> None:
    with pytest.raises(UserError):
        Wire(*figures)
