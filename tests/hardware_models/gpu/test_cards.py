"""Every card loads, says where its figures come from, and can be bent for a what-if."""

from importlib import resources
from pathlib import Path

import pytest
from pydantic import ValidationError

from hardware_models.gpu.card import PRECISIONS, GpuCard
from sim import card as cards
from sim.errors import UserError

FOLDER = Path(str(resources.files("hardware_models.gpu.cards")))
FILES = sorted(FOLDER.glob("*.toml"))
#: Published cards; the measured one of a CPU is held to `test_measure`.
PUBLISHED = [path for path in FILES if path.stem != "cpu-core"]
GIB = 1 << 30


def load(name: str, **over: object) -> GpuCard:
    return GpuCard.model_validate({"card": str(FOLDER / f"{name}.toml"), **over})


def test_the_cards_that_are_promised_are_there() -> None:
    names = {"v100", "t4", "a100-40", "a100-80", "h100", "h200", "rtx4090", "titan-xp", "cpu-core"}
    assert {path.stem for path in FILES} == names


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_card_is_complete_sourced_and_plausible(path: Path) -> None:
    written, card = cards.read_card(path), GpuCard.model_validate(str(path))
    assert (written.kind, card.card) == ("gpu", path.stem)
    for name, figure in written.figures.items():
        assert len(figure.source) > 20, name
        if "from memory" in figure.source or "not measured" in figure.source:
            assert figure.confidence == "estimate", name
    assert 0.9 * card.memory < card.capacity + card.driver_reserved < card.memory
    assert 3e11 <= card.dram_bandwidth <= 5e12
    assert 8e12 <= card.peak.fp32 <= 1e14
    assert 10 <= card.idle_power < card.power_limit <= 700
    assert 0.1 < card.price * 3600 < 10


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_flop_energy_is_the_boards_power_at_its_peak(path: Path) -> None:
    card = GpuCard.model_validate(str(path))
    for precision in PRECISIONS:
        if getattr(card.peak, precision) is not None:
            drawn = card.idle_power + card.flop_energy(precision) * card.peak_rate(precision)
            assert drawn == pytest.approx(card.power_limit, rel=0.01)


def test_figures_of_the_v100_in_si() -> None:
    card = load("v100")
    assert (card.memory, card.dram_bandwidth, card.peak.fp32, card.launch_time) == (16 * GIB, 900e9, 15.7e12, 4e-6)
    assert card.capacity == 16 * GIB - 225 * 2**20 - 350_000_000


def test_a_what_if_changes_what_it_names_and_nothing_else() -> None:
    plain, bent = load("v100"), load("v100", memory="8GiB", peak={"fp32": "30TFLOP/s"})
    assert (bent.memory, bent.peak.fp32, bent.peak.tensor16) == (8 * GIB, 30e12, plain.peak.tensor16)
    same = {"memory", "peak"}
    assert bent.model_dump(exclude=same) == plain.model_dump(exclude=same)


def test_a_recorded_card_is_read_back() -> None:
    bent = load("t4", dram_bandwidth="640GB/s")
    assert GpuCard.model_validate(bent.model_dump()) == bent


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({"memory": "100MiB"}, "all taken by driver_reserved"),
        ({"memory": "16Gbit"}, "not of bytes"),
        ({"memroy": "8GiB"}, "memroy"),
        ({"dram_bandwidth": "0B/s"}, "greater than 0"),
        ({"efficiency": {"matmul": 1.5}}, "less than or equal to 1"),
        ({"idle_power": "400W"}, "exceeds power_limit"),
        ({"peak": {"fp32": float("nan")}}, "finite"),
    ],
)
def test_a_what_if_that_cannot_be_is_one_clear_sentence(over: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        load("v100", **over)


def test_a_precision_the_card_lacks_is_refused() -> None:
    with pytest.raises(UserError, match=r"no figure for precision 'tf32'; allowed: fp32, tensor16"):
        load("v100").peak_rate("tf32")


@pytest.mark.usefixtures("installed_cards")
def test_cards_are_found_by_name_through_entry_points() -> None:
    assert GpuCard.model_validate("h100") == load("h100")
    with pytest.raises(ValidationError, match="did you mean h100"):
        GpuCard.model_validate("h10")
