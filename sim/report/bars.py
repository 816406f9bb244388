"""Amounts side by side: one bar per name, its number written at its end, the paper's beside it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sim.report.marks import GLYPHS, chart, shape
from sim.report.page import Panel, Picture, Swatch
from sim.report.palette import INK, PAPER, colours
from sim.report.scales import domain, unit_for, written

Row = Mapping[str, Any]


def bars(
    rows: Sequence[Row],
    name: str,
    amount: str,
    *,
    title: str,
    alt: str,
    unit: str = "",
    measure: str = "",
    colour: str = "",
    facet: str = "",
    caption: str = "",
    declared: Sequence[str] = (),
) -> Picture:
    """A bar of length `amount` per row, in the order of the rows; a panel per value of `facet`.

    Bars start at zero. `colour` is the field that a bar's colour stands for (default: `name`); where several bars of a
    panel have one name, each bears both. `measure` is what the numbers are, for the axis. Rows labelled "paper" are
    stars on the bar of the same name. An interval is taken from `AMOUNT_low` and `AMOUNT_high`, the record behind a bar
    from `key`.
    """
    usable = [row for row in rows if isinstance(row.get(amount), int | float)]
    values = [float(row[field]) for row in usable for field in (amount, f"{amount}_high") if row.get(field) is not None]
    shown = unit_for(unit, values)
    hues = colours([str(row[colour or name]) for row in usable], declared)
    low, high = domain((value / shown.scale for value in values), zero=True)
    twice = Counter((row.get(facet), row[name]) for row in usable if row.get("label") != "paper")
    parts: dict[str, list[dict[str, Any]]] = {}
    for row in usable:
        alone = not colour or twice[row.get(facet), row[name]] <= 1
        drawn = {
            "name": str(row[name]) if alone else f"{row[name]}, {row[colour]}",
            "amount": row[amount] / shown.scale,
            "colour": str(row[colour or name]),
            "label": str(row.get("label", "simulated")),
            "key": str(row.get("key", "")),
            "text": f"{written(row[amount] / shown.scale)} {shown.text}".strip(),
        }
        drawn["tip"] = {drawn["name"]: drawn["text"], "how": drawn["label"]} | (
            {"record": drawn["key"]} if drawn["key"] else {}
        )
        for end in ("low", "high"):
            if row.get(f"{amount}_{end}") is not None:
                drawn[end] = row[f"{amount}_{end}"] / shown.scale
        parts.setdefault(str(row.get(facet, "")) if facet else "", []).append(drawn)
    axis = {"title": shown.titled(measure or amount), "tickCount": 5}
    panels = tuple(
        Panel(_bars(part, hues, (low, high + 0.12 * (high - low)), axis, alt), panel) for panel, part in parts.items()
    )
    star = (Swatch("paper", mark=GLYPHS["paper"]),) if any(row.get("label") == "paper" for row in usable) else ()
    return Picture(title, panels, alt, caption, star)


def _bars(
    rows: Sequence[Row], hues: Mapping[str, str], shown: tuple[float, float], axis: Mapping[str, Any], alt: str
) -> dict[str, Any]:
    names = list(dict.fromkeys(row["name"] for row in rows))
    hue = {
        "field": "colour",
        "type": "nominal",
        "scale": {"domain": list(hues), "range": list(hues.values())},
        "legend": None,
    }
    at = {
        "y": {
            "field": "name",
            "type": "nominal",
            "sort": names,
            "axis": {"title": None, "grid": False, "ticks": False, "domain": False, "labelLimit": 170},
            "scale": {"paddingInner": 0.35},
        },
        "x": {
            "field": "amount",
            "type": "quantitative",
            "scale": {"domain": list(shown), "nice": False},
            "axis": {**axis, "grid": True, "domain": False},
        },
    }
    own, paper = [{"filter": "datum.label !== 'paper'"}], [{"filter": "datum.label === 'paper'"}]
    interval = {**at, "x": {**at["x"], "field": "low"}, "x2": {"field": "high"}}
    layers = [
        {
            "transform": own,
            "mark": {"type": "bar", "cornerRadiusEnd": 3, "cursor": "pointer"},
            "encoding": {**at, "color": hue, "tooltip": {"field": "tip"}},
        },
        {
            "transform": [*own, {"filter": "isValid(datum.low)"}],
            "mark": {"type": "rule", "color": INK[0], "strokeWidth": 1.5},
            "encoding": interval,
        },
        {
            "transform": own,
            "mark": {"type": "text", "align": "left", "dx": 12},
            "encoding": {**at, "x": {**at["x"], "field": "end"}, "text": {"field": "text"}},
        },
        {
            "transform": paper,
            "mark": {
                "type": "point",
                "filled": True,
                "size": 280,
                "stroke": PAPER[0],
                "strokeWidth": 1,
                "shape": shape("paper"),
                "color": INK[0],
                "opacity": 1,
            },
            "encoding": {**at, "tooltip": {"field": "tip"}},
        },
    ]
    reach = {row["name"]: 0.0 for row in rows}
    for row in rows:
        reach[row["name"]] = max(reach[row["name"]], row.get("high", row["amount"]))
    return chart(layers, 34 * len(names) + 10, alt, [{**row, "end": reach[row["name"]]} for row in rows])
