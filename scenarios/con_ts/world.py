"""What the policies are let loose on, for many links and slots at once: the truth, which no policy sees.

Whether a transmission succeeds is decided by one uniform draw per link and slot, the same for every policy: it
succeeds when the draw lies below the success probability of the arm. Comparisons of policies are paired by that.
"""

from typing import Protocol

import numpy as np

from scenarios.con_ts.average import Best, best_average
from scenarios.con_ts.hull import Arms, Floats
from scenarios.con_ts.policy import Task
from sim.rng import Streams


class World(Protocol):
    """Links over slots. Slots are asked for in rising order."""

    task: Task
    links: int
    slots: int

    def contexts(self, slot: int) -> Arms:
        """What is known of each link when the slot begins, shape (links,)."""
        ...

    def success(self, slot: int) -> Floats:
        """Success probability of every arm in the slot, shape (links, arms)."""
        ...

    def success_of(self, slot: int, arms: Arms) -> Floats:
        """Success probability of the chosen arms, shape (links,)."""
        ...

    def draws(self, slot: int) -> Floats:
        """The uniform draws that decide the slot's transmissions, shape (links,)."""
        ...

    def best(self) -> Best:
        """What the average-constraint genie gets per slot, over all slots and links of this very world.

        An upper bound for every policy whose average block error rate is the target or below.
        """
        ...


class Draws:
    """Uniform draws per link and slot, made in chunks; each link has a stream of its own."""

    _CHUNK = 512

    def __init__(self, streams: Streams, links: int) -> None:
        self._streams = [streams("transmission", link).generator for link in range(links)]
        self._chunk, self._values = -1, np.empty((0, links))

    def at(self, slot: int) -> Floats:
        """The draws of a slot, shape (links,). Chunks are made one after the other, so slots must not go back."""
        chunk, within = divmod(slot, self._CHUNK)
        while self._chunk < chunk:
            self._values = np.stack([stream.random(self._CHUNK) for stream in self._streams], axis=1)
            self._chunk += 1
        values: Floats = self._values[within]
        return values


class Stationary:
    """Arms whose success probabilities never change, and no context."""

    def __init__(self, task: Task, success: Floats, streams: Streams, links: int, slots: int) -> None:
        self.task, self.links, self.slots = task, links, slots
        self._success = np.tile(np.asarray(success, dtype=np.float64), (links, 1))
        self._none = np.zeros(links, dtype=np.int64)
        self._draws = Draws(streams, links)

    def contexts(self, slot: int) -> Arms:
        """There is only one."""
        return self._none

    def success(self, slot: int) -> Floats:
        """The same in every slot."""
        return self._success

    def success_of(self, slot: int, arms: Arms) -> Floats:
        """The same in every slot."""
        chosen: Floats = self._success[0][arms]
        return chosen

    def draws(self, slot: int) -> Floats:
        """The slot's draws."""
        return self._draws.at(slot)

    def best(self) -> Best:
        """The linear program's optimum at the true probabilities."""
        return best_average(self._success[:1], self.task.rates, self.task.eta, np.ones(1))
