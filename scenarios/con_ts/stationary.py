"""Arms whose success probabilities never change: the setting of the theory, and of the authors' first experiments."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scenarios.con_ts.average import best_average
from scenarios.con_ts.hull import Floats, check
from scenarios.con_ts.policy import Feedback, Policy, Task
from scenarios.con_ts.world import Episode
from sim.rng import Streams

_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Arms:
    """A set of arms: rates (Mbit/s) and success probabilities."""

    rates: tuple[float, ...]
    success: tuple[float, ...]


#: The rates of IEEE 802.11a, Mbit/s (IEEE 802.11-2020, clause 17).
_OFDM = (6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 54.0)
#: Sets on 802.11a's rates in which success falls abruptly, gently, or is poor throughout.
SETS: dict[str, Arms] = {
    "steep": Arms(_OFDM, (0.99, 0.98, 0.96, 0.93, 0.9, 0.1, 0.06, 0.04)),
    "gradual": Arms(_OFDM, (0.95, 0.9, 0.8, 0.65, 0.45, 0.25, 0.15, 0.1)),
    "lossy": Arms(_OFDM, (0.9, 0.8, 0.7, 0.55, 0.45, 0.35, 0.2, 0.1)),
}


class Stationary:
    """`links` independent copies of one set of arms. An outcome is known in the next slot."""

    def __init__(self, arms: Arms, target: float, streams: Streams, links: int, slots: int) -> None:
        self.links, self.slots = links, slots
        self._success = np.array(arms.success, dtype=np.float64)
        rates = np.array(arms.rates, dtype=np.float64)
        check(self._success, rates, 1.0 - target)
        self.task = Task(rates, target)
        self.best = best_average(self._success[None], rates, self.task.eta, np.ones(1))
        self._streams = streams

    def success(self, slot: int) -> Floats:
        """The same in every slot."""
        return np.broadcast_to(self._success, (self.links, len(self._success)))

    def play(self, policy: Policy, progress: Callable[[float], None]) -> Episode:
        """Slot after slot."""
        shape = (self.slots, self.links)
        episode = Episode(np.empty(shape, np.int16), np.empty(shape), np.empty(shape, np.bool_))
        draws = [self._streams("decode", link).generator for link in range(self.links)]
        nowhere = np.zeros(self.links, dtype=np.int64)
        chunk = np.empty((_CHUNK, self.links))
        for slot in range(self.slots):
            if slot % _CHUNK == 0:
                progress(slot / self.slots)
                for link, generator in enumerate(draws):
                    chunk[:, link] = generator.random(_CHUNK)
            arms = policy.act(nowhere)
            success = self._success[arms]
            acks = chunk[slot % _CHUNK] >= 1.0 - success
            policy.update(Feedback(nowhere, arms, acks.astype(np.int8)))
            episode.arms[slot], episode.success[slot], episode.acks[slot] = arms, success, acks
        return episode
