"""A batched interval proof: that n ciphertexts hold numbers that are small, and that the prover knows them.

Honest numbers satisfy |x_k| < 2^bits. The prover commits to 128 masks y_j in ciphertexts a_j; the challenge is a 0/1
matrix E (128 x n), a hash of everything; the answers are z_j = y_j + sum_k E_jk x_k over the whole numbers, and the
same sums of randomness. A verifier checks |z_j| < 2^(bits + log2 n + HIDING + 8) and  a_j prod_k c_k^(E_jk) = Enc(z_j;
t_j).

Why it shows a bound. A ciphertext determines its number modulo N, and row j shows that z_j is y_j + sum_k E_jk x_k
modulo N. If one |x_k|, centred, is 2^(bits + log2 n + HIDING + 9) or more, then whatever the other entries of row j
are, z_j is in the interval for at most one of E_jk = 0 and 1, since both differ by x_k; so a row passes with
probability at most 1/2 and all with 2^-128. There is no gap of fractions, as the difference of two challenges at one
entry is 1. What is overstated is `Budget.slack` = log2 n + HIDING + 9 bits. And why it hides: y_j is HIDING + 7 bits
longer than the sum that it covers, so all rows together are within 2^-HIDING of answers that know nothing.

The idea, masked random subset sums, is that of amortised proofs (Cramer, Damgard 2009) with the plain counting argument
above instead of extraction from two challenges. Per ciphertext it costs the verifier one exponent of 128 + 7 bits in a
product of powers, and the prover nothing; the 128 rows are encrypted once.
"""

from collections.abc import Sequence
from math import ceil, log2
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.bit_budget import HIDING, ROWS
from scenarios.helen.paillier import Cipher, Draw, Opened
from scenarios.helen.powers import Powers
from scenarios.helen.proofs.equations import Equation
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Reader, Writer


class IntervalProof(NamedTuple):
    """Commitments a_j, answers z_j and the sums of randomness t_j; 128 of each."""

    commitments: tuple[mpz, ...]
    answers: tuple[int, ...]
    randomness: tuple[int, ...]


class Interval(NamedTuple):
    """The lengths of a proof that `length` numbers are below 2^`bits`."""

    length: int
    bits: int
    modulus_bits: int

    @property
    def _sum_bits(self) -> int:
        return ceil(log2(max(self.length, 2))) + HIDING + 7

    @property
    def answer_bits(self) -> int:
        """Of an answer: one more than its mask."""
        return self.bits + self._sum_bits + 1

    @property
    def randomness_bits(self) -> int:
        """Of an answer's randomness."""
        return (self.modulus_bits + 1) // 2 + self._sum_bits + 1

    @property
    def proved_bits(self) -> int:
        """What is shown of every number."""
        return self.answer_bits + 1

    def prove(self, cipher: Cipher, secrets: Sequence[Opened], transcript: Transcript, draw: Draw) -> IntervalProof:
        """The proof for these ciphertexts of one's own."""
        masks = [(draw(self.answer_bits - 1), draw(self.randomness_bits - 1)) for _ in range(ROWS)]
        commitments = tuple(cipher.of(y, s, self.randomness_bits) for y, s in masks)
        matrix = _matrix(transcript, [one.ciphertext for one in secrets], commitments)
        chosen = [[one for one, bit in zip(secrets, row, strict=True) if bit] for row in matrix]
        return IntervalProof(
            commitments,
            tuple(y + sum(one.secret.plain for one in row) for (y, _), row in zip(masks, chosen, strict=True)),
            tuple(s + sum(one.secret.randomness for one in row) for (_, s), row in zip(masks, chosen, strict=True)),
        )

    def equations(
        self, ciphertexts: Sequence[mpz], proof: IntervalProof, transcript: Transcript
    ) -> list[Equation] | None:
        """What is to hold, a row each; None if an answer is out of range."""
        if any(abs(z) >= 1 << self.answer_bits for z in proof.answers):
            return None
        matrix = _matrix(transcript, ciphertexts, proof.commitments)
        return [
            Equation(
                (Powers((a, *(c for c, bit in zip(ciphertexts, row, strict=True) if bit)), (1,) * (1 + sum(row)), 1),),
                z, t, self.randomness_bits,
            )
            for a, row, z, t in zip(proof.commitments, matrix, proof.answers, proof.randomness, strict=True)
        ]  # fmt: skip

    def write(self, proof: IntervalProof, out: Writer) -> None:
        """The proof as bytes."""
        out.ciphertexts(proof.commitments)
        out.integers(proof.answers, self.answer_bits)
        out.integers(proof.randomness, self.randomness_bits)

    def read(self, data: Reader) -> IntervalProof:
        """The proof that was written."""
        whole_bytes = 8 * (self.answer_bits // 8) + 7  # an answer that is too long is for `equations` to refuse
        return IntervalProof(
            tuple(data.ciphertexts(ROWS)),
            tuple(data.integers(ROWS, whole_bytes)),
            tuple(data.integers(ROWS, self.randomness_bits)),
        )


def _matrix(transcript: Transcript, ciphertexts: Sequence[mpz], commitments: Sequence[mpz]) -> list[list[int]]:
    """E, row by row."""
    transcript.absorb("statement", ciphertexts)
    transcript.absorb("commitments", commitments)
    width = 8 * ceil(len(ciphertexts) / 8)
    rows = transcript.challenges("rows", ROWS, width)
    return [[(row >> k) & 1 for k in range(len(ciphertexts))] for row in rows]
