"""What fills a memory over time, by category, against its capacity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.report.marks import ABOVE, chart, rule
from sim.report.page import Panel, Picture, Swatch
from sim.report.palette import INK, colours
from sim.report.scales import Unit, unit_for, written
from sim.report.thin import peaks


@dataclass(frozen=True, slots=True)
class Filling:
    """One timeline: from `times[i]` (seconds) on, `amounts[category][i]` is in use. Shapes (moments,)."""

    title: str
    times: NDArray[np.float64]
    amounts: Mapping[str, NDArray[np.float64]]
    key: str = ""


def timeline(
    series: Sequence[Filling],
    *,
    title: str,
    alt: str,
    unit: str = "bytes",
    capacity: float | None = None,
    caption: str = "",
    declared: Sequence[str] = (),
) -> Picture:
    """Stacked steps of what is in use, one panel per element of `series`, all on the same axes.

    A dashed line marks the `capacity`, a point the peak. Long series are thinned to their highest and lowest moments.
    """
    names = list(dict.fromkeys(name for filling in series for name in filling.amounts))
    hues = colours(names, declared)
    totals = [_total(filling) for filling in series]
    top = max([float(total.max(initial=0.0)) for total in totals] + ([capacity] if capacity else []), default=1.0)
    span = max((float(filling.times.max(initial=0.0)) for filling in series), default=1.0)
    frame = _Frame(unit_for("time", [span]), unit_for(unit, [top]), span, 1.08 * top or 1.0, capacity, hues)
    height = 340 if len(series) == 1 else 220
    panels = tuple(
        Panel(_panel(filling, total, frame, height, alt), filling.title)
        for filling, total in zip(series, totals, strict=True)
    )
    return Picture(title, panels, alt, caption, tuple(Swatch(name, hues[name], "area") for name in names))


@dataclass(frozen=True, slots=True)
class _Frame:
    time: Unit
    unit: Unit
    span: float
    top: float
    capacity: float | None
    hues: Mapping[str, str]


def _total(filling: Filling) -> NDArray[np.float64]:
    return np.sum(list(filling.amounts.values()), axis=0, dtype=np.float64) if filling.amounts else np.zeros(1)


def _panel(filling: Filling, total: NDArray[np.float64], frame: _Frame, height: int, alt: str) -> dict[str, Any]:
    kept = peaks(filling.times, total)
    times = (filling.times[kept] / frame.time.scale).tolist()
    rows = []
    base = np.zeros(len(kept))
    for name, amounts in filling.amounts.items():
        upper = base + amounts[kept] / frame.unit.scale
        for time, low, high in zip(times, base.tolist(), upper.tolist(), strict=True):
            tip = {
                "what": name,
                "amount": f"{written(high - low)} {frame.unit.text}",
                "time": f"{written(time)} {frame.time.text}",
            }
            rows.append({"x": time, "low": low, "high": high, "colour": name, "tip": tip, "key": filling.key})
        base = upper
    hue = {"domain": list(frame.hues), "range": list(frame.hues.values())}
    area = {
        "mark": {"type": "area", "interpolate": "step-after", "opacity": 0.92},
        "encoding": {
            "x": _axis("x", frame.time.titled("time"), [0, frame.span / frame.time.scale]),
            "y": _axis("low", frame.unit.titled("in use"), [0, frame.top / frame.unit.scale]),
            "y2": {"field": "high"},
            "color": {"field": "colour", "type": "nominal", "scale": hue, "legend": None},
            "tooltip": {"field": "tip"},
        },
    }
    layers: list[dict[str, Any]] = [area, *_peak(filling, total, frame)]
    if frame.capacity is not None:
        shown = f"capacity {written(frame.capacity / frame.unit.scale)} {frame.unit.text}"
        layers += rule(frame.capacity / frame.unit.scale, shown, "y")
    return chart(layers, height, alt, rows)


def _axis(field: str, title: str, shown: list[float]) -> dict[str, Any]:
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": shown, "nice": False, "zero": False},
        "axis": {"title": title, "tickCount": 5, **({} if field == "x" else ABOVE)},
    }


def _peak(filling: Filling, total: NDArray[np.float64], frame: _Frame) -> list[dict[str, Any]]:
    """A dot at the highest moment, and its height in words."""
    if not len(filling.times):
        return []
    at = int(total.argmax())
    x, y = float(filling.times[at]) / frame.time.scale, float(total[at]) / frame.unit.scale
    right = filling.times[at] > 0.6 * frame.span
    crowded = frame.capacity is not None and abs(total[at] - frame.capacity) < 0.06 * frame.top
    text = f"peak {written(y, 3)} {frame.unit.text}"
    data = {"values": [{"x": x, "y": y, "text": text}]}
    place = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
    words = {
        "type": "text",
        "align": "right" if right else "left",
        "dx": -8 if right else 8,
        "dy": 9 if crowded else -7,  # the capacity's own label stands above its line
        "fontWeight": 600,
    }
    return [
        {
            "data": data,
            "mark": {"type": "point", "filled": True, "size": 50, "color": INK[0], "opacity": 1},
            "encoding": place,
        },
        {"data": data, "mark": words, "encoding": {**place, "text": {"field": "text"}}},
    ]
