"""A proof that a ciphertext holds the inner product of two vectors, the first of which the prover knows.

Statement: ciphertexts A_k of a_k, B_k of b_k and C, with Dec(C) = sum_k a_k b_k modulo N. The prover knows a_k, the randomness s_k
of A_k, and r with C = prod_k B_k^(a_k) H^r. A vector of length 1 is the multiplication proof of Cramer, Damgard, Nielsen
(Eurocrypt 2001); longer ones need neither the single products nor a proof that they add up:

    X_k = Enc(x_k; u_k), Y = prod_k B_k^(x_k) H^y;  e = hash;  w_k = x_k + e a_k, z_k = u_k + e s_k, q = y + e r  (whole numbers)
    check  X_k A_k^e = Enc(w_k; z_k)  and  Y C^e prod_k B_k^(-w_k) = H^(-q)

Answers to two challenges give a_k = (w_k - w'_k) / (e - e') modulo N for all k, and then C is what it should be: the relation
holds modulo N exactly, whatever the lengths. Masks are HIDING bits longer than CHALLENGE times what they cover.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.bit_budget import CHALLENGE, HIDING
from scenarios.helen.paillier import Cipher, Draw, Opened
from scenarios.helen.proofs.equations import Equation, Terms
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Reader, Writer


class InnerProductProof(NamedTuple):
    """Commitments X_k and Y; answers w_k, z_k and q."""

    commitments: tuple[mpz, ...]
    product: mpz
    answers: tuple[int, ...]
    randomness: tuple[int, ...]
    remainder: int


class InnerProduct(NamedTuple):
    """The lengths of a proof: `plain_bits` of a_k, `randomness_bits` of s_k, `remainder_bits` of r."""

    length: int
    plain_bits: int
    randomness_bits: int
    remainder_bits: int

    def prove(
        self, cipher: Cipher, known: Sequence[Opened], others: Sequence[mpz], result: mpz, remainder: int,
        transcript: Transcript, draw: Draw,
    ) -> InnerProductProof:  # fmt: skip
        """The proof that `result` = prod others^(known) H^remainder."""
        plain, hidden = self._answer_bits
        masks = [(draw(plain - 1), draw(hidden - 1)) for _ in known]
        commitments = tuple(cipher.of(x, u, hidden) for x, u in masks)
        last = draw(self._last_bits - 1)
        product = cipher.combine(others, [x for x, _ in masks], plain) * cipher.of(0, last, self._last_bits)
        product %= cipher.square
        e = _challenge(transcript, [one.ciphertext for one in known], others, result, commitments, product)
        return InnerProductProof(
            commitments,
            product,
            tuple(x + e * one.plain for (x, _), one in zip(masks, known, strict=True)),
            tuple(u + e * one.randomness for (_, u), one in zip(masks, known, strict=True)),
            last + e * remainder,
        )

    def equations(
        self, known: Sequence[mpz], others: Sequence[mpz], result: mpz, proof: InnerProductProof, transcript: Transcript
    ) -> list[Equation]:
        """What is to hold: an equation for each a_k, and one for the product."""
        e = _challenge(transcript, known, others, result, proof.commitments, proof.product)
        plain, hidden = self._answer_bits
        single = [
            Equation((Terms((X,), (1,), 1), Terms((A,), (e,), CHALLENGE)), w, z, hidden)
            for X, A, w, z in zip(proof.commitments, known, proof.answers, proof.randomness, strict=True)
        ]
        terms = (
            Terms((proof.product,), (1,), 1),
            Terms((result,), (e,), CHALLENGE),
            Terms(others, [-w for w in proof.answers], plain),
        )
        return [*single, Equation(terms, 0, proof.remainder, self._last_bits)]

    def write(self, proof: InnerProductProof, out: Writer) -> None:
        """The proof as bytes."""
        plain, hidden = self._answer_bits
        out.ciphertexts((*proof.commitments, proof.product))
        out.integers(proof.answers, plain)
        out.integers(proof.randomness, hidden)
        out.integers((proof.remainder,), self._last_bits)

    def read(self, data: Reader) -> InnerProductProof:
        """The proof that was written."""
        plain, hidden = self._answer_bits
        *commitments, product = data.ciphertexts(self.length + 1)
        answers, randomness = data.integers(self.length, plain), data.integers(self.length, hidden)
        return InnerProductProof(
            tuple(commitments), product, tuple(answers), tuple(randomness), data.integers(1, self._last_bits)[0]
        )

    @property
    def _answer_bits(self) -> tuple[int, int]:
        """Of an answer and of its randomness: one more than their masks."""
        return self.plain_bits + CHALLENGE + HIDING + 1, self.randomness_bits + CHALLENGE + HIDING + 1

    @property
    def _last_bits(self) -> int:
        return self.remainder_bits + CHALLENGE + HIDING + 1


def _challenge(
    transcript: Transcript, known: Sequence[mpz], others: Sequence[mpz], result: mpz, commitments: Sequence[mpz], product: mpz
) -> int:  # fmt: skip
    transcript.absorb("known", known)
    transcript.absorb("others", others)
    transcript.absorb("result", (result,))
    transcript.absorb("commitments", (*commitments, product))
    return transcript.challenge("e")
