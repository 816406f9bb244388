"""Every policy by name, and what they have in common: who asks gets a schedule that fits, a proof, or a reason.

The portfolio runs the searches, which take milliseconds, then the linear relaxation for a lower bound, then
branch and bound where a gap is left and the program is small enough. Without a time limit every answer depends
on the problem alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.checkpoints import solve_checkpoints
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.greedy import solve_dtr, solve_greedy, solve_searches
from scenarios.checkmate.griewank import solve_griewank
from scenarios.checkmate.milp import PROVEN, Limits, below_working_set, branch, relax, solve_exact, too_large
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.rounding import solve_rounding
from scenarios.checkmate.schedule import all_once, cost, peak

PORTFOLIO_LIMITS = Limits(nodes=500, gap=1e-4)
_BRANCH_COLUMNS = 40_000  # the portfolio branches on programs up to this size

Solver = Callable[[Problem, Limits], Solution]


def solve(
    problem: Problem, policy: Policy = "portfolio", limits: Limits | None = None, time_limit: float | None = None
) -> Solution:
    """Answer a problem by a policy of `POLICIES`.

    `limits` bound branch and bound, for "portfolio" and "exact" only; `time_limit` (seconds) replaces theirs.
    """
    if reason := below_working_set(problem):
        return Solution(Answer.INFEASIBLE, reason=reason)
    chosen = limits or (PORTFOLIO_LIMITS if policy == "portfolio" else Limits())
    if time_limit is not None:
        chosen = replace(chosen, seconds=time_limit)
    return POLICIES[policy](problem, chosen)


def solve_curve(
    graph: Graph, costs: NDArray[np.float64], budgets: Sequence[int], policy: Policy = "portfolio"
) -> list[Solution]:
    """One solution per budget, in the order given; a larger budget never gets a costlier schedule.

    A schedule that fits a smaller budget fits a larger one, and a bound for a larger budget holds for a smaller.
    """
    rising = sorted(range(len(budgets)), key=lambda index: budgets[index])
    solutions = [solve(Problem(graph, costs, budgets[index]), policy) for index in rising]
    for place in range(1, len(solutions)):
        before, here = solutions[place - 1], solutions[place]
        if before.schedule and (not here.schedule or _cost(costs, here) > _cost(costs, before)):
            solutions[place] = Solution(Answer.FEASIBLE, before.schedule, here.bound)
    bound = 0.0
    for place in reversed(range(len(solutions))):
        if schedule := solutions[place].schedule:
            bound = min(max(bound, solutions[place].bound), cost(costs, schedule))
            solutions[place] = replace(solutions[place], bound=bound)
    return [solutions[rising.index(index)] for index in range(len(budgets))]


def gap(problem: Problem, solution: Solution) -> float | None:
    """Cost over the proven bound, less one; 0 within the tolerance of a proof, None without a schedule."""
    if solution.schedule is None or solution.bound <= 0.0:
        return None
    relative = _cost(problem.costs, solution) / solution.bound - 1.0
    return 0.0 if relative <= 2 * PROVEN else relative


def _portfolio(problem: Problem, limits: Limits) -> Solution:
    found = solve_searches(problem)
    if too_large(problem):
        return found
    relaxation = relax(problem)
    if relaxation is not None and relaxation.model.columns > _BRANCH_COLUMNS:
        if found.schedule is None:
            return replace(found, bound=relaxation.bound)
        return replace(found, bound=min(relaxation.bound, _cost(problem.costs, found)))
    if relaxation is None:
        return solve_exact(problem, found.schedule, limits)
    return branch(relaxation, found.schedule, limits)


def _exact(problem: Problem, limits: Limits) -> Solution:
    return solve_exact(problem, solve_searches(problem).schedule, limits)


def _checkpoint_all(problem: Problem) -> Solution:
    once = all_once(problem.graph)
    needed = peak(problem.graph, once)
    if needed > problem.budget:
        reason = f"keeping everything needs {needed} bytes, and the budget is {problem.budget} bytes"
        return Solution(Answer.NOT_FOUND, bound=float(problem.costs.sum()), reason=reason)
    return Solution(Answer.FEASIBLE, once, cost(problem.costs, once))


def _cost(costs: NDArray[np.float64], solution: Solution) -> float:
    return cost(costs, solution.schedule) if solution.schedule else float("inf")


def _unlimited(solver: Callable[[Problem], Solution]) -> Solver:
    return lambda problem, _: solver(problem)


def _rule(name: str) -> Solver:
    return lambda problem, _: solve_checkpoints(problem, name)


POLICIES: dict[Policy, Solver] = {
    "checkpoint_all": _unlimited(_checkpoint_all),
    "chen_sqrt": _rule("chen_sqrt"),
    "chen_greedy": _rule("chen_greedy"),
    "griewank": _unlimited(solve_griewank),
    "ap_sqrt": _rule("ap_sqrt"),
    "ap_greedy": _rule("ap_greedy"),
    "linearized_sqrt": _rule("linearized_sqrt"),
    "linearized_greedy": _rule("linearized_greedy"),
    "lp_rounding": _unlimited(solve_rounding),
    "greedy": _unlimited(solve_greedy),
    "dtr": _unlimited(solve_dtr),
    "portfolio": _portfolio,
    "exact": _exact,
}
