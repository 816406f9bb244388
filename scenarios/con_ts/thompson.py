"""Thompson sampling on Beta posteriors: free of constraints, near the leader, and constrained (Con-TS).

In each slot a success probability is drawn from the posterior of every arm, and the draws are taken for the truth:
plain Thompson sampling plays the arm with the largest rate * draw, Con-TS plays the solution of the linear program of
`scenarios.con_ts.hull` for the draws.

Most draws can be spared without changing anything: an arm whose rate is below the best rate * draw so far cannot be
better, whatever it would draw. So arms are drawn from the highest rate down, and lower ones only while they could
still matter. Each draw has a place of its own in the link's random lane (slot and arm name it), so the sparing
sampler plays exactly what the plain one plays that draws all arms first; tests hold them equal.
"""

from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.con_ts.hull import Arms, Floats, walk
from scenarios.con_ts.policy import Feedback, Task, falling
from scenarios.con_ts.posterior import Counts, Memory
from sim import lanes

Infeasible = Literal["random", "max_success", "lowest_rate"]
#: What to play when no draw reaches eta; the authors' code plays a random arm.
_RULES: dict[Infeasible, int] = {"random": 0, "max_success": 1, "lowest_rate": 2}
#: Sets the draws of a slot's arms apart; odd, so that no two arms meet (Steele and Vigna, arXiv:2001.05304).
_APART = np.uint64(0xD1342543DE82EF95)


class Thompson:
    """Thompson sampling (with the informed prior: BayesLA): argmax of rate * draw."""

    def __init__(self, task: Task, memory: Memory, lanes_state: lanes.State) -> None:
        self._memory, self._lanes = memory, lanes_state
        self._rates, self._order = task.rates, falling(task.rates)

    def act(self, contexts: Arms) -> Arms:
        """One draw per arm that could be the best."""
        return _best(self._lanes, self._memory.successes, self._memory.failures, contexts, self._rates, self._order)

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


class UnimodalThompson:
    """Thompson sampling among the leader (largest rate * posterior mean) and its two neighbours.

    Takes for granted that expected rates rise to one peak along the arms. Every `arms`-th time that an arm leads,
    it is played without a draw, as in unimodal sampling (Paladino et al., AAAI 2017, and Combes and Proutiere, ICML
    2014, with a neighbourhood of one arm to each side).
    """

    def __init__(self, task: Task, memory: Memory, lanes_state: lanes.State) -> None:
        self._memory, self._lanes = memory, lanes_state
        self._rates, self._order = task.rates, np.argsort(task.rates, kind="stable").astype(np.int64)
        self._led = np.zeros(memory.successes.shape, np.int32)

    def act(self, contexts: Arms) -> Arms:
        """At most three draws."""
        memory = self._memory
        return _near_leader(
            self._lanes, memory.successes, memory.failures, contexts, self._rates, self._order, self._led
        )

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


class ConTS:
    """Constrained Thompson sampling (arXiv:1902.11102). `infeasible_slots` counts per link when no draw reached eta."""

    def __init__(self, task: Task, memory: Memory, lanes_state: lanes.State, infeasible: Infeasible = "random") -> None:
        self._memory, self._lanes = memory, lanes_state
        self._rates, self._order = task.rates, falling(task.rates)
        self._eta, self._rule = task.eta, _RULES[infeasible]
        self.infeasible_slots = np.zeros(len(lanes_state), np.int64)

    def act(self, contexts: Arms) -> Arms:
        """The linear program's mix for the draws, and one of its two arms."""
        arms, infeasible = _constrained(
            self._lanes, self._memory.successes, self._memory.failures, contexts, self._rates, self._order, self._eta,
            self._rule,
        )  # fmt: skip
        self.infeasible_slots += infeasible
        return arms

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


@njit(cache=True, error_model="numpy", forceinline=True)
def _draw(scratch: lanes.State, key: np.uint64, successes: Counts, failures: Counts, arm: int) -> float:
    """The draw of an arm in the slot that `key` stands for; the same whenever it is made."""
    scratch[0] = key + np.uint64(arm) * _APART
    drawn: float = lanes.beta(scratch, 0, 1.0 + successes[arm], 1.0 + failures[arm])
    return drawn


@njit(cache=True, error_model="numpy")
def _best(state: lanes.State, successes: Counts, failures: Counts, contexts: Arms, rates: Floats, order: Arms) -> Arms:
    arms, scratch = np.empty(len(state), np.int64), np.empty(1, np.uint64)
    for link in range(len(state)):
        key, context = lanes.bits(state, link), contexts[link]
        best, chosen = -1.0, order[0]
        for arm in order:
            if rates[arm] < best:
                break
            gain = rates[arm] * _draw(scratch, key, successes[link, context], failures[link, context], arm)
            if gain > best:
                best, chosen = gain, arm
        arms[link] = chosen
    return arms


@njit(cache=True, error_model="numpy")
def _near_leader(
    state: lanes.State,
    successes: Counts,
    failures: Counts,
    contexts: Arms,
    rates: Floats,
    order: Arms,
    led: NDArray[np.int32],
) -> Arms:
    arms, scratch, count = np.empty(len(state), np.int64), np.empty(1, np.uint64), len(rates)
    for link in range(len(state)):
        key, context = lanes.bits(state, link), contexts[link]
        good, bad = successes[link, context], failures[link, context]
        leader, best = 0, -1.0
        for place in range(count):
            arm = order[place]
            gain = rates[arm] * (1.0 + good[arm]) / (2.0 + good[arm] + bad[arm])
            if gain >= best:
                leader, best = place, gain
        chosen = order[leader]
        led[link, context, chosen] += 1
        if led[link, context, chosen] % count != 0:
            best = -1.0
            for place in range(max(0, leader - 1), min(count, leader + 2)):
                arm = order[place]
                gain = rates[arm] * _draw(scratch, key, good, bad, arm)
                if gain > best:
                    chosen, best = arm, gain
        arms[link] = chosen
    return arms


@njit(cache=True, error_model="numpy")
def _constrained(
    state: lanes.State,
    successes: Counts,
    failures: Counts,
    contexts: Arms,
    rates: Floats,
    order: Arms,
    eta: float,
    rule: int,
) -> tuple[Arms, NDArray[np.int64]]:
    links = len(state)
    arms, infeasible = np.empty(links, np.int64), np.zeros(links, np.int64)
    scratch, draws = np.empty(1, np.uint64), np.empty(len(rates))
    for link in range(links):
        key, context = lanes.bits(state, link), contexts[link]
        good, bad = successes[link, context], failures[link, context]
        low, high, weight, feasible = sparing_walk(scratch, key, good, bad, rates, order, eta, draws)
        scratch[0] = key - _APART
        if feasible:
            arms[link] = high if lanes.uniform(scratch, 0) < weight else low
        else:
            infeasible[link] = 1
            arms[link] = low if rule == 1 else order[-1] if rule == 2 else int(lanes.uniform(scratch, 0) * len(rates))
    return arms, infeasible


@njit(cache=True, error_model="numpy")
def plain_walk(
    scratch: lanes.State, key: np.uint64, successes: Counts, failures: Counts, rates: Floats, eta: float
) -> tuple[int, int, float, bool]:
    """The mix (low, high, weight, feasible) for draws of all arms: what `sparing_walk` must equal."""
    draws = np.empty(len(rates))
    for arm in range(len(rates)):
        draws[arm] = _draw(scratch, key, successes, failures, arm)
    return walk(draws, rates, eta)


@njit(cache=True, error_model="numpy")
def sparing_walk(
    scratch: lanes.State,
    key: np.uint64,
    successes: Counts,
    failures: Counts,
    rates: Floats,
    order: Arms,
    eta: float,
    draws: Floats,
) -> tuple[int, int, float, bool]:
    """The mix for draws of no more arms than matter. `draws` is room for them, `order` the arms by falling rate.

    From a hull vertex (s, g) the slope to an arm of rate r <= g / s grows with what the arm draws, so it is at most
    (r - g) / (1 - s), and arms of still lower rates have still lower slopes.
    """
    here, best, drawn, count = order[0], -1.0, 0, len(rates)
    while drawn < count and rates[order[drawn]] >= best:
        arm = order[drawn]
        drawn += 1
        draws[arm] = _draw(scratch, key, successes, failures, arm)
        gain = rates[arm] * draws[arm]
        if gain > best or (gain == best and draws[arm] > draws[here]):
            here, best = arm, gain
    while draws[here] < eta:
        success, gain = draws[here], rates[here] * draws[here]
        right, steepest, place = -1, -np.inf, 0
        while place < count:
            arm = order[place]
            if place >= drawn:
                if (rates[arm] - gain) < steepest * (1.0 - success):
                    break
                drawn += 1
                draws[arm] = _draw(scratch, key, successes, failures, arm)
            place += 1
            step = draws[arm] - success
            if step <= 0.0:
                continue
            slope = (rates[arm] * draws[arm] - gain) / step
            if slope > steepest or (slope == steepest and draws[arm] > draws[right]):
                right, steepest = arm, slope
        if right < 0:
            return here, here, 0.0, False
        if draws[right] >= eta:
            return here, right, (eta - success) / (draws[right] - success), True
        here = right
    return here, here, 0.0, True
