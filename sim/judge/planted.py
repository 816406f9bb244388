"""Problems whose right verdict is known, each solved exactly: what the judge itself is tested on.

separable    every step pays by itself                     -> a bandit is enough
delayed      running fast wears the machine; repair costs now and pays later, and what it needs depends on its
             state                                          -> reinforcement learning is worth it
aliased      the cue that decides is no longer seen when one must decide
                                                            -> not as posed; the judge says that it is not observed
flat         every choice is worth the same                 -> nothing to gain
deceptive    traps: every single step away from the optimum's rival makes things worse (Deb and Goldberg 1992)
                                                            -> search
needle       one plan in ten thousand pays, nothing leads to it  -> search, and random search is as good as any
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.judge.problem import Instance, Plan, Planned, Problem, Rule, Situation, Split, mistaken
from sim.rng import Stream, Streams

#: Problem -> the verdict it must get.
RIGHT: Mapping[str, str] = {
    "separable": "use_bandit",
    "delayed": "rl_justified",
    "aliased": "use_bandit",
    "flat": "flat",
    "deceptive": "use_search",
    "needle": "use_search",
}
_INSTANCES = 3


def _stream(problem: str, split: Split, index: int) -> Stream:
    return Streams(0, f"planted {problem}", 0)(split, index)


# -- separable --------------------------------------------------------------------------------------------------

_NOISE = 0.1


@dataclass(frozen=True)
class Separable:
    """`rewards[decision, arm]` on average, Gaussian noise on top. The oracle takes the best of every row."""

    name: str
    family: str
    features: tuple[float, ...]
    rewards: tuple[tuple[float, ...], ...]

    def start(self, workload: Stream) -> "_SeparableEpisode":
        """A fresh episode."""
        return _SeparableEpisode(self, workload)

    def oracle(self, workload: Stream) -> float:
        """The sum of the best means."""
        return sum(max(row) for row in self.rewards)


class _SeparableEpisode:
    def __init__(self, instance: Separable, workload: Stream) -> None:
        self._instance = instance
        self._noise = workload.generator.normal(0.0, _NOISE, len(instance.rewards)).tolist()
        self._step, self._sum = 0, 0.0

    def situation(self) -> Situation | None:
        if self._step == len(self._instance.rewards):
            return None
        return Situation(self._step, self._step, self._instance.features)

    def step(self, arm: int) -> float:
        mean = self._instance.rewards[self._step][arm]
        noise: float = self._noise[self._step]
        self._step += 1
        self._sum += mean
        return mean + noise

    def value(self) -> float:
        return self._sum


def _separable(split: Split) -> list[Instance]:
    if split in ("shifted", "what_if"):
        return []
    found: list[Instance] = []
    for index in range(_INSTANCES):
        stream = _stream("separable", split, index)
        rewards = tuple(tuple(stream.uniform() for _ in range(6)) for _ in range(6))
        found.append(Separable(f"{split}{index}", f"{split} tables", (stream.uniform(), float(index)), rewards))
    return found


# -- delayed ----------------------------------------------------------------------------------------------------

_STEPS, _WEAR = 12, 5
_FAST, _SLOW, _REPAIR = range(3)


@dataclass(frozen=True)
class Machine:
    """A machine that wears. Running pays, fast more than slow, and nothing when worn out; repair costs.

    `wears` is the chance that a fast step adds one to the wear (a slow one: a third of it), `mends` that a repair
    sets it to 0. What is seen: step and wear. The oracle is dynamic programming over both.
    """

    name: str
    family: str
    features: tuple[float, ...]
    wears: float
    mends: float
    cost: float

    def start(self, workload: Stream) -> "_MachineEpisode":
        """A fresh episode, the machine as new."""
        return _MachineEpisode(self, workload)

    def oracle(self, workload: Stream) -> float:
        """The expected value of the best policy."""
        return float(self.solve()[0][0])

    def pays(self, wear: int, arm: int) -> float:
        """The reward of a step: running pays less the more the machine is worn."""
        if arm == _REPAIR:
            return -self.cost
        return (1.0 if arm == _FAST else 0.45) * (1.0 - wear / (_WEAR - 1))

    def moves(self, wear: int, arm: int) -> dict[int, float]:
        """The wear after a step -> its probability."""
        if arm == _REPAIR:
            return {0: self.mends, wear: 1.0 - self.mends} if wear else {0: 1.0}
        chance = self.wears if arm == _FAST else self.wears / 3.0
        return {min(wear + 1, _WEAR - 1): chance, wear: 1.0 - chance} if wear < _WEAR - 1 else {wear: 1.0}

    def solve(self) -> NDArray[np.float64]:
        """Backward induction: the expected reward still to come, shape (steps + 1, wear)."""
        ahead = np.zeros((_STEPS + 1, _WEAR))
        for step in range(_STEPS - 1, -1, -1):
            for wear in range(_WEAR):
                ahead[step, wear] = max(
                    self.pays(wear, arm) + sum(p * ahead[step + 1, to] for to, p in self.moves(wear, arm).items())
                    for arm in (_FAST, _SLOW, _REPAIR)
                )
        return ahead


class _MachineEpisode:
    def __init__(self, instance: Machine, workload: Stream) -> None:
        self._instance = instance
        self._draws = workload.generator.random(_STEPS).tolist()
        self._step, self._wear, self._sum = 0, 0, 0.0

    def situation(self) -> Situation | None:
        if self._step == _STEPS:
            return None
        return Situation(self._step, self._step * _WEAR + self._wear, (float(self._step), float(self._wear)))

    def step(self, arm: int) -> float:
        reward = self._instance.pays(self._wear, arm)
        draw = self._draws[self._step]
        for wear, chance in self._instance.moves(self._wear, arm).items():
            if draw < chance:
                self._wear = wear
                break
            draw -= chance
        self._step += 1
        self._sum += reward
        return reward

    def value(self) -> float:
        return self._sum


def _delayed(split: Split) -> list[Instance]:
    base = {"train": 0.7, "held_out": 0.5, "shifted": 0.75, "what_if": 0.9}[split]
    return [
        Machine(f"{split}{index}", f"wear about {base}", (wears, 0.9), wears, 0.9, 0.3)
        for index, wears in enumerate((base - 0.05, base, base + 0.05))
    ]


def _worn(situation: Situation, share: float, stream: Stream) -> Situation:
    """The wear is misread; which step it is, is no measurement."""
    wear = mistaken(int(situation.seen[1]), _WEAR, share, stream)
    return Situation(situation.step, situation.step * _WEAR + wear, (situation.seen[0], float(wear)))


def _run_fast(instance: Instance) -> Rule:
    return lambda situation: _FAST


def _repair_when_worn_out(instance: Instance) -> Rule:
    return lambda situation: _REPAIR if situation.seen[1] >= _WEAR - 1 else _FAST


# -- aliased ----------------------------------------------------------------------------------------------------

_SAFE = 0.75


@dataclass(frozen=True)
class Corridor:
    """Left or right? The cue is shown at the entrance only; at the fork there is also a safe way that pays 0.75."""

    name: str
    family: str = "corridors"
    features: tuple[float, ...] = ()

    def start(self, workload: Stream) -> "_CorridorEpisode":
        """A fresh episode with a cue of its own."""
        return _CorridorEpisode(workload)

    def oracle(self, workload: Stream) -> float:
        """Who remembers the cue goes the right way."""
        return 1.0


class _CorridorEpisode:
    def __init__(self, workload: Stream) -> None:
        self._cue = int(workload.generator.integers(2))
        self._step, self._paid = 0, 0.0

    def situation(self) -> Situation | None:
        if self._step == 3:
            return None
        shown = (float(1 + self._cue), 0.0) if self._step == 0 else (0.0, float(self._step))
        return Situation(self._step, self._step, shown)

    def step(self, arm: int) -> float:
        self._step += 1
        if self._step < 3:
            return 0.0
        self._paid = _SAFE if arm == 2 else float(arm == self._cue)
        return self._paid

    def value(self) -> float:
        return self._paid


def _aliased(split: Split) -> list[Instance]:
    return [Corridor(f"{split}{index}") for index in range(_INSTANCES)] if split == "train" else []


# -- plans: flat, deceptive, needle -----------------------------------------------------------------------------

Objective = Callable[[Plan, Stream], float]
_BLOCK, _BLOCKS = 4, 3


def _plans(problem: str, arms: tuple[int, ...], objective: Callable[[Stream], tuple[Objective, float]],
           ) -> Callable[[Split], list[Instance]]:  # fmt: skip
    def instances(split: Split) -> list[Instance]:
        if split != "train":
            return []
        found: list[Instance] = []
        for index in range(_INSTANCES):
            scored, best = objective(_stream(problem, split, index))
            found.append(Planned(f"{split}{index}", problem, (float(index),), arms, scored, best))
        return found

    return instances


def _flat(stream: Stream) -> tuple[Objective, float]:
    return (lambda plan, workload: 1.0), 1.0


def _deceptive(stream: Stream) -> tuple[Objective, float]:
    """Blocks of four choices: all right is worth 4; else 3 for none right, one less for each that is."""
    target = tuple(stream.integer(0, 2) for _ in range(_BLOCK * _BLOCKS))

    def value(plan: Plan, workload: Stream) -> float:
        right = [int(a == b) for a, b in zip(plan, target, strict=True)]
        sums = [sum(right[at : at + _BLOCK]) for at in range(0, len(right), _BLOCK)]
        return float(sum(_BLOCK if each == _BLOCK else _BLOCK - 1 - each for each in sums))

    return value, float(_BLOCK * _BLOCKS)


def _needle(stream: Stream) -> tuple[Objective, float]:
    target = tuple(stream.integer(0, 10) for _ in range(4))
    return (lambda plan, workload: float(plan == target)), 1.0


SEPARABLE = Problem(
    "separable", "Is every step worth what it pays by itself?", (6,) * 6, 6, "higher", _separable,
    rewards="each step", stochastic=True, budget=60,
)  # fmt: skip
DELAYED = Problem(
    "delayed", "When does a wearing machine need repair?", (3,) * (_STEPS * _WEAR), _STEPS, "higher", _delayed,
    rewards="each step", stochastic=True, workloads=60, budget=60, default=_run_fast,
    heuristic=_repair_when_worn_out, misread=_worn,
)  # fmt: skip
ALIASED = Problem(
    "aliased", "Which way, when the cue is no longer seen?", (3, 3, 3), 3, "higher", _aliased,
    stochastic=True, workloads=60, budget=60,
)  # fmt: skip
FLAT = Problem("flat", "Does any choice matter?", (4,) * 4, 4, "higher", _plans("flat", (4,) * 4, _flat), budget=30)
DECEPTIVE = Problem(
    "deceptive", "Can small steps lead to the optimum?", (2,) * (_BLOCK * _BLOCKS), _BLOCK * _BLOCKS, "higher",
    _plans("deceptive", (2,) * (_BLOCK * _BLOCKS), _deceptive), budget=80,
)  # fmt: skip
NEEDLE = Problem(
    "needle", "Does anything lead to the one plan that pays?", (10,) * 4, 4, "higher",
    _plans("needle", (10,) * 4, _needle), budget=60,
)  # fmt: skip
