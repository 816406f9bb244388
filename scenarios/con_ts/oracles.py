"""What could be had by somebody who knows the truth: bounds for the policies, not policies.

They have a policy's interface and are given the world itself.
"""

import numpy as np

from scenarios.con_ts.hull import Arms, solve_rows
from scenarios.con_ts.policy import Feedback
from scenarios.con_ts.world import World
from sim import lanes


class Genie:
    """argmax of rate * success at the slot's truth, whatever the constraint."""

    def __init__(self, world: World) -> None:
        self._world, self._slot = world, 0

    def act(self, contexts: Arms) -> Arms:
        """The arm with the largest expected rate in this very slot."""
        success = self._world.success(self._slot)
        self._slot += 1
        chosen: Arms = np.argmax(success * self._world.task.rates, axis=1)
        return chosen

    def update(self, feedback: Feedback) -> None:
        """Nothing to learn."""


class GenieLP:
    """The linear program at the slot's truth: keeps the constraint in every single slot where that is possible.

    On stationary arms it is the oracle LP. On a fading link it is no upper bound for policies that keep the
    constraint on average.
    """

    def __init__(self, world: World, lanes_state: lanes.State) -> None:
        self._world, self._lanes, self._slot = world, lanes_state, 0

    def act(self, contexts: Arms) -> Arms:
        """One of the mix's two arms."""
        task = self._world.task
        mixes = solve_rows(self._world.success(self._slot), task.rates, task.eta)
        self._slot += 1
        share = np.array([lanes.uniform(self._lanes, link) for link in range(len(self._lanes))])
        return np.where(share < mixes.weight, mixes.high, mixes.low)

    def update(self, feedback: Feedback) -> None:
        """Nothing to learn."""


class AverageGenie:
    """argmax of (rate + price) * success at the slot's truth, with the least price that keeps the average.

    The price is the one that keeps the average over the slots and links of this very world. Where one price is too
    little and the next too much, it errs to the safe side.
    """

    def __init__(self, world: World) -> None:
        self._world, self._slot = world, 0
        price = world.best.price
        self._weights = world.task.rates + price if np.isfinite(price) else np.ones_like(world.task.rates)

    def act(self, contexts: Arms) -> Arms:
        """The priced arm."""
        success = self._world.success(self._slot)
        self._slot += 1
        chosen: Arms = np.argmax(success * self._weights, axis=1)
        return chosen

    def update(self, feedback: Feedback) -> None:
        """Nothing to learn."""
