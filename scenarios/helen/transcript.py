"""Fiat-Shamir: challenges that are a hash of the whole statement, of what was committed, and of who proves it when.

A transcript begins with a context (session, party, step), so that a proof is worth nothing in another run, from another
party or at another step. All that it absorbs is labelled and its length written before it.

>>> one, other = Transcript(b"session", 1, "inputs"), Transcript(b"session", 2, "inputs")
>>> one.absorb("c", [7, 8]); other.absorb("c", [7, 8])
>>> one.challenge("e", 16) == other.challenge("e", 16)
False
"""

from collections.abc import Iterable
from hashlib import blake2b, shake_256

from scenarios.helen.bit_budget import CHALLENGE


class Transcript:
    """What a proof is bound to so far."""

    def __init__(self, session: bytes, party: int, step: str) -> None:
        self._state = blake2b(b"helen")
        self._add(session)
        self._add(f"{party}/{step}".encode())

    def absorb(self, label: str, numbers: Iterable[int]) -> None:
        """Binds these numbers, in this order."""
        self._add(label.encode())
        for number in numbers:
            whole = int(number)
            self._add(whole.to_bytes(whole.bit_length() // 8 + 1, "big", signed=True))
        self._add(b"end")

    def challenge(self, label: str, bits: int = CHALLENGE) -> int:
        """A number of `bits` bits that depends on all that was absorbed, and on `label`."""
        return self.challenges(label, 1, bits)[0]

    def challenges(self, label: str, count: int, bits: int = CHALLENGE) -> list[int]:
        """`count` numbers of `bits` bits (a multiple of 8)."""
        self._add(label.encode())
        width = bits // 8
        stream = shake_256(self._state.digest()).digest(count * width)
        return [int.from_bytes(stream[i : i + width], "big") for i in range(0, count * width, width)]

    def _add(self, data: bytes) -> None:
        self._state.update(len(data).to_bytes(8, "big") + data)
