import pytest
from pydantic import ValidationError

from hardware_models.tofino.card import TofinoCard
from sim.card import find_card


@pytest.mark.parametrize("name", ["tofino1", "tofino2"])
def test_every_figure_has_a_source(name):
    card = find_card("tofino", name)
    assert all(figure.source and figure.confidence for figure in card.figures.values())
    assert TofinoCard.model_validate(name).stages == {"tofino1": 12, "tofino2": 20}[name]


def test_a_what_if_overrides_figures():
    card = TofinoCard.model_validate({"card": "tofino2", "stages": 6, "alu": {"comparators": 2}, "clock": "1GHz"})
    assert (card.stages, card.alu.comparators, card.alu.stateful, card.clock) == (6, 2, 4, 1e9)


@pytest.mark.parametrize(
    ("figures", "says"),
    [
        ({"stages": 0}, "stages"),
        ({"stages": 6, "latency": {"corner_stage": 6}}, "corner_stage of 6 is not one of 6 stages"),
        ({"pipes": 40}, "40 pipes of 16 ports"),
        ({"alu": {"comparator": 3}}, "comparator"),
    ],
)
def test_figures_that_cannot_be(figures, says):
    with pytest.raises(ValidationError, match=says):
        TofinoCard.model_validate({"card": "tofino1"} | figures)


def test_ports_belong_to_pipes(one):
    assert [one.pipe_of(port) for port in (0, 15, 16, 63, 511)] == [0, 0, 1, 3, 3]
