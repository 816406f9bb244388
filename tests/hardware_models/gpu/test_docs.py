"""The page's example runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/hardware/gpu.md"


@pytest.mark.usefixtures("installed_cards")
def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(example, {})
    live, reserved, seconds, out = capsys.readouterr().out.split()
    assert int(live) == (500 << 20) + (2 << 30)
    assert int(reserved) == (500 + 256 + 2048) << 20
    assert 0.17 < float(seconds) < 0.18
    assert out == "None"
