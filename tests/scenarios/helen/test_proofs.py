"""Proofs: what is true is proved, what is not is refused, and a proof is worth nothing elsewhere."""

from collections.abc import Callable, Sequence

import pytest
from coopetition import cipher, draws, keys
from gmpy2 import mpz

from scenarios.helen.paillier import Opened
from scenarios.helen.powers import Powers
from scenarios.helen.proofs.decryption import Decryption
from scenarios.helen.proofs.equations import Decide, Equation, first_broken, hold_each, hold_together
from scenarios.helen.proofs.inner_product import InnerProduct
from scenarios.helen.proofs.interval import Interval, IntervalProof
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Malformed, Reader, Writer

BOTH = pytest.mark.parametrize("decide", [hold_each, hold_together])
INTERVAL = Interval(6, 60, 512)


def _transcript(session: bytes = b"session", party: int = 0, step: str = "step") -> Transcript:
    return Transcript(session, party, step)


def _encrypted(numbers: Sequence[int]) -> list[Opened]:
    return [cipher().encrypt(one, draws("secrets", k)) for k, one in enumerate(numbers)]


def _interval(secrets: Sequence[Opened]) -> IntervalProof:
    return INTERVAL.prove(cipher(), secrets, _transcript(), draws("prover"))


def _passes(decide: Decide, ciphertexts: Sequence[mpz], proof: IntervalProof, transcript: Transcript) -> bool:
    equations = INTERVAL.equations(ciphertexts, proof, transcript)
    return equations is not None and decide(cipher(), equations, draws("verifier"))


NUMBERS = [0, 1, -1, (1 << 60) - 1, -(1 << 60) + 1, 12345]


@BOTH
def test_numbers_in_an_interval_are_proved(decide: Decide) -> None:
    secrets = _encrypted(NUMBERS)
    assert _passes(decide, [one.ciphertext for one in secrets], _interval(secrets), _transcript())


@BOTH
@pytest.mark.parametrize("number", [1 << INTERVAL.proved_bits, -(1 << 250), 1 << 400])
def test_one_number_too_long_is_refused(decide: Decide, number: int) -> None:
    secrets = _encrypted([*NUMBERS[:5], number])
    assert not _passes(decide, [one.ciphertext for one in secrets], _interval(secrets), _transcript())


def test_a_fraction_is_no_short_number() -> None:
    half = int(pow(2, -1, int(cipher().n)))
    secrets = _encrypted([*NUMBERS[:5], half])
    assert not _passes(hold_together, [one.ciphertext for one in secrets], _interval(secrets), _transcript())


@pytest.mark.parametrize(
    "elsewhere",
    [_transcript(b"other"), _transcript(party=1), _transcript(step="other")],
    ids=["session", "party", "step"],
)
def test_a_proof_is_worth_nothing_elsewhere(elsewhere: Transcript) -> None:
    secrets = _encrypted(NUMBERS)
    assert not _passes(hold_together, [one.ciphertext for one in secrets], _interval(secrets), elsewhere)


@BOTH
@pytest.mark.parametrize("part", ["commitments", "answers", "randomness"])
def test_every_part_of_an_interval_proof_counts(decide: Decide, part: str) -> None:
    secrets = _encrypted(NUMBERS)
    proof = _interval(secrets)
    numbers = list(getattr(proof, part))
    numbers[-1] += 1
    assert not _passes(
        decide, [one.ciphertext for one in secrets], proof._replace(**{part: tuple(numbers)}), _transcript()
    )


def test_ciphertexts_of_an_interval_proof_cannot_be_exchanged() -> None:
    secrets = _encrypted(NUMBERS)
    first, second, *others = (one.ciphertext for one in secrets)
    assert not _passes(hold_together, [second, first, *others], _interval(secrets), _transcript())


A, B = [3, -(1 << 50), 7], [1 << 100, 5, -9]
PRODUCT = InnerProduct(3, 52, 260, 400)


def _product(change: Callable[[mpz], mpz] = lambda c: c, decide: Decide = hold_together, party: int = 0) -> bool:
    """Whether a proof holds that C = sum a b, when C is changed afterwards."""
    c, known, others = cipher(), _encrypted(A), _encrypted(B)
    result = c.combine([one.ciphertext for one in others], A, 52) * c.of(0, 99, 8) % c.square
    secrets = [one.secret for one in known]
    B_k = [one.ciphertext for one in others]
    proof = PRODUCT.prove(c, secrets, B_k, 99, _transcript(), draws("prover"))
    out = Writer(512)
    PRODUCT.write(proof, out)
    proof = PRODUCT.read(Reader(out.data(), 512))
    equations = PRODUCT.equations(
        [one.ciphertext for one in known], B_k, change(result), proof, _transcript(party=party)
    )  # fmt: skip
    return decide(c, equations, draws("verifier"))


@BOTH
def test_an_inner_product_is_proved(decide: Decide) -> None:
    assert _product(decide=decide)


@BOTH
def test_another_inner_product_is_refused(decide: Decide) -> None:
    assert not _product(lambda c: c * cipher().constant(1) % cipher().square, decide)
    assert not _product(lambda c: c * c % cipher().square, decide)
    assert not _product(party=1, decide=decide)


def test_one_who_knows_both_vectors_proves_the_same() -> None:
    c, known, others = cipher(), _encrypted(A), _encrypted(B)
    result = c.of(sum(a * b for a, b in zip(A, B, strict=True)), 77, 8)
    for claimed, right in ((result, True), (result * c.constant(1) % c.square, False)):
        proof = PRODUCT.prove_all_known(
            c, [one.secret for one in known], [one.secret for one in others], 77, _transcript(), draws("prover")
        )
        equations = PRODUCT.equations(
            [one.ciphertext for one in known], [one.ciphertext for one in others], claimed, proof, _transcript()
        )
        assert hold_together(c, equations, draws("verifier")) is right


def _decryption(change: Callable[[list[mpz]], list[mpz]], party: int = 0, share: int = 0, own: bool = True) -> bool:
    """Whether partial decryptions pass when they are changed before the proof is made (`own`), or after."""
    c, vector = cipher(3), [cipher(3).encrypt(k, draws("vector", k)).ciphertext for k in range(4)]
    proving, held = Decryption(512), keys(3).shares[share]
    honest = [c.partial(one, held) for one in vector]
    said = change(honest)
    proof = proving.prove(c, vector, said if own else honest, held, _transcript(), draws("prover"))
    return proving.holds(c, party, vector, said, proof, _transcript())


def test_partial_decryptions_are_proved() -> None:
    assert _decryption(lambda partials: partials)


@pytest.mark.parametrize("own", [True, False])
def test_wrong_partial_decryptions_are_refused(own: bool) -> None:
    c = cipher(3)
    up, down = c.constant(1), c.constant(-1)
    assert not _decryption(lambda p: [p[0] * up % c.square, *p[1:]], own=own)
    assert not _decryption(lambda p: [p[0] * up % c.square, p[1] * down % c.square, *p[2:]], own=own)
    assert not _decryption(lambda p: [p[1], p[0], *p[2:]], own=own)


def test_partial_decryptions_of_another_party_or_share_are_refused() -> None:
    assert not _decryption(lambda p: p, party=1)
    assert not _decryption(lambda p: p, share=1)


def test_one_broken_equation_is_found() -> None:
    c, draw = cipher(), draws("equations")
    numbers = [c.encrypt(k, draw) for k in range(13)]
    right = [Equation((Powers((one.ciphertext,), (1,), 1),), *one.secret, 260) for one in numbers]
    assert first_broken(c, right, draw) is None
    for place in (0, 6, 12):
        wrong = [*right[:place], right[place]._replace(plain=99), *right[place + 1 :]]
        assert first_broken(c, wrong, draw) == place
        assert not hold_each(c, wrong, draw)


def test_two_errors_that_cancel_are_not_overlooked() -> None:
    c, draw = cipher(), draws("cancel")
    one, other = c.encrypt(1, draw), c.encrypt(2, draw)
    wrong = [
        Equation((Powers((one.ciphertext,), (1,), 1),), 2, one.secret.randomness, 260),
        Equation((Powers((other.ciphertext,), (1,), 1),), 1, other.secret.randomness, 260),
    ]
    assert not hold_together(c, wrong, draw)


def test_bytes_that_do_not_fit_are_refused() -> None:
    out = Writer(64)
    out.integers([5], 12)
    for data in (out.data()[:-1], b""):
        with pytest.raises(Malformed):
            Reader(data, 64).integers(1, 12)
    with pytest.raises(Malformed, match="1 bytes too many"):
        Reader(b"\0", 64).end()
    with pytest.raises(Malformed, match="longer than 12 bits"):
        Reader((1 << 13).to_bytes(2, "big"), 64).integers(1, 12)
