"""SPDZ online: numbers come out as they went in, wrong shares are noticed, and a bad triple is not."""

from collections.abc import Callable, Generator
from typing import Any

import pytest
from coopetition import draws
from gmpy2 import mpz

from scenarios.helen.cheating import Cheating
from scenarios.helen.rounds import Exchange, Rounds
from scenarios.helen.spdz.dealer import Dealer, Material, Needs, Truncation, field_prime
from scenarios.helen.spdz.fixed_point import comparison_steps, comparison_triples, not_negative, truncate
from scenarios.helen.spdz.online import Spdz
from scenarios.helen.spdz.shared import Shared

PRIME, BITS = field_prime(192), 40
KIND = Truncation(100, 30)
NEEDS = Needs(2000, ((KIND, 20),), 12, BITS, 4)
#: Changes what a party says at a step: (party, step, body) to body.
Change = Callable[[int, str, bytes], bytes]


def _parties(count: int = 3, spoil: Callable[[list[Material]], None] = lambda dealt: None) -> list[Spdz]:
    dealt = Dealer(count, PRIME, draws("dealer", count)).deal(NEEDS)
    spoil(dealt)
    return [Spdz(one, Rounds(b"session"), draws("party", party)) for party, one in enumerate(dealt)]


def _together(
    spdz: list[Spdz],
    protocol: Callable[[Spdz], Generator[Exchange, list[bytes], Any]],
    change: Change = lambda i, s, b: b,
) -> tuple[list[Any], int]:
    """What all parties come to, and in how many steps."""
    running, steps = [protocol(one) for one in spdz], 0
    said = [next(one) for one in running]
    while True:
        steps += 1
        bodies = [change(party, one.step, one.body) for party, one in enumerate(said)]
        results, said = [], []
        for one in running:
            try:
                said.append(one.send(list(bodies)))
            except StopIteration as ended:
                results.append(ended.value)
        if results:
            return results, steps


def _opened(compute: Callable[[Spdz], Generator[Exchange, list[bytes], Shared]]) -> Callable[[Spdz], Any]:
    def protocol(spdz: Spdz) -> Generator[Exchange, list[bytes], list[int]]:
        shared = yield from compute(spdz)
        opened = yield from spdz.open("result", shared)
        yield from spdz.check("check")
        return [int(one) if one < PRIME // 2 else int(one - PRIME) for one in opened]

    return protocol


def test_products() -> None:
    compute = _opened(lambda s: s.multiply("multiply", s.constant([3, -5, 0]), s.constant([7, 11, 13])))
    results, _ = _together(_parties(), compute)
    assert results == [[21, -55, 0]] * 3


def test_inputs() -> None:
    def compute(spdz: Spdz) -> Generator[Exchange, list[bytes], Shared]:
        party = spdz.material.party
        said = spdz.inputs([party, -10 * party])
        bodies = yield Exchange("input", said)
        first, second, third = spdz.shared_inputs("input", bodies)
        return first + second + third

    assert _together(_parties(), _opened(compute))[0] == [[3, -30]] * 3


@pytest.mark.parametrize("number", [0, 1, -1, (1 << 98) + 12345, -(1 << 98) + 9, 1 << 30, -(1 << 30) - 1])
def test_truncation_is_right_up_to_a_unit(number: int) -> None:
    def compute(spdz: Spdz) -> Generator[Exchange, list[bytes], Shared]:
        (result,) = yield from truncate(spdz, "truncate", [(spdz.constant([number] * 4), KIND)])
        return result

    (first, *_), _ = _together(_parties(), _opened(compute))
    assert all(0 <= one - (number >> 30) <= 1 for one in first)
    assert number % (1 << 30) or all(one == number >> 30 for one in first)


EDGES = [0, 1, -1, 2, -2, (1 << 39) - 1, -(1 << 39), 1 << 38, -(1 << 38), 777, -777, 1 - (1 << 39)]


def test_comparison() -> None:
    spdz = _parties(2)
    results, steps = _together(spdz, _opened(lambda s: not_negative(s, "compare", s.constant(EDGES), BITS)))
    assert results[0] == [int(one >= 0) for one in EDGES]
    assert spdz[0].triples == len(EDGES) * comparison_triples(BITS)
    assert steps == comparison_steps(BITS) + 3


def _plus_one(at: str, party: int) -> Change:
    return lambda i, step, body: body[:-1] + bytes([body[-1] ^ 1]) if (i, step) == (party, at) else body


@pytest.mark.parametrize("party", [0, 2])
@pytest.mark.parametrize("step", ["multiply", "result"])
def test_a_wrong_share_is_noticed(step: str, party: int) -> None:
    compute = _opened(lambda s: s.multiply("multiply", s.constant([3]), s.constant([7])))
    with pytest.raises(Cheating) as caught:
        _together(_parties(), compute, _plus_one(step, party))
    assert (caught.value.check, caught.value.culprit) == ("MAC check", None)


def test_a_difference_that_was_not_committed_to_is_blamed() -> None:
    compute = _opened(lambda s: s.multiply("multiply", s.constant([3]), s.constant([7])))
    with pytest.raises(Cheating) as caught:
        _together(_parties(), compute, _plus_one("check open", 1))
    assert (caught.value.check, caught.value.culprit) == ("MAC commitment", 1)


@pytest.mark.parametrize("body", [b"", bytes(23), bytes([255]) * 24, bytes(25)])
def test_what_is_no_share_is_blamed(body: bytes) -> None:
    compute = _opened(lambda s: s.multiply("multiply", s.constant([3]), s.constant([7])))
    with pytest.raises(Cheating) as caught:
        _together(_parties(), compute, lambda i, step, said: body if (i, step) == (1, "result") else said)
    assert (caught.value.check, caught.value.culprit) == ("malformed message", 1)


def test_a_bad_triple_of_the_dealer_is_not_noticed_online() -> None:
    """Documented: the dealer is trusted. The product is wrong, and every MAC is right."""

    def spoil(dealt: list[Material]) -> None:
        wrong = Dealer(3, PRIME, draws("dealer", 3)).share([mpz(1)] * NEEDS.triples)
        for one, more in zip(dealt, wrong, strict=True):
            first, second, third = one.triples
            one.triples = (first, second, third + more)

    compute = _opened(lambda s: s.multiply("multiply", s.constant([3]), s.constant([7])))
    assert _together(_parties(spoil=spoil), compute)[0] == [[22]] * 3


def test_more_material_than_was_dealt_is_refused() -> None:
    (first, _, _) = _parties()
    with pytest.raises(ValueError, match="5 of inputs are needed, 4 were dealt"):
        first.inputs([1, 2, 3, 4, 5])
