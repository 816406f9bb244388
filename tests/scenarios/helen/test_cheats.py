"""Every cheat, by every party, in the first, a middle and the last iteration: caught before anything is released."""

from functools import cache

import pytest
from coopetition import LINK, parties, terms

from scenarios.helen.agreement import Agreement
from scenarios.helen.cheats import CHEATS, cheating
from scenarios.helen.party import Aborted, Finished, Party, address_of
from scenarios.helen.simulated import Ran, run
from sim.errors import UserError
from sim.protocol import Node

PATIENCE, ITERATIONS = 5.0, 3


def _terms(count: int) -> Agreement:
    """Two features between two parties, one among more, where two numbers are in any message anyway."""
    return terms(count, features=2 if count == 2 else 1, iterations=ITERATIONS)


@cache
def _honest(count: int) -> tuple[int, ...]:
    (z,) = {end.z for end in run(parties(_terms(count)), LINK).ends.values() if isinstance(end, Finished)}
    return z


def _cheated(count: int, name: str, cheater: int, iteration: int) -> Ran:
    def dress(party: Party) -> Node:
        mine = party.protocol.party == cheater
        return cheating(party, name, iteration, PATIENCE) if mine else party

    return run(parties(_terms(count), patience=PATIENCE), LINK, dress)


def _moments(name: str) -> list[int]:
    cheat = CHEATS[name]
    if "{k}" not in cheat.step and not cheat.before_last and "product-mask" not in name:
        return [0]
    return [k for k in range(ITERATIONS) if cheat.first <= k < ITERATIONS - cheat.before_last]


def _check(count: int, name: str, cheater: int, iteration: int) -> None:
    cheat, ran = CHEATS[name], _cheated(count, name, cheater, iteration)
    honest = {who: end for who, end in ran.ends.items() if who != address_of(cheater)}
    assert len(honest) == count - 1, "somebody never ended"
    for who, end in honest.items():
        if not cheat.checks:
            assert isinstance(end, Finished), end
            continue
        assert isinstance(end, Aborted), f"{who} released a model"
        assert end.check in cheat.checks, end
        assert end.culprit == (cheater if cheat.named else -1), end
        reached = {entered.step for entered in ran.steps[who]}
        assert "release" in cheat.step or "release" not in reached, "a share of the model was told"


@pytest.mark.parametrize("name", CHEATS)
def test_two_parties_catch(name: str) -> None:
    for iteration in _moments(name):
        for cheater in range(2):
            _check(2, name, cheater, iteration)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHEATS)
def test_three_parties_catch(name: str) -> None:
    for iteration in _moments(name):
        for cheater in range(3):
            _check(3, name, cheater, iteration)


@pytest.mark.parametrize("name", CHEATS)
def test_four_parties_catch(name: str) -> None:
    """One party at one moment for each cheat, in turn: all of them at all moments take minutes."""
    turn, moments = list(CHEATS).index(name), _moments(name)
    _check(4, name, turn % 4, moments[turn % len(moments)])


def test_what_is_harmless_changes_nothing() -> None:
    for name, cheat in CHEATS.items():
        if not cheat.checks:
            ends = _cheated(2, name, 1, 1).ends.values()
            assert {end.z for end in ends if isinstance(end, Finished)} == {_honest(2)}


def test_a_cheat_that_there_is_not_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean wrong-product"):
        cheating(parties(terms(2))[0], "wrong-produkt", 0, PATIENCE)
