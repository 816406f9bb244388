"""Two-phase rounding of the linear relaxation (paper, algorithm 2), made safe.

Solve the relaxation with the budget (1 - eps) M, round S at a threshold, complete it with the cheapest R, and
check the true budget. The paper fixes eps = 0.1 and the threshold 0.5, which often exceeds the budget or wastes
it; here both are swept, and what still exceeds the budget is repaired by eviction.
"""

from dataclasses import replace


from scenarios.checkmate.greedy import repair
from scenarios.checkmate.milp import below_working_set, relax, too_large
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost, peak
from scenarios.checkmate.stages import complete, row_major

MARGINS = (0.0, 0.05, 0.1, 0.2)
THRESHOLDS = tuple(round(0.1 * step, 1) for step in range(1, 10))


def solve_rounding(problem: Problem, margins: tuple[float, ...] = MARGINS) -> Solution:
    """The cheapest rounded schedule within the budget; the bound is that of the unshrunk relaxation."""
    if reason := below_working_set(problem):
        return Solution(Answer.INFEASIBLE, reason=reason)
    if reason := too_large(problem):
        return Solution(Answer.NOT_FOUND, reason=reason)
    bound = float(problem.costs.sum())
    found: list[Schedule] = []
    for margin in margins:
        relaxation = relax(replace(problem, budget=int(problem.budget * (1.0 - margin))))
        if relaxation is None:
            continue
        if margin == 0.0:
            bound = relaxation.bound
        model = relaxation.model
        kept = model.values_of(model.S[:-1], relaxation.values)
        found += [row_major(complete(problem.graph, kept > threshold)) for threshold in THRESHOLDS]
    distinct = list(dict.fromkeys(found))
    fitting = [each for each in distinct if peak(problem.graph, each) <= problem.budget]
    if not fitting:
        repaired = (repair(problem, each) for each in distinct)
        fitting = [each for each in repaired if peak(problem.graph, each) <= problem.budget]
    if not fitting:
        reason = f"no rounded schedule fits in {problem.budget} bytes, repaired or not"
        return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)
    best = min(fitting, key=lambda each: cost(problem.costs, each))
    return Solution(Answer.FEASIBLE, best, min(bound, cost(problem.costs, best)))
