"""A lower bound for graphs of hundreds of operators: the memory is limited at a few moments only.

A moment is the first run of one of a few operators t_1 < ... < t_K. Between two moments lies a block. Of a schedule
in which first runs follow the graph's order (every staged one, and more) only this is remembered, with p the
producer of value v:

- S[k, v] = 1 when v is resident while t_k first runs;
- R[k, i] = 1 when operator i, which first ran before block k, runs again in block k (block K + 1 follows t_K).

What is there at a moment was there at the moment before or was made in the block; so was what an operator reads:

    S[k, v] <= S[k-1, v] + R[k, p]                    for p up to t_(k-1); a value first made in the block is free
    1       <= S[k-1, v] + R[k, p]                    for every input v of an operator that first runs in the block
    R[k, i] <= S[k-1, v] + R[k, p]                    for every input v of an operator that runs again

and at every moment the bytes of S[k], of the outputs of t_k and of its workspace fit. Every schedule satisfies these
rows and costs at least sum cost * R more than one pass, so the program's optimum bounds them all, and so does that of
its linear relaxation.

With a moment at every operator the relaxation is that of `staged_model`. With fewer it is not only smaller by orders
of magnitude but often higher: a fractional solution that keeps half of a value and makes the other half again, stage
after stage, must here make all of it, because R counts an operator once per block. So `certify` climbs from one
moment up, and where that leaves a gap it solves a program of a few moments in whole numbers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from scenarios.checkmate.incidence import Incidence, incidence
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.rows import ABSENT, ONE, Rows
from scenarios.checkmate.schedule import all_once, memory
from scenarios.checkmate.staged_model import SCALE, last_useful_stage
from scenarios.checkmate.twins import merge_twins

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
#: Numbers of moments that are tried, and those that are tried in whole numbers within so many nodes.
LADDER, WHOLE, NODES = (1, 3, 6, 12, 24), (3,), 500
#: A gap, relative to the bound, at which the climb ends.
CLOSE = 2e-3
_NOTHING_FITS = 2  # HiGHS' status of a program without solution


@dataclass(frozen=True, slots=True)
class MomentModel:
    """The program: minimise `objective` (scaled: one pass is `SCALE`, and not part of it) with low <= matrix x <= high.

    Column 0 is fixed to 1, all others lie in [0, 1].
    """

    objective: Floats
    matrix: csr_array
    low: Floats
    high: Floats


def certify(problem: Problem, known: float | None = None) -> float | None:
    """The best bound in seconds, or None when nothing fits; the climb ends `CLOSE` to the cost `known`.

    It holds for every schedule whose first runs follow the graph's order. Deterministic.
    """
    best = 0.0
    for seconds in _climb(problem):
        if seconds is None:
            return None
        best = max(best, seconds)
        if known is not None and known <= best * (1.0 + CLOSE):
            break
    return best


def _climb(problem: Problem) -> Iterator[float | None]:
    """Bounds one after the other, the cheap ones first."""
    best = 0.0
    for count in LADDER:
        seconds = linear_bound(problem, moments(problem, count))
        yield seconds
        if seconds is None or seconds < best * (1.0 - 1e-6):
            break
        best = seconds
    for count in WHOLE:
        yield whole_bound(problem, moments(problem, count))


def moments(problem: Problem, most: int) -> Ints:
    """`most` operators (or fewer) at which the memory is limited: where keeping everything exceeds the budget.

    Of each of `most` equal parts of these operators the one that exceeds most is taken.
    """
    over = memory(problem.graph, all_once(problem.graph)) - problem.budget
    tight = np.flatnonzero(over > 0)
    parts = np.array_split(tight, min(most, len(tight))) if len(tight) else []
    return np.array([part[np.argmax(over[part])] for part in parts], dtype=np.int64)


def linear_bound(problem: Problem, chosen: Ints) -> float | None:
    """The optimum of the relaxation with moments at `chosen` (operators, ascending), seconds; None: nothing fits."""
    if not len(chosen):
        return float(problem.costs.sum())
    model = build(problem, chosen)
    below, above = np.isfinite(model.high), np.isfinite(model.low)
    result = linprog(
        model.objective,
        A_ub=_stacked(model, below, above),
        b_ub=np.concatenate([model.high[below], -model.low[above]]),
        bounds=_bounds(len(model.objective)),
        method="highs-ds",
    )
    if result.status == _NOTHING_FITS:
        return None
    return _seconds(problem, float(result.fun) if result.status == 0 else 0.0)


def whole_bound(problem: Problem, chosen: Ints) -> float | None:
    """As `linear_bound`, for the program in whole numbers: what branch and bound proves within `NODES` nodes."""
    if not len(chosen):
        return float(problem.costs.sum())
    model = build(problem, chosen)
    bounds = _bounds(len(model.objective))
    result = milp(
        model.objective,
        integrality=np.ones(len(model.objective)),
        bounds=Bounds(bounds[:, 0], bounds[:, 1]),
        constraints=LinearConstraint(model.matrix, model.low, model.high),
        options={"node_limit": NODES, "mip_rel_gap": 1e-6},
    )
    if result.status == _NOTHING_FITS:
        return None
    proven = result.mip_dual_bound
    return _seconds(problem, float(proven) if proven is not None and np.isfinite(proven) else 0.0)


def build(problem: Problem, chosen: Ints) -> MomentModel:
    """The program of this module's header with moments at `chosen` (operators, ascending)."""
    problem = replace(problem, graph=merge_twins(problem.graph))
    table = incidence(problem.graph)
    R, S, columns = _columns(problem, table, chosen)
    rows = Rows()
    opens, closes = np.concatenate([[-1], chosen]), np.append(chosen, len(problem.costs))
    user, read = table.inputs.gather(np.arange(len(problem.costs), dtype=np.int64))
    source = table.producer[read]
    for k, (opening, closing) in enumerate(zip(opens, closes, strict=True)):
        old = np.flatnonzero(table.producer <= opening)
        _there(rows, S[k + 1, old], S[k, old], R[k, table.producer[old]])
        first = np.unique(read[(user > opening) & (user <= closing) & (source <= opening)])
        _there(rows, np.full(len(first), ONE), S[k, first], R[k, table.producer[first]])
        again = user <= opening
        _there(rows, R[k, user[again]], S[k, read[again]], R[k, source[again]])
    for k, moment in enumerate(chosen):
        use = np.append(table.bytes, table.workspace[moment]) / problem.budget
        rows.add_one(np.append(S[k + 1], ONE), use, -np.inf, 1.0)
    matrix, low, high = rows.matrix(columns)
    return MomentModel(_objective(problem, R, columns), matrix, low, high)


def _columns(problem: Problem, table: Incidence, chosen: Ints) -> tuple[Ints, Ints, int]:
    """R by (block, operator), S by (moment before the block, value; the last row is the end), how many columns."""
    count = len(problem.costs)
    last = last_useful_stage(problem, table)
    useful = np.full(count, -1)
    np.maximum.at(useful, table.producer, last)
    opens, closes = np.concatenate([[-1], chosen]), np.append(chosen, count)
    R = np.full((len(opens), count), ABSENT)
    again = (np.arange(count) <= opens[:, None]) & (useful > opens[:, None])
    R[again] = 1 + np.arange(again.sum())
    S = np.full((len(opens) + 1, len(last)), ABSENT)
    kept = (table.producer < closes[:, None]) & (last > closes[:, None])
    S[1:][kept] = 1 + again.sum() + np.arange(kept.sum())
    at, touched = table.inputs.gather(chosen)
    S[1 + at, touched] = ONE
    at, touched = table.outputs.gather(chosen)
    S[1 + at, touched] = ONE
    S[-1, table.result] = ONE
    return R, S, int(1 + again.sum() + kept.sum())


def _there(rows: Rows, needed: Ints, before: Ints, made: Ints) -> None:
    """Rows needed <= before + made, but for those that always hold."""
    open_ = (needed != ABSENT) & (before != ONE)
    needed, before, made = needed[open_], before[open_], made[open_]
    if len(needed):
        rows.add([(1.0, before), (1.0, made), (-1.0, needed)], 0.0, np.inf)


def _objective(problem: Problem, R: Ints, columns: int) -> Floats:
    objective = np.zeros(columns)
    block, operator = np.nonzero(R != ABSENT)
    objective[R[block, operator]] = problem.costs[operator] * (SCALE / problem.costs.sum())
    return objective


def _bounds(columns: int) -> Floats:
    bounds = np.tile([0.0, 1.0], (columns, 1))
    bounds[ONE, 0] = 1.0
    return bounds


def _stacked(model: MomentModel, below: NDArray[np.bool_], above: NDArray[np.bool_]) -> csr_array:
    return vstack([model.matrix[below], -model.matrix[above]])


def _seconds(problem: Problem, scaled: float) -> float:
    return float(problem.costs.sum()) * (1.0 + max(0.0, scaled) / SCALE)
