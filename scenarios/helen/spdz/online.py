"""The online phase of one party: inputs, openings, products, and the MAC check that all openings wait for.

Opening is telling all one's share. Nothing is checked then; `check` later opens a random combination of all that is
wrong with the MACs of what was opened, behind commitments, and it is 0 for honest openings only (Damgard et al. 2013,
figure 4).
"""

from collections.abc import Sequence
from hashlib import blake2b, shake_256

from gmpy2 import mpz

from scenarios.helen.cheating import Cheating
from scenarios.helen.paillier import Draw
from scenarios.helen.rounds import Rounds, Steps
from scenarios.helen.spdz.dealer import Material
from scenarios.helen.spdz.shared import Shared, joined

_NONCE = 32


class Spdz:
    """One party's side of it."""

    def __init__(self, material: Material, rounds: Rounds, draw: Draw) -> None:
        self.material, self.prime = material, material.prime
        self._rounds, self._draw = rounds, draw
        self._width = (int(material.prime.bit_length()) + 7) // 8
        self._unchecked: list[tuple[mpz, mpz]] = []
        self.triples = 0

    def constant(self, values: Sequence[int]) -> Shared:
        """Public numbers as shared ones."""
        first = self.material.party == 0
        return Shared.of(
            [v if first else 0 for v in values], [v * self.material.mac_key for v in values], self.prime
        )  # fmt: skip

    def open(self, step: str, shared: Shared) -> Steps[list[mpz]]:
        """What these are, between 0 and the prime; to be believed after the check."""
        bodies = yield from self._rounds.exchange(step, self.encoded(shared.values))
        return self.opened(step, bodies, shared)

    def opened(self, step: str, bodies: Sequence[bytes], shared: Shared) -> list[mpz]:
        """What all shares say that `shared` is; remembered for the check."""
        told = [self.decoded(step, party, body, len(shared)) for party, body in enumerate(bodies)]
        values = [sum(shares) % self.prime for shares in zip(*told, strict=True)]
        self._unchecked.extend(zip(values, shared.macs, strict=True))
        return values

    def multiply(self, step: str, left: Shared, right: Shared) -> Steps[Shared]:
        """Products, entry by entry (Beaver 1991): a triple and two openings each, all in one step."""
        count = len(left)
        a, b, c = self.material.take_triples(count)
        self.triples += count
        opened = yield from self.open(step, joined([left - a, right - b]))
        e, f = opened[:count], opened[count:]
        ef = self.constant([x * y for x, y in zip(e, f, strict=True)])
        return c + b.scaled(e) + a.scaled(f) + ef

    def inputs(self, values: Sequence[int]) -> bytes:
        """What to tell all so that these become shared: each less a mask that only this party knows."""
        self._masks, own = self.material.take_inputs(len(values))
        return self.encoded([(value - mask) % self.prime for value, mask in zip(values, own, strict=True)])

    def shared_inputs(self, step: str, bodies: Sequence[bytes]) -> list[Shared]:
        """Everybody's inputs, from what all told."""
        return [
            mask + self.constant(self.decoded(step, party, body, len(mask)))
            for party, (body, mask) in enumerate(zip(bodies, self._masks, strict=True))
        ]

    def check(self, step: str) -> Steps[None]:
        """Raises `Cheating` if anything that was opened since the last check is not what it was shared as."""
        weights = self._weights(len(self._unchecked))
        wrong = mpz(0)
        for weight, (value, mac) in zip(weights, self._unchecked, strict=True):
            wrong += weight * (mac - self.material.mac_key * value)
        told = self.encoded([wrong % self.prime]) + self._draw(8 * _NONCE).to_bytes(_NONCE, "big")
        commitments = yield from self._rounds.exchange(f"{step} commit", _commitment(self.material.party, told))
        bodies = yield from self._rounds.exchange(f"{step} open", told)
        total = mpz(0)
        for party, (commitment, body) in enumerate(zip(commitments, bodies, strict=True)):
            if _commitment(party, body) != commitment:
                raise Cheating(
                    "MAC commitment", party, f"party {party} opened another MAC difference than it committed to"
                )
            total += self.decoded(step, party, body[:-_NONCE], 1)[0]
        if total % self.prime:
            raise Cheating("MAC check", None, "a number was opened that is not what was shared")
        self._unchecked.clear()

    def encoded(self, values: Sequence[mpz]) -> bytes:
        """Numbers of the field as bytes."""
        return b"".join(int(value).to_bytes(self._width, "big") for value in values)

    def decoded(self, step: str, party: int, body: bytes, count: int) -> list[mpz]:
        """The numbers that `party` sent; raises `Cheating` if they are not so many numbers of the field."""
        if len(body) != count * self._width:
            size = count * self._width
            raise Cheating(
                "malformed message", party, f"{step}: party {party} sent {len(body)} bytes instead of {size}"
            )
        numbers = [mpz(int.from_bytes(body[i : i + self._width], "big")) for i in range(0, len(body), self._width)]
        if any(number >= self.prime for number in numbers):
            raise Cheating("malformed message", party, f"{step}: party {party} sent a number that is not of the field")
        return numbers

    def _weights(self, count: int) -> list[int]:
        stream = shake_256(b"weights" + self._rounds.digest).digest(count * self._width)
        return [int.from_bytes(stream[i : i + self._width], "big") for i in range(0, len(stream), self._width)]


def _commitment(party: int, told: bytes) -> bytes:
    """Bound to who makes it: a copy of another's is none of one's own."""
    return blake2b(party.to_bytes(2, "big") + told, digest_size=32).digest()
