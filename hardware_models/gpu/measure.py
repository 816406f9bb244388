"""A card with the figures of the device in this machine: `windtunnel hardware measure gpu --out FILE`.

Works on a CUDA device and on a CPU, which is then treated as a GPU whose launches are calls. Arithmetic, bandwidth,
launches and efficiencies are measured, each with its spread over repeats and shapes. Power, energy and price cannot
be: they are set to nothing and say so.

`peak.fp32` is the best rate any product or convolution reached, not a data sheet's, so efficiencies are shares of
what this machine has shown it can do.
"""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from hardware_models.gpu.probes import Probe, matmul, nothing, probes, stream, timed
from sim.card import CardFile, Figure
from sim.config import build
from sim.errors import UserError
from sim.scenario import Config
from sim.units import show

Progress = Callable[[float, str], None]
_UNKNOWN = "not measured and not known: set to nothing, so what is made of it means nothing"


class Settings(Config):
    """What to measure, and how carefully."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto is cuda where there is one")
    threads: int = Field(1, ge=1, description="threads of a CPU")
    repeats: int = Field(9, ge=3, description="how often each operator is timed")


def measure(settings: Mapping[str, Any], progress: Progress) -> CardFile:
    """The measured card. Raises `UserError` for unknown settings and for a device that is not there."""
    wanted: Settings = build(Settings, settings)
    device = _device(wanted.device)
    before = torch.get_num_threads()
    torch.set_num_threads(wanted.threads)
    try:
        figures = _figures(device, wanted.repeats, progress)
    finally:
        torch.set_num_threads(before)
    with_threads = f", {wanted.threads} thread{'s' * (wanted.threads > 1)}" if device.type == "cpu" else ""
    return CardFile("gpu", device.type, f"{name_of(device)}{with_threads}, as measured", figures)


def _device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise UserError("device = 'cuda' is not available: this machine, or this PyTorch, has no CUDA")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def name_of(device: torch.device) -> str:
    """What the device calls itself."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _figures(device: torch.device, repeats: int, progress: Progress) -> dict[str, Figure]:
    """Every figure of a `GpuCard`."""
    progress(0.0, "bandwidth and launches")
    launch = timed(nothing(device), device, repeats)
    streaming = stream(device, 1 << 24)
    bandwidth = streaming.traffic / timed(streaming, device, repeats)
    done: list[tuple[Probe, NDArray[np.float64]]] = []
    everything = list(probes(device))
    for index, probe in enumerate(everything):
        progress(0.1 + 0.9 * index / len(everything), f"{probe.op_class} operators")
        seconds = timed(probe, device, repeats) - float(np.median(launch))
        done.append((probe, np.maximum(seconds, 1e-9)))
    products = [probe.flops / seconds for probe, seconds in done if probe.op_class in ("matmul", "conv")]
    peak = max(products, key=lambda rates: float(np.median(rates)))
    figures = {
        **_memory(device),
        "dram_bandwidth": _measured(bandwidth, "byte rate", "a + b of 64 MiB tensors into a third"),
        "peak.fp32": _measured(peak, "compute rate", "the fastest matrix product or convolution"),
        **_tensor_peaks(device, repeats),
    }
    rate, stream_rate = float(np.median(peak)), float(np.median(bandwidth))
    for op_class in ("matmul", "conv", "norm", "pool", "pointwise", "other"):
        source = f"{op_class} operators of common shapes, forward and backward, all work over all time"
        work = [(probe.flops / rate, seconds) for probe, seconds in done if probe.op_class == op_class]
        figures[f"efficiency.{op_class}"] = _share(work, source)
    moved = [(p.traffic / stream_rate, seconds) for p, seconds in done if p.op_class == "pointwise"]
    figures["efficiency.bandwidth"] = _share(moved, "pointwise operators, each with a new output")
    for name in ("matmul", "conv"):
        figures[f"efficiency.tensor_{name}"] = Figure(
            figures[f"efficiency.{name}"].value, f"taken to be that of {name}", "estimate"
        )
    figures["launch_time"] = _measured(launch, "time", "one operator on one element")
    return figures | _host_link(device, repeats, stream_rate) | _unknown(figures)


def _memory(device: torch.device) -> dict[str, Figure]:
    if device.type == "cuda":
        total = int(torch.cuda.get_device_properties(device).total_memory)
        kept = total - torch.cuda.mem_get_info(device)[0] - torch.cuda.memory_reserved(device)
        source, beside = "cudaGetDeviceProperties", "what is not free beside PyTorch's own segments"
    else:
        total, kept = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 0
        source, beside = "physical pages of the operating system", "a CPU has no context"
    return {
        "memory": Figure(f"{total}B", source, "measured"),
        "driver_reserved": Figure("0B", "not visible in what the driver reports", "estimate"),
        "context_reserved": Figure(f"{max(0, kept)}B", beside, "measured" if kept else "derived"),
    }


def _tensor_peaks(device: torch.device, repeats: int) -> dict[str, Figure]:
    """Rates of the tensor units, where there are any."""
    if device.type != "cuda":
        return {}
    half = matmul(device, 4096, 4096, 4096, torch.float16)
    figures = {"peak.tensor16": _measured(half.flops / timed(half, device, repeats), "compute rate", "4096^3 in fp16")}
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        full = matmul(device, 4096, 4096, 4096)
        rates = full.flops / timed(full, device, repeats)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
    return figures | {"peak.tf32": _measured(rates, "compute rate", "4096^3 in tf32")}


def _host_link(device: torch.device, repeats: int, bandwidth: float) -> dict[str, Figure]:
    if device.type != "cuda":
        same = "a CPU is its own host: half its bandwidth, since a copy reads and writes"
        return {
            "host_link.bandwidth": Figure(show(bandwidth / 2, "byte rate"), same, "derived"),
            "host_link.latency": Figure("0s", same, "derived"),
        }
    pinned = torch.empty(1 << 26, dtype=torch.uint8, pin_memory=True)
    there = torch.empty_like(pinned, device=device)
    large = Probe("other", 0.0, float(1 << 26), lambda: there.copy_(pinned, non_blocking=True))
    small = Probe("other", 0.0, 1.0, lambda: there[:1].copy_(pinned[:1], non_blocking=True))
    return {
        "host_link.bandwidth": _measured(large.traffic / timed(large, device, repeats), "byte rate", "64 MiB, pinned"),
        "host_link.latency": _measured(timed(small, device, repeats), "time", "one byte, pinned"),
    }


def _unknown(measured: Mapping[str, Figure]) -> dict[str, Figure]:
    """Figures that no program can see."""
    precisions = [name.partition(".")[2] for name in measured if name.startswith("peak.")]
    nothings = {"idle_power": "0W", "power_limit": "1W", "energy.dram": "0J", "price": "0USD/h"}
    nothings |= {f"energy.{precision}": "0J" for precision in precisions}
    return {name: Figure(value, _UNKNOWN, "estimate") for name, value in nothings.items()}


def _measured(samples: NDArray[np.float64], dimension: str, source: str) -> Figure:
    return Figure(show(float(np.median(samples)), dimension, 5), f"measured: {source}", "measured", _spread(samples))


def _share(work: Sequence[tuple[float, NDArray[np.float64]]], source: str) -> Figure:
    """Of pairs (seconds at the peak, seconds taken): the former over the latter, in all, and its spread over shapes."""
    share = sum(least for least, _ in work) / sum(float(np.median(taken)) for _, taken in work)
    spread = _spread(np.concatenate([least / taken for least, taken in work]))
    return Figure(round(min(1.0, share), 5), f"measured: {source}", "measured", spread)


def _spread(samples: NDArray[np.float64]) -> float:
    low, middle, high = np.quantile(samples, (0.25, 0.5, 0.75))
    return float((high - low) / 2.0 / middle)
