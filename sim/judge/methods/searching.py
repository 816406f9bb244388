"""Searches: they propose plans for one instance and learn their scores; higher is better.

Where values are noisy, a plan that looks better than the best so far is tried again before it is believed: as often as
the best was, `RACE` times at least, and it is dropped as soon as its mean falls below (the intensification of SMAC,
Hutter et al. 2011). All these tries are evaluations.
"""

from collections.abc import Callable
from typing import Protocol

from sim.judge.methods import Setting
from sim.judge.play import Trajectory
from sim.judge.problem import ByPlan, Instance, Plan, Rule
from sim.rng import Stream, Streams

#: Evaluations that a plan needs before it may become the best one, where values are noisy.
RACE = 4


class Search(Protocol):
    """Proposes plans and learns what they score."""

    def propose(self) -> Plan:
        """The plan to try next."""
        ...

    def learn(self, plan: Plan, score: float) -> None:
        """What it scored; plans come back in the order in which they were proposed."""
        ...


#: (choices per decision, evaluations, stream) -> a search.
MakeSearch = Callable[[tuple[int, ...], int, Stream], Search]


class _Race:
    """One instance: the search, the best plan so far, and the challenger that is being tried again."""

    def __init__(self, search: Search, repeats: int) -> None:
        self._search, self._repeats = search, repeats
        self._found: dict[Plan, tuple[int, float]] = {}
        self._challenger: Plan | None = None
        self.best: Plan | None = None

    def propose(self) -> Plan:
        if self._challenger is None:
            self._challenger = self._search.propose()
        return self._challenger

    def learn(self, plan: Plan, score: float) -> None:
        count, mean = self._found.get(plan, (0, 0.0))
        count, mean = count + 1, mean + (score - mean) / (count + 1)
        self._found[plan] = count, mean
        tries, height = self._found[self.best] if self.best is not None else (0, -float("inf"))
        if plan != self.best and mean > height and count < max(tries, self._repeats):
            return
        self._challenger = None
        self._search.learn(plan, mean)
        if plan == self.best:
            self.best = max((p for p, (n, _) in self._found.items() if n >= self._repeats), key=self._mean)
        elif mean > height:
            self.best = plan

    def _mean(self, plan: Plan) -> float:
        return self._found[plan][1]

    def leader(self) -> Plan | None:
        """The best plan, or the one that is being tried while there is none."""
        return self.best if self.best is not None else self._challenger


class Searching:
    """An agent that runs a search of its own for every instance."""

    def __init__(self, setting: Setting, make: MakeSearch) -> None:
        self._setting, self._make = setting, make
        self._races: dict[str, _Race] = {}
        self._seed = int(setting.stream.generator.integers(2**62))

    def ask(self, instance: Instance) -> Rule:
        """The plan that is tried next."""
        return ByPlan(self._race(instance).propose())

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """Learn the plan's value."""
        race = self._race(instance)
        race.learn(race.propose(), self._setting.problem.sign * trajectory.value)

    def best(self, instance: Instance) -> Rule:
        """The best plan so far."""
        plan = self._race(instance).leader()
        return ByPlan(plan if plan is not None else tuple(0 for _ in self._setting.problem.arms))

    def _race(self, instance: Instance) -> _Race:
        if instance.name not in self._races:
            stream = Streams(self._seed, "search", 0)(instance.name)
            search = self._make(self._setting.problem.arms, self._setting.budget, stream)
            self._races[instance.name] = _Race(search, RACE if self._setting.problem.stochastic else 1)
        return self._races[instance.name]


class Uniform:
    """Uniform plans."""

    def __init__(self, arms: tuple[int, ...], budget: int, stream: Stream) -> None:
        self._arms, self._stream = arms, stream

    def propose(self) -> Plan:
        """Every choice uniform."""
        return random_plan(self._arms, self._stream)

    def learn(self, plan: Plan, score: float) -> None:
        """Nothing to learn; the best is kept by whoever runs the search."""


def random_plan(arms: tuple[int, ...], stream: Stream) -> Plan:
    """Every choice uniform."""
    return tuple(stream.integer(0, count) for count in arms)


def uniform(setting: Setting) -> Searching:
    """Random search."""
    return Searching(setting, Uniform)
