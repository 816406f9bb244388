"""The paper's table 2: how much more than the optimum the heuristics cost, as a geometric mean over budgets.

Budgets are spread evenly between the largest operator and the peak of keeping everything, as the paper's 32 global
points are; a budget counts for a method where the method finds a schedule. The optimum is the best schedule known
here, which the portfolio's bound certifies to a few parts in a thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, fsum, log
from typing import Literal

from hardware_models.gpu.card import GpuCard
from scenarios.checkmate.checkpoints import cheapest_that_fits, completion
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.milp import relax
from scenarios.checkmate.on_device import kernel_costs
from scenarios.checkmate.paper_graphs import paper_graph
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.portfolio import solve, solve_curve
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import all_once, cost, peak

Source = Literal["roofline", "flops"]
#: Table 2's networks at the batches of its budget sweeps (the artifact's folder names).
NETWORKS = {"mobilenet": 512, "vgg16": 256, "vgg19": 256, "unet": 32, "resnet50": 256}
Method = Policy | Literal["two_phase"]
#: Its columns, and our rounding beside the paper's.
METHODS: tuple[Method, ...] = ("ap_sqrt", "ap_greedy", "griewank", "two_phase", "lp_rounding")


@dataclass(frozen=True, slots=True)
class Ratio:
    """Geometric mean of cost over the best known, and over how many budgets of `budgets`; None where there are none."""

    method: str
    mean: float | None
    feasible: int
    budgets: int


def posed(network: str, source: Source, points: int) -> list[Problem]:
    """The problems of one network: its paper graph on a V100, at `points` budgets."""
    graph = paper_graph(network, NETWORKS[network])
    costs = kernel_costs(graph, GpuCard.model_validate("v100"), "fp32", source).solver
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    step = (most - least) / max(1, points - 1)
    return [Problem(graph, costs, int(least + step * place)) for place in range(points)]


def two_phase(problem: Problem) -> Solution:
    """The paper's rounding as it stands: the relaxation at 0.9 of the budget, thresholds 0.1 to 0.9, and no repair."""
    relaxation = relax(replace(problem, budget=int(0.9 * problem.budget)))
    if relaxation is None:
        return Solution(Answer.NOT_FOUND, reason="the relaxation at 0.9 of the budget has no solution")
    model = relaxation.model
    kept = model.values_of(model.S[:-1], relaxation.values)
    rounded = (completion(model.problem.graph, kept > threshold / 10) for threshold in range(1, 10))
    return cheapest_that_fits(problem, rounded, "two-phase rounding")


def ratios(problems: Sequence[Problem], methods: Sequence[Method] = METHODS) -> list[Ratio]:
    """A row of the table."""
    graph, costs = problems[0].graph, problems[0].costs
    best = [found.schedule for found in solve_curve(graph, costs, [problem.budget for problem in problems])]
    rows = []
    for method in methods:
        over = []
        for problem, known in zip(problems, best, strict=True):
            found = (two_phase(problem) if method == "two_phase" else solve(problem, method)).schedule
            if found is not None and known is not None:
                over.append(log(cost(costs, found) / min(cost(costs, known), cost(costs, found))))
        mean = exp(fsum(over) / len(over)) if over else None
        rows.append(Ratio(method, mean, len(over), len(problems)))
    return rows
