"""Bandits: every decision learns by itself from the reward that follows it, without a thought of what comes later."""

import numpy as np
from numpy.typing import NDArray

from sim.judge.methods import Setting
from sim.judge.play import Trajectory
from sim.judge.problem import ByPlan, Instance, Problem, Rule, Situation

Floats = NDArray[np.float64]


def credited(problem: Problem, trajectory: Trajectory) -> tuple[float, ...]:
    """What each step is credited with, higher being better: its reward, or the value if there is no other reward."""
    if problem.rewards == "at the end":
        return (problem.sign * trajectory.value,) * len(trajectory.arms)
    return tuple(problem.sign * reward for reward in trajectory.rewards)


class _Scale:
    """Brings credits to 0..1 by the extremes met so far."""

    def __init__(self) -> None:
        self.low, self.high = float("inf"), -float("inf")

    def widen(self, values: tuple[float, ...]) -> None:
        self.low, self.high = min(self.low, *values), max(self.high, *values)

    @property
    def span(self) -> float:
        return self.high - self.low if self.high > self.low else 1.0


class Ucb:
    """UCB1 (Auer et al. 2002) for every decision of every instance, with confidence `width` in shares of the span."""

    def __init__(self, setting: Setting) -> None:
        self._problem, self._width, self._stream = setting.problem, setting.hyper["width"], setting.stream
        self._counts: dict[str, list[Floats]] = {}
        self._sums: dict[str, list[Floats]] = {}
        self._scale: dict[str, _Scale] = {}

    def ask(self, instance: Instance) -> Rule:
        """Optimistic choices; those never tried come first."""
        self._prepare(instance.name)
        counts, sums = self._counts[instance.name], self._sums[instance.name]
        width = self._width * self._scale[instance.name].span

        def rule(situation: Situation) -> int:
            tried, total = counts[situation.decision], sums[situation.decision]
            new = np.flatnonzero(tried == 0.0)
            if len(new):
                return int(new[self._stream.integer(0, len(new))])
            return int(np.argmax(total / tried + width * np.sqrt(2.0 * np.log(tried.sum()) / tried)))

        return rule

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """Credit every choice."""
        self._prepare(instance.name)
        earned = credited(self._problem, trajectory)
        self._scale[instance.name].widen(earned)
        counts, sums = self._counts[instance.name], self._sums[instance.name]
        for situation, arm, credit in zip(trajectory.situations, trajectory.arms, earned, strict=True):
            counts[situation.decision][arm] += 1.0
            sums[situation.decision][arm] += credit

    def best(self, instance: Instance) -> Rule:
        """The choices of the highest means; the first one where nothing was tried."""
        self._prepare(instance.name)
        both = zip(self._counts[instance.name], self._sums[instance.name], strict=True)
        means = (np.where(counts > 0.0, sums / np.maximum(counts, 1.0), -np.inf) for counts, sums in both)
        return ByPlan(tuple(int(np.argmax(mean)) for mean in means))

    def _prepare(self, name: str) -> None:
        if name not in self._counts:
            self._counts[name] = [np.zeros(count) for count in self._problem.arms]
            self._sums[name] = [np.zeros(count) for count in self._problem.arms]
            self._scale[name] = _Scale()


class LinUcb:
    """LinUCB with a model per decision and arm (Li et al. 2010), shared by all instances.

    The first episode of every instance is played uniformly; what is seen and earned in them
    gives the scale of features and credits.
    """

    def __init__(self, setting: Setting) -> None:
        self._problem, self._width, self._stream = setting.problem, setting.hyper["width"], setting.stream
        self._warming = len(setting.instances)
        self._waiting: list[Trajectory] = []
        self._centre, self._spread = np.zeros(0), np.zeros(0)
        self._inverse: dict[int, Floats] = {}
        self._target: dict[int, Floats] = {}
        self._scale = _Scale()

    def ask(self, instance: Instance) -> Rule:
        """Optimistic choices; uniform ones at first."""
        if self._warming > 0:
            return lambda situation: self._stream.integer(0, self._problem.arms[situation.decision])
        return lambda situation: self._choice(situation, self._width)

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """Credit every choice."""
        self._waiting.append(trajectory)
        if self._warming > 0:
            self._scale.widen(credited(self._problem, trajectory))
            self._warming -= 1
        if self._warming > 0:
            return
        if not len(self._centre):
            seen = np.array([situation.seen for each in self._waiting for situation in each.situations])
            spread = seen.std(axis=0)
            self._centre, self._spread = seen.mean(axis=0), np.where(spread > 0.0, spread, 1.0)
        for each in self._waiting:
            self._learn(each)
        self._waiting.clear()

    def best(self, instance: Instance) -> Rule:
        """The choice of the highest expectation."""
        return lambda situation: self._choice(situation, 0.0)

    def _features(self, situation: Situation) -> Floats:
        return np.append((np.array(situation.seen) - self._centre) / self._spread, 1.0)

    def _learn(self, trajectory: Trajectory) -> None:
        earned = credited(self._problem, trajectory)
        for situation, arm, credit in zip(trajectory.situations, trajectory.arms, earned, strict=True):
            x = self._features(situation)
            if situation.decision not in self._inverse:
                count = self._problem.arms[situation.decision]
                self._inverse[situation.decision] = np.tile(np.eye(len(x)), (count, 1, 1))
                self._target[situation.decision] = np.zeros((count, len(x)))
            inverse = self._inverse[situation.decision][arm]
            turned = inverse @ x
            inverse -= np.outer(turned, turned) / (1.0 + x @ turned)
            self._target[situation.decision][arm] += (credit - self._scale.low) / self._scale.span * x

    def _choice(self, situation: Situation, width: float) -> int:
        inverse = self._inverse.get(situation.decision)
        if inverse is None:
            return self._stream.integer(0, self._problem.arms[situation.decision]) if width else 0
        x = self._features(situation)
        turned = inverse @ x
        height = (self._target[situation.decision] * turned).sum(axis=1)
        return int(np.argmax(height + width * np.sqrt(turned @ x) if width else height))


def ucb(setting: Setting) -> Ucb:
    """Context-free."""
    return Ucb(setting)


def linear(setting: Setting) -> LinUcb:
    """Contextual."""
    return LinUcb(setting)
