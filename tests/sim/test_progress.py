"""Progress: what it says, and that it is quiet when nobody needs it."""

import time

import pytest

from sim.progress import Meter, meter


def test_says_how_much_is_done_and_left() -> None:
    shown = Meter(10, "runs", done=4, started=time.monotonic() - 8)
    shown.watch("k", 0.5, "solving")
    sentence = shown.sentence()
    assert sentence.startswith("runs: 4 of 10, about 9.")
    assert sentence.endswith("s left (solving)")


def test_quiet_for_the_first_second_then_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    with meter(2, "runs") as shown:
        shown.step()
        assert capsys.readouterr().err == ""
        shown.started -= 2
        shown.step()
        assert "runs: 2 of 2" in capsys.readouterr().err


def test_draws_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with meter(2, "runs") as shown:
        shown.started -= 2
        shown.step()
        assert shown._bar is not None
