"""The input proof: that the ciphertexts a party commits to are the summary of some rows, and that it knows it.

Two interval proofs bound what the relations of `summary` need bounded, and one inner-product proof shows all of them
at once. With random t, s (d numbers each) and mu_r, hashes of all that was committed, each matrix relation X Y = Z
becomes t X Y s = t Z s (Freivalds 1977 from both sides), each vector relation is weighted with s or t, and relation r
with mu_r. All is then one equation

    P.(mu1 Vs + mu7 g) + Wt.(mu3 Vs) + theta.(mu2 s P + mu5 s S') + sigma.(mu4 s sigma) + y*.(mu6 s sigma + mu9 y*)
      + c_sigma (mu8 c_sigma) + c_y (mu9 c_y)  =  what everybody computes from ciphertexts of W, A, S, g, b and the
      residuals

with P = V^T t, Vs = V^T s, Wt = W^T t and S' = S + rho: an inner product of 5 d + 2 numbers, wrong with probability
about 2^-126 if any relation is wrong modulo N. The intervals rule out that a relation holds modulo N only
(`Budget.lines`). So a party is bound to a V that is orthogonal, a theta that is 1 / (sigma^2 + rho), an A = V theta
V^T and b = V sigma y*, each up to 2^-12, with sum sigma^2 <= 4 d and |y*| <= 2: the summary of some rows that are
normalised.

A verifier needs about 6 d^2 exponents of 128 bits in products of powers; proofs of single products would need 3 d^3.
"""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from gmpy2 import mpz

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import CHALLENGE, RHO_FRACTION
from scenarios.helen.cheating import Cheating
from scenarios.helen.paillier import Cipher, Draw, Opened, Secret
from scenarios.helen.proofs.equations import Decide
from scenarios.helen.proofs.inner_product import InnerProduct, InnerProductProof
from scenarios.helen.proofs.interval import Interval, IntervalProof
from scenarios.helen.summary import SummaryNumbers
from scenarios.helen.transcript import Transcript
from scenarios.helen.wire import Reader, Writer

#: Names of what is committed to, and of how many numbers each is: "dd" of d^2, "d" of d, "2" of two.
SHAPES = {
    "vectors": "dd", "inverse": "dd", "orthogonal_residual": "dd", "values": "d", "inverses": "d", "projected": "d",
    "moment": "d", "spare": "2", "norm_residual": "2",
    "inverse_residual": "dd", "inverses_residual": "d", "moment_residual": "d",
    "weighted": "dd", "squares": "d", "moments": "d",
}  # fmt: skip
#: Which of them are proved to be short numbers of a summary, and which to be rounding at scale 3 Q.
SUMMARY, ROUNDING = tuple(SHAPES)[:9], tuple(SHAPES)[9:12]
RELATIONS = 9


#: A party's ciphertexts by name; matrices row by row.
Commitment: TypeAlias = Mapping[str, Sequence[mpz]]


class InputProof(NamedTuple):
    """That summaries are short, that residuals are short, that all relations hold."""

    summary: IntervalProof
    rounding: IntervalProof
    relations: InnerProductProof


class Validity:
    """The input proof under some terms."""

    def __init__(self, terms: Agreement) -> None:
        self.terms, budget = terms, terms.budget
        d, n = terms.features, terms.key_bits
        self.summary = Interval(sum(self._count(name) for name in SUMMARY), budget.summary_bits, n)
        self.rounding = Interval(sum(self._count(name) for name in ROUNDING), budget.residual_bits, n)
        randomness = (n + 1) // 2
        longest, sum_bits = max(budget.summary_bits, 2 * budget.fraction + budget.inverse_bits), d.bit_length()
        self.relations = InnerProduct(
            5 * d + 2, CHALLENGE + longest + sum_bits, CHALLENGE + randomness + sum_bits,
            5 * CHALLENGE + 3 * budget.summary_bits + randomness + 3 * sum_bits + 8,
        )  # fmt: skip

    def _count(self, name: str) -> int:
        return {"dd": self.terms.features**2, "d": self.terms.features, "2": 2}[SHAPES[name]]

    def commit(self, cipher: Cipher, numbers: SummaryNumbers, draw: Draw) -> dict[str, list[Opened]]:
        """Encrypts a summary."""
        return {name: [cipher.encrypt(one, draw) for one in getattr(numbers, name).ravel().tolist()] for name in SHAPES}

    def prove(self, cipher: Cipher, opened: dict[str, list[Opened]], transcript: Transcript, draw: Draw) -> InputProof:
        """The proof for one's own summary."""
        summary = self.summary.prove(cipher, [one for name in SUMMARY for one in opened[name]], transcript, draw)
        rounding = self.rounding.prove(cipher, [one for name in ROUNDING for one in opened[name]], transcript, draw)
        challenge = self._challenge(transcript, ciphertexts_of(opened))
        secrets = {name: [one.secret for one in ones] for name, ones in opened.items()}
        relation = _relation(_Secrets(), secrets, challenge, self.terms)
        proof = self.relations.prove_all_known(
            cipher, relation.known, relation.others, relation.result.randomness, transcript, draw
        )
        return InputProof(summary, rounding, proof)

    def verify(
        self, cipher: Cipher, party: int, commitment: Commitment, proof: InputProof, transcript: Transcript,
        decide: Decide, draw: Draw,
    ) -> None:  # fmt: skip
        """Raises `Cheating`, naming `party`, if the proof is not one."""
        for name, interval, part, what in (
            ("input interval", self.summary, proof.summary, SUMMARY),
            ("rounding interval", self.rounding, proof.rounding, ROUNDING),
        ):
            equations = interval.equations(_in_a_row(commitment, what), part, transcript)
            if equations is None or not decide(cipher, equations, draw):
                raise Cheating(name, party, f"party {party} does not prove that its summary is in range")
        challenge = self._challenge(transcript, commitment)
        relation = _relation(_Ciphertexts(cipher), commitment, challenge, self.terms)
        proved = self.relations.equations(relation.known, relation.others, relation.result, proof.relations, transcript)
        if not decide(cipher, proved, draw):
            raise Cheating(
                "input relations", party, f"party {party} does not prove that its summary is that of some rows"
            )

    def _challenge(self, transcript: Transcript, commitment: Commitment) -> "_Challenge":
        transcript.absorb("products", _in_a_row(commitment, tuple(SHAPES)[12:]))
        d = self.terms.features
        return _Challenge(
            *(transcript.challenges(label, count) for label, count in (("t", d), ("s", d), ("mu", RELATIONS)))
        )

    def write(self, commitment: Commitment, proof: InputProof, out: Writer) -> None:
        """Commitment and proof as bytes."""
        out.ciphertexts(_in_a_row(commitment, tuple(SHAPES)))
        self.summary.write(proof.summary, out)
        self.rounding.write(proof.rounding, out)
        self.relations.write(proof.relations, out)

    def read(self, data: Reader) -> tuple[Commitment, InputProof]:
        """What was written."""
        commitment = {name: data.ciphertexts(self._count(name)) for name in SHAPES}
        return commitment, InputProof(self.summary.read(data), self.rounding.read(data), self.relations.read(data))


def ciphertexts_of(opened: Mapping[str, Sequence[Opened]]) -> Commitment:
    """What others see of it."""
    return {name: [one.ciphertext for one in ones] for name, ones in opened.items()}


def _in_a_row(commitment: Commitment, names: Sequence[str]) -> list[mpz]:
    return [one for name in names for one in commitment[name]]


class _Challenge(NamedTuple):
    t: Sequence[int]
    s: Sequence[int]
    mu: Sequence[int]


T = TypeVar("T")


class _Relation(NamedTuple, Generic[T]):
    known: list[T]
    others: list[T]
    result: T


class _Algebra(Protocol[T]):
    """Sums of multiples, of numbers that one knows or of ciphertexts."""

    def sum(self, numbers: Sequence[T], factors: Sequence[int], bits: int) -> T: ...

    def plus(self, number: T, constant: int) -> T: ...


class _Secrets:
    def sum(self, numbers: Sequence[Secret], factors: Sequence[int], bits: int) -> Secret:
        return Cipher.combined(numbers, factors)

    def plus(self, number: Secret, constant: int) -> Secret:
        return Secret(number.plain + constant, number.randomness)


class _Ciphertexts:
    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher

    def sum(self, numbers: Sequence[mpz], factors: Sequence[int], bits: int) -> mpz:
        return self._cipher.combine(numbers, factors, bits)

    def plus(self, number: mpz, constant: int) -> mpz:
        return number * self._cipher.constant(constant) % self._cipher.square


def _relation(
    algebra: _Algebra[T], numbers: Mapping[str, Sequence[T]], challenge: _Challenge, terms: Agreement
) -> _Relation[T]:
    """Known vector, other vector and what their inner product is to be, from numbers or ciphertexts alike."""
    t, s, mu = challenge
    d, q, one = terms.features, terms.budget.fraction, CHALLENGE
    V, W, sigma, y = (numbers[name] for name in ("vectors", "weighted", "values", "projected"))
    theta, g, spare = (numbers[name] for name in ("inverses", "moments", "spare"))
    P, Vs, Wt = ([algebra.sum(M[k::d], x, one) for k in range(d)] for M, x in ((V, t), (V, s), (W, t)))
    shifted = [algebra.plus(square, terms.rho_scaled << (2 * q - RHO_FRACTION)) for square in numbers["squares"]]
    others = [
        *(algebra.sum(pair, (mu[0], mu[6]), one) for pair in zip(Vs, g, strict=True)),
        *(algebra.sum((number,), (mu[2],), one) for number in Vs),
        *(algebra.sum(pair, (mu[1] * s_k, mu[4] * s_k), 2 * one) for *pair, s_k in zip(P, shifted, s, strict=True)),
        *(algebra.sum((number,), (mu[3] * s_k,), 2 * one) for number, s_k in zip(sigma, s, strict=True)),
        *(algebra.sum(pair, (mu[5] * s_k, mu[8]), 2 * one) for *pair, s_k in zip(sigma, y, s, strict=True)),
        algebra.sum(spare[:1], (mu[7],), one),
        algebra.sum(spare[1:], (mu[8],), one),
    ]
    return _Relation([*P, *Wt, *theta, *sigma, *y, *spare], others, _result(algebra, numbers, challenge, Wt, terms))


def _result(
    algebra: _Algebra[T], numbers: Mapping[str, Sequence[T]], challenge: _Challenge, Wt: Sequence[T], terms: Agreement
) -> T:
    """The right-hand sides of all relations, weighted."""
    t, s, mu = challenge
    d, q, one = terms.features, terms.budget.fraction, CHALLENGE

    def both_sides(name: str) -> T:
        return algebra.sum([algebra.sum(numbers[name][k::d], t, one) for k in range(d)], s, one)

    def weighted(name: str, by: Sequence[int]) -> T:
        return algebra.sum(numbers[name], by, one)

    A, b = both_sides("inverse"), weighted("moment", t)
    R8, R9 = numbers["norm_residual"]
    parts = [
        (both_sides("orthogonal_residual"), mu[0]), (algebra.sum(Wt, s, one), mu[1]),
        (both_sides("inverse_residual"), mu[2]),
        (weighted("squares", s), mu[3]), (weighted("inverses_residual", s), mu[4]), (weighted("moments", s), mu[5]),
        (weighted("moment_residual", t), mu[6]), (R8, mu[7]), (R9, mu[8]),
        (algebra.sum(numbers["squares"], [1] * d, 1), -mu[7]),
    ]  # fmt: skip
    total = algebra.sum([part for part, _ in parts], [weight for _, weight in parts], one)
    scaled = algebra.sum([A, b], [mu[2] << (2 * q), mu[6] << (2 * q)], one + 2 * q)
    public = (mu[0] * sum(x * y for x, y in zip(t, s, strict=True)) + 4 * d * mu[7] + 4 * mu[8] << (2 * q)) + (
        mu[4] * sum(s) << (3 * q)
    )
    return algebra.plus(algebra.sum([total, scaled], [1, 1], 1), public)
