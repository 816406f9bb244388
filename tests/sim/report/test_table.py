"""The table that a study asks for."""

import re
from pathlib import Path

from command import Windtunnel

STUDY = """
title = "How large are they?"
scenario = "outside.storm:Storm"
[axes]
x = [1, 2]
noise = [false, true]
[table]
rows = "x"
columns = "noise"
value = "y"
"""


def test_numbers_without_a_unit_have_five_figures(tmp_path: Path, windtunnel: Windtunnel) -> None:
    (tmp_path / "large.toml").write_text(STUDY)
    assert windtunnel("sweep", str(tmp_path / "large.toml"), "--workers", "0").returncode == 0
    page = tmp_path / "large.html"
    assert windtunnel("report", "large", "--out", str(page)).returncode == 0
    table = page.read_text().split("<table", 2)[1].split("</table>")[0]
    cells = re.findall(r">(\d+\.\d+)<", table)
    assert len(cells) == 4
    assert all(len(cell) <= 6 for cell in cells)
