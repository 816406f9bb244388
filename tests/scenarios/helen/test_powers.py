"""Powers and ciphertexts: equal to plain arithmetic; counts that do not depend on digits; keys that only all use."""

from math import prod

import gmpy2
import pytest
from coopetition import cipher, draws, keys
from gmpy2 import mpz

from scenarios.helen.paillier import Cipher, deal_keys, safe_prime
from scenarios.helen.powers import FixedBase, Meter, Powers, grouped_power, multi_power

MODULUS = gmpy2.next_prime(mpz(1) << 300)


@pytest.mark.parametrize(("count", "bits"), [(0, 8), (1, 40), (3, 64), (10, 128), (60, 128), (300, 96), (40, 7)])
def test_products_of_powers_are_what_they_are(count: int, bits: int) -> None:
    draw = draws("powers", count)
    bases = [mpz(one) % MODULUS for one in draw.many(count, 300)]
    exponents = [e if k % 3 else -e for k, e in enumerate(draw.many(count, bits))]
    expected = (
        prod((gmpy2.powmod(b, e, MODULUS) for b, e in zip(bases, exponents, strict=True)), start=mpz(1)) % MODULUS
    )
    assert multi_power(bases, exponents, bits, MODULUS, Meter()) == expected


@pytest.mark.parametrize("count", [2, 30, 200])
def test_groups_of_different_lengths_are_one_product(count: int) -> None:
    draw = draws("groups", count)
    groups = [
        Powers([mpz(one) % MODULUS for one in draw.many(count, 300)], [-e for e in draw.many(count, bits)], bits)
        for bits in (80, 208, 336)
    ]
    groups[0] = groups[0]._replace(exponents=[-e for e in groups[0].exponents])
    expected = prod((multi_power(*group, MODULUS, Meter()) for group in groups), start=mpz(1)) % MODULUS
    assert grouped_power(groups, MODULUS, Meter()) == expected
    assert grouped_power(groups[1:], MODULUS, Meter()) == multi_power(
        [*groups[1].bases, *groups[2].bases], [*groups[1].exponents, *groups[2].exponents], 336, MODULUS, Meter()
    )


def test_a_table_gives_what_powers_give() -> None:
    table, meter = FixedBase(mpz(7), MODULUS), Meter()
    for exponent in (0, 1, -1, 255, 256, -(1 << 200) + 12345, (1 << 256) - 1):
        assert table.power(exponent, 256, meter) == gmpy2.powmod(7, exponent, MODULUS)
    assert (meter.powers, meter.products) == (7, 7 * 32)


def test_counts_depend_on_lengths_only() -> None:
    counted = []
    for exponents in ([1] * 30, [(1 << 128) - 1] * 30):
        meter = Meter()
        multi_power([mpz(3)] * 30, exponents, 128, MODULUS, meter)
        counted.append(meter)
    assert counted[0] == counted[1]
    assert counted[0].products > 0


def test_sums_and_multiples_under_encryption() -> None:
    c, draw = cipher(3), draws("sums")
    one, other = c.encrypt(-5, draw), c.encrypt(1 << 300, draw)
    total = c.combine([one.ciphertext, other.ciphertext], [3, -2], 8)
    assert _decrypted(c, total) == -15 - (1 << 301)
    secret = c.combined([one.secret, other.secret], [3, -2])
    assert c.of(secret.plain, secret.randomness, 300) == total


def _decrypted(c: Cipher, ciphertext: mpz) -> int | None:
    return c.opened([c.partial(ciphertext, share) for share in keys(3).shares])


def test_all_but_one_party_decrypt_nothing() -> None:
    c = cipher(3)
    partials = [c.partial(c.encrypt(42, draws("nothing")).ciphertext, share) for share in keys(3).shares]
    assert c.opened(partials) == 42
    assert c.opened(partials[:2]) is None
    assert c.opened([*partials[:2], partials[2] * c.constant(1) % c.square]) != 42


def test_a_negated_partial_decryption_is_as_good() -> None:
    c = cipher(3)
    first, *others = (c.partial(c.encrypt(-42, draws("signs")).ciphertext, share) for share in keys(3).shares)
    assert c.opened([c.square - first, *others]) == -42


def test_what_is_no_ciphertext() -> None:
    c = cipher(2)
    assert c.are_units([mpz(1), c.square - 1])
    for number in (mpz(0), c.n, 5 * c.n, c.square, c.square + 1, mpz(-1)):
        assert not c.are_units([mpz(1), number])


def test_the_decryption_of_a_key_with_known_factors_agrees() -> None:
    draw = draws("factors")
    p, q = safe_prime(128, draw), safe_prime(128, draw)
    assert all(gmpy2.is_prime(one) and gmpy2.is_prime((one - 1) // 2) for one in (p, q))
    key, shares = deal_keys(2, 256, draws("textbook"))
    c = Cipher(key)
    ciphertext = c.encrypt(123456, draws("message")).ciphertext
    assert c.opened([c.partial(ciphertext, share) for share in shares]) == 123456
    textbook = (1 + 123456 * key.n) * gmpy2.powmod(7, key.n, c.square) % c.square
    assert c.opened([c.partial(textbook, share) for share in shares]) == 123456
    assert key.n.bit_length() == 256
