"""What may be asked of Checkmate (its settings) and what it answers (its metrics)."""

from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from hardware_models.gpu.allocator import AllocatorName
from hardware_models.gpu.card import GpuCard, Precision
from scenarios.checkmate.networks import NETWORKS, Shape
from scenarios.checkmate.policies import Policy
from sim import fingerprint
from sim.errors import did_you_mean
from sim.scenario import Config, Metric
from sim.units import Ratio, Seconds

Goal = Literal["overhead", "largest_batch", "smallest_budget"]
#: How operators are told apart: chains merged, each kernel, or the paper's own graph of the network.
Granularity = Literal["layer", "operator", "paper"]

METRICS = (
    Metric(
        "overhead",
        "ratio",
        "lower",
        "time added by recomputing and waiting, over running everything once",
    ),
    Metric("overhead_bound", "ratio", "neither", "proven: no schedule within the budget has less overhead"),
    Metric("gap", "ratio", "lower", "cost over the proven lower bound, less one"),
    Metric("iteration_seconds", "time", "lower", "time of one training iteration", label="modelled"),
    Metric("throughput", "1/s", "higher", "training samples per second", label="modelled"),
    Metric("copied", "bytes", "lower", "bytes copied to the host and back in one iteration", label="modelled"),
    Metric("waited", "time", "lower", "time of one iteration in which kernels wait for copies", label="modelled"),
    Metric("recomputed", "1", "lower", "operators run again in one iteration", label="counted"),
    Metric("batch", "1", "higher", "samples per iteration: as asked, or the largest found", label="counted"),
    Metric("batch_bound", "1", "neither", "proven: at one sample more, an operator alone would not fit"),
    Metric("capacity", "bytes", "neither", "memory of the device that a framework can allocate"),
    Metric("budget", "bytes", "neither", "memory left for the graph's values by device and resident tensors"),
    Metric("device_peak", "bytes", "lower", "peak of live tensors, resident ones included"),
    Metric("peak_allocated", "bytes", "lower", "peak of the caching allocator's blocks"),
    Metric("peak_reserved", "bytes", "lower", "peak of the caching allocator's segments"),
    Metric("margin", "ratio", "lower", "share of the budget given up so that the allocator finds room"),
    Metric("static_height", "bytes", "lower", "memory that the same tensors take at static offsets"),
    Metric("fragmentation", "ratio", "lower", "share of the reserved memory not handed out at its peak"),
    Metric("keep_all_peak", "bytes", "neither", "peak of live tensors when nothing is recomputed"),
    Metric("least_memory", "bytes", "neither", "resident tensors and the largest operator: nothing runs in less"),
    Metric("energy", "energy", "lower", "energy of one iteration", label="modelled"),
    Metric("money", "money", "lower", "price of the device for one iteration", label="modelled"),
    Metric("measured_overhead", "ratio", "lower", "the same, executed in PyTorch on this machine", label="measured"),
    Metric("measured_live", "bytes", "lower", "peak of tensors counted while executed", label="measured"),
    Metric("measured_peak", "bytes", "lower", "peak the process or CUDA's allocator really took", label="measured"),
    Metric("peak_with_workspaces", "bytes", "neither", "live tensors and measured workspaces", label="measured"),
    Metric(
        "timeline_correlation", "1", "higher", "of bytes taken with bytes predicted, step by step", label="measured"
    ),
    Metric("measured_seconds", "time", "lower", "time of an executed iteration", label="measured"),
    Metric("solve_seconds", "time", "lower", "time the policy took to decide", label="measured"),
)
#: Those that take an execution in PyTorch.
EXECUTED = (
    "measured_overhead",
    "measured_live",
    "measured_peak",
    "peak_with_workspaces",
    "timeline_correlation",
    "measured_seconds",
)


class CheckmateConfig(Config):
    """One question: this network, on this GPU, under this policy."""

    hardware: GpuCard = Field("v100", validate_default=True, description="the GPU")
    network: str = Field("resnet50", description="a network by name, a graph file .json, or module:callable")
    batch: int = Field(32, ge=1, description="samples per iteration")
    shape: Shape | None = Field(None, description="one input, e.g. [3, 224, 224]; the network's own if unset")
    granularity: Granularity = Field("layer", description="merge chains of operators, or not; paper: its own graphs")
    optimizer: Literal["sgd", "momentum", "adam"] = Field("sgd", description="decides how much state is resident")
    precision: Precision = Field("fp32", description="arithmetic of matrix products")
    policy: Policy = Field("portfolio", description="who decides what is recomputed")
    goal: Goal = Field("overhead", description="what is sought: least overhead, or at most_overhead one of the others")
    most_overhead: Ratio | None = Field(None, ge=0, description="the other goals' limit; unset: one more forward pass")
    cost: Literal["roofline", "flops", "profile"] = Field("roofline", description="what an operator costs")
    profile: str = Field("", description="with cost=profile: a file of `windtunnel hardware measure profile`")
    execute: bool = Field(False, description="run the schedule in PyTorch and measure it")
    device: Literal["cpu", "cuda"] = Field("cpu", description="with execute: where it runs")
    threads: int = Field(1, ge=1, description="with execute: threads of the CPU")
    allocator: AllocatorName = Field("caching", description="who hands out memory: PyTorch's, none at all, or a plan")
    slack: Ratio = Field(0.0, ge=0, lt=1, description="share of the memory left free")
    time_limit: Seconds = Field(0.0, ge=0, description="limit on exact and intervals; 0 for none")
    source: str = Field("", description="fingerprint of a user's own network, filled in")

    @model_validator(mode="before")
    @classmethod
    def _with_source(cls, data: Any) -> Any:
        """A file or module of the user's is part of the question: its content goes into the record's key."""
        if isinstance(data, dict) and not data.get("source"):
            parts = source_of(str(data.get("network", ""))), profile_of(data.get("cost"), str(data.get("profile", "")))
            return data | {"source": "+".join(filter(None, parts))}
        return data


def profile_of(cost: object, profile: str) -> str:
    """A hash of the profile that is needed; "" without one. Raises `ValueError` if it is missing or not needed."""
    if (cost == "profile") != bool(profile):
        raise ValueError('cost = "profile" and profile = "FILE.toml" go together: set both, or neither')
    return _hash(profile, "profile") if profile else ""


def _hash(path: str, what: str) -> str:
    try:
        return blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
    except OSError as error:
        raise ValueError(f"{what} file {path} cannot be read: {error.strerror}") from None


def source_of(network: str) -> str:
    """A hash of the file or module that a user's network comes from; "" for ours. Raises `ValueError`."""
    if network.endswith(".json"):
        return _hash(network, "network")
    if ":" in network:
        return fingerprint.combined(network.partition(":")[0])
    if network and network not in NETWORKS:
        raise ValueError(f"no network is called '{network}'; {did_you_mean(network, NETWORKS)}")
    return ""
