"""A party's summary in whole numbers, with everything that its input proof is about.

With Q bits after the point:  V V^T = I + R1,  W = V Theta,  W V^T = A + R3,  S = sigma^2,  theta (S + rho) = 1 + R5,
g = sigma y*,  V g = b + R7,  sum S + c_sigma^2 = 4 d + R8,  sum y*^2 + c_y^2 = 4 + R9. W, S and g are exact products
(scale 2 Q); A and b are rounded from scale 3 Q, and what all others are off by is at most rounding.

Floating-point V is orthogonal to 2^-50 only, far less than Q; one step of Newton's iteration, V + V (I - V^T V) / 2,
squares that.
"""

from dataclasses import dataclass
from math import isqrt
from typing import TypeAlias

import numpy as np
from gmpy2 import mpz
from numpy.typing import NDArray

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import RHO_FRACTION
from scenarios.helen.preparation import Decomposition

#: Vectors and matrices of whole numbers of any length.
Whole: TypeAlias = NDArray[np.object_]

_GUARD = 32


@dataclass(frozen=True)
class SummaryNumbers:
    """Matrices are d x d, vectors d, `spare` is (c_sigma, c_y); residuals R are named by their relation."""

    vectors: Whole
    values: Whole
    inverses: Whole
    projected: Whole
    spare: Whole
    weighted: Whole
    squares: Whole
    moments: Whole
    inverse: Whole
    moment: Whole
    orthogonal_residual: Whole
    inverse_residual: Whole
    inverses_residual: Whole
    moment_residual: Whole
    norm_residual: Whole


def whole_summary(decomposition: Decomposition, terms: Agreement) -> SummaryNumbers:
    """The numbers that an honest party commits to."""
    q, d = terms.budget.fraction, terms.features
    one, two = mpz(1) << q, mpz(1) << (2 * q)
    V = orthogonal(decomposition.vectors, q)
    sigma, y = scaled(decomposition.values, q), scaled(decomposition.projected, q)
    S = sigma * sigma
    shifted = S + (mpz(terms.rho_scaled) << (2 * q - RHO_FRACTION))
    theta = rounded(np.array([(one * two << 1) // h for h in shifted], dtype=object), 1)
    W, g = V * theta, sigma * y
    A, b = rounded(W.dot(V.T), 2 * q), rounded(V.dot(g), 2 * q)
    bounds = (4 * d * two - S.sum(), 4 * two - (y * y).sum())
    spare = np.array([mpz(isqrt(max(int(bound), 0))) for bound in bounds], dtype=object)
    return SummaryNumbers(
        V, sigma, theta, y, spare, W, S, g, A, b,
        orthogonal_residual=V.dot(V.T) - two * identity(d),
        inverse_residual=W.dot(V.T) - (A << (2 * q)),
        inverses_residual=theta * shifted - one * two,
        moment_residual=V.dot(g) - (b << (2 * q)),
        norm_residual=spare * spare - np.array(bounds, dtype=object),
    )  # fmt: skip


def orthogonal(vectors: NDArray[np.float64], fraction: int) -> Whole:
    """The orthogonal matrix nearest to `vectors` (nearly orthogonal), with so many bits after the point."""
    precise = fraction + _GUARD
    V = scaled(vectors, precise)
    error = (identity(len(V)) << (2 * precise)) - V.T.dot(V)
    return rounded((V << (2 * precise + 1)) + V.dot(error), 2 * precise + 1 + _GUARD)


def scaled(numbers: NDArray[np.float64], fraction: int) -> Whole:
    """Exactly the floating-point numbers times 2^fraction, rounded down where they have more bits."""
    exact: Whole = np.vectorize(lambda x: mpz(_exact(float(x), fraction)), otypes=[object])(numbers)
    return exact


def rounded(numbers: Whole, shift: int) -> Whole:
    """Over 2^shift, to the nearest whole number."""
    nearest: Whole = (numbers + (mpz(1) << (shift - 1))) >> shift
    return nearest


def identity(size: int) -> Whole:
    """I."""
    return np.array([[mpz(i == j) for j in range(size)] for i in range(size)], dtype=object)


def _exact(number: float, fraction: int) -> int:
    numerator, denominator = number.as_integer_ratio()
    return (numerator << fraction) // denominator
