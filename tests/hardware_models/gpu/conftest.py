from collections.abc import Iterator
from pathlib import Path

import pytest

from sim import card as cards


@pytest.fixture
def installed_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The GPU cards behind an entry point, as an installed distribution would bring them."""
    installed = tmp_path / "plug_in-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: plug-in\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text("[windtunnel.cards]\ngpu = hardware_models.gpu.cards\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    cards.card_paths.cache_clear()
    yield
    cards.card_paths.cache_clear()
