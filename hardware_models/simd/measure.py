"""A card with the figures of this machine's core: `windtunnel hardware measure simd --out FILE`.

Latencies and rates of classes of instructions are timed by `probes`, bandwidths of the cache levels by a loop over
more and more data. The ports behind the rates cannot be timed and come from `families`. With `widest = 256` nothing
of 512 bits is timed: those figures then follow from the width of the data path, as a what-if needs it.
"""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from hardware_models.simd import clang
from hardware_models.simd.families import LIKE, Family, family_of
from hardware_models.simd.operations import CLASSES
from hardware_models.simd.probes import LOOPS, probes, run
from sim.card import CardFile, Figure
from sim.config import build
from sim.scenario import Config
from sim.units import show

Progress = Callable[[float, str], None]


class Settings(Config):
    """How carefully to measure, and what."""

    rounds: int = Field(9, ge=3, description="how often every loop is timed")
    widest: Literal[256, 512] = Field(512, description="bits of the widest vectors to time")
    datapath: int = Field(0, ge=0, description="bits of the data path, where nothing of 512 is timed (0: as known)")


def measure(settings: Mapping[str, Any], progress: Progress) -> CardFile:
    """The measured card. Raises `UserError` for unknown settings, and without clang."""
    wanted: Settings = build(Settings, settings)
    clang.need("clang")
    cpu = clang.native_cpu()
    progress(0.05, "timing instructions")
    wide = "avx512f" in _flags()
    timed = _timed(wide, wanted)
    progress(0.8, "timing cache levels")
    with tempfile.TemporaryDirectory() as folder:
        levels = _levels(Path(folder), float(np.median(timed["cycle"])))
    figures = figures_of(timed, family_of(cpu), wanted, wide, cpu) | levels
    return CardFile("simd", cpu, f"A core that clang calls {cpu}, as measured", figures)


def _flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))


def _timed(wide: bool, wanted: Settings) -> dict[str, list[float]]:
    chosen = [p for p in probes(wide) if wanted.widest == 512 or p.name.startswith("loop") or "512" not in p.name]
    with tempfile.TemporaryDirectory() as folder:
        rows, cycle = run(chosen, Path(folder), wanted.rounds)
    return {p.name: row for p, row in zip(chosen, rows, strict=True)} | {"cycle": cycle}


def figures_of(
    timed: Mapping[str, list[float]], family: Family, wanted: Settings, wide: bool, cpu: str
) -> dict[str, Figure]:
    """Every figure of a `SimdCard` but those of the cache levels."""
    datapath = _datapath(timed, wanted, wide)
    found: dict[str, Figure] = {
        "isa": Figure("avx512" if wide else "avx2", "CPUID", "datasheet"),
        "vector_bits": Figure(512 if wide else 256, "CPUID", "datasheet"),
        "datapath_bits": datapath,
        "registers": Figure(32 if wide else 16, "instruction set", "datasheet"),
        "cycle": _figure(timed["cycle"], "seconds of a dependent addition", dimension="time"),
        "line": Figure(64, "CPUID", "datasheet"),
        "fuses": Figure(True, family.source, "estimate"),
    }
    for name in ("issue_width", "retire_width", "fetch_width", "taken_branches", "window", "scheduler", "relearned"):
        found[name] = Figure(getattr(family, name), family.source, "estimate")
    found |= _loop_ends(timed)
    found["call_slots"] = Figure(8.0, "instructions of the caller between two calls", "estimate")
    forward = timed["latency trip_forward_vector 0"]
    found["forward_cycles"] = _figure([max(0.0, 2 * t - 7.0) for t in forward], "store and load in turns, less a load")
    split = np.min(timed["rate split_load 256"]) / np.min(timed["rate vec_load 256"])
    same = np.min(timed["rate near_store 256"]) < 0.7 * np.min(timed["rate vec_store 256"])
    found["stores_per_line"] = Figure(2 if same else 1, "measured: stores within a line and on many", "measured")
    widest = max(bits for bits in (256, 512) if f"rate two_loads_store {bits}" in timed)
    triple = timed[f"rate two_loads_store {widest}"]
    found["store_share"] = _figure([max(0.0, 2.0 * t - 2.0) for t in triple], "two loads and a store in turns")
    found["store_queue"] = Figure(72, "effective: fitted like the window", "estimate")
    found["split_cycles"] = Figure(round(float(max(0.0, split - 1.0))), "measured: loads over two lines", "measured")
    for kind in CLASSES:
        found |= _class_figures(kind, timed, family, datapath)
    return found


def _loop_ends(timed: Mapping[str, list[float]]) -> dict[str, Figure]:
    """Passes up to which the end of a loop is foreseen, and what one costs that is not: a step in time per pass."""
    took = {passes: float(np.min(timed[f"loop {passes}"])) for passes in LOOPS}
    pace = (took[LOOPS[-1]] - took[LOOPS[-2]]) / (LOOPS[-1] - LOOPS[-2])
    over = {passes: t - passes * pace for passes, t in took.items()}
    longest = over[LOOPS[-1]]
    foreseen = [passes for passes in LOOPS if over[passes] < 0.5 * longest]
    source = "measured: loops of more and more passes, beyond their pace"
    return {
        "mispredict_cycles": Figure(round(max(longest, 5.0), 1), source, "measured"),
        "history": Figure(max(foreseen, default=LOOPS[0]), source, "measured"),
    }


def _datapath(timed: Mapping[str, list[float]], wanted: Settings, wide: bool) -> Figure:
    if not wide:
        return Figure(256, "no wider registers", "datasheet")
    if wanted.widest == 512:
        whole = np.min(timed["rate logic 512"]) < 1.5 * np.min(timed["rate logic 256"])
        return Figure(512 if whole else 256, "measured: rate of `and` at 512 and 256 bits", "measured")
    known = wanted.datapath or (512 if clang.native_cpu() != "znver4" else 256)
    return Figure(known, "as the core is known; nothing of 512 bits was timed", "estimate")


def _class_figures(kind: str, timed: Mapping[str, list[float]], family: Family, datapath: Figure) -> dict[str, Figure]:
    """The figures of one class: measured where a probe times it, else those of the class it is like."""
    source = kind
    while _first(timed, source, (256, 0)) is None and source in LIKE:
        source = LIKE[source]
    like = "" if source == kind else f", taken to be that of {source}"
    source = {"store": "near_store", "vec_store": "near_store"}.get(source, source)
    middle = _first(timed, source, (0,) if kind == "store" else (256, 0))
    assert middle is not None
    narrow, wide = _first(timed, source, (128, 0)) or middle, _first(timed, source, (512, 0))
    if kind == "store":
        narrow = wide = middle
    found = {f"rate_narrow.{kind}": _rate(narrow, kind, like), f"rate.{kind}": _rate(middle, kind, like)}
    if wide is None:
        share = 2.0 if int(datapath.value) < 512 and kind not in ("load", "store", "alu") else 1.0
        found[f"rate_wide.{kind}"] = Figure(
            round(1.0 / float(np.min(middle)) / share, 4), "the rate at 256 bits over a data path of so many", "derived"
        )
    else:
        found[f"rate_wide.{kind}"] = _rate(wide, kind, like)
    found[f"latency.{kind}"] = _latency(kind, source, timed, like)
    ports = family.ports[kind].split()
    number = min(len(ports), max(1, int(np.ceil(1.0 / float(np.min(middle)) - 0.25))))
    if kind in ("hadd",):
        number = len(ports)
    found[f"ports.{kind}"] = Figure(" ".join(ports[:number]), family.source, "estimate")
    slots = {
        "hadd": 3,
        "lea": 2,
        "convert_wide": 2,
        "gather_lane": 5.5,
        "scatter_lane": 4,
        "compress": 2,
        "mask_move": 1,
        "cmov_two": 2,
    }
    found[f"slots.{kind}"] = Figure(slots.get(kind, 1), family.source, "estimate")
    return found


def _first(timed: Mapping[str, list[float]], kind: str, widths: tuple[int, ...]) -> list[float] | None:
    for width in widths:
        if (found := timed.get(f"rate {kind} {width}")) is not None:
            lanes = 1.0
            if kind == "gather_lane":
                lanes = width / 32
            if kind in ("nop", "alu", "cmov"):  # what surrounds the probe's body is of the same kind
                return [min(t, 1.0 / 5.9) for t in found] if kind != "nop" else found
            return [t / lanes for t in found]
    return None


def _latency(kind: str, source: str, timed: Mapping[str, list[float]], like: str) -> Figure:
    if kind == "cmov_two":
        return _figure([max(1.0, round(t, 1) - 1.0) for t in timed["latency cmov_two 0"]], "compare and move, less one")
    if kind in ("int_add", "int_minmax", "logic", "shift", "shuffle", "blend"):
        both = [
            0.5 * (a + min(a, b)) for a, b in zip(timed[f"latency {source} 256"], timed["inner int_add"], strict=True)
        ]
        return _figure([max(1.0, round(t, 1)) for t in both], "mean of a bare chain and one in a loop")
    for width in (256, 0):
        if (found := timed.get(f"latency {source} {width}")) is not None:
            return _figure([max(1.0, round(t, 1)) for t in found], f"a chain of {source}{like}")
    trips = {
        "to_vec": ("trip_general", 0.45), "from_vec": ("trip_general", 0.55), "mask_move": ("trip_mask", 0.4),
    }  # fmt: skip
    trip = f"latency {trips[kind][0]} 0" if kind in trips else ""
    if trip in timed:
        return _figure([2 * t * trips[kind][1] for t in timed[trip]], "a share of a round trip")
    if kind == "gather_lane" and "latency trip_gather 0" in timed:
        return _figure([3 * t / 3 - 2 for t in timed["latency trip_gather 0"]], "a chain of gathers, less an `and`")
    rest = {"vec_load": 8.0, "store": 1.0, "vec_store": 1.0, "branch": 1.0, "nop": 0.0, "move": 0.0}
    return Figure(rest.get(kind, 3.0), "typical of such cores", "estimate")


def _rate(samples: list[float], kind: str, like: str) -> Figure:
    return _figure([1.0 / t for t in samples], f"independent instructions{like}", best=max)


def _figure(samples: list[float], source: str, best: Callable[..., float] = min, dimension: str = "") -> Figure:
    low, middle, high = np.quantile(samples, (0.25, 0.5, 0.75))
    spread = float((high - low) / 2.0 / middle) if middle else 0.0
    value = float(best(samples))
    shown = show(value, dimension, 5) if dimension else round(value, 4)
    return Figure(shown, f"measured: {source}", "measured", round(spread, 5))


_STREAM = """
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }
__attribute__((noinline)) static void add(float *restrict a, const float *restrict b, const float *restrict c, long n) {
  for (long i = 0; i < n; i++) a[i] = b[i] + c[i];
}
int main(int argc, char **argv) {
  for (int k = 1; k < argc; k++) {
    long n = atol(argv[k]) / 12;
    size_t room = (4 * n + 8192) / 4096 * 4096;
    float *a = aligned_alloc(4096, room), *b = aligned_alloc(4096, room), *c = aligned_alloc(4096, room);
    for (long i = 0; i < n; i++) { a[i] = 0; b[i] = i; c[i] = 1; }
    long calls = 20000000 / n + 1;
    double best = 1e9;
    for (int r = 0; r < 5; r++) {
      double start = now();
      for (long x = 0; x < calls; x++) add(a, b, c, n);
      double one = (now() - start) / calls;
      if (one < best) best = one;
    }
    printf("%.9g\\n", best);
    free(a); free(b); free(c);
  }
}
"""


def _levels(folder: Path, cycle: float) -> dict[str, Figure]:
    """Sizes as the system gives them, bytes per cycle by a sum of two streams into a third."""
    sizes = [_size(index) for index in (0, 2, 3)]
    (folder / "stream.c").write_text(_STREAM, encoding="ascii")
    clang.run([clang.need("clang"), "-O3", "-march=native", "stream.c", "-o", "stream"], 60, folder)
    points = [sizes[0] // 2, sizes[1] // 2, min(sizes[2] // 3, 12 << 20), 160 << 20]
    seconds = [float(t) for t in clang.run([str(folder / "stream"), *map(str, points)], 120).split()]
    names = ("l1", "l2", "l3")
    found = {f"memory.{name}": Figure(size, "the operating system", "datasheet")
             for name, size in zip(names, sizes, strict=True)}  # fmt: skip
    source = "measured: a = b + c over data that fits the level, beyond the time in the first level"
    for name, size, took in zip(("from_l2", "from_l3", "from_dram"), points[1:], seconds[1:], strict=True):
        beyond = max(took - seconds[0] * size / points[0], 0.05 * took)
        # three streams come in and one goes out: 16 bytes move for 12 that are counted
        found[f"memory.{name}"] = Figure(round(16 / 12 * size / (beyond / cycle), 3), source, "measured", 0.05)
    found["memory.overlap"] = Figure(0.0, "the figures above are beyond the core's time: they add to it", "derived")
    return found


def _size(index: int) -> int:
    path = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}/size")
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return {0: 32 << 10, 2: 1 << 20, 3: 16 << 20}[index]
    return int(text.rstrip("KMG")) * {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1], 1)
