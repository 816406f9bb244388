"""What a run wants on its timeline: slices, counters and instants on named tracks.

A tracer that is not recording costs one attribute look-up (`if trace.recording:`). Times are seconds of
simulated time. `sim.perfetto` writes what was recorded as a file that opens in Perfetto.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


@dataclass(slots=True)
class SliceTrack:
    """Things that take time, one after the other or nested: columns name index, start, end (seconds)."""

    names: list[str] = field(default_factory=list)
    starts: array[float] = field(default_factory=lambda: array("d"))
    ends: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class CounterTrack:
    """A value over time: columns time (seconds) and value in `unit`."""

    unit: str = ""
    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Tracer:
    """Collects a run's timeline in columns. Tracks are named by a path such as "gpu/compute"."""

    recording: bool = False
    slices: dict[str, SliceTrack] = field(default_factory=dict)
    counters: dict[str, CounterTrack] = field(default_factory=dict)

    def slice(self, track: str, name: str, start: float, end: float) -> None:
        """`name` ran on `track` from start to end (seconds)."""
        if self.recording:
            column = self.slices.setdefault(track, SliceTrack())
            column.names.append(name)
            column.starts.append(start)
            column.ends.append(end)

    def counter(self, track: str, time: float, value: float, unit: str = "") -> None:
        """`track` has `value` from `time` (seconds) on."""
        if self.recording:
            column = self.counters.setdefault(track, CounterTrack(unit))
            column.times.append(time)
            column.values.append(value)
