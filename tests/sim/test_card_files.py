"""Cards as files: what is missing or broken is one sentence, and a broken plug-in harms nobody else."""

from pathlib import Path

import pytest

from sim import card as cards
from sim.errors import UserError

GOOD = 'kind = "gpu"\ntitle = "A GPU"\n[memory]\nvalue = "1GiB"\nsource = "datasheet"\nconfidence = "datasheet"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_card_is_read_with_its_figures(tmp_path: Path) -> None:
    nested = GOOD + '[peak.fp32]\nvalue = 2\nsource = "s"\nconfidence = "estimate"\n'
    card = cards.read_card(write(tmp_path, nested))
    assert (card.kind, card.name, card.title) == ("gpu", "mine", "A GPU")
    assert card.values() == {"memory": "1GiB", "peak": {"fp32": 2}}
    assert card.figures["peak.fp32"].confidence == "estimate"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind = ", "is not TOML"),
        ('title = "no kind"', "does not say its kind"),
        (GOOD.replace('source = "datasheet"\n', ""), "memory lacks its source"),
        (GOOD.replace('confidence = "datasheet"', 'confidence = "sure"'), "memory.confidence is 'sure'; allowed: meas"),
        ('kind = "gpu"\nmemory = "1GiB"\n', "memory needs a table"),
    ],
)
def test_a_bad_card_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        cards.read_card(write(tmp_path, text))


def test_a_card_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        cards.read_card(tmp_path / "none.toml")
    with pytest.raises(UserError, match="cannot be read"):
        cards.read_card(tmp_path)


def test_a_card_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a gpu card, a switch card is needed"):
        cards.find_card("switch", str(write(tmp_path, GOOD)))


def test_a_plug_in_that_raises_at_import_leaves_the_others_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_cards.py").write_text("raise RuntimeError('at import')\n")
    package = tmp_path / "good_cards"
    package.mkdir()
    (package / "__init__.py").write_text("")
    write(package, GOOD)
    installed = tmp_path / "both-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: both\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[windtunnel.cards]\na = broken_cards\nb = good_cards\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cards.card_paths.cache_clear()
    try:
        assert cards.find_card("gpu", "mine").values() == {"memory": "1GiB"}
    finally:
        cards.card_paths.cache_clear()
