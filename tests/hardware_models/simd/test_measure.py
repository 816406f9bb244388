from pathlib import Path

import pytest
from compilers import needs_clang

from hardware_models.simd.card import SimdCard
from hardware_models.simd.measure import measure
from sim.card import write_card
from sim.errors import UserError


@needs_clang
def test_this_machine_has_a_card(tmp_path: Path) -> None:
    card = measure({"rounds": 3}, lambda *_: None)
    write_card(card, tmp_path / "here.toml")
    loaded = SimdCard.model_validate(str(tmp_path / "here.toml"))
    assert 0.5 < loaded.rate["fp_add"] < 8
    assert 1 <= loaded.latency["fp_fma"] <= 8
    assert any(figure.spread is not None for figure in card.figures.values())


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(UserError, match="round"):
        measure({"round": 3}, lambda *_: None)
