"""Evolutionary and local search: (1+1)-ES, GA, simulated annealing, CMA-ES, and a bandit over them as in OpenTuner."""

import warnings
from collections import deque
from math import exp, log, sqrt
from typing import Any

import numpy as np

from sim.judge.methods import Setting
from sim.judge.methods.greedy import Walk, Walking, sequential_walk, with_choice
from sim.judge.methods.searching import MakeSearch, Search, Searching, Uniform, random_plan
from sim.judge.problem import Plan
from sim.rng import Stream

#: Individuals of the genetic algorithm, of which the best survive unchanged.
_POPULATION, _ELITE = 16, 2
#: Annealing: uniform plans that set the first temperature, and how far it falls in all.
_WARM_UP, _COOLING = 10, 1e-2
#: OpenTuner's settings (Ansel et al. 2014, section 4.2): window, and weight of exploration.
_WINDOW, _EXPLORE = 500, 0.05


def mutated(plan: Plan, arms: tuple[int, ...], stream: Stream, rate: float) -> Plan:
    """Each choice replaced by another with probability `rate`, at least one of those that have another."""
    open_to_change = [decision for decision, count in enumerate(arms) if count > 1]
    if not open_to_change:
        return plan
    struck = [decision for decision in open_to_change if stream.uniform() < rate]
    for decision in struck or [open_to_change[stream.integer(0, len(open_to_change))]]:
        arm = stream.integer(0, arms[decision] - 1)
        plan = with_choice(plan, decision, arm + (arm >= plan[decision]))
    return plan


def _one_plus_one(arms: tuple[int, ...], stream: Stream) -> Walk:
    parent = random_plan(arms, stream)
    height = yield parent
    while True:
        child = mutated(parent, arms, stream, 1.0 / len(arms))
        score = yield child
        if score >= height:
            parent, height = child, score


def _genetic(arms: tuple[int, ...], stream: Stream, budget: int) -> Walk:
    size = max(4, min(_POPULATION, budget // 4))
    population: list[tuple[float, Plan]] = []
    for _ in range(size):
        plan = random_plan(arms, stream)
        score = yield plan
        population.append((score, plan))
    while True:
        population.sort(key=lambda each: -each[0])
        children = population[:_ELITE]
        while len(children) < size:
            mother, father = (_tournament(population, stream) for _ in range(2))
            child = tuple(m if stream.uniform() < 0.5 else f for m, f in zip(mother, father, strict=True))
            child = mutated(child, arms, stream, 1.0 / len(arms))
            score = yield child
            children.append((score, child))
        population = children


def _tournament(population: list[tuple[float, Plan]], stream: Stream) -> Plan:
    return max((population[stream.integer(0, len(population))] for _ in range(3)), key=lambda each: each[0])[1]


def _annealing(arms: tuple[int, ...], stream: Stream, budget: int) -> Walk:
    tried: list[tuple[float, Plan]] = []
    for _ in range(min(_WARM_UP, max(2, budget // 4))):
        plan = random_plan(arms, stream)
        score = yield plan
        tried.append((score, plan))
    height, at = max(tried, key=lambda each: each[0])
    hot = float(np.std([score for score, _ in tried])) or 1.0
    for step in range(1_000_000_000):
        temperature = hot * _COOLING ** (step / max(1, budget - len(tried)))
        child = mutated(at, arms, stream, 1.0 / len(arms))
        score = yield child
        if score >= height or stream.uniform() < exp((score - height) / max(temperature, 1e-300)):
            at, height = child, score


class Cma:
    """CMA-ES on one relaxed coordinate per decision, 0 to 1, cut into equal pieces (pycma)."""

    def __init__(self, arms: tuple[int, ...], budget: int, stream: Stream) -> None:
        self._arms, self._seed, self._stream = arms, int(stream.generator.integers(1, 2**31)), stream
        self._fresh()

    def _fresh(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that it cannot plot, which nobody asks it to
            import cma

        self._seed += 1
        start = self._stream.generator.random(max(2, len(self._arms)))
        options = {"seed": self._seed, "bounds": [0.0, 1.0], "verbose": -9, "verb_log": 0, "verb_disp": 0}
        self._evolution = cma.CMAEvolutionStrategy(start, 0.3, options)
        self._asked: list[Any] = []
        self._told: list[float] = []

    def propose(self) -> Plan:
        """The next of the generation."""
        if not self._asked:
            self._asked, self._told = self._evolution.ask(), []
        point = self._asked[len(self._told)]
        return tuple(min(count - 1, int(x * count)) for x, count in zip(point, self._arms, strict=False))

    def learn(self, plan: Plan, score: float) -> None:
        """Tell a generation when it is complete; start again elsewhere when it has converged."""
        self._told.append(-score)
        if len(self._told) < len(self._asked):
            return
        self._evolution.tell(self._asked, self._told)
        self._asked = []
        if self._evolution.stop():
            self._fresh()


class AucBandit:
    """Which search proposes next: the one whose last uses brought new bests, late ones counting more.

    Credit of a search: the area under the curve of its hits in the window; plus `_EXPLORE` sqrt(2 ln n / uses).
    """

    def __init__(self, searches: list[Search]) -> None:
        self._searches = searches
        self._window: deque[tuple[int, bool]] = deque(maxlen=_WINDOW)
        self._best = -float("inf")
        self._turn = 0

    def propose(self) -> Plan:
        """The chosen search's plan."""
        self._turn = max(range(len(self._searches)), key=self._height)
        return self._searches[self._turn].propose()

    def learn(self, plan: Plan, score: float) -> None:
        """Whether it was a new best."""
        self._window.append((self._turn, score > self._best))
        self._best = max(self._best, score)
        self._searches[self._turn].learn(plan, score)

    def _height(self, index: int) -> float:
        hits = [hit for turn, hit in self._window if turn == index]
        if not hits:
            return float("inf")
        uses = len(hits)
        area = 2.0 / (uses * (uses + 1)) * sum(place for place, hit in enumerate(hits, start=1) if hit)
        return area + _EXPLORE * sqrt(2.0 * log(len(self._window)) / uses)


def _bandit(arms: tuple[int, ...], budget: int, stream: Stream) -> AucBandit:
    return AucBandit(
        [
            Walking(_one_plus_one(arms, stream)),
            Walking(_genetic(arms, stream, budget)),
            Walking(_annealing(arms, stream, budget)),
            Walking(sequential_walk(arms, stream)),
            Uniform(arms, budget, stream),
        ]
    )


def _searching(setting: Setting, make: MakeSearch) -> Searching:
    return Searching(setting, make)


def one_plus_one(setting: Setting) -> Searching:
    """(1+1)-ES with mutation rate one over the number of decisions."""
    return _searching(setting, lambda arms, budget, stream: Walking(_one_plus_one(arms, stream)))


def genetic(setting: Setting) -> Searching:
    """Genetic algorithm."""
    return _searching(setting, lambda arms, budget, stream: Walking(_genetic(arms, stream, budget)))


def annealing(setting: Setting) -> Searching:
    """Simulated annealing, geometric cooling over the budget."""
    return _searching(setting, lambda arms, budget, stream: Walking(_annealing(arms, stream, budget)))


def cma_es(setting: Setting) -> Searching:
    """CMA-ES."""
    return _searching(setting, Cma)


def auc_bandit(setting: Setting) -> Searching:
    """The bandit over all of them."""
    return _searching(setting, _bandit)
