from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import CounterDescriptor, Trace, TrackEvent

from sim.perfetto import write
from sim.trace import Tracer


def read(path: Path) -> tuple[dict[int, Any], list[tuple[str, str, int, int]], list[tuple[str, int, float]]]:
    """(descriptor by uuid, slices as (track, name, start, end), counters as (track, time, value)) of a file."""
    trace = Trace.FromString(path.read_bytes())
    tracks: dict[int, Any] = {}
    names: dict[int, str] = {}
    open_slices: dict[int, list[tuple[str, int]]] = {}
    slices, counters = [], []
    for packet in trace.packet:
        names |= {entry.iid: entry.name for entry in packet.interned_data.event_names}
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor
        event = packet.track_event
        track = where(tracks, event.track_uuid)
        if event.type == TrackEvent.TYPE_SLICE_BEGIN:
            open_slices.setdefault(event.track_uuid, []).append((names[event.name_iid], packet.timestamp))
        elif event.type == TrackEvent.TYPE_SLICE_END:
            name, start = open_slices[event.track_uuid].pop()
            slices.append((track, name, start, packet.timestamp))
        elif event.type == TrackEvent.TYPE_COUNTER:
            counters.append((track, packet.timestamp, event.double_counter_value))
    assert not any(open_slices.values())
    return tracks, slices, counters


def where(tracks: dict[int, Any], uuid: int) -> str:
    parts = []
    while uuid:
        parts.append(tracks[uuid].name)
        uuid = tracks[uuid].parent_uuid
    return "/".join(reversed(parts))


def test_slices_and_counters_survive_under_their_paths(tmp_path: Path) -> None:
    tracer = Tracer(recording=True)
    tracer.slice("gpu/compute", "conv1", 0.0, 2e-6)
    tracer.slice("gpu/compute", "relu1", 2e-6, 3e-6)
    tracer.slice("gpu/copy", "conv1", 1e-6, 4e-6)
    tracer.counter("gpu/memory", 0.0, 0.0, "bytes")
    tracer.counter("gpu/memory", 1e-6, 2.0**40, "bytes")
    tracer.counter("power", 0.0, 12.5, "W")
    write(tracer, tmp_path / "trace.pftrace")
    tracks, slices, counters = read(tmp_path / "trace.pftrace")
    assert slices == [
        ("gpu/compute", "conv1", 0, 2000),
        ("gpu/compute", "relu1", 2000, 3000),
        ("gpu/copy", "conv1", 1000, 4000),
    ]
    assert counters == [("gpu/memory", 0, 0.0), ("gpu/memory", 1000, 2.0**40), ("power", 0, 12.5)]
    units = {where(tracks, uuid): track.counter for uuid, track in tracks.items() if track.HasField("counter")}
    assert units["gpu/memory"].unit == CounterDescriptor.UNIT_SIZE_BYTES
    assert units["power"].unit_name == "W"
    assert [track.name for track in tracks.values()].count("gpu") == 1


def test_overlapping_slices_get_lanes_of_their_own(tmp_path: Path) -> None:
    tracer = Tracer(recording=True)
    tracer.slice("link", "a", 0.0, 2e-9)
    tracer.slice("link", "b", 1e-9, 3e-9)
    tracer.slice("link", "inside b", 2e-9, 3e-9)
    write(tracer, tmp_path / "trace")
    _, slices, _ = read(tmp_path / "trace")
    assert sorted(slices) == [("link", "a", 0, 2), ("link", "inside b", 2, 3), ("link (2)", "b", 1, 3)]


def test_nothing_recorded_is_an_empty_file(tmp_path: Path) -> None:
    write(Tracer(), tmp_path / "trace")
    assert (tmp_path / "trace").read_bytes() == b""


times = st.integers(0, 20)


@given(st.lists(st.tuples(times, times, st.sampled_from("abc"))))
def test_any_slices_come_back_in_pairs(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[int, int, str]]
) -> None:
    tracer = Tracer(recording=True)
    for one, other, name in drawn:
        tracer.slice("track", name, min(one, other) * 1e-9, max(one, other) * 1e-9)
    path = tmp_path_factory.getbasetemp() / "trace"
    write(tracer, path)
    _, slices, _ = read(path)
    expected = sorted((name, min(one, other), max(one, other)) for one, other, name in drawn)
    assert sorted((name, start, end) for _, name, start, end in slices) == expected
