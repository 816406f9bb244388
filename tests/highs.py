"""The linear program of rate selection as HiGHS solves it: many instances stacked into one sparse program."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

#: What a unit of missing success costs: far more than any rate, so it is missing only where nothing else helps.
_PENALTY = 1e5
#: Missing success of more than this means infeasible; instances that lie nearer to the edge are not generated.
_MISSING = 1e-9


def solve(success: NDArray[np.float64], rates: NDArray[np.float64], eta: NDArray[np.float64]):
    """(objective, feasible, weights) per row; `success` and `rates` of shape (rows, arms), `eta` of shape (rows,).

    The objective is evaluated at HiGHS's weights, made to sum to 1 exactly.
    """
    rows, arms = success.shape
    columns = rows * arms
    row = np.repeat(np.arange(rows), arms)
    once = csr_array((np.ones(columns), (row, np.arange(columns))), shape=(rows, columns + rows))
    above = csr_array(
        (
            np.concatenate([-success.ravel(), -np.ones(rows)]),
            (np.concatenate([row, np.arange(rows)]), np.arange(columns + rows)),
        ),
        shape=(rows, columns + rows),
    )
    cost = np.concatenate([-(success * rates).ravel(), np.full(rows, _PENALTY)])
    found = linprog(cost, A_ub=above, b_ub=-eta, A_eq=once, b_eq=np.ones(rows), method="highs-ds")
    assert found.status == 0, found.message
    weights = np.clip(found.x[:columns].reshape(rows, arms), 0.0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    return (weights * success * rates).sum(axis=1), found.x[columns:] <= _MISSING, weights
