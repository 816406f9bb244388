"""Checkmate in the testbed: a network's training graph, a GPU, a policy; does it fit, and what does it cost?"""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from scenarios.checkmate.config import METRICS, CheckmateConfig
from scenarios.checkmate.policies import PAGING
from sim import fingerprint
from sim.errors import UserError
from sim.scenario import Context, Outcome

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hardware_models.gpu.timeline import Timeline
    from scenarios.checkmate.graph import Graph
    from scenarios.checkmate.schedule import Schedule
    from sim.trace import Tracer


class Checkmate:
    """Wires graph, costs, policy and device; what each does stands in its own module."""

    name, version = "checkmate", 1
    question = "Which activations should be recomputed so that training fits in this GPU's memory, and at what cost?"
    config = CheckmateConfig
    metrics = METRICS
    preload = ("scenarios.checkmate.portfolio", "hardware_models.gpu.device")
    summary = "scenarios.checkmate.answer:sentences"

    def run(self, config: CheckmateConfig, context: Context) -> Outcome:
        """Trace, cost, decide, validate, replay."""
        from hardware_models.gpu.device import replay
        from hardware_models.gpu.layout import allocator_for
        from scenarios.checkmate.fitting import fit
        from scenarios.checkmate.on_device import program
        from scenarios.checkmate.outcome import outcome
        from scenarios.checkmate.portfolio import COMPONENTS, solve
        from scenarios.checkmate.question import question

        _refuse_unexecutable(config)
        context.progress(0.0, f"tracing {config.network}")
        started = perf_counter()
        asked = question(config, lambda batch: _graph(config, context, batch))
        problem, costs = asked.problem, asked.costs
        context.progress(0.2, f"{config.policy} on {config.network}")
        started = perf_counter() if config.goal == "overhead" else started  # reaching a goal is solving

        def run(schedule: "Schedule", trace: "Tracer") -> "Timeline":
            asks = program(problem.graph, schedule, costs, config.optimizer, problem.link)
            return replay(asks, allocator_for(config.allocator, config.hardware.capacity, asks), trace)

        fitted = fit(
            problem,
            lambda smaller: solve(smaller, config.policy, time_limit=config.time_limit or None),
            COMPONENTS if (config.policy, config.allocator) == ("portfolio", "caching") else (),
            run,
        )
        found = outcome(config, asked, fitted, perf_counter() - started, context.trace)
        if not config.execute or fitted.solution.schedule is None:
            return found
        from scenarios.checkmate.coarsen import coarsen
        from scenarios.checkmate.executed import executed

        context.progress(0.6, f"running {config.network}")
        fine, _ = _graph(config, context, config.batch)
        coarse = coarsen(fine, "layer" if config.granularity == "layer" else "operator")
        return executed(config, found, coarse, fine, fitted.solution.schedule)


def _refuse_unexecutable(config: CheckmateConfig) -> None:
    if config.network.endswith(".json") and (config.execute or config.profile):
        what = "execute = true" if config.execute else 'cost = "profile"'
        raise UserError(f"{what} needs a network of PyTorch; {config.network} is a graph file")
    if config.execute and (config.goal != "overhead" or config.granularity == "paper" or config.policy in PAGING):
        raise UserError("execute = true needs goal = 'overhead', a granularity of ours and a policy that recomputes")


def _graph(config: CheckmateConfig, context: Context, batch: int) -> "tuple[Graph, NDArray[np.float64] | None]":
    """The training graph, traced once per network, batch and shape; costs if a user's file has them."""
    from scenarios.checkmate import graph_file

    if config.granularity == "paper":
        from scenarios.checkmate.paper_graphs import paper_graph

        return paper_graph(config.network, batch), None
    if config.network.endswith(".json"):
        from scenarios.checkmate.user_graph import read_graph

        read = read_graph(Path(config.network))
        return read.graph, read.costs

    def trace() -> bytes:
        from scenarios.checkmate.capture import capture_network

        return graph_file.encode(capture_network(config.network, batch, config.shape).graph)

    code = fingerprint.combined("scenarios.checkmate.capture")
    parts = (config.network, batch, config.shape, config.source, code)
    graph = graph_file.decode(context.cached("graph", repr(parts), trace))
    if not config.profile:
        return graph, None
    from scenarios.checkmate.profile import read_profile

    profile = read_profile(Path(config.profile))
    return profile.with_workspaces(graph), profile.seconds(graph)
