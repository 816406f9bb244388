"""From the records of a study to its page: the answer, the charts that the study asks for, tables, all runs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from sim.config import dimension_of, field_of
from sim.errors import UserError
from sim.expression import holds
from sim.job import look_up
from sim.record import Record
from sim.registry import find_scenario, load
from sim.report.bars import bars
from sim.report.charts import Axis, curve
from sim.report.page import Column, Page, Picture, Table
from sim.report.render import render
from sim.report.replicates import averaged
from sim.report.scatter import scatter
from sim.report.timeline import Filling, timeline
from sim.scenario import Metric, Scenario
from sim.store import Store
from sim.study import Chart
from sim.units import UNITS, show

#: A timeline picture has at most so many panels.
_MOST_PANELS = 12
#: Columns of a series that are not a share of what is held.
_TOTALS = ("time", "allocated", "reserved")


@dataclass(frozen=True, slots=True)
class _Study:
    """What all parts of the page are made from."""

    about: Mapping[str, Any]
    scenario: Scenario
    runs: Sequence[tuple[Mapping[str, Any], Record]]
    store: Store

    def metric(self, name: str) -> Metric | None:
        return next((metric for metric in self.scenario.metrics if metric.name == name), None)

    def value(self, record: Record, name: str) -> Any:
        """A metric, the answer, or a setting of a run, by name."""
        if self.metric(name):
            return record.value(name)
        return record.answer if name == "answer" else look_up(record.config, name)

    def unit(self, name: str) -> str:
        metric = self.metric(name)
        return metric.unit if metric else dimension_of(self.scenario.config, name)

    def shown(self, name: str, value: Any) -> str:
        unit = self.unit(name)
        if isinstance(value, int | float) and unit in UNITS:
            return show(value, unit)
        return f"{value:.5g}" if isinstance(value, float) else str(value)

    def panel(self, name: str, value: Any) -> str:
        """The title of a panel: a word says what it is, a number is named."""
        return str(value) if isinstance(value, str) else f"{name.replace('_', ' ')} {self.shown(name, value)}"

    def declared(self, name: str) -> tuple[str, ...]:
        """The values that a setting can take, in the order in which the scenario lists them."""
        field = field_of(self.scenario.config, name) if name else None
        return tuple(str(value) for value in get_args(field.annotation)) if field else ()


def study_page(name: str, store: Store) -> Page:
    """The page of a study that was swept. Raises `UserError` for one that was not."""
    members = store.members(name)
    about = store.studies()[name]
    records = {record.key: record for record in store.records([key for key, _ in members])}
    runs = [(point, records[key]) for key, point in members if key in records]
    study = _Study(about, find_scenario(about["scenario"]), runs, store)
    pictures = [_picture(study, Chart.model_validate(chart)) for chart in about["charts"]]
    return Page(
        title=about["title"],
        answer=_answer(study, len(members)),
        facts=_facts(name, study, len(members)),
        pictures=tuple(picture for picture in pictures if picture is not None),
        tables=tuple(_pivots(study)),
        records=_listing(study),
    )


def write_page(name: str, store: Store, path: Path) -> Path:
    """Make the page of a study and write it; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(study_page(name, store)), encoding="utf-8")
    return path


def _answer(study: _Study, planned: int) -> tuple[str, ...]:
    summary = getattr(study.scenario, "summary", None)
    told = load(summary, "summary")([record for _, record in study.runs]) if summary and study.runs else ()
    return (*told, *filter(None, [" ".join(str(study.about["about"]).split()), _standing(study, planned)]))


def _standing(study: _Study, planned: int) -> str:
    ends = Counter(record.answer or record.status for _, record in study.runs)
    told = ", ".join(f"{count:,} {end}" for end, count in ends.most_common())
    return f"{len(study.runs):,} of {planned:,} runs are stored: {told}." if study.runs else "No run is stored yet."


def _facts(name: str, study: _Study, planned: int) -> dict[str, str]:
    facts = {
        "Study": name,
        "Scenario": f"{study.scenario.name}, version {study.scenario.version}",
        "Runs": f"{planned:,}, seed {study.about['seed']}",
        "Figures": _labels(study.scenario),
    }
    if study.runs:
        made = study.runs[0][1].made_by
        facts["Made with"] = ", ".join(f"{package} {version}" for package, version in made["packages"].items())
        facts["Machine"] = f"{made['machine']}, Python {made['python']}"
        facts["Code"] = study.runs[0][1].code
    return facts


def _labels(scenario: Scenario) -> str:
    by_label: dict[str, list[str]] = {}
    for metric in scenario.metrics:
        by_label.setdefault(metric.label, []).append(metric.name)
    return "; ".join(f"{label}: {', '.join(names)}" for label, names in by_label.items())


def _picture(study: _Study, chart: Chart) -> Picture | None:
    chosen = [record for _, record in study.runs if not chart.where or holds(chart.where, record.config)]
    if chart.kind == "timeline":
        return _timeline(study, chart, chosen)
    drawn = [chart, chart.model_copy(update={"y": chart.beside})] if chart.beside else [chart]
    if len({metric.label for one in drawn if (metric := study.metric(one.y))}) < len(drawn):
        raise UserError(
            f"chart '{chart.title}': {chart.y} and {chart.beside} have one label, so nothing tells them apart"
        )
    rows = [
        row | {chart.y: row[one.y]}
        for one in drawn
        for record in chosen
        if (row := _row(study, one, record)) is not None
    ]
    if not rows:
        return None
    alt = f"{chart.title} {chart.caption}".strip()
    if chart.kind == "scatter":
        return scatter(
            averaged(rows, (chart.color, chart.facet, "label"), (chart.x, chart.y), paired=chart.color),
            _axis(study, chart.x, False), _axis(study, chart.y, False), title=chart.title, alt=alt, colour=chart.color,
            facet=chart.facet, caption=chart.caption, declared=study.declared(chart.color),
            lines={value: text for text, value in chart.limits.items()},
        )  # fmt: skip
    rows = averaged(rows, (chart.x, chart.color, chart.facet, "label"), (chart.y,))
    if chart.kind == "bars":
        return bars(
            rows, chart.x, chart.y, title=chart.title, alt=alt, unit=study.unit(chart.y), colour=chart.color,
            facet=chart.facet, caption=chart.caption, declared=study.declared(chart.color or chart.x),
        )  # fmt: skip
    return curve(
        [*rows, *_bounds(study, chart, chosen)],
        _axis(study, chart.x, chart.log),
        _axis(study, chart.y, False),
        title=chart.title,
        alt=alt,
        colour=chart.color,
        facet=chart.facet,
        caption=chart.caption,
        declared=study.declared(chart.color),
        lines={value: text for text, value in chart.limits.items()},
    )


def _axis(study: _Study, name: str, log: bool) -> Axis:
    metric = study.metric(name)
    title = (metric.name if metric else name.rpartition(".")[2]).replace("_", " ")
    unit = study.unit(name)
    return Axis(name, title, unit if unit != "1" else "", log, zero=metric is not None)


def _row(study: _Study, chart: Chart, record: Record) -> dict[str, Any] | None:
    if study.value(record, chart.y) is None:
        return None
    metric = study.metric(chart.y)
    row = {name: study.value(record, name) for name in (chart.x, chart.y, chart.color, chart.facet) if name}
    if chart.facet:
        row[chart.facet] = study.panel(chart.facet, row[chart.facet])
    label = metric.label if metric else "counted"
    return row | {"key": record.key, "label": label, "replicate": record.replicate}


def _bounds(study: _Study, chart: Chart, chosen: Sequence[Record]) -> list[dict[str, Any]]:
    """The best bound that any run at a point has proven, as a line of its own."""
    best: dict[tuple[Any, str], float] = {}
    for record in chosen:
        bound = study.value(record, chart.bound) if chart.bound else None
        if bound is not None:
            facet = study.panel(chart.facet, study.value(record, chart.facet)) if chart.facet else ""
            place = (study.value(record, chart.x), facet)
            best[place] = max(bound, best.get(place, bound))
    return [
        {chart.x: x, chart.y: bound, chart.color: "bound", chart.facet: facet, "label": "bound"}
        for (x, facet), bound in best.items()
    ]


def _timeline(study: _Study, chart: Chart, chosen: Sequence[Record]) -> Picture | None:
    fillings, unit = [], "bytes"
    for record in [record for record in chosen if chart.series in record.series][:_MOST_PANELS]:
        series = study.store.series(record.key, chart.series)
        if series is None:
            continue
        amounts = {name: column for name, column in series.columns.items() if name not in _TOTALS}
        unit = next((series.units[name] for name in amounts if name in series.units), unit)
        title = study.panel(chart.facet, study.value(record, chart.facet)) if chart.facet else record.key[:12]
        ending = f" ({record.answer})" if record.answer else ""
        fillings.append(Filling(title + ending, series.columns["time"], amounts, record.key))
    if not fillings:
        return None
    capacity = study.value(chosen[0], chart.bound) if chart.bound else None
    alt = f"{chart.title} {chart.caption}".strip()
    return timeline(fillings, title=chart.title, alt=alt, unit=unit, capacity=capacity, caption=chart.caption)


def _pivots(study: _Study) -> list[Table]:
    """The table the study asks for, one per value of the settings that are on neither side of it."""
    pivot = study.about["table"]
    if not pivot:
        return []
    rows, columns, value = pivot["rows"], pivot["columns"], pivot["value"]
    blocks: dict[str, dict[tuple[Any, Any], list[Record]]] = {}
    for point, record in study.runs:
        apart = [key for key in point if key not in (rows, columns, "replicate")]
        rest = ", ".join(f"{key} {study.shown(key, point[key])}" for key in apart)
        place = study.value(record, rows), study.value(record, columns)
        blocks.setdefault(rest, {}).setdefault(place, []).append(record)
    tables = []
    for rest, block in blocks.items():
        cells = {place: _cell(study, value, records) for place, records in block.items()}
        across = list(dict.fromkeys(column for _, column in cells))
        down = list(dict.fromkeys(row for row, _ in cells))
        heads = (Column(rows.replace("_", " ")), *(Column(study.shown(columns, column)) for column in across))
        body = [[study.shown(rows, row), *(cells.get((row, column)) for column in across)] for row in down]
        tables.append(Table(f"{value.replace('_', ' ')}{', ' + rest if rest else ''}", heads, body))
    return tables


def _cell(study: _Study, value: str, replicates: Sequence[Record]) -> str:
    """The mean of a metric over replicates; the answer or status where there is none."""
    found = [number for record in replicates if (number := record.value(value)) is not None]
    return study.shown(value, sum(found) / len(found)) if found else replicates[0].answer or replicates[0].status


def _listing(study: _Study) -> Table | None:
    """Every run: its settings that vary, its answer, its metrics."""
    if not study.runs:
        return None
    varied = list(study.runs[0][0])
    known = {name for _, record in study.runs for name in record.metrics if record.value(name) is not None}
    metrics = [metric for metric in study.scenario.metrics if metric.name in known]
    columns = [
        *(Column(key) for key in varied),
        Column("answer"),
        *(Column(metric.name.replace("_", " "), metric.unit if metric.unit != "1" else "") for metric in metrics),
    ]
    rows = [
        [study.shown(key, point.get(key)) for key in varied]
        + [record.answer or record.status]
        + [record.value(metric.name) for metric in metrics]
        for point, record in study.runs
    ]
    return Table("All runs", tuple(columns), rows, keys=[record.key for _, record in study.runs])
