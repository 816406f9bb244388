"""From a search, and trainings if there were any, to what a run reports."""

from collections.abc import Mapping

import numpy as np

from scenarios.pba.config import METRICS, MethodName, PbaConfig
from scenarios.pba.operations import OPERATIONS
from scenarios.pba.priced import Searcher
from scenarios.pba.schedule import Schedule, lineage
from scenarios.pba.schedule_log import line
from scenarios.pba.search import Found
from sim.scenario import Check, Outcome, Series, Verdict
from sim.trace import Tracer


def outcome(
    config: PbaConfig,
    run: Searcher,
    found: Found,
    accuracy: Mapping[MethodName, float],
    trace: Tracer,
    source: str,
) -> Outcome:
    """Metrics, the search's curve, the learned schedule and its log; a track per GPU if the trace records.

    `run` found `found`. `accuracy` by method, empty if nothing was trained. `source`: of the images.
    """
    _record(found, trace)
    metrics = _search_metrics(config, run, found) | _accuracies(config, accuracy)
    if config.trained:
        metrics["search_accuracy"] = max(found.scores)
    notes = {metric.name: _why(config, metric.name) for metric in METRICS if metrics.get(metric.name) is None}
    return Outcome(
        {metric.name: metrics.get(metric.name) for metric in METRICS},
        {"search": _curve(found), "schedule": _rows(found.schedule(found.best)), "log": _log(found)},
        (_every_interval_once(found, source),),
        notes,
    )


def _search_metrics(config: PbaConfig, run: Searcher, found: Found) -> dict[str, float | None]:
    time, moves = found.time, sum(span.what in ("read", "write") for span in found.time.spans)
    return {
        "search_seconds": time.makespan,
        "one_gpu_seconds": run.epoch * config.trials * config.epochs,
        "gpu_seconds": time.gpu_seconds,
        "idle_share": time.idle_share,
        "epoch_seconds": run.epoch,
        "clones": len(found.updates),
        "segments": len(found.schedule(found.best).segments),
        "network_bytes": moves * run.network.checkpoint,
        "money": time.makespan * config.gpus * config.hardware.price,
    }


def _accuracies(config: PbaConfig, accuracy: Mapping[MethodName, float]) -> dict[str, float | None]:
    if not accuracy:
        return {}
    ours = accuracy[config.method]
    controls = {name: value for name, value in accuracy.items() if name != "pba"}
    beside = {f"accuracy_{name}": value for name, value in controls.items()} if config.method == "pba" else {}
    gains = {"over_none": ours - controls["none"], "over_controls": ours - max(controls.values())} if beside else {}
    return {"accuracy": ours, **beside, **gains}


def _why(config: PbaConfig, name: str) -> str:
    if not config.trained:
        return "nothing is trained for this network; scores are drawn"
    return f"compared with pba only; this run trains {config.method}" if name != "search_accuracy" else ""


def _curve(found: Found) -> Series:
    time, trial, epochs, score = (np.array(column) for column in zip(*found.curve, strict=True))
    return Series({"time": time, "trial": trial, "epochs": epochs, "score": score}, {"time": "time", "score": "ratio"})


def _rows(schedule: Schedule) -> Series:
    """Per epoch, of each operation the probability and the level, both entries averaged."""
    numbers = np.array([policy.numbers for policy in schedule]).reshape(schedule.epochs, 2, len(OPERATIONS), 2)
    mean = numbers.mean(axis=1)
    columns = {"epoch": np.arange(schedule.epochs)}
    columns |= {f"{name}_probability": mean[:, place, 0] / 10 for place, name in enumerate(OPERATIONS)}
    columns |= {f"{name}_level": mean[:, place, 1] for place, name in enumerate(OPERATIONS)}
    return Series(columns)


def _log(found: Found) -> Series:
    """The best trial's lineage, as lines of a schedule log."""
    steps = lineage(found.updates, str(found.best))
    return Series({"line": np.array([line(step) for step in steps], dtype=object)})


def _record(found: Found, trace: Tracer) -> None:
    for span in found.time.spans:
        name = f"{span.what} {span.interval + 1}"
        trace.slice(f"GPU {span.gpu}/trial {span.trial}", name, span.start, span.end)


def _every_interval_once(found: Found, source: str) -> Check:
    """As many intervals were worked through as scores were reported."""
    worked = sum(span.what == "interval" for span in found.time.spans)
    verdict: Verdict = "holds" if worked == len(found.curve) else "fails"
    return Check("every interval is scored once", verdict, f"{worked} intervals, {len(found.curve)} scores; {source}")
