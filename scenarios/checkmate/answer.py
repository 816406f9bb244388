"""The answer of a study in words: how far can the memory shrink on each device, and at what price?"""

from collections.abc import Iterator, Sequence
from typing import Any

from sim.job import look_up
from sim.record import Record
from sim.units import show

#: Policies whose schedules we stand for, and the published heuristics they are compared with.
_OURS = ("portfolio", "exact")
_PUBLISHED = ("chen_sqrt", "chen_greedy", "griewank", "ap_sqrt", "ap_greedy", "linearized_sqrt", "linearized_greedy")


def sentences(records: Sequence[Record]) -> list[str]:
    """One sentence per network, batch and device among the records that have an answer of ours."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        if record.status == "ok":
            key = tuple(look_up(record.config, name) for name in ("network", "batch", "hardware"))
            groups.setdefault(key, []).append(record)
    return [sentence for key, group in groups.items() for sentence in _about(key, group)][:6]


def _about(key: tuple[Any, ...], group: Sequence[Record]) -> Iterator[str]:
    fitting = [r for r in group if r.config["policy"] in _OURS and r.value("overhead") is not None]
    if not fitting:
        return
    network, batch, device = key
    tightest = min(fitting, key=lambda record: (_memory(record), record.value("overhead")))
    needed = tightest.value("keep_all_peak") or 0.0
    yield (
        f"On the {device}, {network} at batch {batch} trains in {show(_memory(tightest), 'bytes')} of memory "
        f"with {_percent(tightest, 'overhead')} more time (proven: at least {_percent(tightest, 'overhead_bound')}); "
        f"keeping everything takes {show(needed, 'bytes')} of tensors alone{_published(group, _memory(tightest))}."
    )


def _published(group: Sequence[Record], memory: float) -> str:
    there = [r for r in group if r.config["policy"] in _PUBLISHED and _memory(r) == memory]
    if not there:
        return ""
    found = [record for record in there if record.value("overhead") is not None]
    if not found:
        return ", and no published heuristic fits"
    best = min(found, key=lambda record: record.value("overhead") or 0.0)
    return f", and the best published heuristic ({best.config['policy']}) needs {_percent(best, 'overhead')} more"


def _memory(record: Record) -> float:
    return float(record.config["hardware"]["memory"])


def _percent(record: Record, name: str) -> str:
    return show(record.value(name) or 0.0, "ratio", 3)
