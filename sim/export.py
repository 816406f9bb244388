"""A study as Parquet: one table of runs, and one table per series with the key of the run it belongs to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sim.config import flatten
from sim.record import Record
from sim.store import Store


def export(store: Store, study: str, folder: Path) -> list[Path]:
    """Write runs.parquet and series-NAME.parquet into `folder`; returns the files written."""
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    members = store.members(study)
    records = list(store.records([key for key, _ in members]))
    runs = folder / "runs.parquet"
    rows = _of_one_type([_row(record) for record in records])
    parquet.write_table(pa.Table.from_pylist(rows), runs, compression="zstd")
    written = [runs]
    for name in sorted({name for record in records for name in record.series}):
        path = folder / f"series-{name}.parquet"
        tables = list(_series(store, records, name))
        if tables:
            parquet.write_table(pa.concat_tables(tables, promote_options="permissive"), path, compression="zstd")
            written.append(path)
    return written


def _of_one_type(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A setting that is a word here and a number there ("never", 3.0) is text everywhere."""
    kinds: dict[str, set[bool]] = {}
    for row in rows:
        for name, value in row.items():
            if value is not None:
                kinds.setdefault(name, set()).add(isinstance(value, str))
    mixed = {name for name, found in kinds.items() if len(found) > 1}
    return [
        {name: str(value) if name in mixed and value is not None else value for name, value in row.items()}
        for row in rows
    ]


def _row(record: Record) -> dict[str, Any]:
    """One flat row: identity, settings under `set.`, metrics under `metric.`, system metrics under `system.`."""
    row: dict[str, Any] = {
        "key": record.key,
        "digest": record.digest(),
        "status": record.status,
        "answer": record.answer,
        "scenario": record.scenario,
        "seed": record.seed,
        "replicate": record.replicate,
    }
    row |= {f"set.{key}": value for key, value in flatten(record.config).items() if not isinstance(value, list)}
    row |= {f"metric.{name}": record.value(name) for name in record.metrics}
    row |= {f"system.{name}": value for name, value in record.system.items() if isinstance(value, float | int)}
    return row


def _series(store: Store, records: list[Record], name: str) -> Iterator[Any]:
    import pyarrow as pa

    for record in records:
        found = store.series(record.key, name) if name in record.series else None
        if found is not None:
            length = len(next(iter(found.columns.values()), ()))
            columns = {"key": pa.array([record.key] * length, pa.string())}
            yield pa.table(columns | {column: pa.array(values) for column, values in found.columns.items()})
