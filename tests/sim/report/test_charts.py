import json
from typing import Any

import numpy as np
import pytest
import vl_convert
from hypothesis import given
from hypothesis import strategies as st

from sim.report.bars import bars
from sim.report.charts import Axis, curve
from sim.report.page import Picture
from sim.report.scales import domain, unit_for, written
from sim.report.thin import peaks, thinned
from sim.report.timeline import Filling, timeline

BUDGET = Axis("budget", "memory budget", "bytes")
OVERHEAD = Axis("overhead", "time, × keeping everything")
ROWS: list[dict[str, Any]] = [
    {"budget": 4 * 2**30, "overhead": 1.28, "policy": "√n", "key": "aa", "overhead_low": 1.2, "overhead_high": 1.3},
    {"budget": 8 * 2**30, "overhead": 1.05, "policy": "√n", "key": "ab"},
    {"budget": 4 * 2**30, "overhead": 1.07, "policy": "greedy", "key": "ba"},
    {"budget": 8 * 2**30, "overhead": 1.02, "policy": "greedy", "key": "bb"},
    {"budget": 8 * 2**30, "overhead": 1.03, "policy": "greedy", "key": "mm", "label": "measured"},
    {"budget": 8 * 2**30, "overhead": 1.06, "policy": "√n", "label": "paper"},
    {"budget": 4 * 2**30, "overhead": 1.05, "policy": "lower bound", "label": "bound"},
    {"budget": 8 * 2**30, "overhead": 1.01, "policy": "lower bound", "label": "bound"},
]


def drawn(picture: Picture) -> list[str]:
    """Every panel as SVG; compiling fails if a specification is wrong."""
    sized = [json.dumps({**panel.spec, "width": 400}) for panel in picture.panels]
    return [vl_convert.vegalite_to_svg(spec, "v6.4") for spec in sized]


def test_a_curve_says_units_names_and_bounds() -> None:
    picture = curve(ROWS, BUDGET, OVERHEAD, title="t", alt="a", colour="policy", lines={6 * 2**30: "6 GiB card"})
    (svg,) = drawn(picture)
    for text in ("memory budget (GiB)", "time, × keeping everything", "√n", "greedy", "lower bound", "6 GiB card"):
        assert f">{text}<" in svg
    assert [swatch.text for swatch in picture.swatches] == ["simulated", "measured", "paper", "bound"]


def test_a_point_knows_its_record_and_says_so() -> None:
    (panel,) = curve(ROWS, BUDGET, OVERHEAD, title="t", alt="a", colour="policy").panels
    point = panel.spec["data"]["values"][0]
    assert (point["x"], point["key"]) == (4.0, "aa")
    assert point["tip"] == {
        "policy": "√n",
        "memory budget": "4 GiB",
        "time, × keeping everything": "1.28",
        "how": "simulated",
        "record": "aa",
    }


def test_labels_at_line_ends_do_not_touch() -> None:
    rows = [{"x": x, "y": 1 + i * 1e-6, "who": f"line {i}"} for i in range(8) for x in (0, 1)]
    (panel,) = curve(rows, Axis("x", "x"), Axis("y", "y", zero=True), title="t", alt="a", colour="who").panels
    labels = panel.spec["layer"][-1]["data"]["values"]
    low, high = panel.spec["layer"][-1]["encoding"]["y"]["scale"]["domain"]
    pixels = sorted((high - label["y"]) / (high - low) * panel.spec["height"] for label in labels)
    assert len(labels) == 8
    assert min(np.diff(pixels)) > 14.9
    assert 0 <= pixels[0] < pixels[-1] <= panel.spec["height"]


def test_panels_share_axes_and_colours() -> None:
    rows = [{**row, "network": network} for network in ("VGG16", "U-Net") for row in ROWS]
    picture = curve(rows, BUDGET, OVERHEAD, title="t", alt="a", colour="policy", facet="network")
    assert [panel.title for panel in picture.panels] == ["VGG16", "U-Net"]
    first, second = (json.dumps(panel.spec["layer"][3]["encoding"]) for panel in picture.panels)
    assert first == second
    assert {swatch.text for swatch in picture.swatches} >= {"√n", "greedy"}
    assert len(drawn(picture)) == 2


def test_log_axes_say_so_and_leave_out_what_they_cannot_show() -> None:
    rows = [{"n": 10**k, "s": 10.0**-k, "key": str(k)} for k in range(6)] + [{"n": 0, "s": 1.0}, {"n": 1, "s": None}]
    picture = curve(rows, Axis("n", "operators", log=True), Axis("s", "time", "time", log=True), title="t", alt="a")
    (svg,) = drawn(picture)
    assert "operators, log scale" in svg
    assert "time (s), log scale" in svg
    assert len(picture.panels[0].spec["data"]["values"]) == 6


def test_nothing_to_draw_is_an_empty_chart() -> None:
    assert curve([], BUDGET, OVERHEAD, title="t", alt="a").panels == ()
    drawn(bars([], "name", "amount", title="t", alt="a"))
    drawn(timeline([Filling("none", np.array([]), {"activation": np.array([])})], title="t", alt="a"))


def test_a_hundred_thousand_runs_are_thinned_to_their_extremes() -> None:
    rng = np.random.default_rng(0)
    rows = [{"x": i, "y": float(y), "who": "ab"[i % 2], "key": str(i)} for i, y in enumerate(rng.normal(size=100_000))]
    picture = curve(rows, Axis("x", "x"), Axis("y", "y"), title="t", alt="a", colour="who")
    points = picture.panels[0].spec["data"]["values"]
    assert len(points) <= 4000
    for end in (min, max):
        assert end(point["y"] for point in points) == end(row["y"] for row in rows)
    assert f"Drawn are {len(points)} of 100000 points" in picture.caption


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-5, 5)), min_size=1), st.integers(2, 40))
def test_thinning_keeps_real_rows_in_order(drawn_rows: list[tuple[int, float]], most: int) -> None:
    rows = [{"x": x, "y": y, "place": place} for place, (x, y) in enumerate(drawn_rows)]
    kept = thinned(rows, "x", "y", (), most)
    places = [row["place"] for row in kept]
    assert places == sorted(set(places))
    assert len(kept) <= max(most, 2)
    assert {min(row["y"] for row in kept), max(row["y"] for row in kept)} == {
        min(y for _, y in drawn_rows),
        max(y for _, y in drawn_rows),
    }


@given(st.lists(st.floats(0, 10), min_size=1, max_size=300), st.integers(2, 50))
def test_a_thinned_timeline_keeps_its_peak(totals: list[float], most: int) -> None:
    kept = peaks(np.arange(len(totals), dtype=float), np.array(totals), most)
    assert max(totals[index] for index in kept) == max(totals)
    assert {0, len(totals) - 1} <= set(kept.tolist())


def test_a_timeline_stacks_categories_below_the_capacity() -> None:
    times = np.array([0.0, 0.1, 0.2])
    amounts = {"activation": np.array([1.0, 3.0, 0.0]) * 2**30, "parameters": np.full(3, 2.0**30)}
    picture = timeline([Filling("all", times, amounts, key="k")], title="t", alt="a", capacity=8 * 2.0**30)
    (svg,) = drawn(picture)
    for text in ("peak 4 GiB", "capacity 8 GiB", "in use (GiB)", "time (ms)"):
        assert f">{text}<" in svg
    assert [swatch.text for swatch in picture.swatches] == ["activation", "parameters"]
    rows = picture.panels[0].spec["data"]["values"]
    assert [(row["low"], row["high"]) for row in rows if row["x"] == 100.0] == [(0.0, 3.0), (3.0, 4.0)]


def test_bars_start_at_zero_and_carry_their_numbers() -> None:
    rows = [
        {"policy": "keep all", "batch": 16, "key": "a"},
        {"policy": "optimal", "batch": 61, "key": "b", "batch_low": 60, "batch_high": 62},
        {"policy": "optimal", "batch": 61, "label": "paper"},
    ]
    picture = bars(rows, "policy", "batch", title="t", alt="a", measure="largest batch")
    (svg,) = drawn(picture)
    assert ">16<" in svg
    assert ">largest batch<" in svg
    assert [swatch.text for swatch in picture.swatches] == ["paper"]
    assert picture.panels[0].spec["layer"][0]["encoding"]["x"]["scale"]["domain"][0] == 0


def test_axes_have_air_and_an_honest_start() -> None:
    assert domain([2.0, 4.0], zero=True)[0] == 0.0
    assert domain([]) == (0.0, 1.0)
    low, high = domain([10.0, 1000.0, -1.0], log=True)
    assert 0 < low < 10
    assert high > 1000
    assert domain([5.0])[0] < 5.0 < domain([5.0])[1]


@pytest.mark.parametrize(
    ("dimension", "value", "text", "scale"),
    [("bytes", 3e9, "GiB", 2**30), ("time", 2e-6, "µs", 1e-6), ("bit rate", 25e9, "Gbit/s", 1e9), ("1", 7.0, "", 1)],
)
def test_units_are_chosen_for_the_largest(dimension: str, value: float, text: str, scale: float) -> None:
    unit = unit_for(dimension, [value, 0.0])
    assert (unit.text, unit.scale) == (text, pytest.approx(scale))


def test_numbers_without_end_are_written() -> None:
    assert [written(float(text)) for text in ("nan", "inf", "-inf", "0")] == ["–", "∞", "−∞", "0"]


def test_bars_of_one_name_bear_their_colour_s_name_too() -> None:
    rows = [{"protocol": "vr", "switch": switch, "outage": 0.02} for switch in ("plain", "harmonia")]
    picture = bars(rows, "protocol", "outage", title="t", alt="a", colour="switch")
    assert picture.panels[0].spec["layer"][0]["encoding"]["y"]["sort"] == ["vr, plain", "vr, harmonia"]
