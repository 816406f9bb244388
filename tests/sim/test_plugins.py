"""A package outside the repository: found, swept, held to the conformance suite; a broken one harms nobody."""

from pathlib import Path

import pytest
from command import PLUGIN, Windtunnel
from outside.tape import TapeCard

from sim.conformance import check_card, check_scenario
from sim.errors import UserError
from sim.registry import find_scenario


def test_the_plugin_is_small() -> None:
    lines = sum(len((PLUGIN / "outside" / name).read_text().splitlines()) for name in ("tape.py", "cards/lto9.toml"))
    assert lines <= 66


def test_it_passes_the_conformance_suite() -> None:
    check_scenario("tape", {"blocks": 5})
    check_scenario("outside.tape:Tape", {"blocks": 5})
    check_card(TapeCard, PLUGIN / "outside/cards/lto9.toml")


def test_it_runs_in_a_sweep(windtunnel: Windtunnel) -> None:
    done = windtunnel("sweep", "tape", "--axis", "hardware.rate=200MB/s,400MB/s", "blocks=1,2", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "4 ok; 4 made now" in done.stdout
    assert "0 made now" in windtunnel("sweep", "tape", "--axis", "hardware.rate=200MB/s,400MB/s", "blocks=1,2").stdout


def test_one_that_raises_at_import_costs_one_line(windtunnel: Windtunnel, tmp_path: Path) -> None:
    (tmp_path / "ruin.py").write_text("raise RuntimeError('no licence')\n")
    info = tmp_path / "ruin-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ruin\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(
        "[windtunnel.scenarios]\nruin = ruin:Ruin\n[windtunnel.cards]\nruin = ruin.nowhere\n"
    )
    path = f"{tmp_path}:{PLUGIN}"
    listed = windtunnel("list", PYTHONPATH=path)
    assert listed.returncode == 0
    assert listed.stdout.count("broken:") == 1
    assert "no licence" in listed.stdout
    assert windtunnel("sweep", "tape", "--axis", "blocks=1,2", PYTHONPATH=path).returncode == 0
    asked = windtunnel("run", "ruin", PYTHONPATH=path)
    assert asked.returncode == 2
    assert "no licence" in asked.stderr
    assert "Traceback" not in asked.stderr


class Wrong:
    name, version, question = "wrong", 1, "Right?"


def test_an_object_that_is_no_scenario_is_told_what_it_lacks() -> None:
    with pytest.raises(UserError, match="lacks config, metrics, run"):
        find_scenario("test_plugins:Wrong") if __name__ == "test_plugins" else find_scenario(f"{__name__}:Wrong")
    with pytest.raises(UserError, match="has no 'Tap'; did you mean Tape"):
        find_scenario("outside.tape:Tap")
    with pytest.raises(UserError, match="does not import: ModuleNotFoundError"):
        find_scenario("nowhere.at_all:Thing")
