"""From settings to the problem that a policy is given: graph, costs and budget, at the batch or budget of the goal."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from scenarios.checkmate import goals, portfolio
from scenarios.checkmate.batches import at_batch
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.config import CheckmateConfig
from scenarios.checkmate.on_device import Costs, budget, kernel_costs, merged
from scenarios.checkmate.policies import PAGING
from scenarios.checkmate.problem import Link, Problem
from sim.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scenarios.checkmate.graph import Graph

#: The training graph at a batch, and the costs of its operators in seconds if a user's file has them.
Trace = Callable[[int], "tuple[Graph, NDArray[np.float64] | None]"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a policy. `batch_bound` is proven where the largest batch is sought."""

    problem: Problem
    costs: Costs
    batch: int
    batch_bound: int | None = None


def question(config: CheckmateConfig, trace: Trace) -> Question:
    """The question at the goal that `config` sets, found by asking its policy at several batches or budgets."""
    if config.cost == "flops" and config.policy in PAGING:
        raise UserError(f"policy '{config.policy}' weighs copies in seconds, so cost must be roofline, not flops")
    if config.goal == "overhead":
        return _posed(config, *trace(config.batch), config.batch)
    solver = _prober(config)
    if config.goal == "smallest_budget":
        asked = _posed(config, *trace(config.batch), config.batch)
        found = goals.smallest_budget(asked.problem, solver, config.most_overhead)
        return replace(asked, problem=replace(asked.problem, budget=found))
    pose = _at_any_batch(config, trace)
    largest = goals.largest_batch(lambda batch: pose(batch).problem, solver, config.most_overhead)
    if not largest.batch:
        raise UserError(
            f"goal 'largest_batch' finds nothing: not even one sample of {config.network} trains on "
            f"{config.hardware.card} under policy '{config.policy}' at the cost allowed"
        )
    return replace(pose(largest.batch), batch_bound=largest.bound)


def _posed(config: CheckmateConfig, fine: "Graph", given: "NDArray[np.float64] | None", batch: int) -> Question:
    coarse = coarsen(fine, "layer" if config.granularity == "layer" else "operator")
    per_kernel = kernel_costs(fine, config.hardware, config.precision, config.cost, given)
    costs = merged(per_kernel, coarse.parts)
    room = budget(coarse.graph, config.hardware, config.optimizer, config.slack)
    link = Link(config.hardware.host_link.bandwidth, config.hardware.host_link.latency)
    return Question(Problem(coarse.graph, costs.solver, room, link), costs, batch)


def _at_any_batch(config: CheckmateConfig, trace: Trace) -> Callable[[int], Question]:
    """Questions at any batch, from traces at two."""
    if config.network.endswith(".json"):
        raise UserError(f"goal 'largest_batch' needs a network that can be traced; {config.network} has one batch only")
    near = (config.batch, config.batch + 1)
    one, other = (trace(batch)[0] for batch in near)
    return cache(lambda batch: _posed(config, at_batch(one, other, near, batch), None, batch))


def _prober(config: CheckmateConfig) -> goals.Solver:
    """The policy as it is asked while the goal is sought: a schedule is wanted, not a bound."""
    if config.policy == "portfolio":
        return portfolio.quick
    return lambda problem: portfolio.solve(problem, config.policy, config.time_limit or None)
