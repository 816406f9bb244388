import numpy as np
import pytest
from scipy.optimize import brentq

from scenarios.con_ts.indices import divergence, kl_bound


@pytest.mark.parametrize("mean", [0.0, 0.05, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("budget", [0.0, 0.01, 0.3, 5.0])
def test_the_kl_bound_solves_its_equation(mean, budget):
    found = kl_bound(mean, budget)
    assert mean - 1e-9 <= found <= 1.0
    if divergence(mean, 1.0 - 1e-15) < budget:
        assert found > 1.0 - 2e-6
    elif mean < 1.0 and budget > 0.0:
        exact = brentq(lambda q: divergence(mean, q) - budget, mean, 1.0 - 1e-15)
        assert found == pytest.approx(exact, abs=2e-6)


def test_divergence_at_the_ends():
    assert divergence(0.0, 0.0) == divergence(1.0, 1.0) == 0.0
    assert divergence(0.5, 0.0) == divergence(0.5, 1.0) == np.inf
