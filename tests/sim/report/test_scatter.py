import json

import pytest
import vl_convert

from sim.report.charts import Axis
from sim.report.replicates import averaged
from sim.report.scatter import scatter

ROWS = [
    {"cost": 0.1, "gain": 0.8, "who": "one", "key": "a", "cost_low": 0.08, "cost_high": 0.12},
    {"cost": 0.1, "gain": 0.801, "who": "two", "key": "b", "gain_low": 0.7, "gain_high": 0.9, "label": "measured"},
    {"cost": 0.3, "gain": None, "who": "absent"},
]


def _drawn(picture):
    return [vl_convert.vegalite_to_svg(json.dumps({**p.spec, "width": 400}), "v6.4") for p in picture.panels]


def test_points_are_named_beside_them_and_limits_are_written():
    picture = scatter(
        ROWS, Axis("cost", "failures", "ratio"), Axis("gain", "rate", "ratio"), title="t", alt="a", colour="who",
        lines={0.1: "target"},
    )  # fmt: skip
    (svg,) = _drawn(picture)
    for text in ("failures (%)", "rate (%)", "one", "two", "target"):
        assert f">{text}<" in svg
    assert ">absent<" not in svg
    assert [swatch.text for swatch in picture.swatches] == ["simulated", "measured"]
    point = picture.panels[0].spec["data"]["values"][0]
    assert (point["x"], point["x_low"], point["tip"]["record"]) == (10.0, 8.0, "a")


def test_names_cover_neither_each_other_nor_points():
    rows = [{"cost": i % 4, "gain": (i % 3) * 1e-3 + i * 1e-5, "who": f"policy {i}"} for i in range(20)]
    (panel,) = scatter(rows, Axis("cost", "x"), Axis("gain", "y"), title="t", alt="a", colour="who").panels
    names = next(layer["data"]["values"] for layer in panel.spec["layer"] if "data" in layer)
    at = panel.spec["layer"][0]["encoding"]
    (left, right), (low, high) = (at[side]["scale"]["domain"] for side in ("x", "y"))
    boxes = [
        ((n["x"] - left) / (right - left) * 800, (high - n["y"]) / (high - low) * 380, 6 * len(n["name"]))
        for n in names
    ]
    for index, (x, y, long) in enumerate(boxes):
        for other_x, other_y, other_long in boxes[:index]:
            assert abs(y - other_y) >= 13 - 1e-6 or x + long <= other_x + 1e-6 or other_x + other_long <= x + 1e-6


def test_replicates_become_a_mean_with_students_interval():
    rows = [{"x": 1, "y": value, "key": str(value)} for value in (9.0, 10.0, 11.0)]
    (row,) = averaged(rows, ["x"], ["y"])
    assert (row["y"], row["key"]) == (10.0, "9.0")
    assert row["y_high"] - row["y"] == pytest.approx(2.484138, abs=1e-6)


def test_what_is_common_to_a_replicate_does_not_widen_a_paired_interval():
    rows = [
        {"who": who, "replicate": replicate, "y": level + better}
        for replicate, level in enumerate((1.0, 5.0, 9.0))
        for who, better in (("a", 0.0), ("b", 0.5))
    ]
    plain, paired = averaged(rows, ["who"], ["y"]), averaged(rows, ["who"], ["y"], paired="who")
    assert plain[0]["y"] == paired[0]["y"] == 5.0
    assert plain[0]["y_high"] > plain[1]["y_low"]
    assert paired[0]["y_high"] == pytest.approx(5.0)
    assert paired[0]["y_high"] < paired[1]["y_low"]


def test_rows_without_a_value_do_not_count():
    rows = [{"x": 1, "y": None}, {"x": 1, "y": 2.0}, {"x": 1, "y": 4.0}]
    assert averaged(rows, ["x"], ["y"])[0]["y"] == 3.0
    assert averaged(rows[:1], ["x"], ["y"])[0]["y"] is None
