"""The answer of a study in words: what the schedule is worth beside its controls, and what its search costs."""

from collections.abc import Iterator, Sequence

from scenarios.pba.controls import METHODS
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
    mean = sum(record.value("accuracy") or 0.0 for record in group) / len(group)
    gains = {name: _gain(name, group) for name in _CONTROLS}
    yield (
        f"On {images} the learned schedule gets {show(mean, 'ratio', 3)} of the test images right, "
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
    """The fastest and the slowest search of each kind."""
    for synchronous in (True, False):
        group = [record for record in records if record.config["synchronous"] is synchronous]
        if group:
            ranked = sorted(group, key=lambda record: record.value("search_seconds") or 0.0)
            kind = "A synchronous" if synchronous else "An asynchronous"
            least, most = ranked[0], ranked[-1]
            between = f"from {_cost(least)} to {_cost(most)}" if least is not most else _cost(least)
            yield f"{kind} search takes {between}."


def _cost(record: Record) -> str:
    gpus = record.config["gpus"]
    idle = show(record.value("idle_share") or 0.0, "ratio", 2)
    return f"{show(record.value('search_seconds') or 0.0, 'time', 3)} on {gpus} GPUs ({idle} idle)"
