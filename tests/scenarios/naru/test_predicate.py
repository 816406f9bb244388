"""Predicates against SQL itself: SQLite counts the same rows."""

import sqlite3
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.naru.predicate import OPERATORS, Between, Comparison, regions
from scenarios.naru.readers import of_arrow, read
from scenarios.naru.table import Table
from scenarios.naru.where import parse
from sim.errors import UserError

NUMBERS = [3, None, 5, 5, 9, -2, 3, None]
NAMES = ["b", "a", None, "d", "b", "b", "it's", "Z"]
SOURCE = pa.table(
    {"x": pa.array(NUMBERS), "name": pa.array(NAMES), "y": pa.array([0.5, float("nan"), 1, 2, 3, 4, 5, 6])}
)


@pytest.fixture(scope="module")
def table() -> Table:
    return of_arrow("t", SOURCE)


@pytest.fixture(scope="module")
def sqlite() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (x integer, name text, y real)")
    rows = [(row["x"], row["name"], None if row["y"] != row["y"] else row["y"]) for row in SOURCE.to_pylist()]
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    return connection


def _text(value: object) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


VALUES = {
    "x": st.sampled_from([None, -3, -2, 0, 3, 4.5, 5, 9, 10]),
    "name": st.sampled_from([None, "", "a", "b", "c", "it's", "z"]),
    "y": st.sampled_from([None, 0.5, 0.7, 3, 99]),
}


@st.composite
def conditions(draw: st.DrawFn) -> str:
    column = draw(st.sampled_from(sorted(VALUES)))
    literal = VALUES[column].map(_text)
    negation = draw(st.sampled_from(["", "NOT "]))
    form = draw(st.sampled_from(["comparison", "mirrored", "between", "in", "null", "whole"]))
    if form == "comparison":
        return f"{negation}{column} {draw(st.sampled_from(OPERATORS))} {draw(literal)}"
    if form == "mirrored":
        return f"{negation}({draw(literal)} {draw(st.sampled_from(OPERATORS))} {column})"
    if form == "between":
        return f"{column} {negation}BETWEEN {draw(literal)} AND {draw(literal)}"
    if form == "in":
        return f"{column} {negation}IN ({', '.join(draw(st.lists(literal, min_size=1, max_size=4)))})"
    if form == "whole":
        return f"NOT ({column} {negation}IN ({draw(literal)}))"
    return f"{column} IS {negation}NULL"


@settings(max_examples=100, deadline=None)
@given(st.lists(conditions(), max_size=4).map(" AND ".join))
def test_counts_are_those_of_sql(table: Table, sqlite: sqlite3.Connection, text: str) -> None:
    (truth,) = sqlite.execute(f"SELECT count(*) FROM t WHERE {text or 'true'}").fetchone()
    assert table.count(regions(parse(text), table)) == truth


def test_predicates_on_one_column_intersect_and_may_contradict(table: Table) -> None:
    inside = [Comparison("x", ">", 3), Comparison("x", "<", 9)]
    assert table.count(regions(inside, table)) == 2
    assert table.count(regions([*inside, Comparison("x", "=", 9)], table)) == 0
    assert table.count(regions([Between("x", 9, 3)], table)) == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = 1 OR name = 'a'", "is not supported; allowed: comparisons"),
        ("x + 1 = 3", "'x \\+ 1' is not supported"),
        ("x = y", "'y' is not supported"),
        ("name LIKE 'a%'", "is not supported"),
        ("x IN (SELECT 1)", "is not supported"),
        ("x = ", "is no SQL condition"),
        ("x = 1; DROP TABLE t", "more than one SQL condition"),
        ("x = 1 ORDER BY x", "only what stands after WHERE"),
        ("nmae = 'a'", "no column nmae.*name"),
        ("x = 'seven'", "column x is integer; 'seven' cannot be compared"),
        ("name < 7", "column name is text; 7 cannot be compared"),
        ("x = true", "True cannot be compared"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(table: Table, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        regions(parse(text), table)


def test_dates_compare_as_dates() -> None:
    days = [date(2019, 5, 31), date(2018, 1, 1), None, date(2020, 2, 29)]
    table = of_arrow("d", pa.table({"day": pa.array(days)}))
    assert table.count(regions(parse("day >= '2019-01-01' AND day < DATE '2020-01-01'"), table)) == 1
    assert table.columns[0].decode(3) == date(2020, 2, 29)
    with pytest.raises(UserError, match="'someday' is no date"):
        regions(parse("day < 'someday'"), table)


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_files_hold_the_same_table(tmp_path: Path, ending: str, table: Table) -> None:
    path = tmp_path / f"t.{ending}"
    source = SOURCE.select(["x", "name"]).slice(0, 6)
    if ending == "parquet":
        pa.parquet.write_table(source, path)
    elif ending == "csv":
        pa.csv.write_csv(source, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, source.schema) as writer:
            writer.write_table(source)
    found = read(path)
    assert found.columns[0].values.tolist() == [-2, 3, 5, 9]
    assert np.array_equal(found.codes[:, 0], table.codes[:6, 0])
    assert found.columns[1].values.tolist() == ["a", "b", "d"]
    assert found.columns[1].nullable


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_text("no parquet")
    with pytest.raises(UserError, match="cannot be read as a table"):
        read(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"ends in '\.xls'"):
        read(tmp_path / "t.xls")
    with pytest.raises(UserError, match="has no rows"):
        of_arrow("t", SOURCE.slice(0, 0))
    with pytest.raises(UserError, match="column list is of type"):
        of_arrow("t", pa.table({"list": pa.array([[1]])}))


def test_entropy_of_known_tables() -> None:
    assert of_arrow("t", pa.table({"x": pa.array([1, 2, 3, 4])})).entropy == pytest.approx(2.0)
    assert of_arrow("t", pa.table({"x": pa.array([1, 1, 1, 1])})).entropy == pytest.approx(0.0)
