"""The paper's integer program as it stands there (section 4, problem 9 with 8a-c), for comparison with `milp`.

Columns, for stages t and operators k <= t: R[t, k] computed; S[t, v] kept into the stage; FREE[t, v, k] value v is
freed after k; U[t, k] bytes in use just after k. It is generalised from one value per operator to several: memory,
keeping and freeing are per value, and an operator with several outputs may free one of its own right away. For
graphs with one value per operator it is the paper's program, symbol by symbol.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp
from scipy.sparse import csr_array

from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, peak

Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Program:
    """Rows low <= matrix @ x <= high being collected, and the columns by name."""

    columns: dict[tuple[object, ...], int] = field(default_factory=dict)
    row: list[int] = field(default_factory=list)
    column: list[int] = field(default_factory=list)
    entry: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)

    def variable(self, *name: object) -> int:
        return self.columns.setdefault(name, len(self.columns))

    def add(self, terms: list[tuple[float, int]], low: float, high: float) -> None:
        for coefficient, column in terms:
            self.row.append(len(self.low))
            self.column.append(column)
            self.entry.append(coefficient)
        self.low.append(low)
        self.high.append(high)


@dataclass(frozen=True, slots=True)
class PaperModel:
    """The program as SciPy takes it. `recompute[t, i]` is the column of R[t, i], -1 above the diagonal."""

    objective: Floats
    constraints: LinearConstraint
    bounds: Bounds
    whole: NDArray[np.int64]
    recompute: NDArray[np.int64]


def build(problem: Problem) -> PaperModel:
    """All columns and rows. Bytes are in units of the budget, costs of the cost of one pass."""
    graph = problem.graph
    count = len(graph.operators)
    program = _Program()
    recompute = np.full((count, count), -1, dtype=np.int64)
    for stage in range(count):
        for operator in range(stage + 1):
            recompute[stage, operator] = program.variable("R", stage, operator)
        _stage(program, problem, stage)
    columns = len(program.columns)
    lower, upper, whole = np.zeros(columns), np.ones(columns), np.ones(columns, dtype=np.int64)
    for name, column in program.columns.items():
        if name[0] == "U":
            whole[column], upper[column] = 0, np.inf
    lower[recompute.diagonal()] = 1.0  # 8a
    objective = np.zeros(columns)
    stages, operators = np.nonzero(recompute >= 0)
    objective[recompute[stages, operators]] = problem.costs[operators] / problem.costs.sum()
    matrix = csr_array((program.entry, (program.row, program.column)), shape=(len(program.low), columns))
    rows = LinearConstraint(matrix, np.array(program.low), np.array(program.high))
    return PaperModel(objective, rows, Bounds(lower, upper), whole, recompute)


def _stage(program: _Program, problem: Problem, stage: int) -> None:
    graph, budget = problem.graph, float(problem.budget)
    producers, users = graph.producers(), graph.users()
    size = graph.value_bytes() / budget
    last = len(graph.operators) - 1

    def kept(into: int, value: int) -> list[tuple[float, int]]:
        return [(1.0, program.variable("S", into, value))] if producers[value] < into else []

    for value in range(len(size)):  # 1c
        if producers[value] < stage:
            before = [(-1.0, program.variable("R", stage - 1, int(producers[value]))), *_minus(kept(stage - 1, value))]
            program.add([*kept(stage, value), *before], -np.inf, 0.0)
    held = [(-size[term], column) for term in range(len(size)) for _, column in kept(stage, term)]  # 2
    for k in range(stage + 1):
        operator, run = graph.operators[k], program.variable("R", stage, k)
        for value in dict.fromkeys(operator.inputs):  # 1b
            made = (-1.0, program.variable("R", stage, int(producers[value])))
            program.add([(1.0, run), made, *_minus(kept(stage, value))], -np.inf, 0.0)
        use = program.variable("U", stage, k)
        program.add([(1.0, use), *held, (-float(size[list(operator.outputs)].sum()), run)], 0.0, 0.0)  # 3
        program.add([(1.0, use), (operator.workspace / budget, run)], -np.inf, 1.0)
        own = operator.outputs if len(operator.outputs) > 1 else ()
        held = [(-1.0, use)]
        for value in dict.fromkeys((*operator.inputs, *own)):  # 4, 7
            free = program.variable("FREE", stage, value, k)
            held.append((float(size[value]), free))
            ahead = [(1.0, program.variable("R", stage, j)) for j in users[value] if k < j <= stage]
            if stage < last:
                ahead.append((1.0, program.variable("S", stage + 1, value)))
            end = 1.0 if stage == last and value in graph.results else 0.0
            kappa = float(len(ahead)) + 1.0 + end
            hazards = [(-1.0, run), *ahead]
            program.add([(1.0, free), *hazards], -end, np.inf)  # 7b: 1 - FREE <= hazards
            program.add([(kappa, free), *hazards], -np.inf, kappa - 1.0 - end)  # 7c: kappa (1 - FREE) >= hazards
    if stage == last:
        for value in graph.results:
            program.add([(1.0, program.variable("R", stage, int(producers[value]))), *kept(stage, value)], 1.0, np.inf)


def _minus(terms: list[tuple[float, int]]) -> list[tuple[float, int]]:
    return [(-coefficient, column) for coefficient, column in terms]


def solve_paper(problem: Problem, seconds: float | None = None) -> Solution:
    """Branch and bound on the program, with HiGHS' defaults but for the gap (1e-7) and the time limit."""
    model = build(problem)
    options: dict[str, float] = {"mip_rel_gap": 1e-7}
    if seconds is not None:
        options["time_limit"] = seconds
    result = milp(
        model.objective, integrality=model.whole, bounds=model.bounds, constraints=[model.constraints], options=options
    )
    return _solution(problem, model, result)


def relaxed_bound(problem: Problem) -> float:
    """The optimum of the linear relaxation, seconds."""
    model = build(problem)
    result = milp(model.objective, bounds=model.bounds, constraints=[model.constraints])
    return float(result.fun) * float(problem.costs.sum())


def _solution(problem: Problem, model: PaperModel, result: OptimizeResult) -> Solution:
    unit = float(problem.costs.sum())
    if result.status == 2:
        return Solution(Answer.INFEASIBLE, reason="the paper's program has no solution")
    bound = unit * float(result.mip_dual_bound) if result.mip_dual_bound is not None else 0.0
    if result.x is None:
        return Solution(Answer.NOT_FOUND, bound=bound, reason="no schedule within the time limit")
    run = (model.recompute >= 0) & (result.x[model.recompute] > 0.5)
    schedule = Schedule(tuple(np.nonzero(run)[1].tolist()))
    if peak(problem.graph, schedule) > problem.budget:
        return Solution(Answer.NOT_FOUND, bound=bound, reason="the solver's tolerance let the budget be exceeded")
    return Solution(Answer.FEASIBLE, schedule, bound)
