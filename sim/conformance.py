"""The conformance suite of scenarios, cards, studies and decision problems: here and of every plug-in.

    from sim.conformance import check_scenario, check_card
    def test_my_scenario():
        check_scenario("mypackage.scenario:Mine", {"size": 3})

Each function raises `AssertionError` with one sentence when the promise does not hold.
"""

from collections.abc import Mapping
from math import isclose
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sim.card import Card, read_card
from sim.config import build, known_keys
from sim.errors import UserError
from sim.executors.inline import Inline
from sim.executors.workers import Workers
from sim.job import Job, dump, resolve
from sim.judge.play import Counters, plan_value, play, scoring_workload
from sim.judge.problem import SPLITS, ByPlan, find_problem
from sim.record import Record
from sim.registry import find_scenario
from sim.rng import Streams
from sim.runner import Finished
from sim.study import load_study
from sim.units import UNITS


def check_scenario(reference: str, settings: Mapping[str, Any]) -> None:
    """Determinism, declared metrics and units, refusal of bad input, stable keys. `settings` make a quick run."""
    scenario = find_scenario(reference)
    assert scenario.question.endswith("?"), f"{reference}.question is not a question: {scenario.question!r}"
    names = [metric.name for metric in scenario.metrics]
    assert len(names) == len(set(names)), f"{reference} declares a metric twice: {names}"
    for metric in scenario.metrics:
        assert metric.about, f"metric {metric.name} does not say what it is"
        assert metric.unit in UNITS or len(metric.unit) <= 12, f"metric {metric.name} has the odd unit {metric.unit!r}"
    assert scenario.config.model_config.get("frozen"), f"{reference}.config is not frozen"
    _refuses_unknown_keys(reference, settings)
    job = resolve(scenario, reference, settings)
    assert job.key == resolve(scenario, reference, dict(reversed(list(settings.items())))).key, (
        "the key depends on order"
    )
    again = dump(build(scenario.config, job.config, border=False))
    assert again == job.config, f"{reference}.config does not survive a round trip through its record"
    with TemporaryDirectory() as folder:
        made = [next(iter(_made(job, Path(folder), workers))) for workers in (0, 1, 0)]
    records = [Record.decode(finished.body) for finished in made]
    for record in records:
        assert record.status == "ok", f"{reference} with {dict(settings)} ended {record.status}: {record.error}"
        failed = [check["name"] for check in record.checks if check["verdict"] == "fails"]
        assert not failed, f"{reference} breaks its own checks: {', '.join(failed)}"
        silent = [name for name in names if record.value(name) is None and name not in record.notes]
        assert not silent, f"{reference} leaves out {', '.join(silent)} without a note that says why"
    digests = {finished.digest for finished in made}
    assert len(digests) == 1, f"{reference} gives different results for the same config and seed"


def _made(job: Job, folder: Path, workers: int) -> list[Finished]:
    executor = Workers(workers, folder / "cache") if workers else Inline(folder / "cache")
    return list(executor.execute([job], lambda *_: None))


def _refuses_unknown_keys(reference: str, settings: Mapping[str, Any]) -> None:
    scenario = find_scenario(reference)
    key = "no_such_setting"
    assert key not in known_keys(scenario.config)
    refusal = ""
    try:
        resolve(scenario, reference, dict(settings) | {key: 1})
    except UserError as error:
        refusal = str(error)
    assert key in refusal, f"{reference}.config does not refuse the unknown setting {key} by name ({refusal!r})"


def check_card(card: type[Card], path: Path) -> None:
    """The file reads, every figure has unit, source and confidence, and it validates as a `card`."""
    read = read_card(path)
    assert read.kind == card.kind, f"{path.name} says it is a {read.kind} card, not a {card.kind} card"
    built = build(card, {"card": str(path)})
    assert dump(build(card, dump(built), border=False)) == dump(built), f"{path.name} does not survive a round trip"


def check_study(target: str) -> None:
    """The study loads, its first point resolves, and its charts name settings and metrics that exist."""
    study = load_study(target)
    scenario = find_scenario(study.scenario)
    known = {*known_keys(scenario.config), *(metric.name for metric in scenario.metrics), "answer", "replicate"}
    for chart in study.charts:
        for name in (chart.x, chart.y, chart.color, chart.facet, chart.bound):
            assert not name or name in known, f"study {target}: chart '{chart.title}' names '{name}', which is unknown"
    for key in study.varied():
        assert key in known, f"study {target} varies '{key}', which is unknown"


def check_problem(reference: str, plans: int = 20) -> None:
    """Episodes end, repeat exactly, stay within their choices, and are worth no more than an exact oracle says."""
    problem, _ = find_problem(reference)
    assert problem.question.endswith("?"), f"{reference}.question is not a question: {problem.question!r}"
    for split in SPLITS:
        instances = problem.instances(split)
        names = [instance.name for instance in instances]
        assert len(names) == len(set(names)), f"{reference} has two instances of one name in {split}: {names}"
        assert not instances or len({len(instance.features) for instance in instances}) == 1, (
            f"{reference}: the instances of {split} differ in the number of their features"
        )
        for instance in instances:
            stream = Streams(0, "conformance", 0)(instance.name)
            for number in range(plans):
                rule = ByPlan(problem.random_plan(stream))
                played = [
                    play(instance.start(scoring_workload(0, instance.name, number)), rule, Counters()) for _ in range(2)
                ]
                assert played[0] == played[1], f"{reference}: {instance.name} does not repeat with the same workload"
                found = played[0]
                assert len(found.arms) <= problem.horizon, f"{reference}: {instance.name} is longer than its horizon"
                at_once = plan_value(instance, rule.plan, scoring_workload(0, instance.name, number))
                assert isclose(at_once, found.value, rel_tol=1e-9, abs_tol=1e-12), (
                    f"{reference}: {instance.name}.evaluate says {at_once}, its episode {found.value}"
                )
                best = instance.oracle(scoring_workload(0, instance.name, number))
                if best is not None and problem.oracle != "best_known" and not problem.stochastic:
                    assert problem.sign * (best - found.value) >= -1e-9 * abs(best), (
                        f"{reference}: {instance.name} has a plan that is better than its oracle"
                    )
