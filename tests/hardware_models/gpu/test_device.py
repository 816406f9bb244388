"""Programs replayed: by hand, by arrays, and out of memory at each of the three levels."""

import sys
from typing import Any

import numpy as np
import pytest

from hardware_models.gpu.allocator import CachingAllocator, ExactAllocator
from hardware_models.gpu.device import replay
from hardware_models.gpu.program import WORKSPACE, Program
from hardware_models.gpu.timeline import Holder, live_bytes
from sim.trace import Tracer

MIB = 1 << 20
PLENTY = sys.maxsize


def chain() -> Program:
    """Forward a and b, backward b and a: a lives to the last kernel, its gradient is never freed."""
    return Program.from_lifetimes(
        kernel_names=["a", "b", "grad b", "grad a"],
        kernel_seconds=[1.0, 2.0, 3.0, 4.0],
        kernel_energy=[10.0, 20.0, 30.0, 40.0],
        kernel_workspace=[0, 5 * MIB, 0, 1 * MIB],
        buffer_names=["x", "y", "dy", "dx"],
        buffer_bytes=[4 * MIB, 3 * MIB, 3 * MIB, 2 * MIB],
        buffer_category=["activation", "activation", "gradient", "gradient"],
        first=[0, 1, 2, 3],
        last=[3, 2, 3, 4],
        resident=[("parameters", 10 * MIB), ("inputs", 1 * MIB), ("parameters", 2 * MIB)],
    )


def random_program(seed: int) -> Program:
    chance = np.random.default_rng(seed)
    kernels, buffers = int(chance.integers(1, 30)), int(chance.integers(0, 60))
    first = chance.integers(0, kernels, buffers)
    return Program.from_lifetimes(
        kernel_names=[f"kernel {index}" for index in range(kernels)],
        kernel_seconds=chance.exponential(1e-3, kernels) * chance.integers(0, 2, kernels),
        kernel_workspace=chance.integers(0, 5 * MIB, kernels) * chance.integers(0, 2, kernels),
        kernel_energy=chance.random(kernels),
        buffer_bytes=(2 ** chance.uniform(0, 25, buffers)).astype(np.int64) * chance.integers(0, 3, buffers),
        buffer_category=chance.choice(["activation", "gradient", "statistic"], buffers).tolist(),
        first=first,
        last=first + chance.geometric(0.2, buffers) - 1,
        resident=[("parameters", int(size)) for size in chance.integers(0, 3 * MIB, chance.integers(0, 4))],
    )


def test_a_chain_by_hand() -> None:
    found = replay(chain(), ExactAllocator(PLENTY))
    assert found.live.categories == ("parameters", "inputs", "activation", "gradient", WORKSPACE)
    assert found.live.times.tolist() == [0, 0, 1, 1, 3, 3, 6, 6, 10]
    rows = dict(zip(found.live.categories, (found.live.bytes // MIB).tolist(), strict=True))
    assert rows["parameters"] == [12] * 9
    assert rows["inputs"] == [1] * 9
    assert rows["activation"] == [0, 4, 4, 7, 7, 7, 4, 4, 0]
    assert rows["gradient"] == [0, 0, 0, 0, 0, 3, 3, 5, 2]
    assert rows[WORKSPACE] == [0, 0, 0, 5, 0, 0, 0, 1, 0]
    assert (found.peak_live, found.seconds, found.energy, found.kernels) == (25 * MIB, 10.0, 100.0, 4)
    assert found.live.at_peak == {
        "parameters": 12 * MIB, "inputs": MIB, "activation": 7 * MIB, "gradient": 0, WORKSPACE: 5 * MIB,
    }  # fmt: skip
    assert found.allocated.tolist() == found.live.total.tolist()
    assert found.fragmentation == 0.0
    assert found.out_of_memory is None


def test_the_three_levels_are_ordered() -> None:
    found = replay(chain(), CachingAllocator(PLENTY))
    assert (found.live.total <= found.allocated).all()
    assert (found.allocated <= found.reserved).all()
    # 10 MiB for the big parameter, 2 MiB for the small pool with the input, one segment of 20 MiB for the rest
    assert found.peak_reserved == 32 * MIB
    assert found.fragmentation == pytest.approx(1 - 25 / 32)


def test_replay_and_arrays_give_the_same_bytes_at_the_same_times_on_a_thousand_programs() -> None:
    for seed in range(1000):
        program = random_program(seed)
        seen, computed = replay(program, CachingAllocator(PLENTY)), live_bytes(program)
        assert np.array_equal(seen.live.bytes, computed.bytes)
        assert np.array_equal(seen.live.times, computed.times)
        assert seen.live.categories == computed.categories
        assert (seen.live.total <= seen.allocated).all()
        assert (seen.allocated <= seen.reserved).all()
        assert seen.energy == pytest.approx(program.kernel_energy.sum())


@pytest.mark.parametrize("seed", range(40))
def test_a_program_runs_in_its_own_peak_and_not_in_a_byte_less(seed: int) -> None:
    program = random_program(seed)
    peak = live_bytes(program).peak
    assert replay(program, ExactAllocator(peak)).out_of_memory is None
    if peak:
        out = replay(program, ExactAllocator(peak - 1)).out_of_memory
        assert out is not None
        assert out.level == "live"
        assert out.live + out.wanted > out.capacity == peak - 1
    reserved = replay(program, CachingAllocator(PLENTY)).peak_reserved
    assert replay(program, CachingAllocator(reserved)).out_of_memory is None


def test_out_of_memory_because_the_tensors_do_not_fit() -> None:
    found = replay(chain(), ExactAllocator(24 * MIB))
    out = found.out_of_memory
    assert out is not None
    assert (out.time, out.kernel, out.kernel_name, out.wanted, out.level) == (1.0, 1, "b", 5 * MIB, "live")
    assert out.held == {"parameters": 12 * MIB, "inputs": MIB, "activation": 7 * MIB, "gradient": 0, WORKSPACE: 0}
    assert out.live == 20 * MIB
    assert out.largest == (
        Holder("parameters", "parameters", 12 * MIB),
        Holder("x", "activation", 4 * MIB),
        Holder("y", "activation", 3 * MIB),
        Holder("inputs", "inputs", MIB),
    )
    assert (found.kernels, found.seconds, found.energy) == (1, 1.0, 10.0)
    assert found.live.total[-1] == out.live
    assert found.live.times.tolist() == [0, 0, 1, 1]


def two_tensors(first: int, second: int) -> Program:
    return Program.from_lifetimes(
        kernel_names=["k"], kernel_seconds=[1.0], buffer_bytes=[first, second], first=[0, 0], last=[0, 0]
    )


def test_out_of_memory_because_blocks_are_rounded() -> None:
    out = replay(two_tensors(1, 1), CachingAllocator(600)).out_of_memory
    assert out is not None
    assert (out.level, out.kernel_name, out.capacity) == ("fragmentation", "k", 600)
    out = replay(two_tensors(MIB + 1, MIB + 1), CachingAllocator(20 * MIB)).out_of_memory
    assert out is None
    out = replay(two_tensors(11 * MIB, 1025 * 1024), CachingAllocator(12 * MIB + 1024)).out_of_memory
    assert out is not None
    assert (out.level, out.wanted, out.allocated) == ("rounding", 1025 * 1024, 12 * MIB)
    out = replay(two_tensors(11 * MIB, MIB + 1), CachingAllocator(13 * MIB + 256)).out_of_memory
    assert out is not None
    assert out.level == "rounding"


def test_out_of_memory_because_of_fragments() -> None:
    blocks = 10
    program = Program.from_lifetimes(
        kernel_names=["fill", "want"],
        kernel_seconds=[1.0, 1.0],
        buffer_bytes=[4 * MIB] * blocks + [6 * MIB],
        first=[0] * blocks + [1],
        last=[0, 1] * (blocks // 2) + [1],
    )
    assert replay(program, ExactAllocator(40 * MIB)).out_of_memory is None
    out = replay(program, CachingAllocator(40 * MIB)).out_of_memory
    assert out is not None
    assert (out.level, out.time, out.wanted, out.live) == ("fragmentation", 1.0, 6 * MIB, 20 * MIB)
    assert out.reserved == 40 * MIB


def test_out_of_memory_before_anything_runs() -> None:
    found = replay(chain(), ExactAllocator(11 * MIB))
    out = found.out_of_memory
    assert out is not None
    assert (out.kernel, out.kernel_name, out.wanted) == (-1, "", 2 * MIB)
    assert out.largest == (Holder("parameters", "parameters", 10 * MIB), Holder("inputs", "inputs", MIB))
    assert (found.kernels, found.seconds, found.peak_live) == (0, 0.0, 11 * MIB)


def test_nothing_to_run_and_nothing_to_hold() -> None:
    program = Program.from_lifetimes(kernel_names=[], kernel_seconds=[], buffer_bytes=[], first=[], last=[])
    found = replay(program, CachingAllocator(0))
    assert (found.seconds, found.peak_live, found.kernels, found.fragmentation) == (0.0, 0, 0, 0.0)
    assert live_bytes(program).bytes.tolist() == [[0]]


def test_a_recording_trace_gets_kernels_and_curves() -> None:
    trace = Tracer(recording=True)
    found = replay(chain(), CachingAllocator(PLENTY), trace)
    kernels = trace.slices["gpu/compute"]
    assert kernels.names == ["a", "b", "grad b", "grad a"]
    assert (list(kernels.starts), list(kernels.ends)) == ([0, 1, 3, 6], [1, 3, 6, 10])
    for track, curve in (
        ("gpu/memory/activation", found.live.bytes[2]),
        ("gpu/memory/reserved", found.reserved),
        ("gpu/memory/allocated", found.allocated),
    ):
        assert list(trace.counters[track].values) == curve.tolist()
        assert list(trace.counters[track].times) == found.live.times.tolist()
        assert trace.counters[track].unit == "bytes"


GOOD: dict[str, Any] = {
    "kernel_names": ["a", "b"], "kernel_seconds": [1.0, 1.0], "buffer_bytes": [1, 1], "first": [0, 1], "last": [1, 1],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": [0, 2]}, "first kernel is one of the 2, broken at index 1"),
        ({"first": [-1, 1]}, "first kernel is one of the 2, broken at index 0"),
        ({"first": [0, 1], "last": [1, 0]}, "not before its first, broken at index 1"),
        ({"buffer_bytes": [1, -1]}, "bytes are not negative, broken at index 1"),
        ({"kernel_seconds": [1.0, float("nan")]}, "seconds are finite"),
        ({"kernel_seconds": [-1.0, 0.0]}, "seconds are finite and not negative, broken at index 0"),
        ({"kernel_energy": [1.0, float("inf")]}, "energy is finite"),
        ({"kernel_workspace": [0, -5]}, "workspace is not negative, broken at index 1"),
        ({"resident": [("parameters", -1)]}, "resident bytes are not negative"),
        ({"kernel_seconds": [1.0]}, "kernel_seconds has 1 entries, 2 are needed"),
        ({"last": [1]}, "last has 1 entries, 2 are needed"),
        ({"first": [1]}, "first has 1 entries, 2 are needed"),
        ({"buffer_names": ["x"]}, "buffer_names has 1 entries"),
        ({"buffer_category": ["x"]}, "buffer_category has 1 entries"),
    ],
)
def test_a_program_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Program.from_lifetimes(**(GOOD | change))
