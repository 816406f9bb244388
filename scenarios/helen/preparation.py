"""From a party's rows to what it commits to: V, sigma and U^T y of its singular value decomposition.

With X / sqrt(n) = U S V^T, the summary is A = V (S^2 + rho)^-1 V^T and b = V (S y*), y* = U^T y / sqrt(n). None of it
needs the n_i x d matrix U: the eigenvectors of X^T X are V, its eigenvalues sigma^2, and y* = S^-1 V^T X^T y. Squaring
loses half of the digits, so an ill-conditioned X (condition above 1e7) is decomposed directly. Where sigma_k = 0, y*_k
= 0.

Rows are to be normalised: the bit-length budget holds for columns whose root mean square is at most 2 and at least 1/8
on each party's rows, and targets likewise at most 2. What is not is refused, by name of the column.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError

#: Bounds of the root mean square of a column of X, and the upper one of y, on a party's own rows.
LEAST_RMS, MOST_RMS = 0.125, 2.0
#: sigma_max / sigma_min above which squaring X would cost too many digits.
_WORST_CONDITION = 1e7


class Decomposition(NamedTuple):
    """`vectors` is V (d x d, columns), `values` is sigma (d, >= 0, descending), `projected` is y* (d)."""

    vectors: NDArray[np.float64]
    values: NDArray[np.float64]
    projected: NDArray[np.float64]


def decompose(X: NDArray[np.float64], y: NDArray[np.float64], rows: int) -> Decomposition:
    """The decomposition of X (n_i x d) and y (n_i), both divided by the root of `rows` = n.

    >>> decompose(np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]), np.array([1.0, 2.0, 5.0]), rows=1).values.tolist()
    [4.0, 3.0]
    """
    squares, vectors = np.linalg.eigh(X.T @ X)
    squares, vectors = squares[::-1], np.ascontiguousarray(vectors[:, ::-1])
    if squares[-1] * _WORST_CONDITION**2 <= squares[0] or squares[-1] <= squares[0] * 1e-14:
        return _directly(X, y, rows)
    values = np.sqrt(squares)
    return Decomposition(vectors, values / np.sqrt(rows), vectors.T @ (X.T @ y) / values / np.sqrt(rows))


def _directly(X: NDArray[np.float64], y: NDArray[np.float64], rows: int) -> Decomposition:
    left, values, right = np.linalg.svd(X, full_matrices=False)
    negligible = values <= values[0] * max(X.shape) * np.finfo(np.float64).eps
    values = np.where(negligible, 0.0, values)
    projected = np.where(negligible, 0.0, left.T @ y)
    return Decomposition(right.T, values / np.sqrt(rows), projected / np.sqrt(rows))


def check_rows(X: NDArray[np.float64], y: NDArray[np.float64], party: int) -> None:
    """Raises `UserError` for rows that the protocol is not made for, naming party, column and what is allowed."""
    who = f"party {party}"
    if X.ndim != 2 or y.shape != (len(X),):
        raise UserError(f"{who}: X has shape {X.shape} and y {y.shape}; they must be (n, d) and (n,)")
    rows, features = X.shape
    if rows == 0:
        raise UserError(f"{who} has no rows; it needs at least as many as features")
    if rows < features:
        raise UserError(f"{who} has {rows} rows for {features} features; it needs at least {features} rows")
    if not np.isfinite(y).all():
        raise UserError(f"{who}: y holds a value that is not a finite number, in row {_first(~np.isfinite(y))}")
    for column in range(features):
        _check_column(X[:, column], who, column)
    if np.sqrt(np.mean(y**2)) > MOST_RMS:
        raise UserError(
            f"{who}: y has root mean square {np.sqrt(np.mean(y**2)):g}; normalise it to at most {MOST_RMS:g}"
        )


def _check_column(values: NDArray[np.float64], who: str, column: int) -> None:
    if not np.isfinite(values).all():
        raise UserError(f"{who}: column {column} of X holds a value that is not a finite number, in row "
                        f"{_first(~np.isfinite(values))}")  # fmt: skip
    if np.ptp(values) == 0:
        raise UserError(f"{who}: column {column} of X is constant ({values[0]:g}); leave it out")
    size = np.sqrt(np.mean(values**2))
    if not LEAST_RMS <= size <= MOST_RMS:
        raise UserError(f"{who}: column {column} of X has root mean square {size:g}; normalise it to between "
                        f"{LEAST_RMS:g} and {MOST_RMS:g}")  # fmt: skip


def _first(bad: NDArray[np.bool_]) -> int:
    return int(np.flatnonzero(bad)[0])
