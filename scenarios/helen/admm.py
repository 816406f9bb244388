"""Consensus ADMM for LASSO, ridge and elastic net on the parties' summaries: the plain oracle of every secure run.

    minimise  1/(2 n) sum_i |X_i w - y_i|^2 + lambda_1 |w|_1 + lambda_2 / 2 |w|^2

with X_i, y_i the n_i rows of party i and n = sum n_i. (scikit-learn's ElasticNet: lambda_1 = alpha l1_ratio and
lambda_2 = alpha (1 - l1_ratio); its Ridge: lambda_2 = alpha / n.) All is divided by n, so that summaries, and the bits
that hold them, do not depend on the number of rows. With A_i = (X_i^T X_i / n + rho I)^-1, b_i = X_i^T y_i / n and
scaled duals u_i (Boyd et al., "Distributed Optimization and Statistical Learning via ADMM", 2011, section 8.2):

    w_i = A_i (b_i + rho (z - u_i))
    z   = c S_k(mean_i (w_i + u_i)),  c = m rho / (lambda_2 + m rho),  k = lambda_1 / (m rho)
    u_i = u_i + w_i - z

from z = u_i = 0; S_k(a) = max(a - k, 0) - max(-a - k, 0).

>>> X, y = np.eye(2), np.array([3.0, 0.5])
>>> train([summary_of(X, y, rows=2, rho=0.5)], Objective(l1=0.5, l2=0.0), rho=0.5, iterations=60).round(6).tolist()
[2.0, 0.0]
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


class Objective(NamedTuple):
    """The weights of the penalties: `l1` of |w|_1, `l2` of |w|^2 / 2."""

    l1: float
    l2: float


class Summary(NamedTuple):
    """What a party's rows come to: `inverse` is A_i (d x d), `moment` is b_i (d)."""

    inverse: Matrix
    moment: Vector


def summary_of(X: Matrix, y: Vector, rows: int, rho: float) -> Summary:
    """The summary of the rows X (n_i x d) with targets y (n_i), of `rows` = n in all, by solving directly."""
    gram = X.T @ X / rows + rho * np.eye(X.shape[1])
    return Summary(np.linalg.inv(gram).astype(np.float64), X.T @ y / rows)


def soft_threshold(a: Vector, k: float) -> Vector:
    """S_k: towards 0 by k, and 0 within k of it."""
    return np.sign(a) * np.maximum(np.abs(a) - k, 0.0)


def train(summaries: Sequence[Summary], objective: Objective, rho: float, iterations: int) -> Vector:
    """The weights z (d) after so many iterations."""
    parties, features = len(summaries), len(summaries[0].moment)
    shrink, threshold = parties * rho / (objective.l2 + parties * rho), objective.l1 / (parties * rho)
    z, u = np.zeros(features), np.zeros((parties, features))
    for _ in range(iterations):
        w = np.array([A @ (b + rho * (z - u_i)) for (A, b), u_i in zip(summaries, u, strict=True)])
        z = shrink * soft_threshold((w + u).mean(axis=0), threshold)
        u += w - z
    return z


def optimality_gap(X: Matrix, y: Vector, w: Vector, objective: Objective) -> float:
    """How far `w` (d) is from meeting the Karush-Kuhn-Tucker conditions on all rows; 0 only at an optimum.

    With the gradient g = X^T (y - X w) / n - lambda_2 w, an optimum has g_j = lambda_1 sign(w_j) where w_j is not 0 and
    |g_j| <= lambda_1 elsewhere. Returned is the largest violation, in units of g.
    """
    gradient = X.T @ (y - X @ w) / len(X) - objective.l2 * w
    inside = np.maximum(np.abs(gradient) - objective.l1, 0.0)
    return float(np.where(w != 0.0, np.abs(gradient - objective.l1 * np.sign(w)), inside).max())
