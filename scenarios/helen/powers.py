"""Powers modulo a large number: one at a time, of a base that never changes, and products of many; all are counted.

The cost of a power is its exponent's bits times a constant of the modulus. A base that never changes gets a table of
its powers (8 bits a row), so that a power is one product a row. A product of many powers goes by Straus's method for
few bases and by Pippenger's for many (both in Bernstein, "Pippenger's exponentiation algorithm", 2002).

Counts are nominal: they follow from how many exponents of how many bits were asked for, never from their digits, so a
run's counts can be told beforehand.

>>> meter = Meter()
>>> int(multi_power([mpz(3), mpz(5)], [4, -1], 3, mpz(1009), meter)), int(81 * pow(5, -1, 1009) % 1009), meter.powers
(218, 218, 2)
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import ceil, inf
from typing import NamedTuple

import gmpy2
from gmpy2 import mpz

_ROW_BITS = 8
#: A bit of a single power costs so many modular products: GMP squares in Montgomery form (measured at 2048 bits).
_PRODUCTS_PER_BIT = 0.78


@dataclass(slots=True)
class Meter:
    """What was computed: powers of all kinds, and what they come to.

    `exponent_bits` are those of single powers; `products` are the modular products of tables and of products of powers.
    """

    powers: int = 0
    exponent_bits: int = 0
    products: int = 0

    def minus(self, earlier: "Meter") -> "Meter":
        """What was added since."""
        return Meter(*(getattr(self, one.name) - getattr(earlier, one.name) for one in fields(self)))

    def copy(self) -> "Meter":
        """As it is now."""
        return Meter(self.powers, self.exponent_bits, self.products)


def power(base: mpz, exponent: int, bits: int, modulus: mpz, meter: Meter) -> mpz:
    """base^exponent for an exponent of at most `bits` bits and either sign."""
    meter.powers += 1
    meter.exponent_bits += bits
    return gmpy2.powmod(base, exponent, modulus)


class Powers(NamedTuple):
    """Bases and as many exponents of at most `bits` bits, of either sign."""

    bases: Sequence[mpz]
    exponents: Sequence[int]
    bits: int


class FixedBase:
    """A base with a table of its powers; rows are made when an exponent first needs them."""

    def __init__(self, base: mpz, modulus: mpz) -> None:
        self._modulus, self._next, self._rows = modulus, base, list[list[mpz]]()

    def power(self, exponent: int, bits: int, meter: Meter) -> mpz:
        """base^exponent for an exponent of at most `bits` bits and either sign."""
        meter.powers += 1
        meter.products += ceil(bits / _ROW_BITS)
        modulus, size = self._modulus, abs(int(exponent))
        result = mpz(1)
        for row, digit in enumerate(size.to_bytes(ceil(max(size.bit_length(), 1) / 8), "little")):
            if row == len(self._rows):
                self._extend()
            if digit:
                result = result * self._rows[row][digit] % modulus
        return gmpy2.invert(result, modulus) if exponent < 0 else result

    def _extend(self) -> None:
        row = [mpz(1)]
        for _ in range((1 << _ROW_BITS) - 1):
            row.append(row[-1] * self._next % self._modulus)
        self._rows.append(row)
        self._next = row[-1] * self._next % self._modulus


def multi_power(bases: Sequence[mpz], exponents: Sequence[int], bits: int, modulus: mpz, meter: Meter) -> mpz:
    """The product of all base^exponent, for exponents of at most `bits` bits and either sign."""
    return grouped_power([Powers(bases, exponents, bits)], modulus, meter)


def grouped_power(groups: Sequence[Powers], modulus: mpz, meter: Meter) -> mpz:
    """The product of all powers of all groups, whose exponents differ in length, in one pass."""
    bases = [base for group in groups for base in group.bases]
    exponents = [exponent for group in groups for exponent in group.exponents]
    if len(bases) != len(exponents):
        raise ValueError(f"{len(bases)} bases for {len(exponents)} exponents")
    products, window = _best(groups)
    meter.powers += len(bases)
    if products == inf or not bases:
        meter.exponent_bits += sum(len(group.bases) * group.bits for group in groups)
        result = mpz(1)
        for base, exponent in zip(bases, exponents, strict=True):
            result = result * gmpy2.powmod(base, exponent, modulus) % modulus
        return result
    meter.products += int(products)
    method = _straus if window > 0 else _pippenger
    sizes = [abs(mpz(e)) for e in exponents]
    if all(e <= 0 for e in exponents):
        return gmpy2.invert(method(bases, sizes, abs(window), modulus), modulus)
    signed = [gmpy2.invert(b, modulus) if e < 0 else b for b, e in zip(bases, exponents, strict=True)]
    return method(signed, sizes, abs(window), modulus)


def _best(groups: Sequence[Powers]) -> tuple[float, int]:
    """Products and window of the cheapest way; Pippenger's windows are negative, and separate powers are infinite."""
    sizes = [(len(group.bases), group.bits) for group in groups]
    longest = max((bits for _, bits in sizes), default=0)

    def digits(c: int) -> int:
        return sum(count * ceil(bits / c) for count, bits in sizes)

    straus = ((digits(c) + sum(n for n, _ in sizes) * ((1 << c) - 2) + longest, c) for c in range(2, 6))
    pippenger = ((digits(c) + ceil(longest / c) * (2 << c) + longest, -c) for c in range(2, 13))
    cheapest = min([*straus, *pippenger])
    return cheapest if cheapest[0] < digits(1) * _PRODUCTS_PER_BIT else (inf, 0)


def _straus(bases: Sequence[mpz], exponents: Sequence[mpz], window: int, modulus: mpz) -> mpz:
    tables = []
    for base in bases:
        table = [mpz(1), base]
        for _ in range((1 << window) - 2):
            table.append(table[-1] * base % modulus)
        tables.append(table)
    mask, result = (1 << window) - 1, mpz(1)
    for shift in range(_top(exponents, window), -1, -window):
        for _ in range(window):
            result = result * result % modulus
        for table, exponent in zip(tables, exponents, strict=True):
            digit = (exponent >> shift) & mask
            if digit:
                result = result * table[digit] % modulus
    return result


def _pippenger(bases: Sequence[mpz], exponents: Sequence[mpz], window: int, modulus: mpz) -> mpz:
    mask, result = (1 << window) - 1, mpz(1)
    for shift in range(_top(exponents, window), -1, -window):
        for _ in range(window):
            result = result * result % modulus
        buckets: list[mpz | None] = [None] * (mask + 1)
        for base, exponent in zip(bases, exponents, strict=True):
            digit = (exponent >> shift) & mask
            if digit:
                held = buckets[digit]
                buckets[digit] = base if held is None else held * base % modulus
        result = result * _weighted(buckets, modulus) % modulus
    return result


def _weighted(buckets: Sequence[mpz | None], modulus: mpz) -> mpz:
    """The product of bucket^index, by running products from the top."""
    running, total = mpz(1), mpz(1)
    for held in reversed(buckets[1:]):
        if held is not None:
            running = running * held % modulus
        total = total * running % modulus
    return total


def _top(exponents: Sequence[mpz], window: int) -> int:
    longest = max((int(e.bit_length()) for e in exponents), default=0)
    return max(ceil(longest / window) - 1, 0) * window
