"""Cards: what a card file must say, and how overrides meet it."""

from pathlib import Path

import pytest
from outside.tape import TapeCard, TapeConfig

from sim.card import card_class, find_card, read_card
from sim.config import assign, build, flatten, known_keys
from sim.errors import UserError
from sim.job import dump

GOOD = 'kind = "tape"\n[rate]\nvalue = "1MB/s"\nsource = "s"\nconfidence = "datasheet"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = 'tape'\nrate = '1MB/s'", "rate needs a table"),
        ("[rate]\nvalue = '1MB/s'", "does not say its kind"),
        ("kind = 'tape'\n[rate]\nvalue = '1MB/s'", "rate lacks its source and confidence"),
        (GOOD.replace("datasheet", "certain"), "allowed: measured, datasheet, derived, estimate"),
        ("kind = ", "is not TOML"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_card(write(tmp_path, text))


def test_a_card_file_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(UserError, match=r"hardware.wind is missing \(and 1 more\)"):
        build(TapeConfig, {"hardware": str(path)})
    whole = build(TapeConfig, {"hardware": {"card": str(path), "wind": "1s", "capacity": "1TB"}})
    assert whole.hardware.rate == 1e6
    assert whole.hardware.card == "mine"


def test_overrides_merge_whatever_their_order() -> None:
    for keys in (("hardware", "hardware.wind"), ("hardware.wind", "hardware")):
        tree: dict[str, object] = {}
        for key in keys:
            assign(tree, key, "lto9" if key == "hardware" else "1s")
        assert build(TapeConfig, tree).hardware.wind == 1.0
    assert build(TapeConfig, {"hardware": {"wind": "1s"}}).hardware.card == "lto9"


def test_a_record_replays_without_the_card_file() -> None:
    config = build(TapeConfig, {"hardware": {"wind": "1s"}})
    stored = dump(config)
    stored["hardware"]["card"] = "no longer there"
    assert build(TapeConfig, stored, border=False).hardware.rate == config.hardware.rate


def test_kinds_and_names() -> None:
    assert card_class(TapeConfig) is TapeCard
    assert find_card("tape", "lto9").title == "LTO-9 drive"
    assert "hardware.rate" in known_keys(TapeConfig)
    assert flatten(dump(build(TapeConfig, {})))["hardware.capacity"] == 18 * 10**12
