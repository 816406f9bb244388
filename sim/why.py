"""Why is this not the record I have? Names the parts of a key that differ from the nearest other record."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sim.config import flatten
from sim.errors import UserError
from sim.fingerprint import combined
from sim.job import Job
from sim.record import Record
from sim.registry import find_scenario
from sim.store import Store

_LOOKED_AT = 2000


def why(store: Store, key: str) -> Iterator[str]:
    """Sentences: what sets record `key` apart from the nearest of its scenario, and whether the code has moved on."""
    record = store.get(key)
    if record is None:
        raise UserError(f"record {key[:12]} was damaged and has been set aside")
    current = _current_code(record)
    if current and current != record.code:
        yield f"code: {record.scenario} has changed since this record was made; a sweep will make it again"
    others = [other for other in islice(store.newest(_LOOKED_AT), _LOOKED_AT) if _comparable(other, record)]
    if not others:
        yield f"no other record of {record.scenario} is stored"
        return
    nearest = min(others, key=lambda other: len(differences(other, record)))
    yield f"nearest is {nearest.key[:12]}; this record differs in"
    for name, before, after in differences(nearest, record):
        yield f"  {name}: {before} -> {after}"


def reasons(store: Store, job: Job) -> list[tuple[str, Any, Any]]:
    """Why `job` must be run although its scenario has records: the parts that differ from the nearest one."""
    others = [record for record in store.newest(_LOOKED_AT) if record.scenario == job.scenario]
    return min((differences(other, job) for other in others), key=len, default=[])


def differences(before: Record | Job, after: Record | Job) -> list[tuple[str, Any, Any]]:
    """(part of the key, before, after) for each part that differs."""
    parts = [(name, getattr(before, name), getattr(after, name)) for name in ("version", "seed", "replicate", "code")]
    old, new = flatten(before.config), flatten(after.config)
    parts += [(name, old.get(name), new.get(name)) for name in dict.fromkeys([*old, *new])]
    return [(name, left, right) for name, left, right in parts if left != right]


def _comparable(other: Record, record: Record) -> bool:
    return other.scenario == record.scenario and other.key != record.key


def _current_code(record: Record) -> str:
    try:
        return combined(type(find_scenario(record.scenario)).__module__)
    except UserError:
        return ""  # the plug-in that made the record is not installed here
