"""Few coordinates of the gradient: dense (all of them), true top-k, local top-k, Pkk, random-k.

All but dense keep what is due on the worker (`memory`). Indices are sent as int32.
"""

import numpy as np

from scenarios.sketched_sgd.exchange import Step, sent
from scenarios.sketched_sgd.memory import Memory
from scenarios.sketched_sgd.settings import Extras
from scenarios.sketched_sgd.top_k import Floats, Indices, top_k

_NO_INDICES = np.empty(0, np.int32)


class Dense:
    """Everything up, the sum down; momentum on the mean."""

    def __init__(self, size: int, momentum: float) -> None:
        self._momentum, self._velocity = np.float32(momentum), np.zeros(size, np.float32)

    def step(self, gradients: Floats) -> Step:
        """The mean, with momentum."""
        mean = gradients.mean(axis=0)
        self._velocity = self._momentum * self._velocity + mean
        return Step(self._velocity.copy(), (sent("up", gradients[0], adds=True), sent("down", mean, adds=True)))


class TrueTopK:
    """The k largest of what is due in sum. Needs the sum, so it saves nothing on the way up: the reference."""

    def __init__(self, memory: Memory, k: int) -> None:
        self.memory, self.k = memory, k
        self.chosen = _NO_INDICES

    def step(self, gradients: Floats) -> Step:
        """The k largest of the mean of v."""
        due = self.memory.add(gradients)
        total = due.mean(axis=0)
        self.chosen = top_k(total, self.k)
        values = total[self.chosen]
        self.memory.clear(self.chosen)
        return Step(_scattered(total, self.chosen), (sent("up", due[0], adds=True), sent("down", values, self.chosen)))


class LocalTopK:
    """Each worker's own k largest; the server sends back the union, or everything where that is shorter."""

    def __init__(self, memory: Memory, k: int, extras: Extras = Extras()) -> None:  # noqa: B008 (it is immutable)
        self.memory, self.k, self._extras, self._steps = memory, k, extras, 0

    def step(self, gradients: Floats) -> Step:
        """The mean of what each worker sends."""
        workers, size = gradients.shape
        due, k = self.memory.add(_clipped(gradients, self._extras.clip)), self._now(size)
        update, touched = np.zeros(size, np.float32), np.zeros(size, bool)
        up = sent("up")
        for worker in range(workers):
            own = top_k(due[worker], k)
            values = due[worker, own]
            up = max(up, sent("up", values, own))
            update[own] += values
            touched[own] = True
            self.memory.clear_own(worker, own)
        update /= np.float32(workers)
        union = np.flatnonzero(touched).astype(np.int32)
        sparse, everything = sent("down", update[union], union), sent("down", update)
        return Step(update, (up, min(sparse, everything, key=lambda message: message.size)))

    def _now(self, size: int) -> int:
        self._steps += 1
        if self._steps > self._extras.warm_up:
            return self.k
        share = (self._steps - 1) / self._extras.warm_up
        return max(self.k, int(size * 0.25 ** (1 - share) * (self.k / size) ** share))


class Pkk:
    """Each worker's own P k largest are candidates; of what they sum to, the server asks for the k largest exactly."""

    def __init__(self, memory: Memory, k: int, candidates: int) -> None:
        self.memory, self.k, self._candidates = memory, k, candidates

    def step(self, gradients: Floats) -> Step:
        """The exact mean at the k largest of the candidates' sums."""
        due = self.memory.add(gradients)
        total, up = np.zeros(due.shape[1], np.float32), sent("up")
        for row in due:
            own = top_k(row, self._candidates)
            total[own] += row[own]
            up = max(up, sent("up", row[own], own))
        chosen = top_k(total, self.k)
        exact = due[:, chosen]
        update = np.zeros_like(total)
        update[chosen] = exact.mean(axis=0)
        self.memory.clear(chosen)
        asked, answer = sent("down", chosen), sent("up", exact[0], adds=True)
        return Step(update, (up, asked, answer, sent("down", update[chosen], adds=True)))


class RandomK:
    """k coordinates from a seed that all workers share: no index is ever sent."""

    def __init__(self, memory: Memory, k: int, random: np.random.Generator) -> None:
        self.memory, self.k, self._random = memory, k, random

    def step(self, gradients: Floats) -> Step:
        """The mean of what is due at the coordinates drawn."""
        due = self.memory.add(gradients)
        chosen = np.sort(self._random.choice(due.shape[1], self.k, replace=False)).astype(np.int32)
        update = np.zeros(due.shape[1], np.float32)
        update[chosen] = due[:, chosen].mean(axis=0)
        up = sent("up", due[0, chosen], adds=True)
        self.memory.clear(chosen)
        return Step(update, (up, sent("down", update[chosen], adds=True)))


def _scattered(vector: Floats, indices: Indices) -> Floats:
    out = np.zeros_like(vector)
    out[indices] = vector[indices]
    return out


def _clipped(gradients: Floats, bound: float) -> Floats:
    """Each worker's gradient, its norm at most bound / sqrt(workers) (DGC's local clipping)."""
    if bound == float("inf"):
        return gradients
    norms = np.linalg.norm(gradients, axis=1, keepdims=True)
    factor = np.minimum(1.0, bound / np.sqrt(len(gradients)) / np.maximum(norms, 1e-30))
    clipped: Floats = (gradients * factor).astype(np.float32)
    return clipped
