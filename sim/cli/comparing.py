"""`compare`: two records, or the values of one setting over a study, paired point by point."""

from argparse import Namespace
from dataclasses import asdict

import orjson

from sim.cli.sweeping import made, report_messages
from sim.cli.tables import print_table, shown
from sim.compare import Comparison, paired
from sim.config import dimension_of
from sim.errors import UserError, did_you_mean
from sim.record import Record
from sim.registry import find_scenario
from sim.scenario import Metric
from sim.store import Store
from sim.study import load_study
from sim.why import differences


def compare(given: Namespace) -> int:
    """Dispatch on what was named: two record keys, or a study or scenario."""
    if len(given.targets) == 2:
        return _two_records(given)
    if len(given.targets) > 2:
        raise UserError("compare takes two record keys, or one study or scenario with --by KEY")
    return _by_setting(given)


def _two_records(given: Namespace) -> int:
    store = Store(given.results)
    left, right = (_record(store, key) for key in given.targets)
    changed = differences(left, right)
    both = [name for name in left.metrics if name in right.metrics]
    rows = [[name, shown(before), shown(after), ""] for name, before, after in changed]
    for name in both:
        unit, before, after = left.metrics[name]["unit"], left.value(name), right.value(name)
        change = f"{after / before - 1:+.2%}" if before and after is not None else ""
        rows.append([name, shown(before, unit), shown(after, unit), change])
    if given.json:
        metrics = {name: [left.value(name), right.value(name)] for name in both}
        print(orjson.dumps({"settings": changed, "metrics": metrics}).decode())
    else:
        print_table("two records", ["", left.key[:12], right.key[:12], "change"], rows)
    return 0


def _record(store: Store, prefix: str) -> Record:
    record = store.get(store.full_key(prefix))
    if record is None:
        raise UserError(f"record {prefix} was damaged and has been set aside")
    return record


def _by_setting(given: Namespace) -> int:
    study = load_study(given.targets[0], given.set, given.axis, given.repeat)
    varied = study.varied()
    by = given.by or (varied[0] if len(varied) == 1 else "")
    if not by:
        raise UserError(f"say which setting to compare with --by KEY; {did_you_mean('', varied)}")
    if by not in varied:
        raise UserError(f"{study.name} does not vary '{by}'; {did_you_mean(by, varied)}")
    scenario = find_scenario(study.scenario)
    metrics = _chosen(scenario.metrics, given.metric)
    store = Store(given.results)
    jobs = made(study, store, given).jobs
    report_messages(store)
    records = {record.key: record for record in store.records([job.key for job in jobs])}
    runs = [(job.point, records[job.key]) for job in jobs if job.key in records]
    found = paired(runs, by, [metric.name for metric in metrics])
    if given.json:
        print(orjson.dumps([asdict(comparison) for comparison in found]).decode())
        return 0
    specs = {metric.name: metric for metric in metrics}
    unit = dimension_of(scenario.config, by)
    rows = [_row(comparison, specs[comparison.metric], unit) for comparison in found]
    print_table(f"{study.name}: {by}, paired", ["metric", "base", "other", "base mean", "difference", "verdict"], rows)
    return 0


def _chosen(metrics: tuple[Metric, ...], names: list[str]) -> list[Metric]:
    known = {metric.name: metric for metric in metrics}
    for name in names:
        if name not in known:
            raise UserError(f"no metric is called '{name}'; {did_you_mean(name, known)}")
    return [known[name] for name in names] or list(metrics)


def _row(found: Comparison, metric: Metric, unit: str) -> list[str]:
    half = f" ± {shown(found.half, metric.unit)}" if found.half is not None else ""
    return [
        metric.name,
        shown(found.base, unit),
        shown(found.other, unit),
        shown(found.base_mean, metric.unit),
        f"{shown(found.difference, metric.unit)}{half} (n={found.pairs})",
        found.verdict(metric.better),
    ]
