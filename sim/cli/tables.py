"""Tables for a terminal of 100 columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sim.config import dimension_of
from sim.job import Job, look_up
from sim.record import Record
from sim.registry import find_scenario
from sim.scenario import Scenario
from sim.store import Store
from sim.study import Study
from sim.units import UNITS, show

_WIDTH = 100
_ROWS = 40
#: A terminal's tables are made of so many runs at most.
_MOST = 5000


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with numbers to the right; more than 40 rows are cut with a note."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold", collapse_padding=True)
    for index, name in enumerate(header):
        table.add_column(name, justify="right" if index else "left", overflow="fold", no_wrap=not index)
    for row in rows[:_ROWS]:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=_WIDTH, highlight=False)
    console.print(table)
    if len(rows) > _ROWS:
        console.print(f"({len(rows) - _ROWS:,} more rows: `windtunnel export` or the report has them)")


def shown(value: Any, unit: str = "", digits: int = 4) -> str:
    """A value as a person reads it; an absent one is a dash."""
    if value is None:
        return "–"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return show(value, unit, digits) if unit in UNITS else f"{value:.5g}"
    return str(value)


def record_rows(record: Record) -> tuple[list[str], list[list[str]]]:
    """A record as a table: metrics with label, then checks and what is absent with its reason."""
    rows = [
        [name, shown(metric["value"], metric["unit"]), metric["label"], record.notes.get(name, "")]
        for name, metric in record.metrics.items()
    ]
    rows += [[f"check: {check['name']}", check["verdict"], "", check["detail"]] for check in record.checks]
    rows += [[name, "", "", note] for name, note in record.notes.items() if name not in record.metrics]
    return ["metric", "value", "label", "note"], rows


def study_tables(study: Study, store: Store, jobs: Sequence[Job]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """The study's pivot, one block per value of the other axes; without a pivot a row per run."""
    scenario = find_scenario(study.scenario)
    records = {record.key: record for record in store.records([job.key for job in jobs[:_MOST]])}
    found = [(job.point, records[job.key]) for job in jobs[:_MOST] if job.key in records]
    cut = f" (the first {_MOST:,} of {len(jobs):,} runs)" if len(jobs) > _MOST else ""
    if study.table is None:
        yield study.title + cut, *_listing(study, scenario, found)
        return
    rows, columns, value = study.table.rows, study.table.columns, study.table.value
    unit = next((metric.unit for metric in scenario.metrics if metric.name == value), "")
    blocks: dict[str, dict[tuple[Any, Any], list[Record]]] = {}
    for point, record in found:
        apart = [key for key in point if key not in (rows, columns, "replicate")]
        rest = ", ".join(f"{key} {setting(scenario, key, point[key])}" for key in apart)
        place = look_up(record.config, rows), look_up(record.config, columns)
        blocks.setdefault(rest, {}).setdefault(place, []).append(record)
    for rest, block in blocks.items():
        cells = {place: _cell(replicates, value, unit) for place, replicates in block.items()}
        across = list(dict.fromkeys(column for _, column in cells))
        down = list(dict.fromkeys(row for row, _ in cells))
        header = [rows, *(setting(scenario, columns, column) for column in across)]
        body = [[setting(scenario, rows, row), *(cells.get((row, column), "") for column in across)] for row in down]
        yield f"{value}: {study.title}" + (f" ({rest})" if rest else "") + cut, header, body


def _cell(replicates: Sequence[Record], value: str, unit: str) -> str:
    """The mean of a metric over replicates; the answer or status where there is none."""
    numbers = [number for record in replicates if (number := record.value(value)) is not None]
    return shown(sum(numbers) / len(numbers), unit, 3) if numbers else replicates[0].answer or replicates[0].status


def _listing(
    study: Study, scenario: Scenario, found: Sequence[tuple[Mapping[str, Any], Record]]
) -> tuple[list[str], list[list[str]]]:
    metrics = scenario.metrics[:4]
    keys = [*study.varied(), *(["replicate"] if study.repeat > 1 else [])]
    rows = [
        [record.key[:12]]
        + [setting(scenario, key, point.get(key)) for key in keys]
        + [record.answer or record.status]
        + [shown(record.value(metric.name), metric.unit) for metric in metrics]
        for point, record in found
    ]
    return ["record", *keys, "answer", *(metric.name for metric in metrics)], rows


def setting(scenario: Scenario, key: str, value: Any) -> str:
    """A setting's value in the unit people write."""
    return shown(value, dimension_of(scenario.config, key)) if isinstance(value, float | int) else str(value)
