"""The answer of a study with real training: accuracy by method and compression, with intervals over replicates.

Differences are paired: in a replicate all methods have the same samples, first weights and order of batches. Random-k
is always set beside the sketch of as many bytes.
"""

from collections.abc import Iterator, Mapping, Sequence

from sim.record import Record
from sim.statistics import interval

#: Accuracy by replicate.
Runs = Mapping[int, float]
#: By method and compression, the latter to a tenth.
Table = dict[tuple[str, float], dict[int, float]]


def sentences(records: Sequence[Record]) -> list[str]:
    """Per workload: dense, every method against it, and the sketch against random-k of equal bytes."""
    workloads = dict.fromkeys(record.config["workload"] for record in records)
    return [sentence for workload in workloads for sentence in _about(str(workload), records)]


def _about(workload: str, records: Sequence[Record]) -> Iterator[str]:
    found = _table([record for record in records if record.config["workload"] == workload])
    dense = next((runs for (method, _), runs in found.items() if method == "dense"), {})
    if len(dense) < 2:
        return
    mean = interval(list(dense.values()))
    yield f"{workload}, {len(dense)} seeds: dense {mean.mean:.1%} +- {mean.half_width:.1%} right."
    for (method, compression), runs in sorted(found.items()):
        if method != "dense":
            yield f"{method} at {compression:g}x against dense: {_difference(runs, dense)}."
    for (method, compression), runs in sorted(found.items()):
        peer = _peer(found, compression) if method == "sketched" else None
        if peer is not None:
            versus = f"sketched at {compression:g}x against random_k at {peer:g}x"
            yield f"{versus}: {_difference(runs, found['random_k', peer])}."


def _peer(found: Table, compression: float) -> float | None:
    """The random-k of as many bytes as a sketch, or up to a tenth more; a sketch sends less where less is not zero."""
    peers = [other for method, other in found if method == "random_k" and 0.9 * compression <= other <= compression]
    return max(peers, default=None)


def _table(records: Sequence[Record]) -> Table:
    found: Table = {}
    for record in records:
        accuracy, compression = record.value("accuracy"), record.value("compression")
        if accuracy is not None and compression is not None:
            found.setdefault((record.config["method"], round(compression, 1)), {})[record.replicate] = accuracy
    return found


def _difference(one: Runs, other: Runs) -> str:
    """The mean paired difference in points, with its 95 % interval."""
    both = [one[replicate] - other[replicate] for replicate in one if replicate in other]
    if len(both) < 2:
        return "too few replicates"
    found = interval([100 * difference for difference in both])
    return f"{found.mean:+.1f} points ({found.low:+.1f} to {found.high:+.1f})"
