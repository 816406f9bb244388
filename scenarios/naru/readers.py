"""Tables of the user's own, from Arrow, Parquet or CSV; NaN is NULL, as is a CSV field that is empty and not quoted."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from scenarios.naru.column import Column, encode
from scenarios.naru.table import Codes, Table
from sim.errors import UserError


def read(path: Path) -> Table:
    """The table in `path`, by its ending: `.parquet`, `.arrow` or `.feather` (IPC files), `.csv`.

    Raises `UserError` for a file that is missing, broken, of another kind, or without rows.
    """
    readers = {".parquet": parquet.read_table, ".csv": _csv, ".arrow": _ipc, ".feather": _ipc}
    if path.suffix not in readers:
        raise UserError(f"{path} ends in {path.suffix!r}; allowed: {', '.join(readers)}")
    try:
        return of_arrow(path.stem, readers[path.suffix](path))
    except (OSError, pa.ArrowInvalid) as error:
        raise UserError(f"{path} cannot be read as a table: {str(error).splitlines()[0]}") from error


def of_arrow(name: str, source: pa.Table) -> Table:
    """An Arrow table as codes. Raises `UserError` without rows, and for a column of a type that has no order."""
    if source.num_rows == 0:
        raise UserError(f"table {name} has no rows; nothing can be estimated from it")
    encoded = [_encode(column, source[column]) for column in source.column_names]
    columns = tuple(column for column, _ in encoded)
    codes = np.asfortranarray(np.stack([codes for _, codes in encoded], axis=1)) if encoded else _nothing(source)
    return Table(name, columns, codes)


def _nothing(source: pa.Table) -> Codes:
    return np.zeros((source.num_rows, 0), dtype=np.int32)


def _csv(path: Path) -> pa.Table:
    return csv.read_csv(
        path,
        convert_options=csv.ConvertOptions(
            null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def _ipc(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def _encode(name: str, chunks: pa.ChunkedArray) -> tuple[Column, Codes]:
    kind = chunks.type
    if pa.types.is_dictionary(kind):
        return _encode(name, chunks.cast(kind.value_type))
    if pa.types.is_null(kind):
        return _encode(name, chunks.cast(pa.string()))
    null = np.asarray(pc.is_null(chunks, nan_is_null=True))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return encode(name, np.array(pc.fill_null(chunks, "").to_pylist(), dtype=object), null)
    if pa.types.is_date(kind):
        return encode(name, np.asarray(chunks.cast(pa.date32()).fill_null(0), dtype="M8[D]"), null)
    if pa.types.is_timestamp(kind):
        return encode(name, np.asarray(chunks.cast(pa.timestamp("us")).fill_null(0), dtype="M8[us]"), null)
    if pa.types.is_decimal(kind):
        return _encode(name, chunks.cast(pa.float64()))
    if pa.types.is_boolean(kind):
        return encode(name, np.asarray(pc.fill_null(chunks, False)), null)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return encode(name, np.asarray(pc.fill_null(chunks, 0)), null)
    allowed = "booleans, numbers, text, dates, timestamps"
    raise UserError(f"column {name} is of type {kind}; allowed: {allowed}")
