"""Masks under which numbers cross between ciphertexts and shares; all are committed to before a run begins.

For K iterations of m d products w_i and K - 1 of m d differences z - u_i, a party draws

- a mask of each product (`Budget.slot_bits` less what sums need), encrypted in packs of `Budget.slots`;
- a mask of each difference, encrypted by itself, as it has to be taken off a ciphertext again;
- one mask of the final check,

proves each kind in range and known to it (or it could send the inverse of another's mask), and inputs all into SPDZ.
That what it encrypts is what it inputs, nobody checks here: the final check compares what was converted, not the masks.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import HIDING
from scenarios.helen.cheating import Cheating
from scenarios.helen.paillier import Cipher, Draw, Opened
from scenarios.helen.proofs.equations import Decide
from scenarios.helen.proofs.interval import Interval, IntervalProof
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Reader, Writer

KINDS = ("products", "differences", "final")


class MaskNumbers(NamedTuple):
    """A party's masks, none negative: K m d of products, (K - 1) m d of differences, and one."""

    products: list[int]
    differences: list[int]
    final: list[int]


class MaskCommitment(NamedTuple):
    """Ciphertexts and proofs, each in the order of KINDS; proofs of nothing are None."""

    ciphertexts: tuple[Sequence[mpz], ...]
    proofs: tuple[IntervalProof | None, ...]


class Masks:
    """The masks of a run under some terms."""

    def __init__(self, terms: Agreement) -> None:
        self.terms, budget = terms, terms.budget
        self.per_iteration = terms.parties * terms.features
        packs = terms.iterations * budget.packed(self.per_iteration)
        n = terms.key_bits
        self.intervals = (
            Interval(packs, budget.slots * budget.slot_bits, n),
            Interval((terms.iterations - 1) * self.per_iteration, budget.return_mask_bits, n),
            Interval(1, budget.final_mask_bits, n),
        )

    def numbers(self, draw: Draw) -> MaskNumbers:
        """New masks."""
        budget, K = self.terms.budget, self.terms.iterations
        return MaskNumbers(
            [draw(budget.worst_product_bits + HIDING) for _ in range(K * self.per_iteration)],
            [draw(budget.return_mask_bits) for _ in range((K - 1) * self.per_iteration)],
            [draw(budget.final_mask_bits)],
        )

    def encrypt(self, cipher: Cipher, numbers: MaskNumbers, draw: Draw) -> list[list[Opened]]:
        """In the order of KINDS."""
        size = self.per_iteration
        packs = [
            pack
            for k in range(self.terms.iterations)
            for pack in packed(numbers.products[k * size : (k + 1) * size], self.terms)
        ]
        return [[cipher.encrypt(one, draw) for one in kind] for kind in (packs, numbers.differences, numbers.final)]

    def prove(
        self, cipher: Cipher, opened: Sequence[Sequence[Opened]], transcript: Transcript, draw: Draw
    ) -> MaskCommitment:
        """What others get."""
        proofs = tuple(
            interval.prove(cipher, kind, transcript, draw) if kind else None
            for interval, kind in zip(self.intervals, opened, strict=True)
        )
        return MaskCommitment(tuple([one.ciphertext for one in kind] for kind in opened), proofs)

    def verify(
        self, cipher: Cipher, party: int, commitment: MaskCommitment, transcript: Transcript, decide: Decide, draw: Draw
    ) -> None:
        """Raises `Cheating`, naming `party`, if a proof is not one."""
        for name, interval, ciphertexts, proof in zip(KINDS, self.intervals, *commitment, strict=True):
            if proof is not None:
                equations = interval.equations(ciphertexts, proof, transcript)
                if equations is None or not decide(cipher, equations, draw):
                    raise Cheating(
                        "mask interval", party, f"party {party} does not prove that its {name} masks are in range"
                    )

    def write(self, commitment: MaskCommitment, out: Writer) -> None:
        """As bytes."""
        for interval, ciphertexts, proof in zip(self.intervals, *commitment, strict=True):
            out.ciphertexts(ciphertexts)
            if proof is not None:
                interval.write(proof, out)

    def read(self, data: Reader) -> MaskCommitment:
        """What was written."""
        read = [
            (data.ciphertexts(interval.length), interval.read(data) if interval.length else None)
            for interval in self.intervals
        ]
        return MaskCommitment(tuple(c for c, _ in read), tuple(p for _, p in read))


def packed(numbers: Sequence[int], terms: Agreement) -> list[int]:
    """Numbers, none negative, side by side in slots."""
    slots, width = terms.budget.slots, terms.budget.slot_bits
    return [
        sum(number << (place * width) for place, number in enumerate(numbers[start : start + slots]))
        for start in range(0, len(numbers), slots)
    ]


def unpacked(packs: Sequence[int], count: int, terms: Agreement) -> list[int]:
    """The numbers that were packed; what exceeds the last slot stays with it."""
    slots, width = terms.budget.slots, terms.budget.slot_bits
    found = list[int]()
    for pack in packs:
        size = min(slots, count - len(found))
        found += [(pack >> (place * width)) & ((1 << width) - 1) for place in range(size - 1)]
        found.append(pack >> ((size - 1) * width))
    return found
