"""Metrics beyond accuracy, attached to every run (SysML, arXiv:1904.03257): a number, or why there is none.

The runner measures what any run has (wall and CPU time, peak memory). What only the scenario can know
(energy of the modelled device, bytes on the wire, latency percentiles) it returns as metrics of these names.
"""

import resource
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

#: Name -> (unit, what it is, where it comes from).
SYSTEM_METRICS: dict[str, tuple[str, str, str]] = {
    "wall_seconds": ("time", "real time of the run", "measured"),
    "cpu_seconds": ("time", "user and system time of the run", "measured"),
    "peak_rss": ("bytes", "peak resident memory during the run", "measured"),
    "latency_p50": ("time", "median latency of one operation", "scenario"),
    "latency_p99": ("time", "99th percentile of latency", "scenario"),
    "throughput": ("1/s", "operations, samples or bytes per simulated second", "scenario"),
    "device_peak": ("bytes", "peak memory of the modelled device", "scenario"),
    "network_bytes": ("bytes", "bytes on the wire", "scenario"),
    "network_messages": ("1", "messages on the wire", "scenario"),
    "energy": ("energy", "energy of the modelled device", "scenario"),
    "money": ("money", "price of the modelled device's time", "scenario"),
    "revealed_values": ("1", "values opened to a party that did not own them", "scenario"),
    "fairness": ("1", "Jain index over the entities served", "scenario"),
    "robustness": ("1", "share of the result that is kept under faults", "scenario"),
}


@dataclass(slots=True)
class Probe:
    """Measures one run in this process; peak memory is reset first, or a warm worker would report an earlier run's."""

    started: float
    cpu: float

    @classmethod
    def start(cls) -> "Probe":
        """Begin measuring."""
        with suppress(OSError):  # kernels without clear_refs: the peak is then that of the process
            Path("/proc/self/clear_refs").write_text("5")
        return cls(perf_counter(), _cpu_seconds())

    def stop(self) -> dict[str, float]:
        """Wall seconds, CPU seconds and peak resident bytes since `start`."""
        return {
            "wall_seconds": perf_counter() - self.started,
            "cpu_seconds": _cpu_seconds() - self.cpu,
            "peak_rss": _peak_rss(),
        }


def attach(measured: Mapping[str, float], reported: Mapping[str, float | None]) -> dict[str, float | str]:
    """Every system metric: measured, reported by the scenario, or the sentence why it is absent."""
    system: dict[str, float | str] = {}
    for name, (_, _, origin) in SYSTEM_METRICS.items():
        value = measured.get(name) if origin == "measured" else reported.get(name)
        system[name] = value if value is not None else f"not reported by this {origin}"
    return system


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_rss() -> float:
    with suppress(OSError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024
