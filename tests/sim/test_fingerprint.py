"""The code's fingerprint: what changes it, what does not, and how far it reaches."""

import sys
from pathlib import Path

import pytest

from sim import fingerprint


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "printed"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "main.py").write_text(
        '"""Doc."""\nfrom printed import part\n\ndef f():\n    import json\n    return part\n'
    )
    (folder / "part.py").write_text("X = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "printed", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return folder


def prints() -> dict[str, str]:
    fingerprint.fingerprints.cache_clear()
    return fingerprint.fingerprints("printed.main")


def test_it_reaches_our_modules_and_no_others(package: Path) -> None:
    assert set(prints()) == {"printed", "printed.main", "printed.part"}


def test_comments_and_documentation_do_not_count(package: Path) -> None:
    before = prints()
    (package / "part.py").write_text('"""New words."""\n# a remark\n\nX   =  1\n')
    assert prints() == before


def test_code_counts_and_is_named(package: Path) -> None:
    before = prints()
    (package / "part.py").write_text("X = 2\n")
    after = prints()
    assert [name for name in after if after[name] != before[name]] == ["printed.part"]
    assert fingerprint.combined("printed.main")


def test_the_scenario_reaches_its_hardware_however_lazily() -> None:
    reached = fingerprint.fingerprints("scenarios.checkmate.scenario")
    assert "hardware_models.gpu.allocator" in reached
    assert "scenarios.checkmate.portfolio" in reached
    assert not [name for name in reached if name.startswith(("sim.cli", "sim.report", "sim.store"))]
