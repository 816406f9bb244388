"""Every step of a run and how many bytes a party says at it: known to all beforehand, from the terms alone.

A receiver refuses any other length; a prediction of bytes and rounds is the sum of these.

>>> from scenarios.helen.admm import Objective
>>> terms = Agreement(2, 3, (50, 50), Objective(0.1, 0.0), rho=0.25, iterations=2, key_bits=1024)
>>> len(schedule(terms)), schedule(terms)[-1]
(33, Said(step='release MAC open', body=64))
"""

from typing import NamedTuple

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import ROWS
from scenarios.helen.masks import Masks
from scenarios.helen.products import Products
from scenarios.helen.proofs.decryption import Decryption
from scenarios.helen.proofs.interval import Interval
from scenarios.helen.validity import SHAPES, Validity

_DIGEST = _NONCE = 32


class Said(NamedTuple):
    """A step, and the bytes of a party's message there, without its frame."""

    step: str
    body: int


def schedule(terms: Agreement) -> list[Said]:
    """All steps in order."""
    budget, d = terms.budget, terms.features
    field, ciphertext = (budget.field_bits + 7) // 8, (2 * terms.key_bits + 7) // 8
    values = terms.iterations * terms.parties * d
    returned = (terms.iterations - 1) * terms.parties * d
    steps = [
        Said("agree", 0),
        Said("inputs", _inputs(terms, ciphertext)),
        Said("masks", _masks(terms, ciphertext) + (values + returned + 1) * field),
    ]
    for k in range(terms.iterations):
        steps += _iteration(terms, f"iteration {k}", ciphertext, field, last=k + 1 == terms.iterations)
    return [
        *steps, Said("final decrypt", _partials(terms, ciphertext, 1)), Said("final open", field),
        *_check("final MAC", field), Said("release", d * field), *_check("release MAC", field),
    ]  # fmt: skip


def _iteration(terms: Agreement, step: str, ciphertext: int, field: int, last: bool) -> list[Said]:
    m, d, budget = terms.parties, terms.features, terms.budget
    steps = [
        Said(f"{step} product", d * ciphertext + Products(terms).proof_size(ciphertext)),
        Said(f"{step} decrypt", _partials(terms, ciphertext, budget.packed(m * d))),
        Said(f"{step} truncate", (m + 1) * d * field),
    ]
    if terms.threshold_scaled:
        steps.append(Said(f"{step} compare masked", 2 * d * field))
        nodes, depth = budget.share_bits, 0
        while nodes > 1:
            steps.append(Said(f"{step} compare tree {depth}", 2 * 2 * d * (2 * (nodes // 2) - 1) * field))
            nodes, depth = nodes - nodes // 2, depth + 1
        steps.append(Said(f"{step} threshold", 2 * 2 * d * field))
    return steps if last else [*steps, Said(f"{step} return", m * d * field)]


def _check(step: str, field: int) -> list[Said]:
    return [Said(f"{step} commit", _DIGEST), Said(f"{step} open", field + _NONCE)]


def _partials(terms: Agreement, ciphertext: int, count: int) -> int:
    return (count + 2) * ciphertext + _width(Decryption(terms.key_bits).answer_bits)


def _inputs(terms: Agreement, ciphertext: int) -> int:
    validity = Validity(terms)
    count = sum({"dd": terms.features**2, "d": terms.features, "2": 2}[shape] for shape in SHAPES.values())
    proofs = _interval(validity.summary, ciphertext) + _interval(validity.rounding, ciphertext)
    return count * ciphertext + proofs + validity.relations.size(ciphertext)


def _masks(terms: Agreement, ciphertext: int) -> int:
    intervals = Masks(terms).intervals
    return sum(one.length * ciphertext + _interval(one, ciphertext) for one in intervals if one.length)


def _interval(interval: Interval, ciphertext: int) -> int:
    return ROWS * (ciphertext + _width(interval.answer_bits) + _width(interval.randomness_bits))


def _width(bits: int) -> int:
    return bits // 8 + 1
