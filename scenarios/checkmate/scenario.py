"""Checkmate in the testbed: a network's training graph, a GPU, a policy; does it fit, and what does it cost?"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from hardware_models.gpu.allocator import AllocatorName
from hardware_models.gpu.card import GpuCard, Precision
from scenarios.checkmate.networks import NETWORKS
from scenarios.checkmate.policies import Policy
from sim import fingerprint
from sim.errors import did_you_mean
from sim.record import Record
from sim.scenario import Config, Context, Metric, Outcome
from sim.units import Ratio, Seconds

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scenarios.checkmate.graph import Graph

METRICS = (
    Metric("overhead", "ratio", "lower", "time added to the iteration by recomputation, over running everything once"),
    Metric("overhead_bound", "ratio", "neither", "proven: no schedule within the budget has less overhead"),
    Metric("gap", "ratio", "lower", "cost over the proven lower bound, less one"),
    Metric("iteration_seconds", "time", "lower", "time of one training iteration", label="modelled"),
    Metric("throughput", "1/s", "higher", "training samples per second", label="modelled"),
    Metric("recomputed", "1", "lower", "operators run again in one iteration", label="counted"),
    Metric("capacity", "bytes", "neither", "memory of the device that a framework can allocate"),
    Metric("budget", "bytes", "neither", "memory left for the graph's values by device and resident tensors"),
    Metric("device_peak", "bytes", "lower", "peak of live tensors, resident ones included"),
    Metric("peak_allocated", "bytes", "lower", "peak of the caching allocator's blocks"),
    Metric("peak_reserved", "bytes", "lower", "peak of the caching allocator's segments"),
    Metric("margin", "ratio", "lower", "share of the budget given up so that the allocator finds room"),
    Metric("fragmentation", "ratio", "lower", "share of the reserved memory not handed out at its peak"),
    Metric("keep_all_peak", "bytes", "neither", "peak of live tensors when nothing is recomputed"),
    Metric("least_memory", "bytes", "neither", "resident tensors and the largest operator: nothing runs in less"),
    Metric("energy", "energy", "lower", "energy of one iteration", label="modelled"),
    Metric("money", "money", "lower", "price of the device for one iteration", label="modelled"),
    Metric("solve_seconds", "time", "lower", "time the policy took to decide", label="measured"),
)


class CheckmateConfig(Config):
    """One question: this network, on this GPU, under this policy."""

    hardware: GpuCard = Field("v100", validate_default=True, description="the GPU")
    network: str = Field("resnet50", description="a network by name, a graph file .json, or module:callable")
    batch: int = Field(32, ge=1, description="samples per iteration")
    shape: tuple[int, ...] | None = Field(None, description="one input, e.g. [3, 224, 224]; the network's own if unset")
    granularity: Literal["layer", "operator"] = Field("layer", description="merge chains of operators, or not")
    optimizer: Literal["sgd", "momentum", "adam"] = Field("sgd", description="decides how much state is resident")
    precision: Precision = Field("fp32", description="arithmetic of matrix products")
    policy: Policy = Field("portfolio", description="who decides what is recomputed")
    cost: Literal["roofline", "flops"] = Field("roofline", description="what an operator costs")
    allocator: AllocatorName = Field("caching", description="who hands out memory; exact never fragments")
    slack: Ratio = Field(0.0, ge=0, lt=1, description="share of the memory left free")
    time_limit: Seconds = Field(0.0, ge=0, description="limit on the exact solver; 0 for none")
    source: str = Field("", description="fingerprint of a user's own network, filled in")

    @model_validator(mode="before")
    @classmethod
    def _with_source(cls, data: Any) -> Any:
        """A file or module of the user's is part of the question: its content goes into the record's key."""
        if isinstance(data, dict) and not data.get("source"):
            return data | {"source": source_of(str(data.get("network", "")))}
        return data


class Checkmate:
    """Wires graph, costs, policy and device; what each does stands in its own module."""

    name, version = "checkmate", 1
    question = "Which activations should be recomputed so that training fits in this GPU's memory, and at what cost?"
    config = CheckmateConfig
    metrics = METRICS
    preload = ("scenarios.checkmate.portfolio", "hardware_models.gpu.device")

    def run(self, config: CheckmateConfig, context: Context) -> Outcome:
        """Trace, cost, decide, validate, replay."""
        from hardware_models.gpu.allocator import ALLOCATORS
        from hardware_models.gpu.device import replay
        from scenarios.checkmate.coarsen import coarsen
        from scenarios.checkmate.fitting import fit
        from scenarios.checkmate.on_device import budget, kernel_costs, merged, program
        from scenarios.checkmate.outcome import outcome
        from scenarios.checkmate.portfolio import COMPONENTS, solve
        from scenarios.checkmate.problem import Problem

        context.progress(0.0, f"tracing {config.network}")
        fine, given = _graph(config, context)
        coarse = coarsen(fine, config.granularity)
        graph = coarse.graph
        per_kernel = kernel_costs(fine, config.hardware, config.precision, config.cost, given)
        costs = merged(per_kernel, coarse.parts)
        problem = Problem(graph, costs.solver, budget(graph, config.hardware, config.optimizer, config.slack))
        context.progress(0.2, f"{config.policy} on {config.network}")
        started = perf_counter()
        fitted = fit(
            problem,
            lambda smaller: solve(smaller, config.policy, time_limit=config.time_limit or None),
            COMPONENTS if config.policy == "portfolio" else (),
            lambda schedule, trace: replay(
                program(graph, schedule, costs, config.optimizer),
                ALLOCATORS[config.allocator](config.hardware.capacity),
                trace,
            ),
        )
        return outcome(config, problem, costs, fitted, perf_counter() - started, context.trace)

    def summary(self, records: Sequence[Record]) -> list[str]:
        """The answer in a sentence per device and network: how far the memory can shrink, and at what price."""
        from scenarios.checkmate.answer import sentences

        return sentences(records)


def source_of(network: str) -> str:
    """A hash of the file or module that a user's network comes from; "" for ours. Raises `ValueError`."""
    if network.endswith(".json"):
        try:
            return blake2b(Path(network).read_bytes(), digest_size=8).hexdigest()
        except OSError as error:
            raise ValueError(f"network file {network} cannot be read: {error.strerror}") from None
    if ":" in network:
        return fingerprint.combined(network.partition(":")[0])
    if network and network not in NETWORKS:
        raise ValueError(f"no network is called '{network}'; {did_you_mean(network, NETWORKS)}")
    return ""


def _graph(config: CheckmateConfig, context: Context) -> "tuple[Graph, NDArray[np.float64] | None]":
    """The training graph, traced once per network, batch and shape; costs if a user's file has them."""
    from scenarios.checkmate import graph_file

    if config.network.endswith(".json"):
        from scenarios.checkmate.user_graph import read_graph

        read = read_graph(Path(config.network))
        return read.graph, read.costs

    def trace() -> bytes:
        from scenarios.checkmate.capture import capture_network

        return graph_file.encode(capture_network(config.network, config.batch, config.shape).graph)

    code = fingerprint.combined("scenarios.checkmate.capture")
    parts = (config.network, config.batch, config.shape, config.source, code)
    return graph_file.decode(context.cached("graph", repr(parts), trace)), None
