"""Loops with what is known of them: description, contexts, features, and modelled cycles of every action."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware_models.simd.card import SimdCard
from hardware_models.simd.description import INDIRECT, LoopIR
from hardware_models.simd.operations import CLASSES, INDEX
from hardware_models.simd.score import Machine, score
from hardware_models.simd.source import loops
from scenarios.neurovectorizer.actions import ACTIONS, DEFAULT
from scenarios.neurovectorizer.contexts import contexts
from scenarios.neurovectorizer.kernel import Kernel
from sim.rng import Stream

Floats = NDArray[np.float64]
#: The actions' factors as arrays, 0 for the compiler's own choice.
WIDTH_OF = np.array([a.width for a in ACTIONS])
INTERLEAVE_OF = np.array([a.interleave for a in ACTIONS])


@dataclass(frozen=True)
class LoopSet:
    """Loops and what is known of them.

    `contexts` (loops, contexts, 3), `features` (loops, features), `cycles` (loops, actions) as modelled, and which
    actions may be taken, `allowed` (loops, actions).
    """

    kernels: tuple[Kernel, ...]
    descriptions: tuple[LoopIR, ...]
    contexts: NDArray[np.int64]
    features: Floats
    cycles: Floats
    allowed: NDArray[np.bool_]

    @property
    def rewards(self) -> Floats:
        """The paper's reward of each action, (t_default - t) / t_default, -9 for what is not allowed."""
        base = self.cycles[:, DEFAULT : DEFAULT + 1]
        return np.where(self.allowed, (base - self.cycles) / base, -9.0)


def loop_set(kernels: Sequence[Kernel], card: SimdCard, stream: Stream) -> LoopSet:
    """Everything that is known of loops without compiling one."""
    found = [loops(k.with_pragma("", k.name))[-1] for k in kernels]
    descriptions = tuple(one.ir for one in found)
    trips = np.array([float(k.n) for k in kernels])
    cycles = score(descriptions, trips, WIDTH_OF, INTERLEAVE_OF, [Machine.of(card)])[0].cycles
    allowed = np.array([legal(ir, k.reorder) for ir, k in zip(descriptions, kernels, strict=True)])
    return LoopSet(
        tuple(kernels), descriptions, np.array([contexts(one.cursor, stream) for one in found]),
        np.array([features(ir, k.n) for ir, k in zip(descriptions, kernels, strict=True)]), cycles, allowed,
    )  # fmt: skip


def choice(cycles: Floats, band: float = 0.03) -> NDArray[np.int64]:
    """Per row the action with the least cycles; the compiler's own where it is within `band` of it.

    What lies within a model's error is not worth a pragma.
    """
    best = cycles.argmin(axis=1)
    near = cycles[:, DEFAULT] <= (1.0 + band) * cycles.min(axis=1)
    return np.asarray(np.where(near, DEFAULT, best))


def legal(loop: LoopIR, reorder: bool = True) -> NDArray[np.bool_]:
    """Per action, whether the loop keeps its meaning.

    VF IF must lie within the distance of a dependence, and floating-point
    reductions reordered only with permission. A distance that the compiler checks itself (VF alone) is not enough.
    """
    steps = WIDTH_OF * INTERLEAVE_OF
    allowed = np.ones(len(ACTIONS), dtype=np.bool_)
    if loop.distance > 1:
        allowed &= steps <= loop.distance
    if loop.needs_permission and not reorder:
        allowed &= steps <= 1
    return allowed


def features(loop: LoopIR, n: int) -> Floats:
    """Counts of operations by class and by size, of accesses by stride, and what the loop carries."""
    counts = np.zeros(len(CLASSES))
    for one in loop.operations:
        counts[INDEX[one.kind]] += 1.0
    for reduction in loop.reductions:
        counts[INDEX[reduction.kind]] += 1.0
    sizes = [np.log2(loop.widest), np.log2(loop.narrowest)]
    kinds = [0.0] * 8
    for access in loop.accesses:
        place = 0 if abs(access.stride) <= 1 else 1 if access.stride != INDIRECT else 2
        kinds[place + 3 * access.store] += 1.0
        kinds[6] += access.stride < 0
        kinds[7] += access.guarded
    carried = [
        float(bool(loop.reductions)),
        float(loop.needs_permission),
        float(loop.distance),
        float(bool(loop.obstacle)),
    ]
    return np.array([*counts, *sizes, *kinds, *carried, np.log2(n)])
