"""How much do batches, tables and short exponents save? Ratios on one thread, everything in one process, CPU time.

- A batch of multiplication proofs (Cramer, Damgard, Nielsen 2001) verified together, against the same equations one by
  one: every power by itself, as papers have it, and with our table of the public base.
- Encryption with a short exponent and a table, against the textbook's r^N.
- A product of many powers, against the powers one by one.

Claims, checked at the end: together >= 7x one by one at 1024 bits and >= 12x at 2048; encryption >= 8x at 1024.
"""

import sys
from time import process_time

import gmpy2
from gmpy2 import mpz

from scenarios.helen.draws import Draws
from scenarios.helen.paillier import Cipher, deal_keys
from scenarios.helen.powers import FixedBase, Meter, multi_power
from scenarios.helen.proofs.equations import hold_each, hold_together
from scenarios.helen.proofs.inner_product import InnerProduct
from scenarios.helen.transcript import Transcript
from sim.rng import Streams

PROOFS, FACTOR_BITS, REPEATS = 100, 80, 3


class Untabled(FixedBase):
    """The public base without a table: a power each time."""

    def __init__(self, base, modulus):
        super().__init__(base, modulus)
        self._base = base

    def power(self, exponent, bits, meter):
        """A power by itself."""
        return gmpy2.powmod(self._base, exponent, self._modulus)


def proofs(cipher, draw):
    """The equations of PROOFS multiplication proofs."""
    randomness = cipher.randomness_bits
    proving = InnerProduct(1, FACTOR_BITS, randomness, randomness)
    equations = []
    for number in range(PROOFS):
        known, other = cipher.encrypt(draw(FACTOR_BITS), draw), cipher.encrypt(draw(200), draw)
        hidden = draw(randomness)
        result = cipher.power(other.ciphertext, known.secret.plain, FACTOR_BITS) * cipher.of(0, hidden, randomness)
        result %= cipher.square
        said = proving.prove(cipher, [known.secret], [other.ciphertext], hidden, Transcript(b"", 0, str(number)), draw)
        equations += proving.equations(
            [known.ciphertext], [other.ciphertext], result, said, Transcript(b"", 0, str(number))
        )  # fmt: skip
    return equations


def best(act):
    """Seconds of CPU, the least of some repeats."""
    taken = []
    for _ in range(REPEATS):
        began = process_time()
        act()
        taken.append(process_time() - began)
    return min(taken)


def verification(key, draw):
    """(seconds per proof one by one as published, with our table, together)."""
    cipher, plain = Cipher(key), Cipher(key, Untabled(key.hiding_base, key.n * key.n))
    equations = proofs(cipher, draw)
    assert hold_together(cipher, equations, draw)
    assert hold_each(plain, equations, draw)
    spoiled = [equations[0]._replace(plain=1), *equations[1:]]
    assert not hold_together(cipher, spoiled, draw)
    found = (
        best(lambda: hold_each(plain, equations, draw)),
        best(lambda: hold_each(cipher, equations, draw)),
        best(lambda: hold_together(cipher, equations, draw)),
    )
    return [seconds / PROOFS for seconds in found]


def encryption(key, draw):
    """(seconds per ciphertext of the textbook, of ours)."""
    cipher, count = Cipher(key), 200
    cipher.encrypt(1, draw)
    numbers = [mpz(draw(int(key.n.bit_length()))) for _ in range(count)]
    cipher.of(1, (1 << cipher.randomness_bits) - 1, cipher.randomness_bits)  # the table is made
    textbook = best(lambda: [(1 + 7 * key.n) * gmpy2.powmod(r, key.n, cipher.square) % cipher.square for r in numbers])
    ours = best(lambda: [cipher.encrypt(7, draw) for _ in range(count)])
    return textbook / count, ours / count


def products(key, draw, count=900, bits=128):
    """(seconds of powers one by one, of their product together)."""
    square = key.n * key.n
    bases, exponents = [mpz(draw(int(square.bit_length()))) % square for _ in range(count)], draw.many(count, bits)
    single = best(lambda: [gmpy2.powmod(b, e, square) for b, e in zip(bases, exponents, strict=True)])
    return single, best(lambda: multi_power(bases, exponents, bits, square, Meter()))


def main():
    claims = []
    for bits, least in ((1024, 7.0), (2048, 12.0)):
        draw = Draws(Streams(1, "helen benchmark", 0), bits)
        key, _ = deal_keys(2, bits, draw)
        published, tabled, together = verification(key, draw)
        textbook, ours = encryption(key, draw)
        single, product = products(key, draw)
        print(f"{bits} bits, {PROOFS} multiplication proofs, ms each: one by one {1e3 * published:.3f}, with a table "
              f"{1e3 * tabled:.3f}, together {1e3 * together:.3f}: {published / together:.1f}x and "
              f"{tabled / together:.1f}x")  # fmt: skip
        print(
            f"{bits} bits, encryption, ms: textbook {1e3 * textbook:.3f}, ours {1e3 * ours:.3f}: {textbook / ours:.1f}x"
        )
        print(f"{bits} bits, 900 powers of 128 bits, ms: {1e3 * single:.1f}, together {1e3 * product:.1f}: "
              f"{single / product:.1f}x")  # fmt: skip
        claims += [
            (f"together at {bits}", published / together, least),
            (f"encryption at {bits}", textbook / ours, 8.0),
        ]
    failed = [f"{name}: {ratio:.1f}x, claimed {least:g}x" for name, ratio, least in claims if ratio < least]
    sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
