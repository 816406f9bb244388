"""The answer of a study in words: what the schedule is worth beside its controls, and what its search costs."""

from collections.abc import Iterator, Sequence

from scenarios.pba.config import METHODS
from sim.record import Record
from sim.statistics import interval
from sim.units import show

_CONTROLS = tuple(method for method in METHODS if method != "pba")


def sentences(records: Sequence[Record]) -> list[str]:
    """Per set of images whether pba beats each control, with 95 % intervals; per cluster what the search takes."""
    done = [record for record in records if record.status == "ok"]
    compared = [record for record in done if record.value("over_none") is not None]
    told = [sentence for images in _each(compared, "images") for sentence in _compared(images, compared)]
    return (told + list(_priced([record for record in done if record.config["network"] != "small"])))[:6]


def _each(records: Sequence[Record], key: str) -> list[str]:
    return list(dict.fromkeys(str(record.config[key]) for record in records))


def _compared(images: str, records: Sequence[Record]) -> Iterator[str]:
    """Gains are paired: the same images, first weights and batches."""
    group = [record for record in records if record.config["images"] == images]
    gains = {name: _gain(name, group) for name in _CONTROLS}
    yield (
        f"On {images} the learned schedule gets {show(_mean(group, 'accuracy'), 'ratio', 3)} of the test images right, "
        f"{gains['none'][0]} over no augmentation ({len(group)} replicates)."
    )
    beaten = [name for name in _CONTROLS[1:] if gains[name][1] > 0]
    beside = ", ".join(f"{gains[name][0]} over {name}" for name in _CONTROLS[1:])
    claim = f"It beats {', '.join(beaten)}" if beaten else "It beats none of its controls"
    yield f"{claim}, with 95 % intervals: {beside}."


def _gain(control: str, records: Sequence[Record]) -> tuple[str, float]:
    """In points with its interval, and the interval's lower end (points)."""
    gains = [
        100 * ((record.value("accuracy") or 0.0) - (record.value(f"accuracy_{control}") or 0.0)) for record in records
    ]
    found = interval(gains)
    if len(gains) == 1:
        return f"{found.mean:+.1f} points", float("-inf")
    return f"{found.mean:+.1f} +- {found.half_width:.1f} points", found.low


def _priced(records: Sequence[Record]) -> Iterator[str]:
    """Per spread and mode, means over replicates on the fewest GPUs and where the search is fastest."""
    groups: dict[tuple[float, str], dict[int, list[Record]]] = {}
    for record in records:
        kind = float(record.config["spread"]), str(record.config["mode"])
        groups.setdefault(kind, {}).setdefault(int(record.config["gpus"]), []).append(record)
    for (spread, mode), sizes in groups.items():
        fewest, fastest = min(sizes), min(sizes, key=lambda gpus: (_mean(sizes[gpus], "search_seconds"), gpus))
        told = [_cost(gpus, sizes[gpus]) for gpus in dict.fromkeys((fewest, fastest))]
        article = "a synchronous" if mode == "synchronous" else "an asynchronous"
        yield f"With a spread of {spread:g}, {article} search takes {' and '.join(told)}."


def _cost(gpus: int, records: Sequence[Record]) -> str:
    idle = show(_mean(records, "idle_share"), "ratio", 2)
    taken = show(_mean(records, "search_seconds"), "time", 3)
    return f"{taken} on {gpus} GPU{'s' if gpus > 1 else ''} ({idle} idle)"


def _mean(records: Sequence[Record], metric: str) -> float:
    return sum(record.value(metric) or 0.0 for record in records) / len(records)
