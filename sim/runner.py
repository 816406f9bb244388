"""One run: a job in, a record and its series out. A run that fails is a record too, with its error."""

import math
import platform
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from typing import Any

from sim import series
from sim.config import build
from sim.errors import UserError
from sim.job import Job
from sim.record import Record, Status
from sim.registry import find_scenario
from sim.rng import Streams
from sim.scenario import Context, Metric, Outcome, Scenario
from sim.system_metrics import Probe, attach
from sim.trace import Tracer

_ERROR_TAIL = 4096
Cached = Callable[[str, str, Callable[[], bytes]], bytes]


@dataclass(frozen=True, slots=True)
class Finished:
    """A record as it is stored: its encoded body, its digest, and its series as Parquet."""

    key: str
    status: str
    body: bytes
    digest: str
    series: Mapping[str, bytes] = field(default_factory=dict)


def execute(
    job: Job,
    cached: Cached,
    progress: Callable[[float, str], None],
    tracer: Tracer | None = None,
) -> Finished:
    """Make the run. Whatever the scenario raises becomes a record: "invalid" for bad input, else "failed"."""
    started, probe = time.time(), Probe.start()
    status: Status = "ok"
    error, outcome = "", Outcome({})
    declared: Mapping[str, Mapping[str, Any]] = {}
    try:
        scenario = find_scenario(job.scenario)
        streams = Streams(job.seed, scenario.name, job.replicate)
        context = Context(streams, tracer or Tracer(), cached, progress)
        outcome = scenario.run(build(scenario.config, job.config, border=False), context)
        declared = _declared(scenario, outcome)
    except UserError as problem:
        status, error, outcome = "invalid", str(problem), Outcome({})
    except Exception:  # the record carries the error; a run never takes the study with it
        status, error, outcome = "failed", traceback.format_exc(), Outcome({})
    measured = probe.stop()
    record = replace(
        _begun(job, status, error),
        answer=outcome.answer,
        metrics=declared,
        checks=tuple({"name": c.name, "verdict": c.verdict, "detail": c.detail} for c in outcome.checks),
        notes=dict(outcome.notes),
        series={name: series.digest(columns) for name, columns in outcome.series.items()},
        system=attach(measured, outcome.metrics),
        observed={"started": started} | measured,
    )
    bodies = {name: series.encode(columns) for name, columns in outcome.series.items()}
    return Finished(record.key, record.status, record.encode(), record.digest(), bodies)


def lost(job: Job, status: Status, error: str) -> Finished:
    """The record of a run whose process died or was stopped."""
    record = _begun(job, status, error)
    return Finished(record.key, record.status, record.encode(), record.digest())


def _begun(job: Job, status: Status, error: str) -> Record:
    """What a record says before anything is known of the outcome."""
    return Record(
        key=job.key,
        status=status,
        scenario=job.scenario,
        version=job.version,
        config=job.config,
        seed=job.seed,
        replicate=job.replicate,
        code=job.code,
        error=error[-_ERROR_TAIL:],
        made_by=provenance(),
    )


def _declared(scenario: Scenario, outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Metrics with unit, direction and label. Raises for one that is undeclared or not finite."""
    specs: dict[str, Metric] = {spec.name: spec for spec in scenario.metrics}
    undeclared = sorted(set(outcome.metrics) - set(specs))
    if undeclared:
        raise ValueError(f"{scenario.name} returned undeclared metrics: {', '.join(undeclared)}")
    declared: dict[str, dict[str, Any]] = {}
    for name, spec in specs.items():
        value = outcome.metrics.get(name)
        if value is not None:
            value = float(value)
            if not math.isfinite(value):
                raise ValueError(f"metric {name} is {value}; return None and a note instead")
        declared[name] = {"value": value, "unit": spec.unit, "better": spec.better, "label": spec.label}
    return declared


@cache
def provenance() -> dict[str, Any]:
    """Versions and machine, the same for every run of this process."""
    packages = ("windtunnel", "numpy", "scipy", "simpy", "torch", "pydantic")
    return {
        "packages": {name: _version(name) for name in packages},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, Linux {platform.release()}, {_processor()}",
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return "unknown processor"
