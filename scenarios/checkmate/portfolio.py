"""Every policy by name, and the portfolio: the best schedule of all that take milliseconds, with a proven bound.

Three answers are kept apart. INFEASIBLE needs a proof: an operator whose own working set exceeds the budget, or a
0-1 program without solution. NOT_FOUND is a policy that found nothing or ran out of its limit. FEASIBLE comes with
the gap between the schedule's cost and the bound.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate import chen, dtr, greedy, griewank, intervals, milp, moments, offload, rounding
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, all_once, cost, peak
from sim.units import show

#: Beyond so many columns the portfolio leaves the full relaxation out: it takes seconds and hardly ever proves more.
_RELAXED = 20_000
#: Rounds of a short search.
_QUICK = 40


def solve(problem: Problem, policy: Policy, time_limit: float | None = None) -> Solution:
    """What `policy` says to `problem`. `time_limit` (seconds) is for the exact solvers; without it, runs repeat."""
    if reason := milp.below_working_set(problem):
        return Solution(Answer.INFEASIBLE, reason=reason)
    if policy == "exact":
        found = exact(problem, time_limit)
    elif policy == "intervals":
        found = intervals.solve_intervals(problem, seconds=time_limit)
    else:
        found = POLICIES[policy](problem)
    if found.answer is Answer.INFEASIBLE:
        return found
    return replace(found, bound=max(found.bound, float(problem.costs.sum())))  # one pass: nothing costs less


def keep_everything(problem: Problem) -> Solution:
    """Nothing is recomputed: what frameworks do."""
    once = all_once(problem.graph)
    needed = peak(problem.graph, once)
    if needed <= problem.budget:
        return Solution(Answer.FEASIBLE, once)
    reason = f"keeping everything needs {show(needed, 'bytes')}, the budget is {show(problem.budget, 'bytes')}"
    return Solution(Answer.NOT_FOUND, reason=reason)


def heuristics(problem: Problem) -> Solution:
    """The portfolio without its bound: nothing recomputed if that fits, else static eviction, improved by search."""
    once = keep_everything(problem)
    return once if once.schedule is not None else greedy.search(problem)


def quick(problem: Problem) -> Solution:
    """`heuristics` with a short search: for the many problems on the way to a goal."""
    once = keep_everything(problem)
    return once if once.schedule is not None else greedy.search(problem, _QUICK)


def portfolio(problem: Problem) -> Solution:
    """`heuristics` with the best of two bounds: that at a few moments and, for smaller graphs, the full relaxation's.

    Proven infeasible if either has no solution.
    """
    found = heuristics(problem)
    least = float(problem.costs.sum())
    if found.schedule is not None and cost(problem.costs, found.schedule) <= least:
        return replace(found, bound=least)
    known = None if found.schedule is None else cost(problem.costs, found.schedule)
    bound = moments.certify(problem, known)
    if bound is None and known is None:
        reason = f"no schedule fits in {show(problem.budget, 'bytes')}: the relaxation at a few moments has no solution"
        return Solution(Answer.INFEASIBLE, reason=reason)
    bound = bound or least
    if milp.columns(problem) > _RELAXED or (known is not None and known <= bound * (1.0 + moments.CLOSE)):
        return _bounded(problem, found, bound)
    relaxation = milp.relax(problem)
    if relaxation is None and found.schedule is None:
        reason = f"no schedule fits in {show(problem.budget, 'bytes')}: the linear relaxation has no solution"
        return Solution(Answer.INFEASIBLE, reason=reason)
    return _bounded(problem, found, max(bound, relaxation.bound if relaxation else least))


def _bounded(problem: Problem, found: Solution, bound: float) -> Solution:
    """`found` with a bound, which is lowered to its cost where that is less."""
    return replace(found, bound=min(bound, cost(problem.costs, found.schedule)) if found.schedule else bound)


def exact(problem: Problem, time_limit: float | None = None) -> Solution:
    """The optimum with its proof, starting from what the heuristics found; `time_limit` (seconds) ends it early."""
    known = heuristics(problem).schedule
    paid = None if known is None else cost(problem.costs, known)
    bound = moments.certify(problem, paid) or 0.0
    if known is not None and paid is not None and paid <= bound * (1.0 + milp.PROVEN):
        return Solution(Answer.FEASIBLE, known, min(bound, paid))
    found = milp.solve_exact(problem, known, milp.Limits(nodes=None, seconds=time_limit))
    return found if found.answer is Answer.INFEASIBLE else _bounded(problem, found, max(found.bound, bound))


def solve_curve(
    graph: Graph, costs: NDArray[np.float64], budgets: Sequence[int], policy: Policy = "portfolio"
) -> list[Solution]:
    """Solutions for several budgets (bytes, any order), monotone: more memory never costs more.

    A schedule that fits in a smaller budget is also a schedule for a larger one, so the best so far is kept. A
    bound for a larger budget is also one for a smaller.
    """
    solutions: dict[int, Solution] = {}
    best: Schedule | None = None
    for budget in sorted(set(budgets)):
        found = solve(Problem(graph, costs, budget), policy)
        if best and (found.schedule is None or cost(costs, best) < cost(costs, found.schedule)):
            bound = min(found.bound, cost(costs, best))
            found = Solution(Answer.FEASIBLE, best, bound)
        best = found.schedule
        solutions[budget] = found
    bound = 0.0
    for budget, found in reversed(solutions.items()):
        if found.answer is not Answer.INFEASIBLE:
            bound = max(bound, found.bound)
            solutions[budget] = replace(
                found, bound=min(bound, cost(costs, found.schedule)) if found.schedule else bound
            )
    return [solutions[budget] for budget in budgets]


#: Whose schedules the portfolio tries on the device: the search's own, and others that leave other gaps in memory.
COMPONENTS = (greedy.search, greedy.solve_greedy, dtr.solve_dtr, rounding.solve_rounding)
#: Policy -> solver, but for `exact`, which has limits.
POLICIES: dict[str, Callable[[Problem], Solution]] = {
    "portfolio": portfolio,
    "linearized_greedy": lambda problem: chen.solve_greedy(problem, "linearized"),
    "lp_rounding": rounding.solve_rounding,
    "ap_greedy": lambda problem: chen.solve_greedy(problem, "articulation"),
    "linearized_sqrt": lambda problem: chen.solve_sqrt(problem, "linearized"),
    "dtr": dtr.solve_dtr,
    "ap_sqrt": lambda problem: chen.solve_sqrt(problem, "articulation"),
    "checkpoint_all": keep_everything,
    "greedy": greedy.solve_greedy,
    "chen_sqrt": lambda problem: chen.solve_sqrt(problem, "linear"),
    "chen_greedy": lambda problem: chen.solve_greedy(problem, "linear"),
    "griewank": griewank.solve_griewank,
    "intervals": intervals.solve_intervals,
    "offload": offload.solve_offload,
    "offload_and_recompute": offload.solve_mixed,
}
