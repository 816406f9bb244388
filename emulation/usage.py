"""How busy the machine and single processes are: whether a measured limit was theirs.

>>> whole = Machine.now()
>>> 0.0 <= Machine.now().busy_since(whole) <= 1.0
True
"""

import os
from pathlib import Path
from typing import NamedTuple

#: Above this share the machine, or one process's core, may have been the bottleneck.
LIMIT = 0.8
_TICK = os.sysconf("SC_CLK_TCK")


class Machine(NamedTuple):
    """Seconds of all cores together since boot, and those that were idle. Time a hypervisor took counts as busy."""

    total: float
    idle: float

    @classmethod
    def now(cls) -> "Machine":
        """As of now."""
        fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return cls(sum(fields) / _TICK, (fields[3] + fields[4]) / _TICK)

    def busy_since(self, before: "Machine") -> float:
        """The share of the cores' time that was not idle."""
        total = self.total - before.total
        return 1.0 - (self.idle - before.idle) / total if total > 0 else 0.0


def cpu_seconds(process: int) -> float:
    """What a process has used, itself and in the kernel; 0 if it is gone."""
    try:
        told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(told[11]) + int(told[12])) / _TICK


def room_seconds() -> float:
    """What all processes of this room have used until now, those included that somebody took leave of."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, told[11:15])) / _TICK
    return total


def is_running(process: int) -> bool:
    """Whether a process runs; one that ended, and that nobody took leave of, does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Usage(NamedTuple):
    """Shares of the time: of all cores by anybody, of all cores by this room, and of one core by each process."""

    machine: float
    room: float
    processes: dict[str, float]

    @property
    def bottleneck(self) -> str:
        """What was busy for more than `LIMIT`, in words; "" if nothing was."""
        told = [f"the machine {self.machine:.0%} ({self.room:.0%} by this run)"] if self.machine > LIMIT else []
        told += [f"process {name} {share:.0%}" for name, share in self.processes.items() if share > LIMIT]
        return f"busy: {', '.join(told)}" if told else ""
