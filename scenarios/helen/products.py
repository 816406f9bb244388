"""The product of an iteration: w_i = A_i (b_i + rho (z - u_i)), made on ciphertexts by party i and proved to all.

With q_k = Enc(b_k + rho (z - u_i)_k), which everybody can make, w_j = prod_k q_k^(A_jk) H^(s_j). For random t, a hash
of everything, t A (q) = t w (Freivalds 1977): an inner product of d numbers, the first of which, A^T t, party i knows
and its commitment fixes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import CHALLENGE, RHO_FRACTION, SHARE_FRACTION
from scenarios.helen.cheating import Cheating
from scenarios.helen.paillier import Cipher, Draw, Secret
from scenarios.helen.proofs.equations import Decide
from scenarios.helen.proofs.inner_product import InnerProduct, InnerProductProof
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Reader, Writer


class Product(NamedTuple):
    """Ciphertexts of w (d) and their proof."""

    ciphertexts: Sequence[mpz]
    proof: InnerProductProof


class Products:
    """The products of a run under some terms."""

    def __init__(self, terms: Agreement) -> None:
        self.terms, budget = terms, terms.budget
        d, randomness = terms.features, (terms.key_bits + 1) // 2
        extra = CHALLENGE + d.bit_length()
        self._inverse_bits = budget.fraction + budget.inverse_bits
        self._proof = InnerProduct(d, self._inverse_bits + extra, randomness + extra, randomness + extra)

    def proof_size(self, ciphertext: int) -> int:
        """Bytes of a proof, with ciphertexts of so many bytes."""
        return self._proof.size(ciphertext)

    def summands(self, cipher: Cipher, moment: Sequence[mpz], differences: Sequence[mpz] | None) -> list[mpz]:
        """q: ciphertexts of b + rho (z - u), from those of b and z - u (None for 0)."""
        if differences is None:
            return list(moment)
        factor = self.terms.rho_scaled << (self.terms.budget.fraction - SHARE_FRACTION - RHO_FRACTION)
        scaled = (cipher.power(v, factor, factor.bit_length()) for v in differences)
        return [b * v % cipher.square for b, v in zip(moment, scaled, strict=True)]

    def make(
        self, cipher: Cipher, inverse: Sequence[Secret], summands: Sequence[mpz], transcript: Transcript, draw: Draw
    ) -> Product:
        """One's own product; `inverse` is A, row by row, with its randomness."""
        d, bits = self.terms.features, cipher.randomness_bits
        hidden = [draw(bits) for _ in range(d)]
        made = [
            cipher.combine(summands, [one.plain for one in inverse[j * d : (j + 1) * d]], self._inverse_bits)
            * cipher.of(0, hidden[j], bits) % cipher.square
            for j in range(d)
        ]  # fmt: skip
        t = _rows(transcript, made)
        known = [Cipher.combined(inverse[k::d], t) for k in range(d)]
        remainder = sum(x * s for x, s in zip(t, hidden, strict=True))
        return Product(made, self._proof.prove(cipher, known, summands, remainder, transcript, draw))

    def verify(
        self, cipher: Cipher, party: int, inverse: Sequence[mpz], summands: Sequence[mpz], product: Product,
        transcript: Transcript, decide: Decide, draw: Draw,
    ) -> None:  # fmt: skip
        """Raises `Cheating`, naming `party`, if that is not its product."""
        d = self.terms.features
        t = _rows(transcript, product.ciphertexts)
        known = [cipher.combine(inverse[k::d], t, CHALLENGE) for k in range(d)]
        result = cipher.combine(product.ciphertexts, t, CHALLENGE)
        if not decide(cipher, self._proof.equations(known, summands, result, product.proof, transcript), draw):
            raise Cheating("product", party, f"party {party} does not prove its product")

    def write(self, product: Product, out: Writer) -> None:
        """As bytes."""
        out.ciphertexts(product.ciphertexts)
        self._proof.write(product.proof, out)

    def read(self, data: Reader) -> Product:
        """What was written."""
        return Product(data.ciphertexts(self.terms.features), self._proof.read(data))


def _rows(transcript: Transcript, made: Sequence[mpz]) -> list[int]:
    transcript.absorb("product", made)
    return transcript.challenges("t", len(made))
