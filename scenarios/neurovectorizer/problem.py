"""Vectorization factors as a decision problem for `windtunnel judge`: is a learned policy worth it?

An instance is a loop. A plan is two decisions, the vectorization and the interleave factor, and is worth the modelled
time over that of the compiler's own choice (lower is better; 10 for what is not allowed, the paper's -9). Nothing is
random. The oracle is exact: the best of all pairs. Held-out loops are of families of their own, shifted ones have
other trip counts, and the what-if is a core with half the registers' width.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from hardware_models.simd.card import SimdCard
from scenarios.neurovectorizer.actions import DEFAULT, INTERLEAVES, WIDTHS, index_of
from scenarios.neurovectorizer.learning import Policy, Training, train
from scenarios.neurovectorizer.problem_set import LoopSet, loop_set
from scenarios.neurovectorizer.templates import generate
from sim.judge.methods import Method, Setting
from sim.judge.methods.given import Given
from sim.judge.problem import ByPlan, Instance, Plan, Planned, Problem, Rule, Split
from sim.rng import Stream, Streams

_STREAMS = Streams(0, "neurovectorizer problem", 0)
_COUNTS: dict[Split, int] = {"train": 26, "held_out": 9, "shifted": 13, "what_if": 13}
#: What an action that is not allowed is worth, as times of the compiler's own choice.
_FORBIDDEN = 10.0


@cache
def _loops(split: Split) -> LoopSet:
    card = SimdCard.model_validate("zen5")
    if split == "what_if":
        card = card.model_copy(update={"vector_bits": 256})
    kernels = generate(_STREAMS("loops", split), _COUNTS[split], "held_out" if split == "held_out" else "train")
    if split == "shifted":
        kernels = [replace(k, n=200) for k in kernels]
    return loop_set(kernels, card, _STREAMS("contexts", split))


@cache
def _ratios(split: Split) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Time over the default's, (loops, actions)."""
    loops = _loops(split)
    times = loops.cycles / loops.cycles[:, DEFAULT : DEFAULT + 1]
    return np.where(loops.allowed, times, _FORBIDDEN)


@cache
def instances(split: Split) -> Sequence[Instance]:
    """The loops of a split."""
    loops, ratios = _loops(split), _ratios(split)

    def objective(row: int) -> "_Times":
        return _Times(tuple(float(t) for t in ratios[row]))

    return [
        Planned(
            f"{split} {kernel.name}", kernel.family, tuple(float(x) for x in loops.features[row]),
            (len(WIDTHS), len(INTERLEAVES)), objective(row), float(ratios[row, :DEFAULT].min()),
        )
        for row, kernel in enumerate(loops.kernels)
    ]  # fmt: skip


class _Times:
    """The value of a plan: its time over the default's."""

    def __init__(self, times: tuple[float, ...]) -> None:
        self._times = times

    def __call__(self, plan: Plan, workload: Stream) -> float:
        return self._times[index_of(WIDTHS[plan[0]], INTERLEAVES[plan[1]])]


@cache
def _policy() -> Policy:
    return train(_loops("train"), Training("ppo"), _STREAMS("policy"))


def _row(instance: Instance) -> tuple[Split, int]:
    split: Split
    for split in _COUNTS:
        for row, one in enumerate(instances(split)):
            if one.name == instance.name:
                return split, row
    raise KeyError(instance.name)


def _learned(instance: Instance) -> Rule:
    """The paper's policy, trained on modelled rewards of the training loops."""
    split, row = _row(instance)
    odds = _policy().log_odds(_loops(split))[row, :DEFAULT]
    return _rule(int(odds.argmax()))


def _rule(action: int) -> Rule:
    return ByPlan((action // len(INTERLEAVES), action % len(INTERLEAVES)))


def _compiler(instance: Instance) -> Rule:
    """Whole registers of the widest type and four of them: what LLVM mostly does itself."""
    split, row = _row(instance)
    widest = _loops(split).descriptions[row].widest
    bits = 256 if split == "what_if" else 512
    return _rule(index_of(min(64, bits // 8 // widest), 4))


def _constant(instance: Instance) -> Rule:
    """The action that is best on average over the training loops."""
    return _rule(int(np.log(_ratios("train"))[:, :DEFAULT].mean(axis=0).argmin()))


def learned(setting: Setting) -> Given:
    """The trained policy."""
    return Given(_learned)


PROBLEM = Problem(
    name="neurovectorizer",
    question="Is it worth learning which vectorization and interleave factors loops should have?",
    arms=(len(WIDTHS), len(INTERLEAVES)),
    horizon=2,
    better="lower",
    instances=instances,
    oracle="exact",
    rewards="at the end",
    budget=35,
    candidate="neurovectorizer",
    methods={
        "neurovectorizer": Method(
            "given", learned, "the paper's policy: path contexts, PPO on modelled rewards", reusable=True, trains=False
        ),
    },
    default=_compiler,
    heuristic=_constant,
)
