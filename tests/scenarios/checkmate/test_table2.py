"""The paper's table 2 on its graphs, where the cost source does not decide it."""

import pytest

from scenarios.checkmate import table2


def test_columns_that_our_costs_reproduce() -> None:
    vgg = {ratio.method: ratio for ratio in table2.ratios(table2.posed("vgg16", "roofline", 6))}
    assert vgg["ap_greedy"].mean == pytest.approx(1.06, abs=0.05)
    assert vgg["two_phase"].mean == pytest.approx(1.01, abs=0.05)
    assert (vgg["lp_rounding"].mean or 9) <= (vgg["two_phase"].mean or 0)
    unet = {ratio.method: ratio for ratio in table2.ratios(table2.posed("unet", "roofline", 32), table2.METHODS[:3])}
    assert unet["ap_greedy"].mean == pytest.approx(1.23, abs=0.05)
    assert unet["griewank"].mean is None
    assert unet["griewank"].feasible == 0


def test_two_phase_says_when_its_relaxation_has_no_solution() -> None:
    tightest = table2.posed("unet", "roofline", 6)[0]
    assert "0.9" in table2.two_phase(tightest).reason
