"""The look of every chart: quiet axes, system fonts, no boxes; one configuration for light pages, one for dark."""

from typing import Any

from sim.report.palette import INK, PAPER

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"
_GRID = ("#e6e8eb", "#2b3038")


def config(dark: bool) -> dict[str, Any]:
    """Vega-Lite configuration."""
    paper, ink, grid = PAPER[dark], INK[dark], _GRID[dark]
    axis = {
        "labelColor": ink, "titleColor": ink, "gridColor": grid, "domainColor": grid, "tickColor": grid,
        "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "titlePadding": 10,
        "labelPadding": 6, "tickSize": 4, "labelFlush": False,
    }  # fmt: skip
    return {
        "background": paper,
        "font": FONT,
        "view": {"stroke": None},
        "axis": axis,
        "axisX": {"grid": False, "domain": True},
        "axisY": {"grid": True, "domain": False, "ticks": False},
        "text": {"color": ink, "fontSize": 12},
        "legend": {"labelColor": ink, "titleColor": ink, "disable": True},
        "header": {"labelColor": ink, "titleColor": ink},
    }
