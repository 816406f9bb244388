"""Optimism in the face of uncertainty: UCB1, KL-UCB, and KL-UCB under the linear program (LinCon-KL-UCB).

Each arm of each context is played once; from then on an upper confidence bound of its success probability stands for
it. `trials` counts the slots of the context in which an outcome was heard.
"""

from math import log, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.con_ts.hull import Arms, Floats, walk
from scenarios.con_ts.policy import Feedback, Task, falling
from scenarios.con_ts.posterior import Counts, Forever, uninformed
from sim import lanes


class UCB1:
    """argmax of rate * min(1, mean + sqrt(2 ln t / n)) (Auer, Cesa-Bianchi, Fischer, Machine Learning 47, 2002)."""

    def __init__(self, task: Task, links: int) -> None:
        self._memory = Forever(uninformed(task, links))
        self._rates, self._order = task.rates, falling(task.rates)

    def act(self, contexts: Arms) -> Arms:
        """The arm with the largest index."""
        return _optimistic(self._memory.successes, self._memory.failures, contexts, self._rates, self._order, False)

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


class KLUCB:
    """argmax of rate * max{q : n KL(mean, q) <= ln t} (Garivier and Cappe, COLT 2011, with c = 0)."""

    def __init__(self, task: Task, links: int) -> None:
        self._memory = Forever(uninformed(task, links))
        self._rates, self._order = task.rates, falling(task.rates)

    def act(self, contexts: Arms) -> Arms:
        """The arm with the largest index."""
        return _optimistic(self._memory.successes, self._memory.failures, contexts, self._rates, self._order, True)

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


class LinConKLUCB:
    """The linear program on KL-UCB's indices (the authors' state of the art in arXiv:2004.09258).

    When no index reaches eta the arm with the largest index is played.
    """

    def __init__(self, task: Task, lanes_state: lanes.State) -> None:
        self._memory, self._lanes = Forever(uninformed(task, len(lanes_state))), lanes_state
        self._rates, self._eta = task.rates, task.eta

    def act(self, contexts: Arms) -> Arms:
        """One of the mix's two arms."""
        memory = self._memory
        return _lin_con(self._lanes, memory.successes, memory.failures, contexts, self._rates, self._eta)

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


@njit(cache=True, error_model="numpy")
def divergence(p: float, q: float) -> float:
    """Kullback-Leibler divergence between Bernoulli(p) and Bernoulli(q), in nats; infinite where q cannot give p."""
    total = 0.0
    if p > 0.0:
        total += p * log(p / q) if q > 0.0 else np.inf
    if p < 1.0:
        total += (1.0 - p) * log((1.0 - p) / (1.0 - q)) if q < 1.0 else np.inf
    return total


@njit(cache=True, error_model="numpy")
def kl_bound(mean: float, budget: float) -> float:
    """The largest q with KL(mean, q) <= budget (nats), to 1e-6, by bisection."""
    low, high = mean, 1.0
    while high - low > 1e-6:
        middle = 0.5 * (low + high)
        if divergence(mean, middle) <= budget:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def _index(good: float, bad: float, log_trials: float, kl: bool) -> float:
    number = good + bad
    mean = good / number
    if kl:
        return kl_bound(mean, log_trials / number)
    return min(1.0, mean + sqrt(2.0 * log_trials / number))


@njit(cache=True)
def _trials(good: NDArray[np.float32], bad: NDArray[np.float32]) -> tuple[float, int]:
    """How many outcomes were heard in a context, and the first arm that has none (-1: all have)."""
    total, fresh = 0.0, -1
    for arm in range(len(good) - 1, -1, -1):
        number = good[arm] + bad[arm]
        total += number
        if number == 0.0:
            fresh = arm
    return total, fresh


@njit(cache=True, error_model="numpy")
def _optimistic(successes: Counts, failures: Counts, contexts: Arms, rates: Floats, order: Arms, kl: bool) -> Arms:
    arms = np.empty(len(contexts), np.int64)
    for link in range(len(contexts)):
        good, bad = successes[link, contexts[link]], failures[link, contexts[link]]
        trials, chosen = _trials(good, bad)
        if chosen < 0:
            best, log_trials = -1.0, log(trials)
            for arm in order:
                if rates[arm] <= best:
                    break  # an index is at most 1, so nothing below can win
                gain = rates[arm] * _index(good[arm], bad[arm], log_trials, kl)
                if gain > best:
                    best, chosen = gain, arm
        arms[link] = chosen
    return arms


@njit(cache=True, error_model="numpy")
def _lin_con(
    state: lanes.State, successes: Counts, failures: Counts, contexts: Arms, rates: Floats, eta: float
) -> Arms:
    arms, bounds = np.empty(len(contexts), np.int64), np.empty(len(rates))
    for link in range(len(contexts)):
        good, bad = successes[link, contexts[link]], failures[link, contexts[link]]
        trials, chosen = _trials(good, bad)
        share = lanes.uniform(state, link)
        if chosen < 0:
            log_trials = log(trials)
            for arm in range(len(rates)):
                bounds[arm] = _index(good[arm], bad[arm], log_trials, True)
            low, high, weight, _ = walk(bounds, rates, eta)
            chosen = high if share < weight else low
        arms[link] = chosen
    return arms
