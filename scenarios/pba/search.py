"""The search: a population of trials on a cluster. The cluster says when, the decisions who, a learner how well.

Every trial starts with the policy that does nothing. After an interval of epochs it is scored on the validation images;
then the rules of `scenarios.pba.decisions` say whether it copies another trial and goes on with a policy near that
one's. In a synchronous search all wait for the last and are decided on together; in an asynchronous one each is
decided on when it reports, against the others' last scores, and goes on from as far as its source was.

Training happens in the order in which trials report in simulated time; what it costs is the cluster's business, what
it does the learner's. Updates are kept as the published logs write them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Generic, Protocol, TypeVar

import numpy as np

from hardware_models.network.cluster import Cluster, IntervalSeconds, Search, run
from scenarios.pba.decisions import Rules, exploit, explore
from scenarios.pba.policy import Policy
from scenarios.pba.schedule import Schedule, Update, extract, lineage
from sim.errors import UserError

State = TypeVar("State")


class Learner(Protocol[State]):
    """What a trial does between reports. A state is never changed in place: a copied trial shares it."""

    def begin(self, trial: int) -> State:
        """The state before the first epoch."""
        ...

    def train(self, state: State, trial: int, policy: Policy, first: int, last: int) -> tuple[State, float]:
        """Epochs `first` up to, not including, `last`. Returns the state then, and its score: higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Unlearned:
    """A learner that learns nothing, for what a search costs whatever is trained.

    Who is further is ahead, and equals are ranked by chance. (Ranked by chance alone, half of an asynchronous search's
    copies would fall back an interval, and a search take an eighth longer. In the published log of CIFAR-10 the sources
    are as far as their targets: 0.06 epochs behind, on average.)
    """

    random: np.random.Generator

    def begin(self, trial: int) -> None:
        """Nothing."""

    def train(self, state: None, trial: int, policy: Policy, first: int, last: int) -> tuple[None, float]:
        """The epochs that are over, and a uniform number from 0 to 1."""
        return None, last + float(self.random.random())


@dataclass(frozen=True, slots=True)
class Plan:
    """`trials` of `epochs` epochs, reporting every `interval` of them; the last interval may be shorter.

    Raises `UserError` for less than one of each, or for an interval longer than the search.
    """

    trials: int
    epochs: int
    interval: int
    synchronous: bool = False
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        if min(self.trials, self.epochs, self.interval) < 1 or self.interval > self.epochs:
            raise UserError(
                f"{self.trials} trials of {self.epochs} epochs with an interval of {self.interval}: each is 1 or more, "
                "and the interval at most all epochs"
            )

    @property
    def intervals(self) -> int:
        """How often a trial reports."""
        return ceil(self.epochs / self.interval)

    def epoch(self, interval: int) -> int:
        """Epochs that are over after so many intervals."""
        return min(interval * self.interval, self.epochs)

    def length(self, interval: int) -> int:
        """Epochs of an interval, counted from 0."""
        return self.epoch(interval + 1) - self.epoch(interval)


@dataclass(frozen=True, slots=True)
class Found:
    """A search that is over.

    `updates` in the order of simulated time; `scores`, the last of each trial; `time`, what the cluster did; `curve`,
    rows of (seconds, trial, epochs done, score), one per report.
    """

    plan: Plan
    updates: tuple[Update, ...]
    scores: tuple[float, ...]
    time: Search
    curve: tuple[tuple[float, int, int, float], ...]

    @property
    def best(self) -> int:
        """The trial whose last score is highest; of equals the first."""
        return int(np.argmax(self.scores))

    def schedule(self, trial: int) -> Schedule:
        """What a trial has been trained with, its sources' past included."""
        steps = lineage(self.updates, str(trial))
        return extract(steps, self.plan.epochs) if steps else Schedule.always(Policy.nothing(), self.plan.epochs)


def search(
    plan: Plan,
    cluster: Cluster,
    seconds: IntervalSeconds,
    learner: Learner[State],
    random: np.random.Generator,
    progress: Callable[[float], None] = lambda share: None,
) -> Found:
    """Runs the search. `seconds(trial, interval)`: what an interval takes alone on a GPU of speed 1."""
    population = _Population(plan, learner, random, progress)
    time = run(
        cluster, seconds, plan.trials, plan.intervals, plan.synchronous, population.decide, ended=population.end
    )  # fmt: skip
    scores = tuple(population.scores[trial] for trial in range(plan.trials))
    return Found(plan, tuple(population.updates), scores, time, tuple(population.curve))


class _Population(Generic[State]):
    """States, policies and scores while a search runs. `done` counts intervals, as the cluster does."""

    def __init__(
        self, plan: Plan, learner: Learner[State], random: np.random.Generator, progress: Callable[[float], None]
    ) -> None:
        self.plan, self.learner, self.random, self.progress = plan, learner, random, progress
        self.states = [learner.begin(trial) for trial in range(plan.trials)]
        self.policies = [Policy.nothing()] * plan.trials
        self.done = [0] * plan.trials
        self.scores: dict[int, float] = {}
        self.updates: list[Update] = []
        self.curve: list[tuple[float, int, int, float]] = []

    def decide(self, reported: Sequence[int], intervals: int, now: float) -> dict[int, int]:
        for trial in reported:
            self.train(trial, now)
        clones = exploit(reported, self.scores, self.random, self.plan.rules.quantile)
        for target, source in clones.items():
            self.copy(target, source)
        return clones

    def end(self, trial: int, now: float) -> None:
        self.train(trial, now)

    def train(self, trial: int, now: float) -> None:
        first, last = self.plan.epoch(self.done[trial]), self.plan.epoch(self.done[trial] + 1)
        trained = self.learner.train(self.states[trial], trial, self.policies[trial], first, last)
        self.states[trial], self.scores[trial] = trained
        self.done[trial] += 1
        self.curve.append((now, trial, last, self.scores[trial]))
        self.progress(min(1.0, len(self.curve) / (self.plan.trials * self.plan.intervals)))

    def copy(self, target: int, source: int) -> None:
        new = explore(self.policies[source], self.random, self.plan.rules)
        epochs = self.plan.epoch(self.done[target]), self.plan.epoch(self.done[source])
        self.updates.append(Update(str(target), str(source), *epochs, self.policies[source], new))
        self.states[target], self.policies[target] = self.states[source], new
        self.done[target] = self.done[source]
