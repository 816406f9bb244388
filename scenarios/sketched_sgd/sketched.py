"""SGD that agrees on coordinates by sketches: as in theory, as it is run, and FetchSGD.

As run (arXiv:1903.04488, algorithm 3): sketches of what is due are added up; the P k coordinates of largest estimate
are candidates; their exact values come in a second round; the k largest of the exact sums are the update, and only
there momentum and what is due start afresh.
"""

import numpy as np

from scenarios.sketched_sgd.exchange import Step, sent
from scenarios.sketched_sgd.memory import Memory
from scenarios.sketched_sgd.recovery import heavymix
from scenarios.sketched_sgd.sketch import Family, Table
from scenarios.sketched_sgd.top_k import Floats, top_k

_NO_INDICES = np.empty(0, np.int32)


class Sketched:
    """The algorithm that is really run. `candidates` is P k."""

    def __init__(self, memory: Memory, family: Family, k: int, candidates: int) -> None:
        self.memory, self.k, self._family, self._candidates = memory, k, family, candidates
        self.chosen = _NO_INDICES

    def step(self, gradients: Floats) -> Step:
        """Two rounds: sketches, then exact values of the candidates."""
        due = self.memory.add(gradients)
        table = _added(self._family, due)
        asked = table.heaviest(self._candidates)
        exact = due[:, asked]
        total = exact.mean(axis=0)
        self.chosen = asked[top_k(total, min(self.k, len(asked)))]
        update = np.zeros(self._family.size, np.float32)
        update[asked] = total
        values, masked = update[self.chosen], np.zeros_like(update)
        masked[self.chosen] = values
        self.memory.clear(self.chosen)
        return Step(
            masked,
            (
                sent("up", table.counters, adds=True),
                sent("down", asked),
                sent("up", exact[0], adds=True),
                sent("down", values, self.chosen),
            ),
        )


class SketchedTheory:
    """Algorithm 2: no momentum, rates 1/(t + xi) within the sketch, HEAVYMIX. The update already holds the rate.

    `scale` is the rate at t + xi = 1 (1 in the paper, whose objective has its strong convexity in it).
    """

    def __init__(
        self, family: Family, workers: int, k: int, xi: float, random: np.random.Generator, scale: float = 1.0
    ) -> None:
        self.k, self._family, self._xi, self._random, self._scale = k, family, xi, random, scale
        self._error = np.zeros((workers, family.size), np.float32)
        self._steps = 0

    def step(self, gradients: Floats) -> Step:
        """One step; to be taken with a rate of 1."""
        self._steps += 1
        due = np.float32(self._scale / (self._steps + self._xi)) * gradients + self._error
        table = _added(self._family, due)
        chosen = heavymix(table, self.k, self._random)
        exact = due[:, chosen]
        update = np.zeros(self._family.size, np.float32)
        update[chosen] = exact.mean(axis=0)
        self._error = due
        self._error[:, chosen] -= update[chosen]
        rounds = (sent("up", table.counters, adds=True), sent("down", chosen), sent("up", exact[0], adds=True))
        return Step(update, (*rounds, sent("down", update[chosen], adds=True)))

    @property
    def weight(self) -> float:
        """q_t = (t + xi)^2: what this step's weights count in the mean that theorem 1 is about."""
        return (self._steps + self._xi) ** 2


class Fetch:
    """FetchSGD (Rothchild et al., ICML 2020): momentum and error live in the server's tables; one round.

    Cells of the tables that the sketched update hits are zeroed, as in the authors' code: subtracting diverges.
    """

    def __init__(self, family: Family, k: int, momentum: float) -> None:
        self.k, self._family, self._momentum = k, family, np.float32(momentum)
        shape = (family.rows, family.columns)
        self._velocity, self._error = np.zeros(shape, np.float32), np.zeros(shape, np.float32)

    def step(self, gradients: Floats) -> Step:
        """Sketches of gradients up, k estimated values down."""
        table = _added(self._family, gradients)
        self._velocity = self._momentum * self._velocity + table.counters
        self._error = self._error + self._velocity
        estimates = Table(self._family, self._error).estimates()
        chosen = top_k(estimates, self.k)
        update = np.zeros(self._family.size, np.float32)
        update[chosen] = estimates[chosen]
        hit = np.zeros(self._error.shape, bool)
        np.put_along_axis(hit, self._family.buckets(chosen), True, axis=1)
        self._velocity[hit], self._error[hit] = 0.0, 0.0
        return Step(update, (sent("up", table.counters, adds=True), sent("down", update[chosen], chosen)))


def _added(family: Family, vectors: Floats) -> Table:
    """The mean of the workers' sketches, added one by one as a server does."""
    table = family.encode(vectors[0])
    for vector in vectors[1:]:
        table = table + family.encode(vector)
    return table * (1.0 / len(vectors))
