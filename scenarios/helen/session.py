"""A run made ready: everything that a dealer and the parties do before the first message.

The dealer deals keys and SPDZ material, each party turns its rows into a summary; what belongs to a party is put in an
object of its own (`protocol.Secrets`), and no object holds two parties' secrets once they are dealt.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.helen.agreement import Agreement
from scenarios.helen.draws import Draws
from scenarios.helen.paillier import Cipher, KeyShare, PublicKey, deal_keys
from scenarios.helen.powers import FixedBase
from scenarios.helen.preparation import check_rows, decompose
from scenarios.helen.protocol import Protocol, Secrets
from scenarios.helen.spdz.dealer import Dealer
from scenarios.helen.summary import SummaryNumbers, whole_summary
from scenarios.helen.update import needs
from sim.errors import UserError
from sim.rng import Streams

#: A party's rows: X (n_i x d) and y (n_i).
Rows = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Keys:
    """A party set's key, set up once: what is public, each party's share, and the table of the public base."""

    public: PublicKey
    shares: tuple[KeyShare, ...]
    table: FixedBase

    @classmethod
    def deal(cls, parties: int, bits: int, streams: Streams) -> "Keys":
        """A new key; seconds at 2048 bits."""
        public, shares = deal_keys(parties, bits, Draws(streams, "dealer", "keys"))
        return cls(public, tuple(shares), FixedBase(public.hiding_base, public.n * public.n))


def summaries(terms: Agreement, rows: Sequence[Rows]) -> list[SummaryNumbers]:
    """Each party's summary. Raises `UserError` for terms or rows that cannot work."""
    terms.check()
    if len(rows) != terms.parties:
        raise UserError(f"there are rows of {len(rows)} parties, and terms for {terms.parties}")
    for party, (X, y) in enumerate(rows):
        check_rows(X, y, party)
        if X.shape != (terms.rows[party], terms.features):
            raise UserError(f"party {party} has rows of shape {X.shape}, and agreed on {terms.rows[party]} rows of "
                            f"{terms.features} features")  # fmt: skip
    return [whole_summary(decompose(X, y, terms.total_rows), terms) for X, y in rows]


def protocols(terms: Agreement, rows: Sequence[Rows], keys: Keys, streams: Streams) -> list[Protocol]:
    """Every party, ready to say its first words. Raises `UserError` for terms or rows that cannot work."""
    made = summaries(terms, rows)
    if (len(keys.shares), int(keys.public.n.bit_length())) != (terms.parties, terms.key_bits):
        raise UserError(f"the key is for {len(keys.shares)} parties and has {keys.public.n.bit_length()} bits; "
                        f"agreed are {terms.parties} parties and {terms.key_bits} bits")  # fmt: skip
    material = Dealer(terms.parties, terms.prime, Draws(streams, "dealer", "spdz")).deal(needs(terms))
    return [
        Protocol(terms, Cipher(keys.public, keys.table), Secrets(share, summary, dealt, Draws(streams, "party", party)))
        for party, (share, summary, dealt) in enumerate(zip(keys.shares, made, material, strict=True))
    ]
