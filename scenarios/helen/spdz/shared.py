"""Vectors of shared numbers: one party's additive shares of the values, and of alpha times the values.

>>> p = mpz(101)
>>> one, other = Shared.of([1, 2], [3, 4], p), Shared.of([5, 5], [1, 1], p)
>>> (one + other).values, one.times(100).values, (one - other).macs
([mpz(6), mpz(7)], [mpz(100), mpz(99)], [mpz(2), mpz(3)])
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gmpy2 import mpz


@dataclass(frozen=True, slots=True)
class Shared:
    """Shares of values and of their MACs, modulo `prime`."""

    values: list[mpz]
    macs: list[mpz]
    prime: mpz

    @classmethod
    def of(cls, values: Sequence[int], macs: Sequence[int], prime: mpz) -> "Shared":
        """From any whole numbers."""
        return cls([mpz(v) % prime for v in values], [mpz(g) % prime for g in macs], prime)

    def __len__(self) -> int:
        return len(self.values)

    def __add__(self, other: "Shared") -> "Shared":
        p = self.prime
        return Shared(
            [(a + b) % p for a, b in zip(self.values, other.values, strict=True)],
            [(a + b) % p for a, b in zip(self.macs, other.macs, strict=True)],
            p,
        )

    def __sub__(self, other: "Shared") -> "Shared":
        return self + other.times(-1)

    def times(self, factor: int) -> "Shared":
        """Every number times a public one."""
        p = self.prime
        return Shared([a * factor % p for a in self.values], [a * factor % p for a in self.macs], p)

    def scaled(self, factors: Sequence[int]) -> "Shared":
        """Each number times a public one of its own."""
        p = self.prime
        return Shared(
            [a * f % p for a, f in zip(self.values, factors, strict=True)],
            [a * f % p for a, f in zip(self.macs, factors, strict=True)],
            p,
        )

    def part(self, start: int, end: int, step: int = 1) -> "Shared":
        """A stretch of it."""
        return Shared(self.values[start:end:step], self.macs[start:end:step], self.prime)


def joined(parts: Sequence[Shared]) -> Shared:
    """One vector after the other."""
    return Shared([v for one in parts for v in one.values], [g for one in parts for g in one.macs], parts[0].prime)
