"""Where records are kept: one SQLite file, one writer, every body with its checksum.

Rules. Only the process that holds the lock writes. A record and its series go in by one transaction, so a
kill at any moment leaves whole records. Nothing is believed unread: a body whose checksum does not fit goes to
quarantine with the reason and counts as missing. A file that is no database any more is set aside, what can
still be read from it is taken over, and the rest is made again.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from sim.errors import UserError, did_you_mean
from sim.job import Job
from sim.record import Record
from sim.runner import Finished
from sim.scenario import Series
from sim.series import decode

_TABLES = """
CREATE TABLE IF NOT EXISTS records (key TEXT PRIMARY KEY, status TEXT, digest TEXT, body BLOB, checksum BLOB);
CREATE TABLE IF NOT EXISTS series (key TEXT, name TEXT, body BLOB, checksum BLOB, PRIMARY KEY (key, name));
CREATE TABLE IF NOT EXISTS quarantine (key TEXT, reason TEXT, body BLOB, at REAL);
CREATE TABLE IF NOT EXISTS studies (name TEXT PRIMARY KEY, about BLOB, at REAL);
CREATE TABLE IF NOT EXISTS members (
    study TEXT, position INTEGER, key TEXT, point BLOB, PRIMARY KEY (study, position)
) WITHOUT ROWID;
"""
_WIDTHS = {"records": 5, "series": 4, "studies": 3, "members": 4}
_CHUNK = 500


def checksum(*parts: str | bytes | None) -> bytes:
    """BLAKE2b-128 over all parts of a row."""
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(part.encode() if isinstance(part, str) else part or b"")
    return state.digest()


class Store:
    """Records, series and the membership of studies under one folder. Opened for reading by anyone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "records.db"
        self.messages: list[str] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = self._open()
        except OSError as error:
            raise UserError(f"results folder {folder} cannot be used: {error.strerror}") from None
        except sqlite3.OperationalError as error:
            raise UserError(f"results file {self.path} cannot be used: {error}") from None

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self.path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            with self.locked():  # nobody may be writing a file that we set aside
                return self._salvage(error)

    def _salvage(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        aside = self.path.with_name(f"records.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.db")
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).unlink()
        fresh = _connect(self.path)
        saved = _copy_readable(aside, fresh)
        self.messages.append(
            f"{self.path.name} was damaged ({error}); it is kept as {aside.name}, {saved} records were taken over"
        )
        return fresh

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to write. Raises `UserError` naming the process that has it."""
        with open(self.folder / "lock", "a+", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip() or "unknown"
                raise UserError(f"results folder {self.folder} is in use by process {holder}") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def close(self) -> None:
        """Close the file; a store that is only read needs no more."""
        self._db.close()

    # -- writing ---------------------------------------------------------------------------------------

    def put(self, finished: Finished) -> None:
        """Store a record with its series, in one transaction that survives a kill of this process."""
        row = (finished.key, finished.status, finished.digest, finished.body)
        with self._writing():
            self._db.execute("DELETE FROM series WHERE key = ?", (finished.key,))
            self._db.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)",
                (*row, checksum(*row)),
            )
            self._db.executemany(
                "INSERT INTO series VALUES (?, ?, ?, ?)",
                [
                    (finished.key, name, body, checksum(finished.key, name, body))
                    for name, body in finished.series.items()
                ],
            )

    def enrol(self, study: str, about: Mapping[str, Any], jobs: Iterable[Job]) -> None:
        """Remember which runs make up a study, in order, replacing what was known."""
        with self._writing():
            self._db.execute("DELETE FROM members WHERE study = ?", (study,))
            self._db.execute(
                "INSERT OR REPLACE INTO studies VALUES (?, ?, ?)", (study, orjson.dumps(about), time.time())
            )
            self._db.executemany(
                "INSERT INTO members VALUES (?, ?, ?, ?)",
                ((study, position, job.key, orjson.dumps(job.point)) for position, job in enumerate(jobs)),
            )

    def _quarantine(self, key: str, reason: str, body: bytes | None) -> None:
        self.messages.append(f"record {key[:12]} is damaged ({reason}); it is set aside and counts as missing")
        with suppress(sqlite3.OperationalError), self._writing():  # a reader beside a writer leaves it to the writer
            self._db.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?)", (key, reason, body, time.time()))
            self._db.execute("DELETE FROM records WHERE key = ?", (key,))
            self._db.execute("DELETE FROM series WHERE key = ?", (key,))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # -- reading ---------------------------------------------------------------------------------------

    def get(self, key: str) -> Record | None:
        """The record under `key`, verified, or None if there is none that can be believed."""
        return next(iter(self.records([key])), None)

    def records(self, keys: Sequence[str]) -> Iterator[Record]:
        """The verified records among `keys`, in the order of `keys`."""
        for key, _, _, body in self._rows(keys):
            try:
                yield Record.decode(body)
            except ValueError as error:
                self._quarantine(key, str(error), body)

    def statuses(self, keys: Sequence[str]) -> dict[str, str]:
        """Key -> status for those of `keys` whose record and series can be believed."""
        damaged = set(self._damaged_series(keys))
        return {key: status for key, status, _, _ in self._rows(keys) if key not in damaged}

    def digests(self, keys: Sequence[str]) -> dict[str, str]:
        """Key -> digest for those of `keys` that are stored."""
        return {key: digest for key, _, digest, _ in self._rows(keys)}

    def series(self, key: str, name: str) -> Series | None:
        """A stored series of a record, verified, or None."""
        query = "SELECT key, name, body, checksum FROM series WHERE key = ? AND name = ?"
        for *row, stored in self._db.execute(query, (key, name)).fetchall():
            if _believable(row, stored):
                return decode(row[2])
            self._quarantine(key, f"series {name} does not match its checksum", row[2])
        return None

    def _rows(self, keys: Sequence[str]) -> Iterator[tuple[str, str, str, bytes]]:
        """(key, status, digest, body) of the stored `keys`, in their order; damaged ones go to quarantine."""
        query = "SELECT key, status, digest, body, checksum FROM records WHERE key IN ({})"
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            found = {row[0]: row for row in self._select(query, chunk)}
            for key in chunk:
                *row, stored = found.get(key, (None, None))
                if key in found and _believable(row, stored):
                    yield key, row[1], row[2], row[3]
                elif key in found:
                    self._quarantine(key, "it does not match its checksum", row[3])

    def _damaged_series(self, keys: Sequence[str]) -> Iterator[str]:
        for *row, stored in self._select("SELECT key, name, body, checksum FROM series WHERE key IN ({})", keys):
            if not _believable(row, stored):
                self._quarantine(row[0], f"series {row[1]} does not match its checksum", row[2])
                yield row[0]

    def _select(self, query: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            yield from self._db.execute(query.format(",".join("?" * len(chunk))), tuple(chunk)).fetchall()

    def studies(self) -> dict[str, dict[str, Any]]:
        """What was enrolled: name -> what the study says of itself."""
        rows = self._db.execute("SELECT name, about FROM studies ORDER BY at DESC").fetchall()
        return {name: orjson.loads(about) for name, about in rows}

    def members(self, study: str) -> list[tuple[str, dict[str, Any]]]:
        """(key, point) of each run of a study, in plan order. Raises `UserError` for a study never swept."""
        if study not in self.studies():
            raise UserError(f"no study '{study}' has been swept here; {did_you_mean(study, self.studies())}")
        rows = self._db.execute("SELECT key, point FROM members WHERE study = ? ORDER BY position", (study,))
        return [(key, orjson.loads(point)) for key, point in rows]

    def full_key(self, prefix: str) -> str:
        """The one key that begins with `prefix`. Raises `UserError` if there is none or more than one."""
        rows = self._db.execute(
            "SELECT key FROM records WHERE substr(key, 1, ?) = ? LIMIT 3", (len(prefix), prefix)
        ).fetchall()
        if len(rows) == 1 and prefix:
            return str(rows[0][0])
        problem = "several records begin" if rows else "no record begins"
        raise UserError(f"{problem} with '{prefix}'; `windtunnel status STUDY` lists the keys")

    def newest(self, limit: int = 500) -> Iterator[Record]:
        """The newest records, newest first."""
        rows = self._db.execute("SELECT key FROM records ORDER BY rowid DESC LIMIT ?", (limit,)).fetchall()
        yield from self.records([key for (key,) in rows])

    def quarantined(self) -> list[tuple[str, str]]:
        """(key, reason) of every record that was set aside."""
        return list(self._db.execute("SELECT key, reason FROM quarantine ORDER BY at"))


def _believable(row: Sequence[Any], stored: bytes) -> bool:
    return all(isinstance(part, str | bytes) for part in row) and checksum(*row) == stored


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(_TABLES)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _copy_readable(damaged: Path, fresh: sqlite3.Connection) -> int:
    """Take over the rows that can still be read; returns how many of them are records."""
    copied = dict.fromkeys(_WIDTHS, 0)
    with suppress(sqlite3.DatabaseError):
        source = sqlite3.connect(f"file:{damaged}?mode=ro", uri=True)
        for table, width in _WIDTHS.items():
            insert = f"INSERT OR IGNORE INTO {table} VALUES ({','.join('?' * width)})"
            with suppress(sqlite3.DatabaseError):
                for row in source.execute(f"SELECT * FROM {table}"):
                    fresh.execute(insert, row)
                    copied[table] += 1
    return copied["records"]
