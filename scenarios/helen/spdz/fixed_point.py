"""Fixed-point numbers in SPDZ: truncation with a rounding error of one unit, and the comparison with 0.

Truncation (Catrina, Saxena 2010): x + 2^(k-1) + r is opened, r = r_high 2^s + r_low; its upper bits less r_high are
floor(x / 2^s) plus a carry, 1 if (x mod 2^s) + r_low >= 2^s.

Comparison: with y = x + 2^(k-1), y >= 2^(k-1) iff x >= 0. y + r is opened with r's lower k - 1 bits shared one by one;
the lower bits of y follow from whether the opened ones are below those of r, which a tree of pairs (less, equal)
decides in log2 (k - 1) steps.
"""

from collections.abc import Sequence

import gmpy2

from scenarios.helen.rounds import Steps
from scenarios.helen.spdz.dealer import Truncation
from scenarios.helen.spdz.online import Spdz
from scenarios.helen.spdz.shared import Shared, joined


def truncate(spdz: Spdz, step: str, numbers: Sequence[tuple[Shared, Truncation]]) -> Steps[list[Shared]]:
    """Each vector over 2^shift, rounded down or up; one opening for all."""
    masks = [spdz.material.take_truncations(kind, len(one)) for one, kind in numbers]
    masked = [
        one + mask.low + mask.high.times(1 << kind.shift) + spdz.constant([1 << (kind.bits - 1)] * len(one))
        for (one, kind), mask in zip(numbers, masks, strict=True)
    ]
    opened = yield from spdz.open(step, joined(masked))
    results, start = [], 0
    for (one, kind), mask in zip(numbers, masks, strict=True):
        offset = 1 << (kind.bits - 1 - kind.shift)
        upper = [(c >> kind.shift) - offset for c in opened[start : start + len(one)]]
        results.append(spdz.constant(upper) - mask.high)
        start += len(one)
    return results


def not_negative(spdz: Spdz, step: str, numbers: Shared, bits: int) -> Steps[Shared]:
    """1 where a signed number of `bits` bits is 0 or more, else 0."""
    count, low = len(numbers), bits - 1
    mask = spdz.material.take_comparisons(count)
    moved = numbers + spdz.constant([1 << low] * count)
    random = mask.bits[0]
    for place, bit in enumerate(mask.bits[1:], 1):
        random = random + bit.times(1 << place)
    opened = yield from spdz.open(f"{step} masked", moved + random + mask.high.times(1 << low))
    below = [int(c) & ((1 << low) - 1) for c in opened]
    less = yield from _less(spdz, step, below, mask.bits)
    lower = spdz.constant(below) - random + less.times(1 << low)
    return (moved - lower).times(int(gmpy2.invert(1 << low, spdz.prime)))


def _less(spdz: Spdz, step: str, public: Sequence[int], bits: Sequence[Shared]) -> Steps[Shared]:
    """1 where the public number is less than the one with these shared bits (lowest first)."""
    leaves = []
    for place, bit in enumerate(bits):
        ones = [(number >> place) & 1 for number in public]
        less = bit.scaled([1 - one for one in ones])
        equal = bit.scaled([2 * one - 1 for one in ones]) + spdz.constant([1 - one for one in ones])
        leaves.append((less, equal))
    level, depth = leaves, 0
    while len(level) > 1:
        level, depth = (yield from _halved(spdz, f"{step} tree {depth}", level)), depth + 1
    return level[0][0]


def _halved(spdz: Spdz, step: str, level: Sequence[tuple[Shared, Shared]]) -> Steps[list[tuple[Shared, Shared]]]:
    """Pairs of neighbours made one; nobody needs to know whether the lowest are equal."""
    pairs = list(zip(level[::2], level[1::2], strict=False))
    left = [high[1] for _, high in pairs] + [high[1] for _, high in pairs[1:]]
    right = [low[0] for low, _ in pairs] + [low[1] for low, _ in pairs[1:]]
    product = yield from spdz.multiply(step, joined(left), joined(right))
    width = len(level[0][0])
    made = [product.part(start, start + width) for start in range(0, len(product), width)]
    less = [high[0] + one for (_, high), one in zip(pairs, made[: len(pairs)], strict=True)]
    equal = [level[0][1], *made[len(pairs) :]]
    return list(zip(less, equal, strict=True)) + (list(level[-1:]) if len(level) % 2 else [])


def comparison_triples(bits: int) -> int:
    """Triples that one comparison of numbers of `bits` bits takes.

    >>> comparison_triples(57)
    104
    """
    nodes, triples = bits - 1, 0
    while nodes > 1:
        pairs = nodes // 2
        triples += 2 * pairs - 1
        nodes -= pairs
    return triples


def comparison_steps(bits: int) -> int:
    """Steps that comparisons of numbers of `bits` bits take: the masked opening and the levels of the tree."""
    return 1 + (bits - 2).bit_length()
