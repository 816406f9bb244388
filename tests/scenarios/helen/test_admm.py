"""Plain ADMM against scikit-learn and the Karush-Kuhn-Tucker conditions; preparation; refusals."""

import numpy as np
import pytest
from coopetition import rows, terms
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from scenarios.helen.admm import Objective, optimality_gap, summary_of, train
from scenarios.helen.preparation import check_rows, decompose
from sim.errors import UserError

ALPHA = 0.08


def _sklearn(kind: str, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, Objective]:
    exact = {"fit_intercept": False, "tol": 1e-12, "max_iter": 100_000}
    if kind == "ridge":
        return Ridge(alpha=ALPHA * len(X), fit_intercept=False).fit(X, y).coef_, Objective(0.0, ALPHA)
    if kind == "lasso":
        return Lasso(alpha=ALPHA, **exact).fit(X, y).coef_, Objective(ALPHA, 0.0)
    return ElasticNet(alpha=ALPHA, l1_ratio=0.4, **exact).fit(X, y).coef_, Objective(0.4 * ALPHA, 0.6 * ALPHA)


@pytest.mark.parametrize("kind", ["lasso", "ridge", "elastic net"])
@pytest.mark.parametrize("count", [2, 4])
def test_equals_scikit_learn_and_is_optimal(kind: str, count: int) -> None:
    agreed = terms(count, features=8, rows=(150,) * count)
    data = rows(agreed)
    X, y = np.vstack([one for one, _ in data]), np.concatenate([one for _, one in data])
    expected, objective = _sklearn(kind, X, y)
    found = train([summary_of(A, b, len(X), 0.2) for A, b in data], objective, 0.2, 200)
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()
    assert optimality_gap(X, y, np.where(np.abs(found) < 1e-9, 0.0, found), objective) < 1e-6
    assert kind == "ridge" or (found == 0.0).any()


def test_the_gap_tells_what_is_not_optimal() -> None:
    (X, y), *_ = rows(terms(2, features=4))
    w = Lasso(alpha=ALPHA, fit_intercept=False, tol=1e-12).fit(X, y).coef_
    assert optimality_gap(X, y, w, Objective(ALPHA, 0.0)) < 1e-8
    assert optimality_gap(X, y, w + 0.01, Objective(ALPHA, 0.0)) > 1e-3
    assert optimality_gap(X, y, w, Objective(0.9 * ALPHA, 0.0)) > 1e-3


@pytest.mark.parametrize("spread", [1.0, 1e9])
def test_the_decomposition_is_that_of_the_rows(spread: float) -> None:
    generator = np.random.default_rng(3)
    X = (
        generator.standard_normal((300, 6))
        @ np.diag(np.geomspace(1.0, 1.0 / spread, 6))
        @ generator.standard_normal((6, 6))
    )
    y = generator.standard_normal(300)
    made = decompose(X, y, rows=300)
    _, values, _ = np.linalg.svd(X / np.sqrt(300), full_matrices=False)
    assert made.values == pytest.approx(values, rel=1e-6 if spread == 1 else 1e-3)
    assert np.abs(made.vectors @ np.diag(made.values**2) @ made.vectors.T - X.T @ X / 300).max() < 1e-12
    moment = made.vectors @ (made.values * made.projected)
    assert np.abs(moment - X.T @ y / 300).max() < 1e-12


def test_a_rank_that_lacks_has_no_projection() -> None:
    X = np.ones((5, 2)) * np.arange(5)[:, None]
    made = decompose(X, np.arange(5.0), rows=5)
    assert made.values[1] == 0.0
    assert made.projected[1] == 0.0


def _changed(where: tuple[int, int] | slice, value: float) -> np.ndarray:
    X = np.random.default_rng(1).standard_normal((20, 3))
    X[where] = value
    return X


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (np.zeros((0, 3)), "party 1 has no rows"),
        (np.ones((2, 3)), "party 1 has 2 rows for 3 features"),
        (_changed((4, 2), np.nan), "column 2 of X holds a value that is not a finite number, in row 4"),
        (_changed((slice(None), 1), 5.0), "column 1 of X is constant (5)"),
        (_changed((slice(None), 0), 0.0) + 0.0, "column 0 of X is constant (0)"),
        (np.random.default_rng(1).standard_normal((20, 3)) * [1, 1, 9], "column 2 of X has root mean square"),
    ],
)  # fmt: skip
def test_rows_that_cannot_work_are_refused_by_name(X: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(").replace(")", r"\)")):
        check_rows(X, np.zeros(len(X)), 1)


@pytest.mark.parametrize(
    ("y", "said"),
    [(np.full(20, np.inf), "y holds a value"), (np.full(20, 3.0), "y has root mean square 3"), (np.zeros(19), "shape")],
)
def test_targets_that_cannot_work_are_refused(y: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_rows(np.random.default_rng(1).standard_normal((20, 3)), y, 0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"parties": 1, "rows": (40,)}, "parties = 1; a joint model needs from 2"),
        ({"rho": 0.0}, "rho = 0; it must be between"),
        ({"rho": -1.0}, "rho = -1"),
        ({"rho": float("nan")}, "rho = nan"),
        ({"objective": Objective(-0.1, 0.0)}, "l1 = -0.1"),
        ({"objective": Objective(0.0, float("inf"))}, "l2 = inf"),
        ({"objective": Objective(1e-14, 0.0)}, "l1 = 1e-14 is too small"),
        ({"objective": Objective(1e6, 0.0)}, "too large"),
        ({"iterations": 0}, "iterations = 0"),
        ({"features": 0}, "features = 0"),
        ({"rows": (40, 1)}, "party 1 has 1 rows; 2 features need"),
        ({"rows": (40,)}, "rows names 1 parties"),
        ({"key_bits": 384}, "key_bits = 384 is too small: the final check needs a modulus of 4"),
    ],
)
def test_terms_that_cannot_work_are_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(")):
        terms(**changed).check()  # type: ignore[arg-type]
