"""Make a stored run again from its record alone: to prove its digest, or to record its timeline."""

from functools import partial
from pathlib import Path

from sim.file_cache import cached
from sim.job import Job
from sim.record import Record
from sim.runner import Finished, execute
from sim.trace import Tracer


def again(record: Record, cache: Path, tracer: Tracer | None = None) -> Finished:
    """The run of `record`, made now in this process; with `tracer`, its timeline is recorded too."""
    job = Job(
        key=record.key,
        scenario=record.scenario,
        version=record.version,
        config=record.config,
        seed=record.seed,
        replicate=record.replicate,
        code=record.code,
        point={},
    )
    return execute(job, partial(cached, cache), lambda *_: None, tracer)


def changes(before: Record, after: Record) -> list[str]:
    """What differs between two makings of the same run, as sentences; empty if their digests are equal."""
    if before.digest() == after.digest():
        return []
    found = [
        f"{name}: {before.value(name)!r} -> {after.value(name)!r}"
        for name in before.metrics
        if before.metrics[name]["label"] not in ("measured", "emulated") and before.value(name) != after.value(name)
    ]
    parts = ("status", "answer", "notes", "checks", "series")
    found += [f"{part} differ" for part in parts if getattr(before, part) != getattr(after, part)]
    return found or ["the set of metrics differs"]
