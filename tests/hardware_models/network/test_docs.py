"""The page's example runs as it stands."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/hardware/network.md"


def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(example, {})
    # Stack 3.9, switch 0.4, propagation 4 x 0.025, 4 x 20 ns on the wire, core 1 / 0.92, each way but the last once.
    expected = 2 * (3.9 + 0.4 + 2 * 0.025 + 2 * 0.02) + 1 / 0.92
    assert capsys.readouterr().out == f"pong after {expected:.2f} us\n"
