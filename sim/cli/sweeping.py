"""`run`, `sweep`, `plan` and `status`: making runs and seeing how they stand."""

import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

import orjson

from sim.cli.tables import print_table, record_rows, study_tables
from sim.config import assign, split_setting
from sim.errors import UserError
from sim.executors import Executor
from sim.executors.inline import Inline
from sim.job import Job, resolve
from sim.registry import find_scenario
from sim.scenario import Scenario
from sim.store import Store
from sim.study import Study, load_study
from sim.sweep import Summary, missing, planned
from sim.sweep import sweep as sweep_study
from sim.units import show as show_quantity
from sim.why import reasons, why

RETRIED = ("invalid", "failed", "crashed", "timeout")


def run(given: Namespace) -> int:
    """One run, taken from the store if it was made before."""
    scenario = find_scenario(given.target)
    tree: dict[str, object] = {}
    for text in given.set:
        assign(tree, *split_setting(text))
    job = resolve(scenario, given.target, tree, given.seed)
    store = Store(given.results)
    record = None if given.again else store.get(job.key)
    if record is None:
        with store.locked():
            for finished in Inline(given.results / "cache").execute([job], lambda *_: None):
                store.put(finished)
        record = store.get(job.key)
    report_messages(store)
    assert record is not None
    if record.status == "invalid":
        raise UserError(record.error)
    if given.json:
        sys.stdout.buffer.write(record.encode() + b"\n")
    else:
        print_table(f"{given.target} {record.key[:12]}: {record.answer or record.status}", *record_rows(record))
        if record.error:
            print(record.error, file=sys.stderr)
    return 0 if record.status == "ok" else 1


def sweep(given: Namespace) -> int:
    """Make the runs that a study lacks and print its table."""
    study = load_study(given.target, given.set, given.axis, given.repeat)
    store = Store(given.results)
    summary = made(study, store, given)
    report_messages(store)
    for title, header, rows in study_tables(study, store, summary.jobs):
        print_table(title, header, rows)
    page = _report(study, store, given.results)
    print(f"{study.name}: {_ended(summary)}; {summary.made:,} made now. Report: {page}")
    return 1 if any(summary.statuses[status] for status in RETRIED) else 0


def made(study: Study, store: Store, given: Namespace) -> Summary:
    """The sweep itself, with the executor that was asked for."""
    retry = RETRIED if getattr(given, "retry", False) else ()
    return sweep_study(
        study,
        store,
        partial(executor, find_scenario(study.scenario), given.workers, given.results),
        retry,
        getattr(given, "again", False),
    )


def executor(scenario: Scenario, workers: int | None, results: Path, jobs: int) -> Executor:
    """Workers, as many as asked for (one per core by default, none more than there are jobs), or this process."""
    from os import sched_getaffinity

    if workers is not None and workers < 0:
        raise UserError(f"--workers {workers} is not allowed; 0 or more")
    count = min(len(sched_getaffinity(0)) if workers is None else workers, jobs)
    if count == 0:
        return Inline(results / "cache")
    from sim.executors.workers import Workers

    return Workers(count, results / "cache", (type(scenario).__module__, *getattr(scenario, "preload", ())))


def _ended(summary: Summary) -> str:
    return ", ".join(f"{count:,} {status}" for status, count in sorted(summary.statuses.items())) or "nothing to run"


def _report(study: Study, store: Store, results: Path) -> Path:
    from sim.report.study_page import write_page

    return write_page(study.name, store, results / f"{study.name}.html")


def plan(given: Namespace) -> int:
    """How many runs a sweep would make, and about how long it would take."""
    study = load_study(given.target, given.set, given.axis, given.repeat)
    jobs = planned(study)
    store = Store(given.results)
    todo = missing(jobs, store)
    seconds = _expected(jobs, todo, store)
    report_messages(store)
    changed = reasons(store, todo[0]) if todo else []
    if given.json:
        told = {
            "runs": len(jobs),
            "missing": len(todo),
            "seconds": seconds,
            "changed": [name for name, _, _ in changed],
        }
        print(orjson.dumps(told).decode())
        return 0
    known = f", about {show_quantity(seconds, 'time', 2)} of one core" if seconds is not None and todo else ""
    print(f"{study.name}: {len(jobs):,} runs, {len(jobs) - len(todo):,} stored, {len(todo):,} to make{known}")
    if changed:
        print("the first differs from the nearest stored run in")
        for name, before, after in changed:
            print(f"  {name}: {before} -> {after}")
    return 0


def _expected(jobs: list[Job], todo: list[Job], store: Store) -> float | None:
    """Seconds for the missing runs, from the mean of up to 200 stored ones; None if there are none."""
    lacking = {job.key for job in todo}
    stored = [job.key for job in jobs if job.key not in lacking][:200]
    walls = [record.observed.get("wall_seconds", 0.0) for record in store.records(stored)]
    return sum(walls) / len(walls) * len(todo) if walls else None


def status(given: Namespace) -> int:
    """How the studies of this folder stand; with --why, what sets a record apart from its nearest."""
    store = Store(given.results)
    if given.why:
        for line in why(store, store.full_key(given.why)):
            print(line)
        return 0
    names = [given.study] if given.study else list(store.studies())
    standing = {name: _standing(store, name) for name in names}
    if given.json:
        print(orjson.dumps(standing).decode())
    else:
        header = ["study", "runs", "stored", "ok", *RETRIED]
        rows = [[name, *(f"{counts[column]:,}" for column in header[1:])] for name, counts in standing.items()]
        print_table(f"studies in {given.results}", header, rows)
        for key, reason in store.quarantined():
            print(f"set aside: {key[:12]} ({reason})")
    report_messages(store)
    return 0


def _standing(store: Store, study: str) -> dict[str, int]:
    keys = [key for key, _ in store.members(study)]
    ends = list(store.statuses(keys).values())
    counts = {"runs": len(keys), "stored": len(ends)}
    return counts | {end: ends.count(end) for end in ("ok", *RETRIED)}


def report_messages(store: Store) -> None:
    """Say on stderr what the store found damaged."""
    for message in store.messages:
        print(f"windtunnel: {message}", file=sys.stderr)
    store.messages.clear()
