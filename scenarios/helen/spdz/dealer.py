"""The dealer: an object of its own that stands for SPDZ's offline phase and deals each party its material.

It is trusted; a real run would make the same with MASCOT or LowGear, whose cost is modelled elsewhere. A dealer that
deals a bad triple is *not* caught by the online phase: tests show it.

Material is used in the order in which it was dealt; `Needs` says how much a run takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import gmpy2
from gmpy2 import mpz

from scenarios.helen.bit_budget import HIDING
from scenarios.helen.draws import Draws
from scenarios.helen.spdz.shared import Shared


class Truncation(NamedTuple):
    """A truncation by `shift` bits of signed numbers of `bits` bits."""

    bits: int
    shift: int


class Needs(NamedTuple):
    """What a run takes: triples, truncations (each kind, how many), comparisons of so many bits, inputs of each."""

    triples: int
    truncations: tuple[tuple[Truncation, int], ...]
    comparisons: int
    comparison_bits: int
    inputs: int


class Masks(NamedTuple):
    """Shared random r below 2^shift, and the r_high that is added above it: r_high 2^shift + r."""

    low: Shared
    high: Shared


class BitMasks(NamedTuple):
    """The bits of shared random numbers, all of the lowest first, and what is added above them."""

    bits: tuple[Shared, ...]
    high: Shared


@dataclass
class Material:
    """What one party was dealt, and how much of it is used."""

    party: int
    mac_key: mpz
    prime: mpz
    triples: tuple[Shared, Shared, Shared]
    truncations: dict[Truncation, Masks]
    comparisons: BitMasks
    input_masks: list[Shared]
    own_inputs: list[mpz]

    def __post_init__(self) -> None:
        self._used: dict[object, int] = {}

    def take_triples(self, count: int) -> tuple[Shared, Shared, Shared]:
        """So many products a b = c."""
        start, end = self._take("triples", count, len(self.triples[0]))
        a, b, c = (one.part(start, end) for one in self.triples)
        return a, b, c

    def take_truncations(self, kind: Truncation, count: int) -> Masks:
        """Masks for so many truncations of this kind."""
        start, end = self._take(kind, count, len(self.truncations[kind].low))
        return Masks(*(one.part(start, end) for one in self.truncations[kind]))

    def take_comparisons(self, count: int) -> BitMasks:
        """Masks for so many comparisons."""
        start, end = self._take("comparisons", count, len(self.comparisons.high))
        return BitMasks(
            tuple(bit.part(start, end) for bit in self.comparisons.bits), self.comparisons.high.part(start, end)
        )

    def take_inputs(self, count: int) -> tuple[list[Shared], list[mpz]]:
        """Masks for so many inputs of every party, and what one's own are."""
        start, end = self._take("inputs", count, len(self.own_inputs))
        return [one.part(start, end) for one in self.input_masks], self.own_inputs[start:end]

    def _take(self, what: object, count: int, dealt: int) -> tuple[int, int]:
        start = self._used.get(what, 0)
        if start + count > dealt:
            raise ValueError(f"{start + count} of {what} are needed, {dealt} were dealt")
        self._used[what] = start + count
        return start, start + count


class Dealer:
    """Deals shares modulo `prime` to so many parties."""

    def __init__(self, parties: int, prime: mpz, draw: Draws) -> None:
        self._parties, self._prime, self._draw = parties, prime, draw
        self._bits = int(prime.bit_length())
        self.mac_keys = self._numbers(parties)
        self._alpha = sum(self.mac_keys) % prime

    def deal(self, needs: Needs) -> list[Material]:
        """Everybody's material for a run."""
        a, b = self._numbers(needs.triples), self._numbers(needs.triples)
        triples = [self.share(one) for one in (a, b, [x * y for x, y in zip(a, b, strict=True)])]
        truncations = {kind: self._truncations(kind, count) for kind, count in needs.truncations}
        bits = [self.share(self._numbers(needs.comparisons, 1)) for _ in range(needs.comparison_bits - 1)]
        high = self.share(self._numbers(needs.comparisons, HIDING + 1))
        inputs = [self._numbers(needs.inputs) for _ in range(self._parties)]
        masks = [self.share(one) for one in inputs]
        return [
            Material(
                i, self.mac_keys[i], self._prime, (triples[0][i], triples[1][i], triples[2][i]),
                {kind: Masks(low[i], top[i]) for kind, (low, top) in truncations.items()},
                BitMasks(tuple(bit[i] for bit in bits), high[i]), [mask[i] for mask in masks], inputs[i],
            )
            for i in range(self._parties)
        ]  # fmt: skip

    def share(self, values: Sequence[int]) -> list[Shared]:
        """Each party's shares of these, with MACs."""
        macs = [value * self._alpha for value in values]
        parts = [(self._numbers(len(values)), self._numbers(len(values))) for _ in range(self._parties - 1)]
        last = [
            [(v - sum(shares)) % self._prime for v, *shares in zip(whole, *(part[side] for part in parts), strict=True)]
            for side, whole in enumerate((values, macs))
        ]
        return [Shared.of(v, g, self._prime) for v, g in [*parts, (last[0], last[1])]]

    def _truncations(self, kind: Truncation, count: int) -> tuple[list[Shared], list[Shared]]:
        low, high = self._numbers(count, kind.shift), self._numbers(count, kind.bits - kind.shift + HIDING)
        return self.share(low), self.share(high)

    def _numbers(self, count: int, bits: int = 0) -> list[mpz]:
        """Random numbers of so many bits; without, of the field (uniform, as the prime is just below a power of 2)."""
        return [mpz(number) for number in self._draw.many(count, bits or self._bits)]


def field_prime(bits: int) -> mpz:
    """The largest prime of that many bits.

    >>> int(field_prime(61)) == 2**61 - 1
    True
    """
    return gmpy2.prev_prime(mpz(1) << bits)
