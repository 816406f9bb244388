"""A protocol as a party sees it: it says something to all, and goes on when all have said theirs.

A party's protocol is a generator that yields an `Exchange` and is sent everybody's bytes for that step, its own
included, in the order of the parties. It opens no socket and knows no clock; whoever drives it carries bytes
(`party.Party`).

`Rounds` keeps a digest of all that was said, by all, so far. Everything that is to be unpredictable when something was
said is a hash of it, and every message carries it, so that parties that were told different things find out a step
later.
"""

from collections.abc import Generator
from hashlib import blake2b
from typing import NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")


class Exchange(NamedTuple):
    """What a party says to all at a step."""

    step: str
    body: bytes


#: A part of a protocol that ends with a T.
Steps: TypeAlias = Generator[Exchange, list[bytes], T]


class Rounds:
    """The steps of one run so far, seen by one party."""

    def __init__(self, session: bytes) -> None:
        self.session, self.count, self.digest = session, 0, blake2b(session, digest_size=32).digest()

    def exchange(self, step: str, body: bytes) -> Steps[list[bytes]]:
        """Says `body` to all and hears what all said."""
        bodies = yield Exchange(step, body)
        self.count += 1
        state = blake2b(self.digest, digest_size=32)
        for one in bodies:
            state.update(len(one).to_bytes(8, "big") + one)
        self.digest = state.digest()
        return bodies
