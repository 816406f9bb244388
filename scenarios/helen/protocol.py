"""The whole protocol as one party runs it: what it says at each step, and what it checks before it goes on.

    agree       nothing but the session, a digest of terms and key: who has others is found out before any cryptography
    inputs      commits to its summary, with proofs
    masks       commits to its masks, and inputs them into SPDZ
    K times     product -> decrypt -> (truncate, compare, threshold) -> return
    final       one joint decryption against one opening for all that crossed; the MAC check
    release     z is opened, and its own MAC check decides whether it is believed

Every ciphertext, proof and share of every other party is checked as it comes, and nothing that depends on it is said
before. Nothing about z is opened before the final check and the MAC check of everything else have passed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gmpy2 import mpz

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import CHALLENGE
from scenarios.helen.cheating import Cheating
from scenarios.helen.masks import MaskNumbers, Masks, unpacked
from scenarios.helen.paillier import Cipher, Draw, KeyShare
from scenarios.helen.products import Products
from scenarios.helen.proofs.decryption import Decryption, DecryptionProof
from scenarios.helen.proofs.equations import Decide, hold_together
from scenarios.helen.rounds import Rounds, Steps
from scenarios.helen.spdz.dealer import Material
from scenarios.helen.spdz.online import Spdz
from scenarios.helen.spdz.shared import Shared, joined
from scenarios.helen.summary import SummaryNumbers
from scenarios.helen.transcript import Transcript
from scenarios.helen.update import State, start, updated
from scenarios.helen.validity import Commitment, Validity, ciphertexts_of
from scenarios.helen.wire import Malformed, Reader, Writer

T = TypeVar("T")


@dataclass(frozen=True)
class Secrets:
    """What one party brings: its key share, its summary, the dealer's material, its random numbers."""

    share: KeyShare
    summary: SummaryNumbers
    material: Material
    draw: Draw


class Protocol:
    """One party's run."""

    def __init__(self, terms: Agreement, cipher: Cipher, secrets: Secrets, decide: Decide = hold_together) -> None:
        self.terms, self.cipher, self.secrets = terms, cipher, secrets
        self.party = secrets.share.party
        self.rounds = Rounds(terms.session(cipher.key))
        self.spdz = Spdz(secrets.material, self.rounds, secrets.draw)
        self._decide, self._draw = decide, secrets.draw
        self._validity, self._masks, self.products = Validity(terms), Masks(terms), Products(terms)
        self._decryption = Decryption(terms.key_bits)
        self._crossed: list[tuple[list[mpz], Shared]] = []

    def run(self) -> Steps[list[int]]:
        """The weights z (d) with SHARE_FRACTION bits after the point; raises `Cheating`."""
        bodies = yield from self.rounds.exchange("agree", b"")
        self._read_all("agree", bodies, lambda data: None)
        yield from self._prepare()
        yield from self._commit_masks()
        state, differences = start(self.spdz, self.terms), None
        for k in range(self.terms.iterations):
            step = f"iteration {k}"
            products = yield from self._multiply(step, differences)
            shared = yield from self._to_shares(step, k, products)
            state = yield from updated(self.spdz, self.terms, step, shared, state)
            if k + 1 < self.terms.iterations:
                differences = yield from self._to_ciphertexts(step, k, state)
        yield from self._compare_all()
        return (yield from self._release(state))

    def _prepare(self) -> Steps[None]:
        self.opened = self._validity.commit(self.cipher, self.secrets.summary, self._draw)
        proof = self._validity.prove(self.cipher, self.opened, self.transcript("inputs"), self._draw)
        out = Writer(self.terms.key_bits)
        self._validity.write(ciphertexts_of(self.opened), proof, out)
        transcripts = self._transcripts("inputs")
        bodies = yield from self.rounds.exchange("inputs", out.data())
        self._committed: list[Commitment] = []
        for party, (commitment, proved) in enumerate(self._read_all("inputs", bodies, self._validity.read)):
            self._committed.append(commitment)
            if party != self.party:
                self._check_units(party, "inputs", [one for kind in commitment.values() for one in kind])
                self._validity.verify(
                    self.cipher, party, commitment, proved, transcripts[party], self._decide, self._draw
                )  # fmt: skip

    def _commit_masks(self) -> Steps[None]:
        masks, self.mask_numbers = self._masks, self._masks.numbers(self._draw)
        said = self.mask_commitment(self.mask_numbers)
        split = len(said)
        inputs = self.spdz.inputs([one for kind in self.mask_numbers for one in kind])
        transcripts = self._transcripts("masks")
        bodies = yield from self.rounds.exchange("masks", said + inputs)
        commitments = self._read_all("masks", [body[:split] for body in bodies], masks.read)
        for party, commitment in enumerate(commitments):
            if party != self.party:
                self._check_units(party, "masks", [one for kind in commitment.ciphertexts for one in kind])
                masks.verify(self.cipher, party, commitment, transcripts[party], self._decide, self._draw)
        products, differences, final = zip(*(one.ciphertexts for one in commitments), strict=True)
        self._product_masks, self._difference_masks, self._final_masks = (
            [self.cipher.add(*same) for same in zip(*kind, strict=True)] for kind in (products, differences, final)
        )
        shared = self._read_all_shares("masks", [body[split:] for body in bodies])
        sizes = [len(kind) for kind in self.mask_numbers]
        self._shared_masks = [shared.part(sum(sizes[:i]), sum(sizes[: i + 1])) for i in range(3)]

    def mask_commitment(self, numbers: MaskNumbers) -> bytes:
        """These masks, encrypted and proved in range."""
        opened = self._masks.encrypt(self.cipher, numbers, self._draw)
        mine = self._masks.prove(self.cipher, opened, self.transcript("masks"), self._draw)
        out = Writer(self.terms.key_bits)
        self._masks.write(mine, out)
        return out.data()

    def _multiply(self, step: str, differences: list[mpz] | None) -> Steps[list[mpz]]:
        """Ciphertexts of all w_i in a row."""
        step, d = f"{step} product", self.terms.features
        summands = [
            self.products.summands(
                self.cipher, commitment["moment"],
                None if differences is None else differences[i * d : (i + 1) * d],
            )
            for i, commitment in enumerate(self._committed)
        ]  # fmt: skip
        self.summands = summands[self.party]
        inverse = [one.secret for one in self.opened["inverse"]]
        mine = self.products.make(
            self.cipher, inverse, self.summands, self.transcript(step), self._draw
        )  # fmt: skip
        out = Writer(self.terms.key_bits)
        self.products.write(mine, out)
        transcripts = self._transcripts(step)
        bodies = yield from self.rounds.exchange(step, out.data())
        products = self._read_all(step, bodies, self.products.read)
        for party, product in enumerate(products):
            if party != self.party:
                self._check_units(
                    party, step, [*product.ciphertexts, *product.proof.commitments, product.proof.product]
                )
                self.products.verify(
                    self.cipher, party, self._committed[party]["inverse"], summands[party], product, transcripts[party],
                    self._decide, self._draw,
                )  # fmt: skip
        return [one for product in products for one in product.ciphertexts]

    def _to_shares(self, step: str, k: int, products: list[mpz]) -> Steps[list[Shared]]:
        """The w_i, shared: opened together under the masks of all, which are taken off as shares."""
        terms, count, d = self.terms, len(products), self.terms.features
        budget, offset = terms.budget, 1 << terms.budget.worst_product_bits
        packs = budget.packed(count)
        masks = self._product_masks[k * packs : (k + 1) * packs]
        masked = [
            self._packed(products[start : start + budget.slots], offset) * mask % self.cipher.square
            for start, mask in zip(range(0, count, budget.slots), masks, strict=True)
        ]
        opened = yield from self._decrypt(f"{step} decrypt", masked)
        numbers = [one - offset for one in unpacked(opened, count, terms)]
        shared = self.spdz.constant(numbers) - self._shared_masks[0].part(k * count, (k + 1) * count)
        self._crossed.append((products, shared))
        return [shared.part(i * d, (i + 1) * d) for i in range(terms.parties)]

    def _packed(self, ciphertexts: Sequence[mpz], offset: int) -> mpz:
        """Numbers of either sign, made positive, side by side in one ciphertext."""
        width, cipher = self.terms.budget.slot_bits, self.cipher
        packed = mpz(1)
        for place, one in enumerate(reversed(ciphertexts)):
            raised = packed if place == 0 else cipher.power(packed, 1 << width, width)
            packed = raised * one * cipher.constant(offset) % cipher.square
        return packed

    def _to_ciphertexts(self, step: str, k: int, state: State) -> Steps[list[mpz]]:
        """All z - u_i as ciphertexts: opened under the masks of all, which are taken off as ciphertexts."""
        step, budget = f"{step} return", self.terms.budget
        count = self._masks.per_iteration
        shared = state.differences()
        masked = shared + self._shared_masks[1].part(k * count, (k + 1) * count)
        opened = yield from self.spdz.open(step, masked)
        numbers = [_centred(one, self.spdz.prime) for one in opened]
        if any(abs(one) >> (budget.return_mask_bits + budget.parties.bit_length()) for one in numbers):
            raise Cheating("return range", None, f"{step}: a masked number is longer than masks and number can be")
        masks = self._difference_masks[k * count : (k + 1) * count]
        inverses = [self.cipher.inverse(one) for one in masks]
        ciphertexts = [
            self.cipher.constant(one) * mask % self.cipher.square for one, mask in zip(numbers, inverses, strict=True)
        ]
        self._crossed.append((ciphertexts, shared))
        return ciphertexts

    def _compare_all(self) -> Steps[None]:
        """A random sum of all that crossed, decrypted and opened under one mask, must be the same modulo the prime."""
        ciphertexts = [one for crossed, _ in self._crossed for one in crossed]
        transcript = Transcript(self.rounds.digest, 0, "final")
        weights = transcript.challenges("weights", len(ciphertexts))
        total = self.cipher.combine(ciphertexts, weights, CHALLENGE) * self._final_masks[0] % self.cipher.square
        decrypted = (yield from self._decrypt("final decrypt", [total]))[0]
        crossed = joined([shared for _, shared in self._crossed]).scaled(weights)
        p = self.spdz.prime
        summed = Shared([sum(crossed.values) % p], [sum(crossed.macs) % p], p) + self._shared_masks[2]
        opened = (yield from self.spdz.open("final open", summed))[0]
        yield from self.spdz.check("final MAC")
        if (decrypted - opened) % p:
            raise Cheating("final check", None, "what was shared is not what ciphertexts hold")

    def _release(self, state: State) -> Steps[list[int]]:
        opened = yield from self.spdz.open("release", state.z)
        yield from self.spdz.check("release MAC")
        return [_centred(one, self.spdz.prime) for one in opened]

    def _decrypt(self, step: str, ciphertexts: list[mpz]) -> Steps[list[int]]:
        """What all parties together decrypt; each proves its part."""
        cipher, self._masked = self.cipher, ciphertexts
        share = self.secrets.share
        said = self.proved_partials(step, self.partials(share), share)
        transcripts = self._transcripts(step)
        bodies = yield from self.rounds.exchange(step, said)
        told = self._read_all(step, bodies, partial(self._read_partials, len(ciphertexts)))
        for party, (theirs, proved) in enumerate(told):
            if party != self.party:
                self._check_units(party, step, [*theirs, proved.ciphertext_commitment, proved.key_commitment])
                if not self._decryption.holds(cipher, party, ciphertexts, theirs, proved, transcripts[party]):
                    raise Cheating("partial decryption", party, f"party {party} does not prove its partial decryptions")
        opened = [cipher.opened(same) for same in zip(*(theirs for theirs, _ in told), strict=True)]
        if any(one is None for one in opened):
            raise Cheating("joint decryption", None, f"{step}: partial decryptions do not fit together")
        return [one for one in opened if one is not None]

    def partials(self, share: KeyShare) -> list[mpz]:
        """What is now to be decrypted, decrypted with a share."""
        return [self.cipher.partial(one, share) for one in self._masked]

    def proved_partials(self, step: str, partials: list[mpz], share: KeyShare) -> bytes:
        """Partial decryptions with their proof, as bytes."""
        proof = self._decryption.prove(
            self.cipher, self._masked, partials, share, self.transcript(step), self._draw
        )  # fmt: skip
        out = Writer(self.terms.key_bits)
        out.ciphertexts(partials)
        self._decryption.write(proof, out)
        return out.data()

    def _read_partials(self, count: int, data: Reader) -> tuple[list[mpz], DecryptionProof]:
        return data.ciphertexts(count), self._decryption.read(data)

    def transcript(self, step: str) -> Transcript:
        """What a proof of ours begins with: all that was said before, who we are, and where we are."""
        return Transcript(self.rounds.digest, self.party, step)

    def _transcripts(self, step: str) -> list[Transcript]:
        return [Transcript(self.rounds.digest, party, step) for party in range(self.terms.parties)]

    def _check_units(self, party: int, step: str, numbers: Sequence[mpz]) -> None:
        if not self.cipher.are_units(numbers):
            raise Cheating("ciphertext range", party, f"{step}: party {party} sent a number that is no ciphertext")

    def _read_all(self, step: str, bodies: Sequence[bytes], read: Callable[[Reader], T]) -> list[T]:
        """What every party said; what cannot be read is blamed on who said it."""
        found = []
        for party, body in enumerate(bodies):
            data = Reader(body, self.terms.key_bits)
            try:
                found.append(read(data))
                data.end()
            except Malformed as error:
                raise Cheating("malformed message", party, f"{step}: party {party} sent {error}") from None
        return found

    def _read_all_shares(self, step: str, bodies: Sequence[bytes]) -> Shared:
        """The sum of everybody's inputs."""
        shared = self.spdz.shared_inputs(step, bodies)
        total = shared[0]
        for one in shared[1:]:
            total = total + one
        return total


def _centred(number: mpz, prime: mpz) -> int:
    return int(number - prime if number > prime // 2 else number)
