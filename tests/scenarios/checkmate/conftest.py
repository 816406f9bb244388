"""Limits on work that keep tests short."""

import pytest

from scenarios.checkmate import intervals


@pytest.fixture(autouse=True)
def _little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "WORK", 0.1)
