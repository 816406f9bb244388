"""Static offsets: nothing overlaps, the bound is near, and the exact engine agrees."""

import csv
import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.gpu import layout
from hardware_models.gpu.allocator import CachingAllocator, ExactAllocator
from hardware_models.gpu.device import replay
from hardware_models.gpu.layout import Buffers, Layout, StaticAllocator, allocator_for, lay_out, of_program
from hardware_models.gpu.layout_exact import lay_out_exactly
from hardware_models.gpu.program import Program
from sim.errors import UserError


def buffers_of(seed: int, count: int, kernels: int = 30) -> Buffers:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, kernels, count)
    last = np.minimum(first + rng.geometric(0.2, count) - 1, kernels - 1)
    return Buffers.of(first, last, rng.integers(1, 1 << int(rng.integers(8, 20)), count))


def overlaps(found: Layout) -> bool:
    b, top = found.buffers, found.offset + found.buffers.size
    together = (b.first[:, None] <= b.last) & (b.first <= b.last[:, None])
    share = (found.offset[:, None] < top) & (found.offset < top[:, None])
    return bool((together & share & ~np.eye(len(top), dtype=bool)).any())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60))
def test_no_two_live_buffers_overlap(seed: int, count: int) -> None:
    found = lay_out(buffers_of(seed, count), rounds=60)
    assert not overlaps(found)
    assert (found.offset >= 0).all()
    assert (found.offset % 512 == 0).all()
    assert (found.buffers.size % 512 == 0).all()
    assert found.buffers.bound <= found.height <= found.buffers.size.sum()


def test_the_search_beats_its_starts_and_repeats() -> None:
    b = buffers_of(5, 200, 60)
    plain = layout.placed(b.first, b.last, b.size, np.argsort(-b.size, kind="stable"))
    found = lay_out(b)
    assert found.height < Layout(b, plain).height
    assert found.height <= 1.03 * b.bound
    assert lay_out(b).offset.tolist() == found.offset.tolist()
    assert lay_out(b, enough=2 * b.bound).height <= 2 * b.bound


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_compiled_functions_equal_their_plain_versions(seed: int) -> None:
    b = buffers_of(seed, 12, 8)
    rank = np.arange(12.0)
    order = np.argsort(rank)
    assert layout.placed(b.first, b.last, b.size, order).tolist() == (
        layout.placed.py_func(b.first, b.last, b.size, order).tolist()
    )
    ours = layout.wheel(b.first, b.last, b.size, rank.copy(), 9, b.bound)
    plain = layout.wheel.py_func(b.first, b.last, b.size, rank.copy(), 9, b.bound)
    assert (ours[0].tolist(), ours[1]) == (plain[0].tolist(), plain[1])
    one, other = rank.copy(), rank.copy()
    layout.climbed(b.first, b.last, b.size, one, 9, b.bound, b.bound, np.ones(1, dtype=np.int64))
    # the generator overflows on purpose, which plain numpy warns about
    with np.errstate(over="ignore"):
        layout.climbed.py_func(b.first, b.last, b.size, other, 9, b.bound, b.bound, np.ones(1, dtype=np.int64))
    assert one.tolist() == other.tolist()


def test_the_exact_layout_is_a_proof() -> None:
    # three buffers that no order of lowest places brings down to the bound of 4 blocks
    for seed in range(6):
        b = buffers_of(seed, 9, 6)
        proven = lay_out_exactly(b, seconds=20)
        assert proven.optimal
        assert not overlaps(proven.layout)
        assert b.bound <= proven.layout.height <= lay_out(b, rounds=5).height


def test_the_exact_layout_without_time_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    b = buffers_of(2, 40, 12)
    monkeypatch.setattr("hardware_models.gpu.layout_exact.lay_out", lambda buffers: lay_out(buffers, rounds=1))
    known = lay_out(b, rounds=1)
    proven = lay_out_exactly(b, seconds=1e-3)
    assert b.bound <= proven.least <= proven.layout.height <= known.height
    better = lay_out_exactly(b, seconds=5)
    assert better.layout.height <= known.height


def test_a_missing_engine_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    monkeypatch.setattr(
        "hardware_models.gpu.layout_exact.lay_out", lambda buffers: Layout(buffers, np.array([0, 1024]))
    )
    with pytest.raises(UserError, match="windtunnel\\[cpsat\\]"):
        lay_out_exactly(Buffers.of([0, 0], [0, 0], [512, 512]))


def program() -> Program:
    return Program.from_lifetimes(
        kernel_names=["a", "b", "c", "d"],
        kernel_seconds=[1.0] * 4,
        kernel_workspace=[0, 700, 0, 0],
        buffer_bytes=[30 << 20, 0, 20 << 20, 40 << 20, 1000],
        first=[0, 0, 1, 2, 3],
        last=[1, 1, 2, 3, 4],
        resident=[("parameters", 1000), ("inputs", 0)],
    )


def test_the_static_allocator_runs_where_the_caching_one_cannot() -> None:
    asks = program()
    static = lay_out(of_program(asks))
    assert not overlaps(static)
    assert static.height == static.buffers.bound
    capacity = static.height
    assert replay(asks, CachingAllocator(capacity)).out_of_memory is not None
    ran = replay(asks, allocator_for("static", capacity, asks))
    assert ran.out_of_memory is None
    assert ran.peak_reserved == capacity
    assert ran.peak_live == replay(asks, ExactAllocator(1 << 40)).peak_live
    assert isinstance(allocator_for("caching", capacity, asks), CachingAllocator)


def test_a_layout_higher_than_the_memory_is_fragmentation() -> None:
    asks = program()
    failed = replay(asks, StaticAllocator((61 << 20), lay_out(of_program(asks)))).out_of_memory
    assert failed is None
    failed = replay(asks, StaticAllocator((59 << 20), lay_out(of_program(asks)))).out_of_memory
    assert failed is not None
    assert failed.level == "fragmentation"


def test_the_static_allocator_hands_out_only_what_was_planned() -> None:
    allocator = StaticAllocator(4096, lay_out(Buffers.of([0], [0], [600])))
    block = allocator.allocate(600)
    assert block is not None
    assert (allocator.requested, allocator.allocated, allocator.reserved) == (600, 1024, 1024)
    with pytest.raises(ValueError, match="buffer 1"):
        allocator.allocate(600)
    allocator.free(block)
    with pytest.raises(ValueError, match="twice"):
        allocator.free(block)
    assert allocator.requested == allocator.allocated == 0


def test_the_export_reads_back() -> None:
    found = lay_out(of_program(program()))
    rows = list(csv.DictReader(io.StringIO(layout.minimalloc_csv(found, [f"b{i}" for i in range(6)]))))
    assert [int(row["upper"]) - 1 for row in rows] == found.buffers.last.tolist()
    assert [int(row["offset"]) for row in rows] == found.offset.tolist()
    assert rows[0]["id"] == "b0"


def test_nothing_needs_nothing() -> None:
    none = Buffers.of([], [], [])
    assert lay_out(none).height == none.bound == 0
