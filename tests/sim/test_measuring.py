"""`hardware measure`: whatever a measurement finds becomes a card file; whatever is wrong is one sentence."""

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from command import Windtunnel

from sim.card import CardFile, Figure, read_card, write_card
from sim.cli import measuring
from sim.errors import UserError

CARD = CardFile("clock", "here", 'A "clock"', {
    "rate": Figure("3GHz", "counted", "measured", 0.0125),
    "seconds.conv1/relu#2": Figure("2 ms", "timed", "measured", 0.5),
    "price": Figure(0, "unknown", "estimate"),
})  # fmt: skip


def test_a_card_survives_its_file(tmp_path: Path) -> None:
    write_card(CARD, tmp_path / "here.toml")
    assert read_card(tmp_path / "here.toml") == CARD


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written: No such file or directory"):
        write_card(CARD, tmp_path / "none" / "here.toml")


def test_measuring_writes_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Mapping[str, Any]] = []

    def clock(settings: Mapping[str, Any], progress: Callable[[float, str], None]) -> CardFile:
        progress(0.5, "counting")
        asked.append(settings)
        return CARD

    monkeypatch.setattr(measuring, "find_measurement", lambda kind: clock)
    monkeypatch.chdir(tmp_path)
    assert measuring.measure(Namespace(cards=["clock"], set=["repeats=3"], out=None)) == 0
    assert asked == [{"repeats": "3"}]
    assert read_card(tmp_path / "clock.toml").figures == CARD.figures
    assert capsys.readouterr().out == 'clock.toml: A "clock"; 2 of 3 figures measured\n'


def test_a_spread_is_shown_with_its_figure(tmp_path: Path, windtunnel: Windtunnel) -> None:
    write_card(CARD, tmp_path / "here.toml")
    shown = windtunnel("hardware", "show", str(tmp_path / "here.toml"))
    assert "rate: 3GHz (measured ±1.2 %: counted)" in shown.stdout
    assert "price: 0 (estimate: unknown)" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gpus"], "nothing measures 'gpus'; did you mean gpu?"),
        ([], "hardware measure takes 1 kind of card, 0 given"),
        (["gpu", "--set", "repeat=3"], "no setting is called 'repeat'; did you mean repeats?"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(arguments: list[str], says: str, windtunnel: Windtunnel) -> None:
    told = windtunnel("hardware", "measure", *arguments)
    assert told.returncode == 2
    assert told.stderr.splitlines() == [f"windtunnel: {says}"]
