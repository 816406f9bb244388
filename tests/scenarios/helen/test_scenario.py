"""Helen as a scenario: the testbed's promises, a cheat from settings, refusals, shipped studies."""

import pytest

from scenarios.helen.config import HelenConfig
from scenarios.helen.scenario import Helen
from scenarios.helen.schedule import schedule
from sim.config import build
from sim.conformance import check_scenario, check_study
from sim.errors import UserError
from sim.registry import study_paths
from sim.scenario import Context, Outcome

SMALL = {"parties": 2, "features": 2, "rows": 30, "iterations": 2, "key_bits": 512}


def test_the_scenario_keeps_the_testbeds_promises() -> None:
    check_scenario("scenarios.helen.scenario:Helen", SMALL)


@pytest.mark.parametrize("study", ["helen/parties", "helen/cheats"])
def test_shipped_studies_name_what_exists(study: str) -> None:
    assert study in study_paths()
    check_study(study)


def _ran(**settings: object) -> Outcome:
    return Helen().run(build(HelenConfig, SMALL | settings, border=False), Context.alone(seed=5))


def test_an_honest_run_releases_what_plain_admm_finds() -> None:
    outcome = _ran()
    assert outcome.answer == "released"
    assert outcome.metrics["weight_error"] is not None
    assert outcome.metrics["weight_error"] < 1e-8
    assert outcome.metrics["rounds"] == len(schedule(build(HelenConfig, SMALL, border=False).terms))
    assert all(check.verdict == "holds" for check in outcome.checks)


def test_rows_change_nothing_that_is_counted() -> None:
    few, many = _ran(rows=30).metrics, _ran(rows=3000).metrics
    for name in ("rounds", "bytes", "powers", "exponent_bits", "products"):
        assert few[name] == many[name]
    assert few["optimality_gap"] != many["optimality_gap"]


def test_a_cheat_from_settings_is_caught() -> None:
    outcome = _ran(cheat="wrong-product", cheater=1, cheat_iteration=1)
    assert outcome.answer == "product"
    assert outcome.metrics["culprit"] == 1.0
    assert outcome.metrics["weight_error"] is None
    assert all(check.verdict == "holds" for check in outcome.checks)


def test_a_cheat_that_nobody_can_pin_down_has_no_culprit() -> None:
    outcome = _ran(cheat="truncate-opening", cheater=1)
    assert outcome.metrics["culprit"] is None
    assert "does not show who" in outcome.notes["culprit"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cheat": "wrong-produkt"}, "did you mean wrong-product"),
        ({"cheat": "wrong-product", "cheater": 2}, "parties 0 to 1"),
        ({"cheat": "older-product"}, "iterations 1 to 1"),
        ({"key_bits": 300}, "key_bits = 300 is too small"),
        ({"parties": 1}, "parties = 1"),
        ({"rows": 1}, "party 0 has 1 rows"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        _ran(**settings)
