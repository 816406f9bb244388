"""Threshold Paillier, m of m: a number under a key that only all parties together can open.

Public: N = P Q, a product of safe primes, g = 1 + N and H = h^N mod N^2 for a random square h. A number x, taken modulo
N and centred, is encrypted as (1 + x N) H^s mod N^2 with a random s of |N|/2 bits (Damgard, Jurik, Nielsen, "A
generalization of Paillier's public-key system with applications to electronic voting", 2010, section 4.2: as safe as
r^N under a short-exponent assumption). H never changes, so its powers come from a table; and because randomness is an
exponent, that of a sum of ciphertexts is a sum of whole numbers, which a prover knows without any power.

Secret: D = 0 modulo lambda(N) and 1 modulo N; shares s_i are uniform modulo N lambda(N) and sum to D (Fouque, Poupard,
Stern 2000, for a threshold of all). Then prod c^(2 s_i) = 1 + 2 a N. Squares are decrypted so that partial decryptions
can be proved right among squares, where no element has a small order. `v_i = v^(s_i)` binds a party to its share.

Keys come from a dealer, and its random numbers from a named stream, so that runs repeat: a testbed, not a way to make
keys that guard anything.
"""

from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import gmpy2
from gmpy2 import mpz

from scenarios.helen.bit_budget import HIDING
from scenarios.helen.powers import FixedBase, Meter, Powers, grouped_power, multi_power, power

#: Draws a number of so many bits, uniformly.
Draw = Callable[[int], int]


class PublicKey(NamedTuple):
    """N, the base H of what hides numbers, the square v, and every party's v_i."""

    n: mpz
    hiding_base: mpz
    verification_base: mpz
    verification_keys: tuple[mpz, ...]


class KeyShare(NamedTuple):
    """What one party holds of the secret."""

    party: int
    exponent: mpz


class Secret(NamedTuple):
    """What is in a ciphertext of one's own: a number, and the exponent of H that hides it."""

    plain: int
    randomness: int


class Opened(NamedTuple):
    """A ciphertext of one's own, with what is in it."""

    ciphertext: mpz
    secret: Secret


class Cipher:
    """Encryption and what can be done with ciphertexts; all powers are counted by `meter`.

    `table` is the table of H, which parties in one process may share.
    """

    def __init__(self, key: PublicKey, table: FixedBase | None = None, meter: Meter | None = None) -> None:
        self.key, self.meter = key, meter or Meter()
        self.n, self.square = key.n, key.n * key.n
        self.table = table or FixedBase(key.hiding_base, self.square)
        self.randomness_bits = (int(key.n.bit_length()) + 1) // 2

    def encrypt(self, plain: int, draw: Draw) -> Opened:
        """`plain`, whatever its sign."""
        randomness = draw(self.randomness_bits)
        return Opened(self.of(plain, randomness, self.randomness_bits), Secret(plain, randomness))

    def of(self, plain: int, randomness: int, bits: int) -> mpz:
        """(1 + plain N) H^randomness, for a randomness of at most `bits` bits and either sign."""
        return (1 + plain * self.n) * self.table.power(randomness, bits, self.meter) % self.square

    @staticmethod
    def combined(secrets: Sequence[Secret], factors: Sequence[int]) -> Secret:
        """What is in a combination of ciphertexts of one's own; no power is needed to know."""
        return Secret(
            sum(one.plain * factor for one, factor in zip(secrets, factors, strict=True)),
            sum(one.randomness * factor for one, factor in zip(secrets, factors, strict=True)),
        )

    def constant(self, plain: int) -> mpz:
        """A ciphertext that hides nothing."""
        return (1 + plain * self.n) % self.square

    def power(self, ciphertext: mpz, factor: int, bits: int) -> mpz:
        """A ciphertext of `factor` times as much."""
        return power(ciphertext, factor, bits, self.square, self.meter)

    def combine(self, ciphertexts: Sequence[mpz], factors: Sequence[int], bits: int) -> mpz:
        """A ciphertext of the sum of factor times number."""
        return multi_power(ciphertexts, factors, bits, self.square, self.meter)

    def combine_groups(self, groups: Sequence[Powers]) -> mpz:
        """The same for several groups, whose factors differ in length."""
        return grouped_power(groups, self.square, self.meter)

    def add(self, *ciphertexts: mpz) -> mpz:
        """A ciphertext of the sum."""
        result = mpz(1)
        for ciphertext in ciphertexts:
            result = result * ciphertext % self.square
        return result

    def inverse(self, ciphertext: mpz) -> mpz:
        """A ciphertext of the negative."""
        return gmpy2.invert(ciphertext, self.square)

    def centred(self, number: int) -> int:
        """`number` modulo N, between -N/2 and N/2."""
        residue = number % self.n
        return int(residue - self.n if residue > self.n // 2 else residue)

    def are_units(self, numbers: Sequence[mpz]) -> bool:
        """Whether all are between 1 and N^2 and have an inverse: what is not is no ciphertext."""
        if not all(0 < number < self.square for number in numbers):
            return False
        together = mpz(1)
        for number in numbers:
            together = together * number % self.n
        return bool(gmpy2.gcd(together, self.n) == 1)

    def partial(self, ciphertext: mpz, share: KeyShare) -> mpz:
        """c^(2 s_i)."""
        return power(ciphertext * ciphertext % self.square, share.exponent, self.exponent_bits, self.square, self.meter)

    @property
    def exponent_bits(self) -> int:
        """Of a key share."""
        return 2 * int(self.n.bit_length())

    def opened(self, partials: Sequence[mpz]) -> int | None:
        """The number of which these are all partial decryptions, centred; None if they are of none.

        A party may return the negative of its partial decryption, which no proof among squares can tell: so a product
        of -1 - 2 a N is as good.
        """
        together = prod(partials, start=mpz(1)) % self.square
        for sign in (1, -1):
            candidate = sign * together % self.square
            if candidate % self.n == 1:
                return self.centred((candidate - 1) // self.n * gmpy2.invert(2, self.n))
        return None


def safe_prime(bits: int, draw: Draw) -> mpz:
    """A prime P of that many bits, its two highest set, with (P - 1) / 2 prime too."""
    while True:
        half = gmpy2.next_prime(mpz(draw(bits - 1)) | (mpz(3) << (bits - 3)))
        for _ in range(64):
            if half.bit_length() == bits - 1 and (2 * half + 1) % 3 and gmpy2.is_prime(2 * half + 1):
                return 2 * half + 1
            half = gmpy2.next_prime(half)


def deal_keys(parties: int, bits: int, draw: Draw) -> tuple[PublicKey, list[KeyShare]]:
    """The dealer's work: a key of `bits` bits and each party's share of it. The factors are forgotten."""
    first = safe_prime(bits // 2, draw)
    second = first
    while second == first:
        second = safe_prime(bits - bits // 2, draw)
    n, order = first * second, (first - 1) * (second - 1) // 2
    square = n * n
    whole = order * gmpy2.invert(order, n)
    shares = [mpz(draw(2 * bits + HIDING)) % (n * order) for _ in range(parties - 1)]
    shares.append((whole - sum(shares)) % (n * order))
    base = _square(draw, bits, square)
    hiding = gmpy2.powmod(_square(draw, bits, square), n, square)
    keys = tuple(gmpy2.powmod(base, share, square) for share in shares)
    return PublicKey(n, hiding, base, keys), [KeyShare(party, share) for party, share in enumerate(shares)]


def _square(draw: Draw, bits: int, modulus: mpz) -> mpz:
    return gmpy2.powmod(mpz(draw(2 * bits + HIDING)) % modulus, 2, modulus)
