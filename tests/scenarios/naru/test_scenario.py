"""The scenario from settings to metrics, small."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from scenarios.naru.config import NaruConfig
from scenarios.naru.scenario import Naru
from sim.config import build
from sim.conformance import check_scenario, check_study
from sim.errors import UserError
from sim.scenario import Context, Outcome


def _run(seed: int = 1, **settings: object) -> Outcome:
    small = {"rows": 1500, "queries": 15, "samples": 50, "width": 32, "layers": 3, "epochs": 2, "batch": 128}
    return Naru().run(NaruConfig(**{**small, **settings}), Context.alone(seed, "naru"))


def test_the_same_seed_gives_the_same_outcome() -> None:
    one, two, other = _run(), _run(), _run(seed=2)
    assert one.metrics == two.metrics
    assert one.metrics != other.metrics


def test_what_knows_of_dependence_is_nearer_than_independence() -> None:
    p95 = {name: _run(estimator=name).metrics["q_error_p95"] for name in ("perfect", "chow_liu", "independence")}
    assert max(p95["perfect"], p95["chow_liu"]) < p95["independence"]


def test_every_estimator_is_asked_the_same_queries() -> None:
    true = [_run(estimator=name).series["queries"].columns["true_rows"].tolist() for name in ("row_sample", "naru")]
    assert true[0] == true[1]


def test_training_narrows_the_gap() -> None:
    assert _run(epochs=3).metrics["gap"] < _run(epochs=1).metrics["gap"]


def test_an_own_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.parquet"
    pa.parquet.write_table(pa.table({"a": pa.array([1, 2, None, 2]), "b": pa.array(["x", "y", "y", None])}), path)
    found = _run(table="file", file=str(path), estimator="perfect", samples=1000)
    assert found.metrics["q_error_max"] == 1.0


def test_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="table = file needs one"):
        build(NaruConfig, {"table": "file"})
    with pytest.raises(UserError, match="cannot be read as a table"):
        _run(table="file", file=str(tmp_path / "none.csv"))


@pytest.mark.parametrize("estimator", ["naru", "chow_liu"])
def test_conformance(estimator: str) -> None:
    check_scenario("naru", {"rows": 300, "queries": 3, "epochs": 1, "width": 16, "samples": 20, "estimator": estimator})


def test_its_study_is_well_formed() -> None:
    check_study("naru/accuracy")
