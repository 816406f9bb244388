"""The cheapest staged schedule, with proof: HiGHS on the program of `staged_model`, made small first.

1. The linear relaxation gives a lower bound and reduced costs.
2. A known schedule gives an upper bound. If both meet, there is nothing left to prove. If not, every 0-1
   variable whose reduced cost exceeds the distance between them keeps its value in any better schedule
   (reduced-cost fixing; Dantzig, Fulkerson and Johnson 1954), which leaves few to branch on.
3. Branch and bound on the rest, asked only for something cheaper than what is known.

Every schedule is replayed in exact integers, since the solver's tolerance of 1e-6 is 16 kB in 16 GB.
"""

from dataclasses import dataclass, replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, linprog, milp
from scipy.sparse import vstack

from scenarios.checkmate.graph import working_set
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.rows import ONE
from scenarios.checkmate.schedule import Schedule, cost, memory
from scenarios.checkmate.staged_model import SCALE, StagedModel, add_memory_row, broken_rows, build, forbid
from scenarios.checkmate.twins import merge_twins
from sim.units import show

PROVEN = 1e-7  # a relative gap at which an optimum counts as proven
LARGEST = 400_000  # columns; beyond, the relaxation alone takes minutes
_TOLERANCE = 1e-7  # of the budget, for fractional solutions

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limits:
    """When to stop. `nodes` of branch and bound and `gap` are deterministic, `seconds` (None: no limit) is not."""

    nodes: int | None = 20_000
    gap: float = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The optimum of the linear relaxation: cost in seconds, and per column its value and reduced cost (scaled)."""

    model: StagedModel
    bound: float
    values: Floats
    reduced: Floats


def too_large(problem: Problem) -> str:
    """Why the program is not built, or nothing."""
    if columns(problem) <= LARGEST:
        return ""
    operators = len(problem.graph.operators)
    return f"{operators} operators make about {columns(problem):,} columns, the exact solver takes {LARGEST:,}"


def columns(problem: Problem) -> int:
    """About how many columns the program has: half of operators x (operators + values)."""
    operators, values = len(problem.graph.operators), len(merge_twins(problem.graph).values)
    return operators * (operators + values) // 2


def below_working_set(problem: Problem) -> str:
    """The proof that no schedule fits, or nothing."""
    needed, operator = working_set(problem.graph)
    results = int(sum(problem.graph.values[value].bytes for value in problem.graph.results))
    if needed > problem.budget:
        name = problem.graph.operators[operator].name
        return f"{name} alone needs {show(needed, 'bytes')} ({needed} bytes), the budget is {problem.budget} bytes"
    if results > problem.budget:
        return f"the results take {results} bytes, and the budget is {problem.budget} bytes"
    return ""


def relax(problem: Problem) -> Relaxation | None:
    """Solve the linear relaxation; None when even that is infeasible, which proves that no staged schedule fits."""
    model = build(replace(problem, graph=merge_twins(problem.graph)))
    while True:
        result = _linear(model)
        if result.status == 2:
            return None
        if result.status != 0:
            raise RuntimeError(f"the linear solver stopped: {result.message}")
        R, S = model.values_of(model.R, result.x), model.values_of(model.S, result.x)
        rows = [row for row in broken_rows(model, R, S, _TOLERANCE) if row not in model.memory_rows]
        if not rows:
            reduced = result.lower.marginals + result.upper.marginals
            return Relaxation(model, float(result.fun) * _unit(problem), result.x, reduced)
        for stage, operator in rows:
            add_memory_row(model, stage, operator)


def solve_exact(problem: Problem, known: Schedule | None = None, limits: Limits | None = None) -> Solution:
    """The cheapest staged schedule with its proof, or the better of `known` and what was found within the limits."""
    limits = limits or Limits()
    if reason := below_working_set(problem):
        return Solution(Answer.INFEASIBLE, reason=reason)
    if reason := too_large(problem):
        return _settle(problem, known, float(problem.costs.sum()), reason)
    relaxation = relax(problem)
    if relaxation is None:
        return _infeasible(problem, known)
    return branch(relaxation, known, limits)


def branch(relaxation: Relaxation, known: Schedule | None, limits: Limits) -> Solution:
    """Branch and bound below a solved relaxation, looking only for schedules cheaper than `known`."""
    model = relaxation.model
    problem = model.problem
    target = _target(problem, known)
    bound = relaxation.bound
    deadline = None if limits.seconds is None else monotonic() + limits.seconds
    while bound < target * (1.0 - limits.gap):
        result = _integer(relaxation, target, limits, deadline)
        if _says_infeasible(result):
            bound = target
            break
        if result.mip_dual_bound is not None and np.isfinite(result.mip_dual_bound):
            bound = max(bound, float(result.mip_dual_bound) * _unit(problem))
        if result.x is None:
            return _settle(problem, known, bound, _ran_out(limits))
        found = _round(model, result.x)
        if int(memory(problem.graph, found).max()) <= problem.budget:
            return _settle(problem, found, bound, "")
        _add_broken(model, result.x)
    if known is None:
        return _infeasible(problem, known)
    # nothing costs less than the target, and what is known is all there is between the target and its own cost
    proven = bound >= target
    return _settle(problem, known, cost(problem.costs, known) if proven else bound, "")


def _ran_out(limits: Limits) -> str:
    spent = f"{limits.seconds:g} s" if limits.seconds is not None else f"{limits.nodes:,} nodes"
    return f"branch and bound found no schedule within its limit of {spent}, which proves nothing"


def _settle(problem: Problem, known: Schedule | None, bound: float, reason: str) -> Solution:
    if known is None:
        return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)
    return Solution(Answer.FEASIBLE, known, min(bound, cost(problem.costs, known)))


def _infeasible(problem: Problem, known: Schedule | None) -> Solution:
    if known is not None:  # it is not staged: see the note on bounds in `problem.Solution`
        return Solution(Answer.FEASIBLE, known, cost(problem.costs, known))
    reason = f"no staged schedule fits in {problem.budget} bytes: its 0-1 program has no solution"
    return Solution(Answer.INFEASIBLE, reason=reason)


def _target(problem: Problem, known: Schedule | None) -> float:
    """Only schedules cheaper than this (seconds) are of interest."""
    if known is None:
        return np.inf
    best = cost(problem.costs, known)
    whole = best < 2.0**53 and bool((problem.costs == np.round(problem.costs)).all())
    # nothing lies between whole costs and one step less; a step too small for the solver (FLOP) is no help
    step = 0.999 * float(np.gcd.reduce(problem.costs.astype(np.int64))) if whole else 0.0
    return best - max(step, best * PROVEN)


def _unit(problem: Problem) -> float:
    """Seconds per unit of the scaled objective."""
    return float(problem.costs.sum()) / SCALE


def _linear(model: StagedModel) -> OptimizeResult:
    matrix, low, high = model.rows.matrix(model.columns)
    below, above = np.isfinite(high), np.isfinite(low)
    bounds = np.zeros((model.columns, 2))
    bounds[:, 1] = 1.0
    bounds[ONE, 0] = 1.0
    return linprog(
        model.objective(),
        A_ub=vstack([matrix[below], -matrix[above]]),
        b_ub=np.concatenate([high[below], -low[above]]),
        bounds=bounds,
        method="highs-ds",
    )


def _integer(relaxation: Relaxation, target: float, limits: Limits, deadline: float | None) -> OptimizeResult:
    model = relaxation.model
    lower, upper = _fixed(relaxation, target)
    matrix, low, high = model.rows.matrix(model.columns)
    objective = model.objective()
    constraints = [LinearConstraint(matrix, low, high)]
    if np.isfinite(target):
        constraints.append(LinearConstraint(objective[None, :], -np.inf, target / _unit(model.problem)))
    options = {"mip_rel_gap": max(limits.gap, PROVEN)}
    if limits.nodes is not None:
        options["node_limit"] = limits.nodes
    if deadline is not None:
        options["time_limit"] = max(0.01, deadline - monotonic())
    whole = np.arange(model.columns) < model.binaries
    return milp(objective, integrality=whole, bounds=Bounds(lower, upper), constraints=constraints, options=options)


def _fixed(relaxation: Relaxation, target: float) -> tuple[Floats, Floats]:
    """Bounds of the columns after reduced-cost fixing."""
    model = relaxation.model
    lower, upper = np.zeros(model.columns), np.ones(model.columns)
    lower[ONE] = 1.0
    room = (target - relaxation.bound) / _unit(model.problem) * (1.0 + 1e-6) + 1e-6
    reduced = relaxation.reduced[: model.binaries]
    upper[: model.binaries][reduced > room] = 0.0
    lower[: model.binaries][reduced < -room] = 1.0
    lower[ONE] = upper[ONE] = 1.0
    return lower, upper


def _round(model: StagedModel, solution: Floats) -> Schedule:
    return Schedule(tuple(np.nonzero(model.values_of(model.R, solution) > 0.5)[1].tolist()))


def _add_broken(model: StagedModel, solution: Floats) -> None:
    R = np.round(model.values_of(model.R, solution))
    S = np.round(model.values_of(model.S, solution))
    for stage, operator in broken_rows(model, R, S):
        if (stage, operator) in model.memory_rows:
            forbid(model, R, S, stage)
        else:
            add_memory_row(model, stage, operator)


def _says_infeasible(result: OptimizeResult) -> bool:
    return result.status == 2 or (result.x is None and "nfeasible" in result.message)
