"""A chart that draws a measured metric beside a simulated one, on one axis."""

from pathlib import Path

from command import Windtunnel

STUDY = """
title = "Do both stand there?"
scenario = "outside.storm:Storm"
[axes]
x = [1, 2, 3]
[[charts]]
title = "Both"
x = "x"
y = "y"
beside = "pid"
"""


def test_both_metrics_are_drawn_with_their_labels(tmp_path: Path, windtunnel: Windtunnel) -> None:
    (tmp_path / "both.toml").write_text(STUDY)
    assert windtunnel("sweep", str(tmp_path / "both.toml"), "--workers", "0").returncode == 0
    page = tmp_path / "both.html"
    done = windtunnel("report", "both", "--out", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.count('"label": "measured"') >= 3
    assert text.count('"label": "simulated"') >= 3
