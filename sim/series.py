"""Series as Parquet, in memory: what a record's store holds and what `export` writes."""

from hashlib import blake2b

import numpy as np

from sim.scenario import Series


def encode(series: Series) -> bytes:
    """A Parquet file (zstd) with one column per column; units stand in the schema's metadata."""
    import pyarrow as pa
    from pyarrow import parquet

    fields = [
        pa.field(name, pa.array(np.asarray(column)).type, metadata={"unit": series.units.get(name, "")})
        for name, column in series.columns.items()
    ]
    table = pa.table([pa.array(np.asarray(column)) for column in series.columns.values()], schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue().to_pybytes())


def decode(body: bytes) -> Series:
    """The series in a Parquet file's bytes."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(pa.BufferReader(body))
    units = {part.name: (part.metadata or {}).get(b"unit", b"").decode() for part in table.schema if part.metadata}
    return Series({name: table[name].to_numpy() for name in table.column_names}, units)


def digest(series: Series) -> str:
    """BLAKE2b-128 of names, types and values (not of the file, whose bytes depend on the library's version)."""
    state = blake2b(digest_size=16)
    for name, column in sorted(series.columns.items()):
        values = np.ascontiguousarray(column)
        state.update(f"{name}:{values.dtype}:{len(values)}:".encode())
        state.update("\x1f".join(map(str, values)).encode() if values.dtype.kind in "OU" else values.tobytes())
    return state.hexdigest()
