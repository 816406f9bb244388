"""The commands that the documentation shows are run, as they stand there."""

import re
import shlex
from pathlib import Path

import pytest
from command import Windtunnel

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = [
    (page.relative_to(ROOT), command)
    for page in PAGES
    for block in re.findall(r"```console\n(.*?)```", page.read_text(), re.DOTALL)
    for command in re.findall(r"^\$ windtunnel (.*)$", block, re.MULTILINE)
]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=[command for _, command in COMMANDS])
def test_commands_run(windtunnel: Windtunnel, page: Path, command: str) -> None:
    done = windtunnel(*shlex.split(command))
    assert done.returncode == 0, done.stderr
