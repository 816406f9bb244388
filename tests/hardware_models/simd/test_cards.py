from pathlib import Path

import pytest
from pydantic import ValidationError

import hardware_models.simd.cards as cards
from hardware_models.simd.card import SimdCard
from hardware_models.simd.operations import CLASSES, classify
from sim.card import read_card

FILES = sorted(Path(cards.__file__).parent.glob("*.toml"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_every_card_loads_and_every_figure_has_a_source(path: Path) -> None:
    card = SimdCard.model_validate(str(path))
    assert set(card.rate) == set(CLASSES)
    assert all(figure.source for figure in read_card(path).figures.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rate.fp_add": 0.0}, "rate above 0"),
        ({"latency.fp_add": -1.0}, "latency is below 0"),
        ({"memory.l1": 1 << 30}, "must not shrink"),
        ({"vector_bits": 100}, "multiple of 64"),
        ({"rate.fp_add_bogus": 1.0}, "not classes"),
    ],
)
def test_impossible_figures_are_refused(change: dict[str, float], said: str) -> None:
    values = SimdCard.model_validate("zen4").model_dump()
    for dotted, value in change.items():
        node, leaf = values, dotted
        if "." in dotted:
            group, leaf = dotted.split(".")
            node = values[group]
        node[leaf] = value
    with pytest.raises(ValidationError, match=said):
        SimdCard.model_validate(values, context={"border": False})


@pytest.mark.parametrize(
    ("mnemonic", "kind"),
    [
        ("vmulss", "fp_mul"), ("vpmaddwd", "int_mul16"), ("vpdpwssd", "int_dot"), ("cmovle", "cmov_two"),
        ("cmovne", "cmov"), ("vucomiss", "fp_cmp"), ("vgatherdps", "gather_lane"), ("kxnorw", "mask"),
        ("vpermt2d", "permute2"), ("vpmovdw", "narrow"), ("vpmovzxwd", "extend"), ("jne", "branch"),
        ("no_such_thing", "other"),
    ],
)  # fmt: skip
def test_classes_of_instructions(mnemonic: str, kind: str) -> None:
    assert classify(mnemonic) == kind
