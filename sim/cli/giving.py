"""`report`, `trace`, `export` and `replay`: what a person takes away from records."""

from argparse import Namespace
from pathlib import Path

from sim.cli.sweeping import report_messages
from sim.errors import UserError
from sim.expression import holds
from sim.fingerprint import combined
from sim.record import Record
from sim.registry import find_scenario
from sim.replay import again, changes
from sim.store import Store
from sim.trace import Tracer


def report(given: Namespace) -> int:
    """Write the page of a study."""
    from sim.report.study_page import write_page

    store = _stored(given.results)
    path = write_page(given.study, store, given.out or given.results / f"{given.study}.html")
    report_messages(store)
    print(path)
    return 0


def trace(given: Namespace) -> int:
    """Make a run again with its timeline recorded, and write that for Perfetto."""
    from sim import perfetto

    store = _stored(given.results)
    record = _chosen(store, given.run, given.where)
    tracer = Tracer(recording=True)
    again(record, given.results / "cache", tracer)
    path = given.out or given.results / f"{record.key[:12]}.perfetto-trace"
    perfetto.write(tracer, path)
    print(f"{path} (open it at https://ui.perfetto.dev)")
    return 0


def export(given: Namespace) -> int:
    """Write a study's records and series as Parquet."""
    from sim.export import export as write

    store = _stored(given.results)
    for path in write(store, given.study, given.out or given.results / f"{given.study}-parquet"):
        print(path)
    report_messages(store)
    return 0


def replay(given: Namespace) -> int:
    """Make a run again and compare digests: status 0 if they are equal, 1 if not."""
    store = _stored(given.results)
    record = _record(store, given.key)
    if combined(type(find_scenario(record.scenario)).__module__) != record.code:
        print("note: the code has changed since this record was made")
    made = Record.decode(again(record, given.results / "cache").body)
    found = changes(record, made)
    if not found:
        print(f"{record.key[:12]}: same digest {record.digest()}")
        return 0
    print(f"{record.key[:12]}: digest {made.digest()}, recorded {record.digest()}")
    for line in found:
        print(f"  {line}")
    return 1


def _chosen(store: Store, name: str, where: str) -> Record:
    if name not in store.studies():
        return _record(store, name)
    for record in store.records([key for key, _ in store.members(name)]):
        if record.status == "ok" and (not where or holds(where, record.config)):
            return record
    raise UserError(f"study {name} has no run with {where or 'a result'}")


def _stored(folder: Path) -> Store:
    if not (folder / "records.db").exists():
        raise UserError(f"there are no results in {folder}; run a study first, e.g. `windtunnel sweep demo`")
    return Store(folder)


def _record(store: Store, prefix: str) -> Record:
    record = store.get(store.full_key(prefix))
    if record is None:
        raise UserError(f"record {prefix} was damaged and has been set aside")
    return record
