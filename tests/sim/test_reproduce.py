import sys
from pathlib import Path

import pytest
from command import Windtunnel

from sim.errors import UserError
from sim.paper import Claim, paper_of
from sim.record import Record
from sim.registry import find_scenario, scenario_names
from sim.reproduce import asked, judged, unexplained
from sim.runner import execute

SCENARIO = "papered.scenario:Scenario"
MODULE = """
from sim.scenario import Config, Metric, Outcome
class Settings(Config):
    size: int = 1
    slow: bool = False
class Scenario:
    name, version, question = "papered", 1, "How large?"
    config = Settings
    metrics = (Metric("area", "1", "higher", "size squared", label="counted"),
               Metric("excess", "ratio", "lower", "what is on top", label="modelled"))
    def run(self, config, context):
        area = None if config.size == 0 else float(config.size**2)
        return Outcome({"area": area, "excess": 0.5 if config.slow else 0.25}, notes={"area": "nothing is there"})
"""
PAPER = """
title = "On Squares"
source = "arXiv:0000.00000"
[set]
size = 3
[[claims]]
name = "area"
value = 9
where = "table 1"
metric = "area"
[[claims]]
name = "more"
value = 20
where = "table 1"
metric = "area"
set = { size = 4 }
expect = "at_least"
differs = "squares do not grow so fast"
[[claims]]
name = "slower"
value = 1.2
where = "text"
metric = "excess"
on_top = true
set = { slow = true }
versus = { slow = false }
[[claims]]
name = "mean over sizes"
value = 4.0
where = "figure 2"
metric = "area"
axes = { size = [0, 1, 2, 4] }
[[claims]]
name = "time on their machine"
value = 9.4
where = "appendix"
unchecked = "we do not have it"
"""


@pytest.fixture
def papered(tmp_path, monkeypatch):
    package = tmp_path / "papered"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "scenario.py").write_text(MODULE)
    (package / "paper.toml").write_text(PAPER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield package
    for name in [name for name in sys.modules if name.startswith("papered")]:
        del sys.modules[name]


def _results():
    scenario = find_scenario(SCENARIO)
    questions = asked(scenario, SCENARIO, paper_of(scenario))
    jobs = {job.key: job for question in questions for job in question.jobs()}
    made = [execute(job, lambda name, key, build: build(), lambda *_: None) for job in jobs.values()]
    records = {finished.key: Record.decode(finished.body) for finished in made}
    return {result.claim.name: result for result in (judged(question, records) for question in questions)}


def test_each_number_gets_its_verdict(papered):
    found = _results()
    assert {name: result.verdict for name, result in found.items()} == {
        "area": "holds",
        "more": "differs",
        "slower": "holds",
        "mean over sizes": "holds",
        "time on their machine": "cannot be checked here",
    }
    assert found["slower"].ours == pytest.approx(1.5 / 1.25)
    assert found["mean over sizes"].ours == pytest.approx(4.0)
    assert found["mean over sizes"].points == (3, 4)
    assert (found["area"].label, found["slower"].label) == ("counted", "modelled")
    assert found["more"].reason == "squares do not grow so fast"
    assert len(found["slower"].keys) == 2
    assert unexplained(list(found.values())) == []


def test_the_command_prints_and_writes_a_page(papered):
    told = Windtunnel(papered.parent)("reproduce", SCENARIO, "--workers", "0")
    assert told.returncode == 0, told.stderr
    assert "3 hold, 1 differ, 1 cannot be checked here" in told.stdout
    page = Path("windtunnel-results/papered-paper.html").read_text()
    for text in ("On Squares", "squares do not grow so fast", "we do not have it", "windtunnel replay"):
        assert text in page


def test_what_differs_without_a_reason_fails(papered):
    (papered / "paper.toml").write_text(PAPER.replace('differs = "squares do not grow so fast"', ""))
    told = Windtunnel(papered.parent)("reproduce", SCENARIO, "--workers", "0")
    assert told.returncode == 1
    assert "no reason is given for what differs: more" in told.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('metric = "area"', 'metrc = "area"'), "metrc"),
        (('unchecked = "we do not have it"', ""), "needs a metric, or `unchecked`"),
        (('where = "table 1"', 'where = "table 1"\ntolerance = 0.1'), "tolerance without `why`"),
        (("size = 3", "sise = 3"), "sise"),
        (("[set]", "[set"), "not TOML"),
    ],
)
def test_a_bad_paper_is_one_sentence(papered, change, said):
    (papered / "paper.toml").write_text(PAPER.replace(*change, 1))
    scenario = find_scenario(SCENARIO)
    with pytest.raises(UserError, match=said) as refused:
        asked(scenario, SCENARIO, paper_of(scenario))
    assert "\n" not in str(refused.value)


def test_no_paper_is_one_sentence(papered):
    (papered / "paper.toml").unlink()
    with pytest.raises(UserError, match=r"has no paper\.toml"):
        paper_of(find_scenario(SCENARIO))


@pytest.mark.parametrize(
    ("expect", "ours", "holds"),
    [
        ("equal", 1.04, True), ("equal", 1.06, False), ("at_least", 0.96, True), ("at_least", 0.94, False),
        ("at_least", 9.0, True), ("at_most", 1.04, True), ("at_most", 1.06, False), ("at_most", -9.0, True),
    ],
)  # fmt: skip
def test_what_holds(expect, ours, holds):
    claim = Claim(name="c", value=1.0, where="w", metric="m", expect=expect, tolerance=0.05, why="y")
    assert claim.holds(ours) is holds


def test_shipped_papers_name_settings_and_metrics_that_exist():
    found = 0
    for name in scenario_names():
        scenario = find_scenario(name)
        try:
            paper = paper_of(scenario)
        except UserError:
            continue
        found += 1
        known = {metric.name for metric in scenario.metrics}
        for question in asked(scenario, name, paper):
            assert question.claim.unchecked or question.claim.metric in known
            assert question.claim.unchecked or question.pairs
    assert found >= 1
