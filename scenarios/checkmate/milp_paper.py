"""The paper's mixed-integer program as printed (problem 9 with 8a-c), for comparison with `staged_model`.

Per value instead of per node, so that operators with several outputs are exact: with p the producer of v,

    (1b) R[t, j] <= R[t, p] + S[t, v] for inputs v of j      (1c) S[t, v] <= R[t-1, p] + S[t-1, v]
    (8)  R[t, t] = 1, R[t, i] = 0 for i > t, S[t, v] = 0 for t <= p
    (2)  U[t, 0] = sum of S[t, v] M[v] + R[t, 0] (outputs of 0)
    (3)  U[t, k+1] = U[t, k] - freed after k + R[t, k+1] (outputs of k+1)
    (4)  freed after k = sum over v in DEPS[k] of M[v] FREE[t, v, k]
    (7b) 1 - FREE <= h,    (7c) kappa (1 - FREE) >= h,
         h = (1 - R[t, k]) + S[t+1, v] + sum of R[t, j] over users j > k of v

and U + workspace <= budget. An unused output of an operator with several outputs is freed after the operator
itself, FREE[t, v, p]; the paper drops that variable by an argument that holds for one output only. Results
have S[n, v] = 1. R, S and FREE are binary, U is continuous. Recomputation after the last first run is not
part of the paper's program.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from scenarios.checkmate.incidence import Incidence, incidence
from scenarios.checkmate.milp import PROVEN, below_working_set
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.rows import ABSENT, ONE, Rows
from scenarios.checkmate.schedule import Schedule, cost, peak

Columns = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PaperModel:
    """The program: column numbers of R (stages, operators), S (stages + 1, values), rows, and which are integer."""

    problem: Problem
    R: Columns
    S: Columns
    rows: Rows
    columns: int
    integer: NDArray[np.bool_]

    def objective(self) -> NDArray[np.float64]:
        """(1a) as a fraction of the cost of running everything once; first runs stand at the ONE column."""
        objective = np.zeros(self.columns)
        share = self.problem.costs / self.problem.costs.sum()
        stage, operator = np.nonzero(self.R > ONE)
        objective[self.R[stage, operator]] = share[operator]
        objective[ONE] = 1.0
        return objective


def build_paper(problem: Problem) -> PaperModel:
    """Columns and rows as in the module's text; bytes as fractions of the budget."""
    table = incidence(problem.graph)
    count, values = len(problem.graph.operators), len(table.bytes)
    stage, operator = np.tril_indices(count, -1)
    R = np.full((count, count), ABSENT)
    R[np.diag_indices(count)] = ONE
    R[stage, operator] = 1 + np.arange(len(stage))
    used = 1 + len(stage)
    S = np.full((count + 1, values), ABSENT)
    stage, value = np.nonzero(np.arange(count)[:, None] > table.producer)
    S[stage, value] = used + np.arange(len(stage))
    S[count, table.result] = ONE
    used += len(stage)
    freeable, at = _frees(table)
    FREE = np.full((count, len(freeable)), ABSENT)
    stage, pair = np.nonzero(np.arange(count)[:, None] >= at)
    FREE[stage, pair] = used + np.arange(len(stage))
    used += len(stage)
    U = np.full((count, count), ABSENT)
    stage, operator = np.tril_indices(count)
    U[stage, operator] = used + np.arange(len(stage))
    integer = np.arange(used + len(stage)) < used
    model = PaperModel(problem, R, S, Rows(), len(integer), integer)
    _dependencies(model, table)
    _hazards(model, table, FREE, freeable, at)
    _bytes(model, table, FREE, freeable, at, U)
    return model


def solve_paper(problem: Problem, seconds: float | None = None) -> Solution:
    """Branch and bound on the program as printed, without any preparation of our own."""
    if reason := below_working_set(problem):
        return Solution(Answer.INFEASIBLE, reason=reason)
    model = build_paper(problem)
    result = _optimise(model, model.integer, seconds)
    if result.status == 2:
        return Solution(Answer.INFEASIBLE, reason=f"the paper's program has no solution in {problem.budget} bytes")
    bound = 0.0 if result.mip_dual_bound is None else float(result.mip_dual_bound * problem.costs.sum())
    if result.x is None:
        return Solution(Answer.NOT_FOUND, bound=bound, reason="no schedule within the time limit")
    runs = np.where(model.R == ABSENT, 0.0, result.x[np.maximum(model.R, 0)]) > 0.5
    schedule = Schedule(tuple(np.nonzero(runs)[1].tolist()))
    if peak(problem.graph, schedule) > problem.budget:
        return Solution(Answer.NOT_FOUND, bound=bound, reason="the solver's tolerance let the budget be exceeded")
    return Solution(Answer.FEASIBLE, schedule, min(bound, cost(problem.costs, schedule)))


def relaxed_bound(problem: Problem) -> float:
    """The optimum of the linear relaxation, in seconds."""
    model = build_paper(problem)
    result = _optimise(model, np.zeros(model.columns, dtype=bool), None)
    return float(result.fun) * float(problem.costs.sum())


def _optimise(model: PaperModel, integer: NDArray[np.bool_], seconds: float | None) -> OptimizeResult:
    matrix, low, high = model.rows.matrix(model.columns)
    lower, upper = np.zeros(model.columns), np.ones(model.columns)
    lower[ONE] = 1.0
    options = {"mip_rel_gap": PROVEN} if seconds is None else {"mip_rel_gap": PROVEN, "time_limit": seconds}
    return milp(
        model.objective(),
        integrality=integer,
        bounds=Bounds(lower, upper),
        constraints=LinearConstraint(matrix, low, high),
        options=options,
    )


def _frees(table: Incidence) -> tuple[Columns, Columns]:
    """(value, operator) pairs such that the value may be freed after the operator."""
    operators = np.arange(len(table.workspace))
    user, value = table.inputs.gather(operators)
    outputs = np.diff(table.outputs.start)
    several = np.flatnonzero(outputs[table.producer] > 1)
    return np.concatenate([value, several]), np.concatenate([user, table.producer[several]])


def _dependencies(model: PaperModel, table: Incidence) -> None:
    count = len(model.R)
    user, value = table.inputs.gather(np.arange(count))
    stage, edge = np.nonzero(np.arange(count)[:, None] >= user)
    user, value = user[edge], value[edge]
    there, again = model.S[stage, value], model.R[stage, table.producer[value]]
    model.rows.add([(1.0, there), (1.0, again), (-1.0, model.R[stage, user])], 0.0, np.inf)
    stage, value = np.nonzero((model.S[1:] != ABSENT) & (np.arange(count)[:, None] > table.producer))
    there, again = model.S[stage, value], model.R[stage, table.producer[value]]
    model.rows.add([(1.0, there), (1.0, again), (-1.0, model.S[stage + 1, value])], 0.0, np.inf)


def _hazards(model: PaperModel, table: Incidence, FREE: Columns, freeable: Columns, at: Columns) -> None:
    """(7b) and (7c) of each FREE in each stage; terms are added up hazard by hazard."""
    count = len(model.R)
    for pair, (value, operator) in enumerate(zip(freeable.tolist(), at.tolist(), strict=True)):
        stages = np.arange(operator, count)
        users = table.users.items[table.users.start[value] : table.users.start[value + 1]]
        ahead = [model.S[stages + 1, value], *(model.R[stages, user] for user in users[users > operator])]
        hazards: list[tuple[ArrayLike, Columns]] = [(1.0, column) for column in ahead]
        runs, free = model.R[stages, operator], FREE[stages, pair]
        most = 1.0 + np.sum([column != ABSENT for column in ahead], axis=0)  # kappa, the largest h
        model.rows.add([(-1.0, runs), *hazards, (1.0, free)], 0.0, np.inf)
        model.rows.add([(-1.0, runs), *hazards, (most, free)], -np.inf, most - 1.0)


def _bytes(model: PaperModel, table: Incidence, FREE: Columns, freeable: Columns, at: Columns, U: Columns) -> None:
    """(2) to (4) and the budget, one row per stage and operator."""
    count = len(model.R)
    sizes = table.bytes / model.problem.budget
    made = np.bincount(table.producer, weights=sizes, minlength=count)
    workspace = table.workspace / model.problem.budget
    freed_at = [np.flatnonzero(at == operator) for operator in range(count)]
    for stage in range(count):
        for operator in range(stage + 1):
            columns = [np.array([U[stage, operator], model.R[stage, operator]])]
            weights = [np.array([-1.0, made[operator]])]
            if operator == 0:
                columns.append(model.S[stage])
                weights.append(sizes)
            else:
                pairs = freed_at[operator - 1]
                columns += [U[stage, operator - 1 : operator], FREE[stage, pairs]]
                weights += [np.ones(1), -sizes[freeable[pairs]]]
            model.rows.add_one(np.concatenate(columns), np.concatenate(weights), 0.0, 0.0)
            if workspace[operator]:
                both = np.array([U[stage, operator], model.R[stage, operator]])
                model.rows.add_one(both, np.array([1.0, workspace[operator]]), -np.inf, 1.0)
