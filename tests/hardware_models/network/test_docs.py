"""The page's examples run as they stand."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs/hardware/network.md"


def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    example, _ = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(example, {})
    # Stack 3.9, switch 0.4, propagation 4 x 0.025, 4 x 20 ns on the wire, core 1 / 0.92, each way but the last once.
    expected = 2 * (3.9 + 0.4 + 2 * 0.025 + 2 * 0.02) + 1 / 0.92
    assert capsys.readouterr().out == f"pong after {expected:.2f} us\n"


def test_the_example_with_flows_runs(capsys: pytest.CaptureFixture[str]) -> None:
    _, example = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(example, {})
    four, many, ring, halving = capsys.readouterr().out.splitlines()
    # 26 MB at 1.176 GB/s is 22.1 ms: twice 3/4 of it around the ring, 8 times it through a server of four workers
    assert four == "4 workers: ring 33 ms, server 177 ms, server with sketches 15 ms"
    assert many.startswith("64 workers: ring 45 ms")
    assert ring == "ring over racks: 46 ms, by recurrence"  # as without racks, and a latency more between them
    # a half, then a quarter go through an uplink that sixteen share; the rest stays within: 2 (16 x 3/4 + 15/64)
    assert halving == "halving_doubling over racks: 541 ms, by max-min"
