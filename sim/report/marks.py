"""How a point came to be, told by its shape; and the pieces that every chart is made of."""

from collections.abc import Mapping, Sequence
from typing import Any

from sim.report.page import Swatch
from sim.report.palette import INK

#: Label of a row -> the shape of its points. "bound" and "capacity" are drawn as lines, not points.
SHAPES: dict[str, str] = {
    "simulated": "circle",
    "measured": "diamond",
    "emulated": "square",
    "modelled": "triangle-up",
    "counted": "cross",
    "paper": "M0,-1L0.22,-0.31L0.95,-0.31L0.36,0.12L0.59,0.81L0,0.38L-0.59,0.81L-0.36,0.12L-0.95,-0.31L-0.22,-0.31Z",
}
GLYPHS: dict[str, str] = {
    "simulated": "●", "measured": "◆", "emulated": "■", "modelled": "▲", "counted": "✚", "paper": "★", "bound": "┄",
}  # fmt: skip
#: The title of a vertical axis stands above it, where it can be read without turning the head.
ABOVE = {"titleAngle": 0, "titleAlign": "left", "titleBaseline": "bottom", "titleX": 0, "titleY": -10}
SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def shape(label: str) -> str:
    """The point shape of `label`; an unknown label has that of a simulated one."""
    return SHAPES.get(label, "circle")


def label_swatches(labels: Sequence[str]) -> tuple[Swatch, ...]:
    """The key of point shapes, if there is more than one kind of point."""
    known = [label for label in GLYPHS if label in labels]
    return tuple(Swatch(label, mark=GLYPHS[label]) for label in known) if len(known) > 1 else ()


def chart(
    layers: Sequence[Mapping[str, Any]], height: int, alt: str, rows: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A layered chart over `rows` that is as wide as the page gives it."""
    return {
        "$schema": SCHEMA,
        "description": alt,
        "width": "container",
        "height": height,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": list(rows)},
        "layer": list(layers),
    }


def rule(value: float, text: str, axis: str) -> list[dict[str, Any]]:
    """A dashed line across the chart at `value` of the `axis` ("x" or "y"), with `text` written on it."""
    data = {"values": [{axis: value, "text": text}]}
    along = {axis: {"field": axis, "type": "quantitative"}}
    if axis == "y":
        place = {"align": "left", "baseline": "bottom", "dx": 4, "dy": -3, "x": 0}
    else:
        place = {"align": "left", "baseline": "top", "dx": 4, "dy": 2, "y": 0}
    return [
        {"data": data, "mark": {"type": "rule", "strokeDash": [5, 4], "color": INK[0]}, "encoding": along},
        {
            "data": data,
            "mark": {"type": "text", "color": INK[0], "fontSize": 12, **place},
            "encoding": {**along, "text": {"field": "text"}},
        },
    ]
