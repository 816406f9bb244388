"""What both ways of running report alike: latencies, shares, and what the closed forms say beside them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scenarios.harmonia.closed_forms import Costs, saturation
from scenarios.harmonia.config import METRICS, HarmoniaConfig
from scenarios.harmonia.pipeline import Pipeline
from sim.scenario import Check, Outcome, Series

Floats = NDArray[np.float64]
#: Points of a curve of cumulated shares.
_POINTS = 101
#: Why a metric may be missing.
_WHY = {
    "share_of_formula": "there is a closed form for primary-backup, chain and CRAQ at saturation, with nothing failing",
    "single": "the switch is plain, or nobody read",
    "dirty": "counted by the backend 'requests', of reads",
    "dirty_formula": "counted by the backend 'requests', behind a switch that detects conflicts",
    "bounced": "the switch is plain, or nobody read",
    "dropped": "the switch is plain, or nobody wrote",
    "pending": "counted by the backend 'requests', of writes behind a switch that detects conflicts",
    "entries": "counted by the backend 'requests', behind a switch that detects conflicts",
    "refused": "counted by the backend 'messages'",
    "retried": "counted by the backend 'messages'",
    "outage": "nothing fails",
    "recovered": "the switch does not stop, or not long enough before the end",
    "resumed": "no switch that detects conflicts stops, or not long enough before the end",
}


def costs(config: HarmoniaConfig) -> Costs:
    """Seconds of a core per read, write and message."""
    server = config.hardware.server
    return Costs(1.0 / server.read_rate, 1.0 / server.write_rate, server.message_cost)


def percentiles(latencies: Floats, is_write: NDArray[np.bool_]) -> dict[str, float | None]:
    """Median and 99th percentile of reads and of writes, None where there are none."""
    found: dict[str, float | None] = {}
    for kind, chosen in (("read", latencies[~is_write]), ("write", latencies[is_write])):
        found[f"{kind}_latency"] = float(np.median(chosen)) if len(chosen) else None
        found[f"{kind}_latency_p99"] = float(np.quantile(chosen, 0.99)) if len(chosen) else None
    return found


def share_of_formula(config: HarmoniaConfig, throughput: float, writes: float, dirty: float) -> float | None:
    """Throughput over the closed form's, for a closed loop; `writes` and `dirty` are the shares that were drawn."""
    if config.offered != "closed" or config.protocol not in ("primary_backup", "chain", "craq"):
        return None
    per_core = saturation(config.protocol, config.detects, config.replicas, writes, costs(config), dirty)
    return throughput / (config.hardware.server.cores * per_core)


def distribution(latencies: Floats) -> Series:
    """Latency (seconds) below which each share of requests stays."""
    share = np.linspace(0.0, 1.0, _POINTS)
    return Series({"share": share, "latency": np.quantile(latencies, share)}, {"share": "ratio", "latency": "time"})


def outcome(
    known: Mapping[str, float | None],
    pipeline: Pipeline,
    series: Mapping[str, Series],
    checks: tuple[Check, ...] = (),
    notes: Mapping[str, str] | None = None,
) -> Outcome:
    """An outcome in which metrics that do not apply are None, with a note that says why."""
    metrics: dict[str, float | None] = {metric.name: None for metric in METRICS}
    metrics |= {"stages": float(pipeline.stages), "pipeline": pipeline.time, **known}
    only = dict.fromkeys((one.name for one in METRICS if one.label == "emulated"), "measured by the backend 'mininet'")
    silent = {
        name: (_WHY | only).get(name, "no such request was made") for name, value in metrics.items() if value is None
    }
    return Outcome(metrics, series, checks, silent | dict(notes or {}))
