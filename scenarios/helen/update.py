"""The step between products, on shares: z from all w_i + u_i, and the new u_i.

The mean of w + u is shrunk at full precision and truncated together with the w_i, so that one opening does for all;
the soft threshold takes two comparisons and two products per feature, and none of either without an l1 penalty.
"""

from collections.abc import Sequence
from typing import NamedTuple

from scenarios.helen.agreement import Agreement
from scenarios.helen.bit_budget import SHARE_FRACTION
from scenarios.helen.rounds import Steps
from scenarios.helen.spdz.dealer import Needs
from scenarios.helen.spdz.fixed_point import comparison_triples, not_negative, truncate
from scenarios.helen.spdz.online import Spdz
from scenarios.helen.spdz.shared import Shared, joined


class State(NamedTuple):
    """z (d) and the u_i (each d), shared, with SHARE_FRACTION bits after the point."""

    z: Shared
    u: list[Shared]

    def differences(self) -> Shared:
        """All z - u_i in a row."""
        return joined([self.z - one for one in self.u])


def start(spdz: Spdz, terms: Agreement) -> State:
    """All 0."""
    nothing = spdz.constant([0] * terms.features)
    return State(nothing, [nothing] * terms.parties)


def updated(spdz: Spdz, terms: Agreement, step: str, products: Sequence[Shared], state: State) -> Steps[State]:
    """The state after an iteration; `products` are the w_i at scale 2 Q."""
    lift = 1 << (2 * terms.budget.fraction - SHARE_FRACTION)
    total = _sum([*products, *(one.times(lift) for one in state.u)]).times(terms.shrink_scaled)
    *w, mean = yield from truncate(
        spdz, f"{step} truncate",
        [*((one, terms.product_truncation) for one in products), (total, terms.mean_truncation)],
    )  # fmt: skip
    z = mean if terms.threshold_scaled == 0 else (yield from _soft_threshold(spdz, terms, step, mean))
    return State(z, [u + one - z for u, one in zip(state.u, w, strict=True)])


def _soft_threshold(spdz: Spdz, terms: Agreement, step: str, mean: Shared) -> Steps[Shared]:
    d = len(mean)
    threshold = spdz.constant([terms.threshold_scaled] * d)
    beyond = joined([mean - threshold, mean.times(-1) - threshold])
    chosen = yield from not_negative(spdz, f"{step} compare", beyond, terms.budget.share_bits + 1)
    kept = yield from spdz.multiply(f"{step} threshold", chosen, beyond)
    return kept.part(0, d) - kept.part(d, 2 * d)


def needs(terms: Agreement) -> Needs:
    """What a whole run takes of the dealer's material."""
    K, m, d, bits = terms.iterations, terms.parties, terms.features, terms.budget.share_bits + 1
    comparisons = 2 * d * K if terms.threshold_scaled else 0
    return Needs(
        triples=comparisons * (comparison_triples(bits) + 1),
        truncations=((terms.product_truncation, K * m * d), (terms.mean_truncation, K * d)),
        comparisons=comparisons,
        comparison_bits=bits,
        inputs=K * m * d + (K - 1) * m * d + 1,
    )


def _sum(numbers: Sequence[Shared]) -> Shared:
    total = numbers[0]
    for one in numbers[1:]:
        total = total + one
    return total
