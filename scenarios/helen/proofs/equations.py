"""What verifiers check: equations between ciphertexts, one by one or a whole batch at the price of about one.

An equation says  prod_k base_k^(e_k)  =  (1 + plain N) H^hidden  modulo N^2. A batch raises each equation to a random
power of WEIGHT bits of the verifier's own choice and multiplies all (Bellare, Garay, Rabin 1998, the
small-exponents test): if one of them is wrong about plaintexts, the product is right with a probability of 2^-80 at
most, as the order of what is wrong divides N and has only prime factors longer than the power. Elements of small order
pass with probability 1/2, and may: they encrypt 0.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from gmpy2 import mpz

from scenarios.helen.paillier import Cipher, Draw
from scenarios.helen.powers import Powers

#: Bits of a batch's weights. They are drawn after a proof is there and never told, so nobody can try twice.
WEIGHT = 80


class Equation(NamedTuple):
    """The product of all terms is a ciphertext of `plain` with randomness `hidden`, of at most `hidden_bits` bits."""

    terms: tuple[Powers, ...]
    plain: int
    hidden: int
    hidden_bits: int


#: Decides whether equations hold; `draw` gives the verifier's random powers.
Decide = Callable[[Cipher, Sequence[Equation], Draw], bool]


def hold_each(cipher: Cipher, equations: Sequence[Equation], draw: Draw) -> bool:
    """Checks every equation by itself."""
    return all(_holds(cipher, equation) for equation in equations)


def hold_together(cipher: Cipher, equations: Sequence[Equation], draw: Draw) -> bool:
    """Checks all equations at once; exponents of equal length, and equal bases, are gathered first."""
    weights = [draw(WEIGHT) for _ in equations]
    gathered: dict[int, dict[mpz, int]] = {}
    for weight, equation in zip(weights, equations, strict=True):
        for terms in equation.terms:
            group = gathered.setdefault(terms.bits, {})
            for base, exponent in zip(terms.bases, terms.exponents, strict=True):
                group[base] = group.get(base, 0) + weight * exponent
    extra = WEIGHT + len(equations).bit_length()
    groups = [Powers(list(group), list(group.values()), bits + extra) for bits, group in sorted(gathered.items())]
    product = cipher.combine_groups(groups)
    plain = sum(weight * equation.plain for weight, equation in zip(weights, equations, strict=True))
    hidden = sum(weight * equation.hidden for weight, equation in zip(weights, equations, strict=True))
    bits = max((equation.hidden_bits for equation in equations), default=0) + extra
    return bool(product == cipher.of(plain, hidden, bits))


def first_broken(cipher: Cipher, equations: Sequence[Equation], draw: Draw) -> int | None:
    """The place of the first equation that does not hold, by bisection: about 2 log2(n) batches; None if all hold."""
    if hold_together(cipher, equations, draw):
        return None
    start, end = 0, len(equations)
    while end - start > 1:
        middle = (start + end) // 2
        if hold_together(cipher, equations[start:middle], draw):
            start = middle
        else:
            end = middle
    return start


def _holds(cipher: Cipher, equation: Equation) -> bool:
    product = mpz(1)
    for terms in equation.terms:
        for base, exponent in zip(terms.bases, terms.exponents, strict=True):
            factor = base if exponent == 1 else cipher.power(base, exponent, terms.bits)
            product = product * factor % cipher.square
    return bool(product == cipher.of(equation.plain, equation.hidden, equation.hidden_bits))
