"""Two metrics against each other: what is gained and what it costs, a named point per policy."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.report.charts import Axis, Row, drawable, panels_by
from sim.report.marks import ABOVE, chart, label_swatches, rule, shape
from sim.report.page import Panel, Picture
from sim.report.palette import colours
from sim.report.scales import Unit, domain, unit_for, written

_HEIGHT = 380
#: Width of a plot on a page that is wide enough, alone and beside others; what names are placed for.
_ALONE, _BESIDE = 800, 330
#: Of names in 11 pixel letters: width of a letter, height of a line, distance from the point; and a point's radius.
_LETTER, _LINE, _GAP, _REACH = 6.0, 13.0, 8.0, 5.0


def scatter(
    rows: Sequence[Row],
    x: Axis,
    y: Axis,
    *,
    title: str,
    alt: str,
    colour: str,
    facet: str = "",
    caption: str = "",
    declared: Sequence[str] = (),
    lines: Mapping[float, str] | None = None,
) -> Picture:
    """A point per row, its name (the value of `colour`) beside it; a panel per value of `facet`.

    Intervals, from FIELD_low and FIELD_high of either axis, are crosses through the point. `lines` are vertical
    rules (x value -> text), such as a limit that must be kept.
    """
    usable = [row for row in rows if drawable(row, x) and drawable(row, y)]
    hues = colours([str(row[colour]) for row in usable], declared)
    x_unit, y_unit = _unit(usable, x), _unit(usable, y)
    panels = []
    for name, part in panels_by(usable, facet).items():
        points = [_point(row, x, y, x_unit, y_unit, colour, hues) for row in part]
        drawn = {value / x_unit.scale: text for value, text in (lines or {}).items()}
        titles = x_unit.titled(x.title), y_unit.titled(y.title)
        panels.append(Panel(_panel(points, *titles, drawn, alt, _BESIDE if facet else _ALONE), name))
    return Picture(
        title, tuple(panels), alt, caption, label_swatches([str(row.get("label", "simulated")) for row in usable])
    )


def _unit(rows: Sequence[Row], axis: Axis) -> Unit:
    return unit_for(axis.unit, [float(row[axis.field]) for row in rows])


def _point(
    row: Row, x: Axis, y: Axis, x_unit: Unit, y_unit: Unit, colour: str, hues: Mapping[str, str]
) -> dict[str, Any]:
    name = str(row[colour])
    point = {
        "x": row[x.field] / x_unit.scale,
        "y": row[y.field] / y_unit.scale,
        "name": name,
        "hue": hues[name],
        "label": str(row.get("label", "simulated")),
        "key": str(row.get("key", "")),
    }
    for side, axis, unit in (("x", x, x_unit), ("y", y, y_unit)):
        for end in ("low", "high"):
            if row.get(f"{axis.field}_{end}") is not None:
                point[f"{side}_{end}"] = row[f"{axis.field}_{end}"] / unit.scale
    point["tip"] = {
        colour: name,
        x.title: f"{written(point['x'])} {x_unit.text}".strip(),
        y.title: f"{written(point['y'])} {y_unit.text}".strip(),
        "how": point["label"],
        "record": point["key"],
    }
    return point


def _panel(
    points: Sequence[dict[str, Any]], x_title: str, y_title: str, lines: Mapping[float, str], alt: str, width: int
) -> dict[str, Any]:
    across = domain([value for p in points for value in _ends(p, "x")] + list(lines))
    up = domain([value for p in points for value in _ends(p, "y")])
    hue = {"field": "hue", "type": "nominal", "scale": None}
    at: dict[str, dict[str, Any]] = {
        "x": {
            "field": "x",
            "type": "quantitative",
            "scale": {"domain": list(across), "nice": False},
            "axis": {"title": x_title, "tickCount": 5},
        },
        "y": {
            "field": "y",
            "type": "quantitative",
            "scale": {"domain": list(up), "nice": False, "zero": False},
            "axis": {"title": y_title, "tickCount": 5, **ABOVE},
        },
    }
    labels = sorted({point["label"] for point in points})
    shapes = {"domain": labels, "range": [shape(label) for label in labels]}
    crosses = [
        {
            "transform": [{"filter": f"isValid(datum.{side}_low)"}],
            "mark": {"type": "rule", "strokeWidth": 1.4, "opacity": 0.7},
            "encoding": at
            | {side: at[side] | {"field": f"{side}_low"}, f"{side}2": {"field": f"{side}_high"}, "color": hue},
        }
        for side in ("x", "y")
    ]
    layers: list[dict[str, Any]] = [
        *crosses,
        {
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 80, "cursor": "pointer"},
            "encoding": {
                **at,
                "color": hue,
                "shape": {"field": "label", "type": "nominal", "scale": shapes, "legend": None},
                "tooltip": {"field": "tip"},
            },
        },
        {
            "data": {"values": _names(points, across, up, width)},
            "mark": {"type": "text", "align": "left", "baseline": "middle", "fontSize": 11, "limit": 150},
            "encoding": {**at, "text": {"field": "name", "type": "nominal"}, "color": hue},
        },
    ]
    for value, text in lines.items():
        layers += rule(value, text, "x")
    return chart(layers, _HEIGHT, alt, points)


def _ends(point: Mapping[str, Any], side: str) -> list[float]:
    return [point[field] for field in (side, f"{side}_low", f"{side}_high") if field in point]


def _names(
    points: Sequence[dict[str, Any]], across: tuple[float, float], up: tuple[float, float], width: int
) -> list[dict[str, Any]]:
    """Where each point's name stands: at the first place around it where it covers no other name and no point."""
    per_x, per_y = width / (across[1] - across[0]), _HEIGHT / (up[1] - up[0])
    spots = [((p["x"] - across[0]) * per_x, (up[1] - p["y"]) * per_y) for p in points]
    taken = [(x - _REACH, y - _REACH, x + _REACH, y + _REACH) for x, y in spots]
    names = []
    for point, (x, y) in zip(points, spots, strict=True):
        long = _LETTER * len(point["name"])
        boxes = [
            (left, middle - _LINE / 2, left + long, middle + _LINE / 2)
            for step in range(8)
            for middle in (y + step * _LINE * 0.5, y - step * _LINE * 0.5)
            for left in (x + _GAP, x - _GAP - long)
        ]
        box = next((box for box in boxes if _free(box, taken, width)), boxes[0])
        taken.append(box)
        place = {"x": across[0] + box[0] / per_x, "y": up[1] - (box[1] + box[3]) / 2 / per_y}
        names.append(place | {"name": point["name"], "hue": point["hue"]})
    return names


def _free(
    box: tuple[float, float, float, float], taken: Sequence[tuple[float, float, float, float]], width: int
) -> bool:
    inside = box[0] >= 0 and box[2] <= width and box[1] >= 0 and box[3] <= _HEIGHT
    return inside and not any(
        box[0] < right and left < box[2] and box[1] < bottom and top < box[3] for left, top, right, bottom in taken
    )
