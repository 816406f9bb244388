"""A proof that a ciphertext holds the inner product of two vectors, the first of which the prover knows.

Statement: ciphertexts A_k of a_k, B_k of b_k and C, with Dec(C) = sum_k a_k b_k modulo N. The prover knows a_k, the
randomness s_k of A_k, and r with C = prod_k B_k^(a_k) H^r. A vector of length 1 is the multiplication proof of Cramer,
Damgard, Nielsen (Eurocrypt 2001); longer ones need neither the single products nor a proof that they add up:

    X_k = Enc(x_k; u_k), Y = prod_k B_k^(x_k) H^y;  e = hash;  w_k = x_k + e a_k, z_k = u_k + e s_k, q = y + e r
    (whole numbers) check  X_k A_k^e = Enc(w_k; z_k)  and  Y C^e prod_k B_k^(-w_k) = H^(-q)

Answers to two challenges give a_k = (w_k - w'_k) / (e - e') modulo N for all k, and then C is what it should be: the
relation holds modulo N exactly, whatever the lengths. Masks are HIDING bits longer than CHALLENGE times what they
cover.

The transcript must have absorbed what A, B and C follow from before it is handed in; only commitments are absorbed
here. So a prover whose A_k are combinations of its own ciphertexts needs plaintexts and randomness of them and no
power; and one who knows b_k too has Y as an encryption.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.bit_budget import CHALLENGE, HIDING
from scenarios.helen.paillier import Cipher, Draw, Secret
from scenarios.helen.powers import Powers
from scenarios.helen.proofs.equations import Equation
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
        self, cipher: Cipher, known: Sequence[Secret], others: Sequence[mpz], remainder: int,
        transcript: Transcript, draw: Draw,
    ) -> InnerProductProof:  # fmt: skip
        """The proof that C = prod others^(known) H^remainder."""
        masks = self._masks(len(known), draw)
        product = cipher.combine(others, [mask.plain for mask in masks], self._answer_bits[0])
        return self._proof(cipher, known, masks, product, remainder, transcript, draw)

    def prove_all_known(
        self, cipher: Cipher, known: Sequence[Secret], others: Sequence[Secret], hidden: int,
        transcript: Transcript, draw: Draw,
    ) -> InnerProductProof:  # fmt: skip
        """The proof of a prover who knows both vectors, and the randomness `hidden` of C."""
        masks = self._masks(len(known), draw)
        product = Secret(
            *(sum(mask.plain * one[side] for mask, one in zip(masks, others, strict=True)) for side in (0, 1))
        )
        bits = self.remainder_bits + CHALLENGE + HIDING
        remainder = hidden - sum(a.plain * b.randomness for a, b in zip(known, others, strict=True))
        committed = cipher.of(product.plain, product.randomness, bits)
        return self._proof(cipher, known, masks, committed, remainder, transcript, draw)

    def _masks(self, count: int, draw: Draw) -> list[Secret]:
        plain, hidden = self._answer_bits
        return [Secret(draw(plain - 1), draw(hidden - 1)) for _ in range(count)]

    def _proof(
        self, cipher: Cipher, known: Sequence[Secret], masks: Sequence[Secret], product: mpz, remainder: int,
        transcript: Transcript, draw: Draw,
    ) -> InnerProductProof:  # fmt: skip
        hidden, last = self._answer_bits[1], draw(self._last_bits - 1)
        commitments = tuple(cipher.of(mask.plain, mask.randomness, hidden) for mask in masks)
        product = product * cipher.of(0, last, self._last_bits) % cipher.square
        e = _challenge(transcript, commitments, product)
        answers = [(mask.plain + e * one.plain, mask.randomness + e * one.randomness)
                   for mask, one in zip(masks, known, strict=True)]  # fmt: skip
        plains, randoms = zip(*answers, strict=True)
        return InnerProductProof(commitments, product, plains, randoms, last + e * remainder)

    def equations(
        self, known: Sequence[mpz], others: Sequence[mpz], result: mpz, proof: InnerProductProof, transcript: Transcript
    ) -> list[Equation]:
        """What is to hold: an equation for each a_k, and one for the product."""
        e = _challenge(transcript, proof.commitments, proof.product)
        plain, hidden = self._answer_bits
        single = [
            Equation((Powers((X,), (1,), 1), Powers((A,), (e,), CHALLENGE)), w, z, hidden)
            for X, A, w, z in zip(proof.commitments, known, proof.answers, proof.randomness, strict=True)
        ]
        terms = (
            Powers((proof.product,), (1,), 1),
            Powers((result,), (e,), CHALLENGE),
            Powers(others, [-w for w in proof.answers], plain),
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

    def size(self, ciphertext: int) -> int:
        """Bytes of a proof, with ciphertexts of so many bytes."""
        plain, hidden = self._answer_bits
        answers = self.length * (plain // 8 + hidden // 8 + 2)
        return (self.length + 1) * ciphertext + answers + self._last_bits // 8 + 1

    @property
    def _answer_bits(self) -> tuple[int, int]:
        """Of an answer and of its randomness: one more than their masks."""
        return self.plain_bits + CHALLENGE + HIDING + 1, self.randomness_bits + CHALLENGE + HIDING + 1

    @property
    def _last_bits(self) -> int:
        return self.remainder_bits + CHALLENGE + HIDING + 1


def _challenge(transcript: Transcript, commitments: Sequence[mpz], product: mpz) -> int:
    transcript.absorb("commitments", (*commitments, product))
    return transcript.challenge("e")
