"""Rows of records -> Vega-Lite pictures. Pure functions; no file, no clock, no global state.

A row is a mapping. Beside the fields that a chart is told to draw it may have `label` (how the number came to be:
simulated, measured, emulated, modelled, counted, paper, or bound), `key` (the record behind it; hovering shows it, a
click copies the command that reproduces it) and, per y field, `FIELD_low` and `FIELD_high` (an interval).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.report.marks import ABOVE, chart, label_swatches, rule, shape
from sim.report.page import Panel, Picture, Swatch
from sim.report.palette import INK, PAPER, colours
from sim.report.scales import Unit, domain, unit_for, written
from sim.report.thin import thinned

Row = Mapping[str, Any]
_HEIGHT, _SMALL_HEIGHT, _LABEL_HEIGHT = 340, 220, 15


@dataclass(frozen=True, slots=True)
class Axis:
    """A field of the rows and how to draw it. `unit` is a dimension of `sim.units.UNITS` or text."""

    field: str
    title: str
    unit: str = ""
    log: bool = False
    zero: bool = False


def curve(
    rows: Sequence[Row],
    x: Axis,
    y: Axis,
    *,
    title: str,
    alt: str,
    colour: str = "",
    facet: str = "",
    caption: str = "",
    declared: Sequence[str] = (),
    lines: Mapping[float, str] | None = None,
) -> Picture:
    """How `y` depends on `x`: a line per value of `colour`, labelled at its end; a panel per value of `facet`.

    Rows labelled "bound" are a dashed line in neutral ink, "paper" ones stars. `lines` are vertical rules
    (x value -> text), such as a capacity. `declared` fixes the colours (see `palette.colours`). Panels share both
    axes, and a key of colours takes the place of the labels, for which they have no room. A panel of more than
    `thin.MOST_POINTS` points is thinned: every line keeps its lowest and highest point in each of a number of equal
    steps along x, and the caption says so.
    """
    usable = [row for row in rows if drawable(row, x) and drawable(row, y)]
    frame = _frame(usable, x, y, colour, declared, keyed=bool(facet))
    panels, dropped = [], 0
    for name, part in panels_by(usable, facet).items():
        kept = thinned(part, x.field, y.field, (colour, "label"))
        dropped += len(part) - len(kept)
        height = _SMALL_HEIGHT if facet else _HEIGHT
        panels.append(Panel(_curve(kept, frame, height, alt, lines or {}), name))
    if dropped:
        caption += (
            f" Drawn are {len(usable) - dropped} of {len(usable)} points: the extremes of each line, step by step."
        )
    key = tuple(Swatch(name, hue) for name, hue in frame.hues.items()) if facet else ()
    swatches = key + label_swatches([str(row.get("label", "simulated")) for row in usable])
    return Picture(title, tuple(panels), alt, caption.strip(), swatches)


@dataclass(frozen=True, slots=True)
class _Frame:
    """What all panels of a picture share."""

    x: Axis
    y: Axis
    x_unit: Unit
    y_unit: Unit
    x_domain: tuple[float, float]
    y_domain: tuple[float, float]
    colour: str
    hues: Mapping[str, str]
    keyed: bool  # the lines are told apart by the picture's key, not by labels at their ends

    def point(self, row: Row) -> dict[str, Any]:
        """The row as it is drawn: shown units, and what hovering says."""
        scale = self.y_unit.scale
        low, high = (row.get(f"{self.y.field}_{end}") for end in ("low", "high"))
        drawn: dict[str, Any] = {
            "x": row[self.x.field] / self.x_unit.scale,
            "y": row[self.y.field] / scale,
            "colour": str(row.get(self.colour, "")),
            "label": str(row.get("label", "simulated")),
            "tip": self._tip(row),
        }
        if row.get("key"):
            drawn["key"] = str(row["key"])
        if low is not None and high is not None:
            drawn |= {"low": low / scale, "high": high / scale}
        return drawn

    def _tip(self, row: Row) -> dict[str, str]:
        tip = {self.colour.replace("_", " "): str(row[self.colour])} if row.get(self.colour) else {}
        for axis, unit in ((self.x, self.x_unit), (self.y, self.y_unit)):
            tip[axis.title] = f"{written(row[axis.field] / unit.scale)} {unit.text}".strip()
        tip["how"] = str(row.get("label", "simulated"))
        return tip | ({"record": str(row["key"])} if row.get("key") else {})


def _frame(rows: Sequence[Row], x: Axis, y: Axis, colour: str, declared: Sequence[str], keyed: bool) -> _Frame:
    spread = [f"{y.field}{end}" for end in ("", "_low", "_high")]
    ys = [float(row[field]) for row in rows for field in spread if row.get(field) is not None]
    xs = [float(row[x.field]) for row in rows]
    x_unit, y_unit = unit_for(x.unit, xs), unit_for(y.unit, ys)
    return _Frame(
        x,
        y,
        x_unit,
        y_unit,
        domain((value / x_unit.scale for value in xs), x.log, x.zero),
        domain((value / y_unit.scale for value in ys), y.log, y.zero),
        colour,
        colours([str(row.get(colour, "")) for row in rows if row.get("label") != "bound"], declared),
        keyed,
    )


def _curve(rows: Sequence[Row], frame: _Frame, height: int, alt: str, lines: Mapping[float, str]) -> dict[str, Any]:
    points = [frame.point(row) for row in rows]
    hue = {"field": "colour", "type": "nominal", "scale": _scale(frame.hues), "legend": None}
    at = {
        "x": _encoding("x", frame.x, frame.x_unit, frame.x_domain),
        "y": _encoding("y", frame.y, frame.y_unit, frame.y_domain),
    }
    ours, paper = "datum.label !== 'bound' && datum.label !== 'paper'", "datum.label === 'paper'"
    point = {"type": "point", "filled": True, "opacity": 1, "cursor": "pointer"}
    order = {"field": "x", "type": "quantitative"}
    layers: list[dict[str, Any]] = [
        {
            "transform": [{"filter": "isValid(datum.low)"}],
            "mark": {"type": "area", "opacity": 0.16},
            "encoding": {"x": at["x"], "y": {**at["y"], "field": "low"}, "y2": {"field": "high"}, "color": hue},
        },
        {
            "transform": [{"filter": "datum.label === 'bound'"}],
            "mark": {"type": "line", "color": INK[0], "strokeDash": [4, 4], "strokeWidth": 1.5},
            "encoding": {**at, "order": order, "detail": {"field": "colour"}},
        },
        {
            "transform": [{"filter": ours}],
            "mark": {"type": "line", "strokeWidth": 2.2},
            "encoding": {**at, "order": order, "color": hue, "detail": {"field": "label"}},
        },
        {
            "transform": [{"filter": ours}],
            "mark": {**point, "size": 62},
            "encoding": {**at, "color": hue, "shape": _shapes(points), "tooltip": {"field": "tip"}},
        },
        {
            "transform": [{"filter": paper}],
            "mark": {**point, "size": 280, "shape": shape("paper"), "stroke": PAPER[0], "strokeWidth": 1},
            "encoding": {**at, "color": hue, "tooltip": {"field": "tip"}},
        },
        {
            "data": {"values": [] if frame.keyed else _end_labels(points, frame, height)},
            "mark": {"type": "text", "align": "left", "baseline": "middle", "dx": 9, "fontWeight": 600, "limit": 170},
            "encoding": {**at, "text": {"field": "text"}, "color": {"field": "hue", "type": "nominal", "scale": None}},
        },
    ]
    for value, text in lines.items():
        layers += rule(value / frame.x_unit.scale, text, "x")
    return chart(layers, height, alt, points)


def _end_labels(points: Sequence[Row], frame: _Frame, height: int) -> list[dict[str, Any]]:
    """Where to write each line's name: at its last point, pushed apart so that no two touch."""
    ends: dict[tuple[str, bool], Row] = {}
    for point in points:
        if point["label"] == "paper":
            continue
        name = (point["colour"], point["label"] == "bound")
        if name not in ends or point["x"] >= ends[name]["x"]:
            ends[name] = point
    wanted = sorted(
        ((_pixels(end["y"], frame, height), name, end) for name, end in ends.items()), key=lambda each: each[0]
    )
    placed = _apart([pixel for pixel, _, _ in wanted], height)
    return [
        {
            "x": end["x"],
            "y": _value(pixel, frame, height),
            "text": name or ("bound" if bound else ""),
            "hue": INK[0] if bound else frame.hues[name],
        }
        for pixel, (_, (name, bound), end) in zip(placed, wanted, strict=True)
    ]


def _apart(pixels: list[float], height: int) -> list[float]:
    """`pixels` (ascending) moved as little as needed to be `_LABEL_HEIGHT` apart and within the chart."""
    placed: list[float] = []
    for pixel in pixels:
        placed.append(max(pixel, placed[-1] + _LABEL_HEIGHT) if placed else pixel)
    limit = float(height)
    for index in range(len(placed) - 1, -1, -1):
        placed[index] = min(placed[index], limit)
        limit = placed[index] - _LABEL_HEIGHT
    return placed


def _pixels(value: float, frame: _Frame, height: int) -> float:
    low, high, value = (_linear(each, frame.y.log) for each in (*frame.y_domain, value))
    return height * (high - value) / (high - low)


def _value(pixel: float, frame: _Frame, height: int) -> float:
    low, high = (_linear(each, frame.y.log) for each in frame.y_domain)
    value = high - pixel * (high - low) / height
    return 10**value if frame.y.log else value


def _linear(value: float, log: bool) -> float:
    return math.log10(value) if log else value


def drawable(row: Row, axis: Axis) -> bool:
    """Whether a row has a number for the axis that can be drawn on it."""
    value = row.get(axis.field)
    return isinstance(value, int | float) and math.isfinite(value) and (value > 0 or not axis.log)


def panels_by(rows: Sequence[Row], facet: str) -> dict[str, list[Row]]:
    """The rows of each panel, by its title."""
    parts: dict[str, list[Row]] = {}
    for row in rows:
        parts.setdefault(str(row.get(facet, "")) if facet else "", []).append(row)
    return parts


def _encoding(field: str, axis: Axis, unit: Unit, shown: tuple[float, float]) -> dict[str, Any]:
    shown_title = unit.titled(axis.title) + (", log scale" if axis.log else "")
    drawn: dict[str, Any] = {"title": shown_title, "tickCount": 5 if field == "y" else 6}
    if field == "y":
        drawn |= ABOVE
    if axis.log:
        drawn |= {"values": _decades(*shown)} if shown[1] / shown[0] >= 100 else {}
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": list(shown), "nice": False, **({"type": "log"} if axis.log else {"zero": False})},
        "axis": drawn,
    }


def _decades(low: float, high: float) -> list[float]:
    """The powers of ten from low to high, at most about seven of them."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return [10.0**power for power in range(first, last + 1, max(1, (last - first) // 6))]


def _scale(hues: Mapping[str, str]) -> dict[str, list[str]]:
    return {"domain": list(hues), "range": list(hues.values())}


def _shapes(points: Sequence[Row]) -> dict[str, Any]:
    labels = sorted({point["label"] for point in points})
    scale = {"domain": labels, "range": [shape(label) for label in labels]}
    return {"field": "label", "type": "nominal", "scale": scale, "legend": None}
