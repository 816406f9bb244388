"""A whole run of all parties, every proof and MAC on, against the integer model, plain ADMM and the schedule."""

import numpy as np
import pytest
from coopetition import LINK, keys, parties, rows, streams, terms
from sklearn.linear_model import ElasticNet, Ridge

from scenarios.helen import integer_model
from scenarios.helen.admm import Objective, optimality_gap, summary_of, train
from scenarios.helen.agreement import Agreement
from scenarios.helen.draws import Draws
from scenarios.helen.party import Aborted, Finished
from scenarios.helen.schedule import schedule
from scenarios.helen.session import protocols, summaries
from scenarios.helen.simulated import Ran, run
from scenarios.helen.spdz.dealer import Dealer, Truncation
from scenarios.helen.update import needs


def _ends(ran: Ran) -> set[tuple[int, ...]]:
    assert all(isinstance(end, Finished) for end in ran.ends.values()), ran.ends
    return {end.z for end in ran.ends.values() if isinstance(end, Finished)}


def _dealt_low(agreed: Agreement) -> integer_model.LowMask:
    """The dealer's masks of truncations, put together from all parties' shares."""
    material = Dealer(agreed.parties, agreed.prime, Draws(streams(), "dealer", "spdz")).deal(needs(agreed))

    def low(kind: Truncation, number: int) -> int:
        return int(sum(one.truncations[kind].low.values[number] for one in material) % agreed.prime)

    return low


@pytest.mark.parametrize(
    ("count", "objective"),
    [(2, Objective(0.05, 0.02)), (3, Objective(0.05, 0.0)), (4, Objective(0.0, 0.1)), (2, Objective(0.0, 0.0))],
)
def test_a_run_equals_the_integer_model_bit_for_bit(count: int, objective: Objective) -> None:
    agreed = terms(count, objective=objective)
    (secure,) = _ends(run(parties(agreed), LINK))
    model = integer_model.run(agreed, summaries(agreed, rows(agreed)), _dealt_low(agreed))
    assert list(secure) == model
    blind = integer_model.run(agreed, summaries(agreed, rows(agreed)))
    assert max(abs(a - b) for a, b in zip(secure, blind, strict=True)) <= 4 * agreed.iterations


def test_a_run_equals_plain_admm() -> None:
    agreed = terms(3, features=4, iterations=10, key_bits=576)
    (secure,) = _ends(run(parties(agreed), LINK))
    plain = train(
        [summary_of(X, y, agreed.total_rows, agreed.rho) for X, y in rows(agreed)], agreed.objective, agreed.rho, 10
    )
    assert np.abs(integer_model.weights(secure) - plain).max() <= 1e-8 * np.abs(plain).max()


@pytest.mark.parametrize("count", [2, 3])
def test_every_step_says_what_the_schedule_says(count: int) -> None:
    agreed = terms(count)
    ran = run(parties(agreed), LINK)
    for steps in ran.steps.values():
        assert [(one.step, one.size) for one in steps] == [tuple(said) for said in schedule(agreed)]


def test_the_same_seed_says_the_same_bytes() -> None:
    said = [_inputs(terms(2, iterations=1), seed) for seed in (3, 3, 4)]
    assert said[0] == said[1] != said[2]


def _inputs(agreed: Agreement, seed: int) -> list[bytes]:
    running = [one.run() for one in protocols(agreed, rows(agreed), keys(2), streams(seed))]
    agreeing = [next(one).body for one in running]
    return [one.send(agreeing).body for one in running]


def test_who_agreed_on_something_else_is_found_out_before_any_cryptography() -> None:
    one, other = parties(terms(2)), parties(terms(2, objective=Objective(0.06, 0.02)))
    ran = run([one[0], other[1]], LINK)
    for end in ran.ends.values():
        assert isinstance(end, Aborted)
        assert (end.check, end.culprit) == ("session", -1)
    assert one[0].protocol.cipher.meter.powers == other[1].protocol.cipher.meter.powers == 0


def test_wires_of_35_ms_cost_35_ms_a_step() -> None:
    agreed = terms(2, iterations=1)
    ran = run(parties(agreed), LINK.model_copy(update={"propagation": 0.035}))
    assert ran.seconds == pytest.approx(0.035 * len(schedule(agreed)), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("objective", [Objective(0.08, 0.0), Objective(0.0, 0.08), Objective(0.03, 0.05)])
def test_two_hundred_iterations_equal_scikit_learn(objective: Objective) -> None:
    agreed = terms(2, features=4, iterations=200, key_bits=576, objective=objective)
    data = rows(agreed)
    (secure,) = _ends(run(parties(agreed, patience=600.0), LINK))
    found = integer_model.weights(secure)
    X, y = np.vstack([one for one, _ in data]), np.concatenate([one for _, one in data])
    assert np.abs(found - _scikit_learn(X, y, objective)).max() <= 1e-5 * np.abs(found).max()
    assert optimality_gap(X, y, np.where(np.abs(found) < 1e-9, 0.0, found), objective) < 1e-6


def _scikit_learn(X: np.ndarray, y: np.ndarray, objective: Objective) -> np.ndarray:
    if not objective.l1:
        return np.asarray(Ridge(alpha=objective.l2 * len(X), fit_intercept=False).fit(X, y).coef_)
    alpha = objective.l1 + objective.l2
    model = ElasticNet(alpha=alpha, l1_ratio=objective.l1 / alpha, fit_intercept=False, tol=1e-12, max_iter=100_000)
    return np.asarray(model.fit(X, y).coef_)
