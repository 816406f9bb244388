"""The answer of a crossover study in words: in which share of its cells compression pays, and where those are.

Agarwal et al. ("On the Utility of Gradient Compression in Distributed Training Systems", MLSys 2022, abstract) measured
more than 200 data-centre set-ups, and compression won in 6 of them. Ours are modelled, so the two are put side by side
and not fitted; docs/scenarios/sketched_sgd.md says where the difference comes from.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sim.job import look_up
from sim.record import Record
from sim.units import show

#: Bits per second above which a link counts as one of a data centre; and the published count.
_FAST = 10e9
_PUBLISHED = "Published: 6 of more than 200 measured data-centre set-ups (Agarwal et al., MLSys 2022)."
#: A step shorter by so much is more than a model like this one can be trusted with.
_MARGIN = 1.05
#: What the cells are told apart by, in this order.
_BY = ("hardware.card", "coding", "workload", "workers", "link.rate", "method")


def sentences(records: Sequence[Record]) -> list[str]:
    """Shares of cells that win above 10 Gbit/s, with overlap and without, and by each setting that varies."""
    priced = [record for record in records if record.status == "ok" and record.value("accuracy") is None]
    cells = [record for record in priced if record.config["method"] != "dense" and _rate(record) > _FAST]
    overlapped = [record for record in cells if record.config["overlap"]]
    if len(overlapped) < 2:
        return []
    told = [f"With overlap, compression shortens the step in {_share(overlapped)} above 10 Gbit/s. {_PUBLISHED}"]
    clear = sum(_speedup(record) > _MARGIN for record in overlapped)
    told.append(f"In {clear} of them by more than {_MARGIN - 1:.0%}.")
    if len(cells) > len(overlapped):
        told.append(f"Without overlap: {_share([one for one in cells if not one.config['overlap']])}.")
    return told + list(_by_setting(overlapped))


def _by_setting(cells: Sequence[Record]) -> Iterator[str]:
    for name in _BY:
        values = list(dict.fromkeys(look_up(record.config, name) for record in cells))
        if len(values) > 1:
            parts = {value: [one for one in cells if look_up(one.config, name) == value] for value in values}
            listed = (f"{_written(name, value)} {_wins(part) / len(part):.0%}" for value, part in parts.items())
            yield f"By {name.removesuffix('.card')}: {', '.join(listed)}."


def _written(name: str, value: Any) -> str:
    return show(value, "bit rate") if name == "link.rate" else str(value)


def _rate(record: Record) -> float:
    return float(look_up(record.config, "link.rate"))


def _speedup(record: Record) -> float:
    return record.value("speedup") or 0.0


def _wins(cells: Sequence[Record]) -> int:
    return sum(_speedup(record) > 1 for record in cells)


def _share(cells: Sequence[Record]) -> str:
    return f"{_wins(cells)} of {len(cells)} cells ({_wins(cells) / len(cells):.0%})"
