"""A recorded timeline as a file that opens in Perfetto (ui.perfetto.dev, or any viewer of its format).

A track's path becomes its place in the tree: "gpu/compute" is the track `compute` in the group `gpu`. Slices of
one track may follow each other or nest; where two merely overlap, which Perfetto cannot draw, the later one
moves to a further lane of the same track. Times are written in whole nanoseconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as proto
from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder

from sim.trace import SliceTrack, Tracer

_SEQUENCE = 1
_PACKET, _EVENT, _TRACK = proto.TracePacket, proto.TrackEvent, proto.TrackDescriptor
_BYTES = ("bytes", "B")


def write(tracer: Tracer, path: Path) -> None:
    """Write what `tracer` recorded to `path`, replacing it."""
    with path.open("wb") as file:
        writer = _Writer(StreamingTraceProtoBuilder(file))
        for name, track in tracer.slices.items():
            writer.slices(name, track)
        for name, counter in tracer.counters.items():
            unit = {"unit": proto.CounterDescriptor.UNIT_SIZE_BYTES} if counter.unit in _BYTES else {}
            uuid = writer.track(name, proto.CounterDescriptor(unit_name=counter.unit, **unit))
            for time, value in zip(counter.times, counter.values, strict=True):
                event = _EVENT(type=_EVENT.TYPE_COUNTER, track_uuid=uuid, double_counter_value=value)
                writer.packet(timestamp=_nanoseconds(time), track_event=event)


@dataclass(slots=True)
class _Writer:
    """Numbers tracks and names as they come, and describes each before its first use."""

    builder: Any
    groups: dict[str, int] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    tracks: int = 0
    packets: int = 0

    def packet(self, **fields: Any) -> None:
        flags = _PACKET.SEQ_NEEDS_INCREMENTAL_STATE
        if not self.packets:
            flags |= _PACKET.SEQ_INCREMENTAL_STATE_CLEARED
        self.packets += 1
        self.builder.write_packet(_PACKET(trusted_packet_sequence_id=_SEQUENCE, sequence_flags=flags, **fields))

    def track(self, path: str, counter: Any = None) -> int:
        """Describe the track at `path` and return its number; groups above it are described on the way."""
        group, _, name = path.rpartition("/")
        above = {"parent_uuid": self.group(group)} if group else {}
        return self._describe(name, counter=counter, **above)

    def group(self, path: str) -> int:
        if path not in self.groups:
            self.groups[path] = self.track(path)
        return self.groups[path]

    def _describe(self, name: str, **fields: Any) -> int:
        self.tracks += 1
        descriptor = _TRACK(
            uuid=self.tracks, name=name, child_ordering=_TRACK.EXPLICIT, sibling_order_rank=self.tracks, **fields
        )
        self.packet(track_descriptor=descriptor)
        return self.tracks

    def slices(self, path: str, track: SliceTrack) -> None:
        for number, lane in enumerate(_lanes(track), start=1):
            uuid = self.track(path if number == 1 else f"{path} ({number})")
            for time, name in _in_order(lane):
                kind = _EVENT.TYPE_SLICE_END if name is None else _EVENT.TYPE_SLICE_BEGIN
                event = _EVENT(type=kind, track_uuid=uuid)
                interned = {} if name is None else self._interned(event, name)
                self.packet(timestamp=time, track_event=event, **interned)

    def _interned(self, event: Any, name: str) -> dict[str, Any]:
        known = name in self.names
        event.name_iid = self.names.setdefault(name, len(self.names) + 1)
        if known:
            return {}
        return {"interned_data": proto.InternedData(event_names=[proto.EventName(iid=event.name_iid, name=name)])}


@dataclass(frozen=True, slots=True)
class _Slice:
    start: int
    end: int
    name: str


@dataclass(slots=True)
class _Lane:
    slices: list[_Slice] = field(default_factory=list)
    open_ends: list[int] = field(default_factory=list)

    def takes(self, each: _Slice) -> bool:
        """Whether `each`, no earlier than those before it, is apart from them or inside them."""
        while self.open_ends and self.open_ends[-1] <= each.start:
            self.open_ends.pop()
        return not self.open_ends or each.end <= self.open_ends[-1]

    def add(self, each: _Slice) -> None:
        self.slices.append(each)
        self.open_ends.append(each.end)


def _lanes(track: SliceTrack) -> list[list[_Slice]]:
    """The slices, by start, on lanes where every pair is apart or nested."""
    columns = zip(track.names, track.starts, track.ends, strict=True)
    slices = [_Slice(_nanoseconds(start), _nanoseconds(end), name) for name, start, end in columns]
    lanes: list[_Lane] = []
    for each in sorted(slices, key=lambda each: (each.start, -each.end)):
        lane = next((lane for lane in lanes if lane.takes(each)), None)
        if lane is None:
            lane = _Lane()
            lanes.append(lane)
        lane.add(each)
    return [lane.slices for lane in lanes]


def _in_order(lane: list[_Slice]) -> Iterator[tuple[int, str | None]]:
    """(time, name) where a slice begins and (time, None) where the innermost open one ends."""
    open_ends: list[int] = []
    for each in lane:
        while open_ends and open_ends[-1] <= each.start:
            yield open_ends.pop(), None
        yield each.start, each.name
        open_ends.append(each.end)
    while open_ends:
        yield open_ends.pop(), None


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)
