"""The linear program of constrained rate selection, solved exactly.

    max  sum_k x_k r_k p_k    s.t.  sum_k x_k p_k >= eta,  sum_k x_k = 1,  x >= 0

with the rates r (any unit, one per arm), success probabilities p and the required success probability eta. One
inequality beside the simplex: an optimum mixes at most two arms. Seen as points (p_k, r_k p_k) the optimal value is
the upper concave hull of the points, maximised over abscissae of eta and more. So the solver starts at the hull's
highest point (the best arm without the constraint) and walks the hull to the right until it has crossed eta.

Ties: of arms with equal expected rate the one that succeeds more often is taken, of equal arms the first.

>>> mix = solve(np.array([0.9, 0.5]), np.array([1.0, 4.0]), 0.7)
>>> mix.arms, round(mix.weight, 6), mix.feasible
((1, 0), 0.5, True)
>>> solve(np.array([0.3, 0.5]), np.array([1.0, 4.0]), 0.7).feasible
False
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from sim.errors import UserError

Floats = NDArray[np.float64]
Arms = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mix:
    """Play `arms[1]` with probability `weight`, else `arms[0]`.

    If no arm reaches eta (`feasible` is False) both are the arm that succeeds most often.
    """

    arms: tuple[int, int]
    weight: float
    feasible: bool


@dataclass(frozen=True, slots=True)
class Mixes:
    """A `Mix` per row: `low`, `high`, `weight` and `feasible` of shape (rows,)."""

    low: Arms
    high: Arms
    weight: Floats
    feasible: NDArray[np.bool_]

    def value(self, success: Floats, rates: Floats) -> Floats:
        """The objective per row, in the unit of `rates`; `success` of shape (rows, arms)."""
        rows = np.arange(len(self.low))
        gains = success * rates
        value: Floats = (1.0 - self.weight) * gains[rows, self.low] + self.weight * gains[rows, self.high]
        return value


def solve(success: Floats, rates: Floats, eta: float) -> Mix:
    """The optimal mix for one row of success probabilities. Raises `UserError` for what `check` refuses."""
    check(success, rates, eta)
    low, high, weight, feasible = walk(np.asarray(success, np.float64), np.asarray(rates, np.float64), float(eta))
    return Mix((int(low), int(high)), float(weight), bool(feasible))


def solve_rows(success: Floats, rates: Floats, eta: float) -> Mixes:
    """The optimal mix for each row of `success`, shape (rows, arms); `rates` of shape (arms,)."""
    check(success, rates, eta)
    rows = len(success)
    mixes = Mixes(np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(rows), np.empty(rows, np.bool_))
    _walk_rows(np.ascontiguousarray(success, np.float64), np.asarray(rates, np.float64), float(eta), mixes.low,
               mixes.high, mixes.weight, mixes.feasible)  # fmt: skip
    return mixes


def check(success: Floats, rates: Floats, eta: float) -> None:
    """Raise `UserError` unless eta is in [0, 1], rates are finite and positive, and probabilities in [0, 1]."""
    if not 0.0 <= eta <= 1.0:
        raise UserError(f"eta is the required success probability, from 0 to 1, not {eta}")
    rates = np.asarray(rates, dtype=np.float64)
    success = np.asarray(success, dtype=np.float64)
    if rates.ndim != 1 or not len(rates):
        raise UserError("rates are one row of numbers, at least one")
    if not (np.isfinite(rates).all() and (rates > 0).all()):
        raise UserError(f"rates must be finite and above 0, not {rates.min():g}")
    if success.shape[-1:] != rates.shape:
        raise UserError(f"success has {success.shape[-1] if success.ndim else 0} arms, rates have {len(rates)}")
    if not ((success >= 0.0) & (success <= 1.0)).all():
        raise UserError("success probabilities must lie from 0 to 1")


@njit(cache=True)
def walk(success: Floats, rates: Floats, eta: float) -> tuple[int, int, float, bool]:
    """(low, high, weight, feasible) of one row; compiled, for loops that have checked their input."""
    here = 0
    for arm in range(1, len(rates)):
        gain, best = rates[arm] * success[arm], rates[here] * success[here]
        if gain > best or (gain == best and success[arm] > success[here]):
            here = arm
    while success[here] < eta:
        right = _next_vertex(success, rates, here)
        if right < 0:
            return here, here, 0.0, False
        if success[right] >= eta:
            return here, right, (eta - success[here]) / (success[right] - success[here]), True
        here = right
    return here, here, 0.0, True


@njit(cache=True)
def _next_vertex(success: Floats, rates: Floats, here: int) -> int:
    """The hull's next vertex to the right of `here`; -1 if there is none. Of equal slopes the farthest."""
    right, best = -1, -np.inf
    for arm in range(len(rates)):
        step = success[arm] - success[here]
        if step <= 0.0:
            continue
        slope = (rates[arm] * success[arm] - rates[here] * success[here]) / step
        if slope > best or (slope == best and success[arm] > success[right]):
            right, best = arm, slope
    return right


@njit(cache=True)
def _walk_rows(
    success: Floats, rates: Floats, eta: float, low: Arms, high: Arms, weight: Floats, feasible: NDArray[np.bool_]
) -> None:
    for row in range(len(success)):
        low[row], high[row], weight[row], feasible[row] = walk(success[row], rates, eta)
