"""The page's example runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/hardware/wireless.md"


def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(example, {})
    found = re.match(r"(\d+) of (\d+) bits per slot, block error (0\.\d+)", capsys.readouterr().out)
    assert found
    goodput, genie, error = map(float, found.groups())
    assert 0.55 < goodput / genie < 0.75
    assert 0.2 < error < 0.4
