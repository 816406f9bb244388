"""The page's example runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/hardware/tofino.md"


def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(example, {})
    printed = capsys.readouterr().out
    assert "limiter on tofino1: 2 of 12 stages" in printed
    assert "50 dropped; 2 stages; 58 cycles" in printed
    assert "program limiter needs 2 dependent stages; tofino1 has 1" in printed
