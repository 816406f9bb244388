import numpy as np
import pytest
from scipy.optimize import linprog

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts.average import best_average
from scenarios.con_ts.oracles import AverageGenie, Genie, GenieLP
from scenarios.con_ts.radio import Radio
from sim import lanes
from sim.rng import Streams


def _whole_program(success, rates, eta, shares):
    """The genie's problem as one linear program over (class, arm)."""
    classes, arms = success.shape
    weight = shares[:, None] * success
    once = np.kron(np.eye(classes), np.ones(arms))
    found = linprog(
        -(weight * rates).ravel(), A_ub=-weight.reshape(1, -1), b_ub=[-eta], A_eq=once, b_eq=np.ones(classes),
        method="highs",
    )  # fmt: skip
    return -found.fun if found.status == 0 else None


def test_the_genie_is_the_optimum_of_the_whole_program():
    rng = np.random.default_rng(0)
    bound = 0
    for _ in range(300):
        classes, arms = rng.integers(1, 12), rng.integers(1, 8)
        success, rates = rng.random((classes, arms)), rng.random(arms) + 0.1
        shares = rng.dirichlet(np.ones(classes))
        eta = float(rng.uniform(0.4, 0.95))
        best = best_average(success, rates, eta, shares)
        exact = _whole_program(success, rates, eta, shares)
        if exact is None:
            assert best.price == np.inf
            assert best.errors == pytest.approx(best.least_errors)
        else:
            assert best.rate == pytest.approx(exact, abs=1e-9)
            bound += best.price > 0
            assert best.errors <= 1 - eta + 1e-9
    assert bound > 25


def _genies(snr, links=50):
    card = WirelessCard.model_validate({"card": "lte-6prb", "mean_snr": snr, "doppler": 0.02})
    world = Radio(card, 0.1, Streams(1, "genie", 0), links, 2000)
    played = {}
    for name in ("free", "per slot", "average"):
        again = Radio(card, 0.1, Streams(1, "genie", 0), links, 2000)
        state = lanes.seed(Streams(1, "genie", 0), "policy", range(links))
        genie = {"free": Genie(again), "per slot": GenieLP(again, state), "average": AverageGenie(again)}[name]
        episode = again.play(genie, lambda share: None)
        played[name] = (
            (again.task.rates[episode.arms] * episode.success).mean() / world.best.rate,
            1 - episode.success.mean(),
        )
    return world.best, played


def test_genies_stand_in_their_order():
    best, played = _genies(5.0)
    assert played["average"][0] == pytest.approx(1.0, abs=0.01)
    assert played["average"][1] <= 0.1 + 1e-9
    assert played["per slot"][0] < played["average"][0] + 1e-9
    assert played["free"][0] >= played["average"][0] - 1e-9
    assert best.least_errors <= best.errors
