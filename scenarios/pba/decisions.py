"""Population based training: who copies whom, and how a copied policy is changed. No clocks, no training.

*Exploit*: the trials that have a score are ranked. Those in the lowest quarter copy weights and policy of one drawn
uniformly from the highest quarter. A quarter of n is ceil(n / 4), at most half of them rounded down; one trial alone
copies nobody. Equal scores rank by number of the trial, the lower number lower. (As Ray Tune does, which the authors
used.)

*Explore*: each of a copied policy's numbers is, with probability 0.2, drawn anew, uniformly over its range; otherwise
0, 1, 2 or 3, each as likely, is added or taken away, each as likely, and the result kept within the range. (The
authors' code.)

>>> quarters({0: 0.5, 1: 0.9, 2: 0.1, 3: 0.7})
((2,), (1,))
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from scenarios.pba.policy import NUMBERS, RANGES, Policy


@dataclass(frozen=True, slots=True)
class Rules:
    """`quantile`: the share that copies and the share that is copied. The others are explained above."""

    quantile: float = 0.25
    anew: float = 0.2
    most: int = 3


def quarters(scores: Mapping[int, float], quantile: float = 0.25) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lowest and highest trials, each from low to high. A score that is not a number ranks below all others."""
    if len(scores) < 2:
        return (), ()
    ranked = sorted(scores, key=lambda trial: (-math.inf if math.isnan(scores[trial]) else scores[trial], trial))
    size = min(math.ceil(len(ranked) * quantile), len(ranked) // 2)
    return tuple(ranked[:size]), tuple(ranked[len(ranked) - size :])


def exploit(
    reported: Iterable[int], scores: Mapping[int, float], random: np.random.Generator, quantile: float = 0.25
) -> dict[int, int]:
    """{trial: the trial it copies}, for those of `reported` that are in the lowest quarter, in the order reported."""
    lowest, highest = quarters(scores, quantile)
    return {trial: highest[random.integers(len(highest))] for trial in reported if trial in lowest}


def explore(policy: Policy, random: np.random.Generator, rules: Rules = Rules()) -> Policy:
    """A policy near `policy`."""
    numbers = np.array(policy.numbers)
    step = random.integers(0, rules.most + 1, NUMBERS) * random.choice((-1, 1), NUMBERS)
    moved = np.clip(numbers + step, 0, RANGES - 1)
    anew = random.random(NUMBERS) < rules.anew
    return Policy.of(np.where(anew, random.integers(0, RANGES), moved))
