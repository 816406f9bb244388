"""Epsilon-greedy: mostly the arm with the best mean so far, sometimes any."""

import numpy as np
from numba import njit

from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policy import Feedback, Task
from scenarios.con_ts.posterior import Counts, Forever, uninformed
from sim import lanes
from sim.errors import UserError


class EpsilonGreedy:
    """Plays a uniformly random arm with probability min(1, c K / t), else argmax of rate * mean.

    t counts the context's outcomes, K the arms; an arm never heard of has mean 0 (Auer et al., 2002, section 2).
    """

    def __init__(self, task: Task, lanes_state: lanes.State, c: float = 5.0) -> None:
        if not c > 0.0:
            raise UserError(f"c scales how long epsilon-greedy explores; it must be above 0, not {c}")
        self._memory, self._lanes = Forever(uninformed(task, len(lanes_state))), lanes_state
        self._rates, self._c = task.rates, c

    def act(self, contexts: Arms) -> Arms:
        """Explore or exploit."""
        return _greedy(self._lanes, self._memory.successes, self._memory.failures, contexts, self._rates, self._c)

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        self._memory.update(feedback)


@njit(cache=True, error_model="numpy")
def _greedy(state: lanes.State, successes: Counts, failures: Counts, contexts: Arms, rates: Floats, c: float) -> Arms:
    arms, count = np.empty(len(contexts), np.int64), len(rates)
    for link in range(len(contexts)):
        good, bad = successes[link, contexts[link]], failures[link, contexts[link]]
        explore, any_arm = lanes.uniform(state, link), int(lanes.uniform(state, link) * count)
        trials, best, chosen = 0.0, -1.0, 0
        for arm in range(count):
            number = good[arm] + bad[arm]
            trials += number
            gain = rates[arm] * good[arm] / number if number > 0.0 else 0.0
            if gain > best:
                best, chosen = gain, arm
        arms[link] = any_arm if explore * trials < c * count else chosen
    return arms
