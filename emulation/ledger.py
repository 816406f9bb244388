"""What emulated runs made on this machine, so that what a killed one left can be cleared: exactly that, nothing else.

Everything a run makes lies in a *room*: one folder, and one process in namespaces of its own (network, processes,
mounts), with which all that is in them goes away. The ledger is the folders themselves: each is called after the
process that owns it and tells which process is the room's first. A process is known by number and start time, as
numbers are used again.
"""

import fcntl
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

ROOT = Path("/run/windtunnel")
_ENTRIES = "ledger.json"


@dataclass(frozen=True, slots=True)
class Process:
    """A process, by number and start time (clock ticks since boot)."""

    number: int
    started: int

    @classmethod
    def of(cls, number: int) -> "Process | None":
        """The process that has this number now; None if there is none."""
        try:
            told = Path(f"/proc/{number}/stat").read_text()
        except OSError:
            return None
        state, *rest = told.rpartition(")")[2].split()
        return None if state in "ZX" else cls(number, int(rest[18]))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.number) == self


class Room:
    """One run's folder and first process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def open(cls, root: Path = ROOT) -> "Room":
        """A new room of this process."""
        owner = Process.of(os.getpid())
        assert owner is not None
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = 0
        while True:
            folder = root / f"{owner.number}-{owner.started}-{number}"
            try:
                folder.mkdir(mode=0o700)
                return cls(folder)
            except FileExistsError:
                number += 1

    def enter(self, process: int) -> None:
        """Writes down that `process` is the room's first."""
        found = Process.of(process)
        entry = {"process": [found.number, found.started] if found else None}
        partial = self.folder / "ledger.partial"
        partial.write_bytes(orjson.dumps(entry))
        partial.replace(self.folder / _ENTRIES)

    @property
    def owner(self) -> Process:
        """Who opened it."""
        number, started, _ = self.folder.name.split("-")
        return Process(int(number), int(started))

    @property
    def first(self) -> Process | None:
        """The room's first process, if it was written down and lives."""
        try:
            entry = orjson.loads((self.folder / _ENTRIES).read_bytes())["process"]
        except (OSError, ValueError, KeyError):
            return None
        process = Process(*entry) if entry else None
        return process if process and process.alive else None

    def close(self) -> None:
        """Ends what runs in it, waits until the namespaces are gone, and removes the folder."""
        first = self.first
        if first is not None:
            members = _descendants(first.number)
            _kill(first)
            for member in members:  # the kernel ends them with the room's first process; be sure
                _kill(member)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def alone(root: Path = ROOT) -> Iterator[None]:
    """No other run that measures is under way on this machine; waits for the one that is."""
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (root / "measuring").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def rooms(root: Path = ROOT) -> list[Room]:
    """All rooms, also of runs that go on; none for who may not look."""
    found = sorted(root.iterdir()) if os.access(root, os.R_OK | os.X_OK) else []
    return [Room(folder) for folder in found if folder.is_dir() and folder.name.count("-") == 2]


def leftovers(root: Path = ROOT) -> list[Room]:
    """Rooms whose owner is gone."""
    return [room for room in rooms(root) if not room.owner.alive]


def clean(root: Path = ROOT) -> list[str]:
    """Clears what killed runs left; says what, a line each."""
    told = []
    for room in leftovers(root):
        first = room.first
        room.close()
        told.append(f"{room.folder.name}: {'processes and namespaces, ' if first else ''}folder")
    return told


def _descendants(number: int) -> list[Process]:
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(folder.name))
    found, ahead = [], list(children.get(number, ()))
    while ahead:
        one = ahead.pop()
        ahead += children.get(one, ())
        process = Process.of(one)
        if process is not None:
            found.append(process)
    return found


def _kill(process: Process, wait: float = 5.0) -> None:
    if process.alive:
        try:
            os.kill(process.number, signal.SIGKILL)
        except ProcessLookupError:
            return
    until = time.monotonic() + wait
    while process.alive and time.monotonic() < until:
        time.sleep(0.002)
