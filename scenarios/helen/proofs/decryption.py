"""A proof that partial decryptions are right, for a whole vector at once: equality of logarithms among squares.

Statement: P_k = (c_k^2)^s for all k, with the s that v_i = v^s commits the party to. Weights of CHALLENGE bits, a hash
of *all* c_k and P_k, fold the vector into c = prod (c_k^2)^(rho_k) and P = prod P_k^(rho_k), so that no two errors can
cancel; then

    X = c^y, Y = v^y;  e = hash;  z = y + e s;  check  c^(2 z) = X^2 P^(2 e)  and  v^(2 z) = Y^2 v_i^(2 e)

(Chaum, Pedersen 1992, with a response over the whole numbers; Shoup 2000). Both are checked between squares, where no
element has a small order, so the fold is sound; a P_k with the wrong sign passes, and is borne by `Cipher.opened`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.bit_budget import CHALLENGE, HIDING
from scenarios.helen.paillier import Cipher, Draw, KeyShare
from scenarios.helen.powers import power
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Reader, Writer


class DecryptionProof(NamedTuple):
    """Commitments X and Y, and the answer z."""

    ciphertext_commitment: mpz
    key_commitment: mpz
    answer: int


class Decryption(NamedTuple):
    """The lengths of a proof under a modulus of so many bits."""

    modulus_bits: int

    @property
    def answer_bits(self) -> int:
        """Of the answer: one more than its mask."""
        return 2 * self.modulus_bits + CHALLENGE + HIDING + 1

    def prove(
        self, cipher: Cipher, ciphertexts: Sequence[mpz], partials: Sequence[mpz], share: KeyShare,
        transcript: Transcript, draw: Draw,
    ) -> DecryptionProof:  # fmt: skip
        """The proof for partial decryptions of one's own."""
        c, _ = _folded(cipher, ciphertexts, (), _weights(transcript, ciphertexts, partials))
        mask = draw(self.answer_bits - 1)
        X = cipher.power(c, mask, self.answer_bits)
        Y = cipher.power(cipher.key.verification_base, mask, self.answer_bits)
        return DecryptionProof(X, Y, int(mask + _challenge(transcript, X, Y) * share.exponent))

    def holds(
        self, cipher: Cipher, party: int, ciphertexts: Sequence[mpz], partials: Sequence[mpz], proof: DecryptionProof,
        transcript: Transcript,
    ) -> bool:  # fmt: skip
        """Whether the partial decryptions are those of `party`."""
        c, P = _folded(cipher, ciphertexts, partials, _weights(transcript, ciphertexts, partials))
        e = _challenge(transcript, proof.ciphertext_commitment, proof.key_commitment)
        key = cipher.key.verification_keys[party]
        sides = ((c, P, proof.ciphertext_commitment), (cipher.key.verification_base, key, proof.key_commitment))
        return all(self._equal(cipher, base, image, commitment, e, proof.answer) for base, image, commitment in sides)

    def write(self, proof: DecryptionProof, out: Writer) -> None:
        """The proof as bytes."""
        out.ciphertexts((proof.ciphertext_commitment, proof.key_commitment))
        out.integers((proof.answer,), self.answer_bits)

    def read(self, data: Reader) -> DecryptionProof:
        """The proof that was written."""
        X, Y = data.ciphertexts(2)
        return DecryptionProof(X, Y, data.integers(1, self.answer_bits)[0])

    def _equal(self, cipher: Cipher, base: mpz, image: mpz, commitment: mpz, e: int, z: int) -> bool:
        n = cipher.square
        left = power(base * base % n, z, self.answer_bits, n, cipher.meter)
        right = commitment * commitment % n * power(image * image % n, e, CHALLENGE, n, cipher.meter) % n
        return bool(left == right)


def _folded(
    cipher: Cipher, ciphertexts: Sequence[mpz], partials: Sequence[mpz], weights: Sequence[int]
) -> tuple[mpz, mpz]:
    c = cipher.combine(ciphertexts, weights, CHALLENGE)
    return c * c % cipher.square, cipher.combine(partials, weights[: len(partials)], CHALLENGE)


def _weights(transcript: Transcript, ciphertexts: Sequence[mpz], partials: Sequence[mpz]) -> list[int]:
    transcript.absorb("ciphertexts", ciphertexts)
    transcript.absorb("partials", partials)
    return transcript.challenges("weights", len(ciphertexts))


def _challenge(transcript: Transcript, X: mpz, Y: mpz) -> int:
    transcript.absorb("commitments", (X, Y))
    return transcript.challenge("e")
