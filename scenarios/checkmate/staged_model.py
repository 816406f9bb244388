"""The staged problem as a small 0-1 program: which operator runs, and which value is kept, in which stage.

Stage t ends with the first run of operator t (paper, 8a-c). With p the producer of value v,

- R[t, i] = 1 when operator i is recomputed in stage t > i; R[t, t] = 1;
- S[t, v] = 1 when value v is kept from stage t-1 into stage t > p; S[n + 1, v] = 1 for results.

Stage n comes after the last first run: there, results that were evicted can be made again.

Needed values are there (1b, 1c), and never twice:

    R[t, j] <= R[t, p] + S[t, v] <= 1          for every input v of j
    S[t+1, v] <= R[t, p] + S[t, v]

Memory. A value lives until its last use of the stage, or into the next one if kept, so while operator k runs
in stage t, value v with p < k takes bytes * X[t, v, k] where

    X[t, v, k] >= R[t, j] for users j >= k,    X[t, v, k] >= S[t+1, v].

That is the paper's U without FREE: its product (5) is the complement of this maximum, and writing the
maximum as lower bounds is tighter than (7b, 7c) and needs no kappa. While t itself runs, every X is known:
1 for t's inputs, S[t+1, v] for the rest. These n rows carry nearly all of the problem; the rows of
recomputed operators are added only where a solution breaks them (`Memory.broken`), which is exact since a
solution that breaks none satisfies all.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.incidence import Incidence, incidence
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.rows import ABSENT, ONE, Rows

Matrix = NDArray[np.float64]
Columns = NDArray[np.int64]


@dataclass(slots=True)
class StagedModel:
    """Columns and rows of the 0-1 program.

    `R` has shape (operators + 1, operators) and `S` (operators + 2, values), by stage; both hold column numbers,
    ONE or ABSENT. `binaries` columns come first (ONE included), the X of added memory rows follow.
    """

    problem: Problem
    table: Incidence
    R: Columns
    S: Columns
    binaries: int
    columns: int
    rows: Rows
    memory_rows: set[tuple[int, int]] = field(default_factory=set)

    def objective(self) -> NDArray[np.float64]:
        """Cost per column, one pass over the graph being `SCALE`; the ONE column carries the first runs."""
        costs = self.problem.costs * (SCALE / self.problem.costs.sum())
        objective = np.zeros(self.columns)
        stage, operator = np.nonzero(self.R > ONE)
        objective[self.R[stage, operator]] = costs[operator]
        objective[ONE] = costs.sum()
        return objective

    def values_of(self, columns: Columns, solution: NDArray[np.float64]) -> Matrix:
        """The solution at an array of column numbers; ABSENT is 0."""
        return np.where(columns == ABSENT, 0.0, solution[np.maximum(columns, 0)])


SCALE = 1000.0  # the cost of one pass: large against HiGHS' absolute tolerances


def build(problem: Problem) -> StagedModel:
    """The program with the memory rows of first runs only."""
    table = incidence(problem.graph)
    count = len(problem.graph.operators)
    last = last_useful_stage(problem, table)
    R, columns = _recompute_columns(count, table, last)
    S, columns = _keep_columns(count, table, last, columns)
    model = StagedModel(problem, table, R, S, columns, columns, Rows())
    _dependency_rows(model)
    _keeping_rows(model)
    for stage in range(count):
        add_memory_row(model, stage, stage)
    return model


def add_memory_row(model: StagedModel, stage: int, operator: int) -> None:
    """Require that the values resident while `operator` runs in `stage` fit in the budget."""
    model.memory_rows.add((stage, operator))
    table, S, R = model.table, model.S, model.R
    producer, sizes = table.producer, table.bytes.astype(np.float64)
    value = np.arange(len(sizes))
    later, own, earlier = value[producer > operator], value[producer == operator], value[producer < operator]
    # values produced later in the stage are here only if kept; ABSENT for those not produced before this stage
    columns = [S[stage, later], S[stage, own], np.full(len(own), R[stage, operator])]
    weights = [sizes[later], sizes[own], sizes[own]]
    for each in earlier:
        present = _presence(model, stage, operator, int(each))
        columns.append(present)
        weights.append(np.full(len(present), sizes[each]))
    columns.append(np.array([R[stage, operator]]))
    weights.append(np.array([float(table.workspace[operator])]))
    budget = float(model.problem.budget)
    model.rows.add_one(np.concatenate(columns), np.concatenate(weights) / budget, -np.inf, 1.0)


def memory_use(model: StagedModel, R: Matrix, S: Matrix) -> Matrix:
    """Bytes while each operator runs in each stage, shape (operators + 1, operators), of a fractional or 0-1 solution.

    Only entries with operator <= stage mean anything.
    """
    table = model.table
    use = R * table.workspace
    for value, size in enumerate(table.bytes.astype(np.float64)):
        own = int(table.producer[value])
        users = _users(table, value)
        made = S[:-1, value] + R[:, own]
        use[:, :own] += size * S[:-1, value, None]
        use[:, own] += size * made
        present, end = S[1:, value], R.shape[1]
        for position in reversed(range(len(users))):
            begin = int(users[position]) + 1
            use[:, begin:end] += size * present[:, None]
            present, end = np.maximum(present, R[:, users[position]]), begin
        if len(users) and _single_output(table, own):
            present = made
        use[:, own + 1 : end] += size * present[:, None]
    return use


def forbid(model: StagedModel, R: Matrix, S: Matrix, stage: int) -> None:
    """Exclude a 0-1 solution whose `stage` exceeds the budget, and all that hold more in it.

    For a solution that breaks a row the model has, within the solver's tolerance. Bytes grow with every R and
    S of a stage, so not all that are 1 now can be 1 together (a cover inequality).
    """
    at_one = [model.R[stage][R[stage] > 0.5], model.S[stage][S[stage] > 0.5], model.S[stage + 1][S[stage + 1] > 0.5]]
    columns = np.concatenate(at_one)
    columns = columns[columns > ONE]
    model.rows.add_one(columns, np.ones(len(columns)), -np.inf, len(columns) - 1.0)


def broken_rows(model: StagedModel, R: Matrix, S: Matrix, tolerance: float = 0.0) -> list[tuple[int, int]]:
    """(stage, operator) of memory rows that a solution breaks by more than `tolerance` of the budget."""
    over = np.tril(memory_use(model, R, S)) > model.problem.budget * (1.0 + tolerance)
    stages, operators = np.nonzero(over & (tolerance < R))
    return list(zip(stages.tolist(), operators.tolist(), strict=True))


def _presence(model: StagedModel, stage: int, operator: int, value: int) -> Columns:
    """Columns whose sum is X[stage, value, operator]; a new column, with its rows, where there is no other way."""
    users = _users(model.table, value)
    own = int(model.table.producer[value])
    if stage in users:
        return np.array([ONE])
    if len(users) and users[0] >= operator and _single_output(model.table, own):
        # nobody has used it yet, and an operator with one output only runs to be used
        return np.array([model.S[stage, value], model.R[stage, own]])
    ahead = users[(users >= operator) & (users < stage)]
    floor = np.append(model.R[stage, ahead], model.S[stage + 1, value])
    floor = floor[floor != ABSENT]
    if len(floor) <= 1 or ONE in floor:
        return floor[:1] if ONE not in floor else np.array([ONE])
    column = model.columns
    model.columns += 1
    model.rows.add([(1.0, np.full(len(floor), column)), (-1.0, floor)], 0.0, np.inf)
    return np.array([column])


def _dependency_rows(model: StagedModel) -> None:
    """Row 1b for every input of every operator in every stage in which it may run."""
    table = model.table
    count = model.R.shape[1]
    user, value = table.inputs.gather(np.arange(count))
    runs = count + 1 - user
    edge = np.repeat(np.arange(len(user)), runs)
    stage = user[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(runs) - runs, runs)
    user, value = user[edge], value[edge]
    needed = model.R[stage, user] != ABSENT
    stage, user, value = stage[needed], user[needed], value[needed]
    there, again = model.S[stage, value], model.R[stage, table.producer[value]]
    model.rows.add([(1.0, there), (1.0, again), (-1.0, model.R[stage, user])], 0.0, np.inf)


def _keeping_rows(model: StagedModel) -> None:
    """Row 1c for every kept value, and no recomputation of what is there."""
    S, R, producer = model.S, model.R, model.table.producer
    stage, value = np.nonzero(S[1:] != ABSENT)
    begun = stage > producer[value]
    stage, value = stage[begun], value[begun]
    kept, again = S[stage, value], R[stage, producer[value]]
    model.rows.add([(1.0, kept), (1.0, again), (-1.0, S[stage + 1, value])], 0.0, np.inf)
    both = (kept != ABSENT) & (again != ABSENT)
    model.rows.add([(1.0, kept[both]), (1.0, again[both])], -np.inf, 1.0)


def last_useful_stage(problem: Problem, table: Incidence) -> Columns:
    """The last stage in which a value can matter, shape (values,): something that it leads to first runs then."""
    last = np.where(table.result, len(problem.graph.operators), -1)
    for index in reversed(range(len(problem.graph.operators))):
        operator = problem.graph.operators[index]
        reach = max((int(last[value]) for value in operator.outputs), default=-1)
        for value in operator.inputs:
            last[value] = max(int(last[value]), index, reach)
    return last


def _recompute_columns(count: int, table: Incidence, last: Columns) -> tuple[Columns, int]:
    useful = np.full(count, -1)
    np.maximum.at(useful, table.producer, last)
    R = np.full((count + 1, count), ABSENT)
    R[np.arange(count), np.arange(count)] = ONE
    stage, operator = np.tril_indices(count + 1, -1, count)
    keep = stage <= useful[operator]
    stage, operator = stage[keep], operator[keep]
    R[stage, operator] = 1 + np.arange(len(stage))
    return R, 1 + len(stage)


def _keep_columns(count: int, table: Incidence, last: Columns, columns: int) -> tuple[Columns, int]:
    S = np.full((count + 2, len(table.producer)), ABSENT)
    every = np.arange(count + 1)[:, None]
    stage, value = np.nonzero((every > table.producer) & (every <= last))
    S[stage, value] = columns + np.arange(len(stage))
    S[count + 1, table.result] = ONE
    return S, columns + len(stage)


def _users(table: Incidence, value: int) -> Columns:
    return table.users.items[table.users.start[value] : table.users.start[value + 1]]


def _single_output(table: Incidence, operator: int) -> bool:
    return bool(table.outputs.start[operator + 1] - table.outputs.start[operator] == 1)
