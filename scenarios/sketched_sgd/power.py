"""PowerSGD: a matrix as a product of two thin ones, found by one step of power iteration (Vogels et al., 2019).

    P = sum M Q,  P orthonormalised,  Q = mean M^T P,  M^ = P Q^T

M is a layer's gradient and what was not sent of it before. Both factors add up, so both are all-reduced. Q is kept
for the next step. Vectors, and matrices that would not shrink, go uncompressed.
"""

from typing import NamedTuple

import numpy as np

from scenarios.sketched_sgd.exchange import Step, sent
from scenarios.sketched_sgd.top_k import Floats


class Matrix(NamedTuple):
    """A layer's weights: `rows` x `columns` from place `start` on in the vector of all."""

    start: int
    rows: int
    columns: int


class Layout(NamedTuple):
    """Which places of a gradient are matrices; the others are vectors."""

    size: int
    matrices: tuple[Matrix, ...]

    def compressed(self, rank: int) -> tuple[Matrix, ...]:
        """Matrices that `rank` makes shorter."""
        return tuple(one for one in self.matrices if rank * (one.rows + one.columns) < one.rows * one.columns)

    def rest(self, rank: int) -> int:
        """Coordinates that go as they are."""
        return self.size - sum(one.rows * one.columns for one in self.compressed(rank))


class PowerSgd:
    """Rank-`rank` updates with error feedback; momentum on the result."""

    def __init__(self, layout: Layout, workers: int, rank: int, momentum: float, random: np.random.Generator) -> None:
        self._matrices = layout.compressed(rank)
        self._plain = np.ones(layout.size, bool)
        for one in self._matrices:
            self._plain[one.start : one.start + one.rows * one.columns] = False
        self._right = [random.standard_normal((one.columns, rank)).astype(np.float32) for one in self._matrices]
        self._error = np.zeros((workers, layout.size), np.float32)
        self._momentum, self._velocity = np.float32(momentum), np.zeros(layout.size, np.float32)

    def step(self, gradients: Floats) -> Step:
        """Two all-reduces of factors; vectors with the first."""
        due = gradients + self._error
        update = np.where(self._plain, gradients.mean(axis=0), np.float32(0.0))
        lefts, rights = [], []
        for number, one in enumerate(self._matrices):
            place = slice(one.start, one.start + one.rows * one.columns)
            layers = due[:, place].reshape(-1, one.rows, one.columns)
            left = np.linalg.qr((layers @ self._right[number]).mean(axis=0))[0].astype(np.float32)
            right = (layers.transpose(0, 2, 1) @ left).mean(axis=0)
            self._right[number] = right
            update[place] = (left @ right.T).reshape(-1)
            lefts.append(left.reshape(-1))
            rights.append(right.reshape(-1))
        self._error = np.where(self._plain, np.float32(0.0), due - update)
        self._velocity = self._momentum * self._velocity + update
        first, second = (gradients[0, self._plain], *lefts), tuple(rights)
        messages = tuple(sent(way, *parts, adds=True) for parts in (first, second) for way in ("up", "down"))
        return Step(self._velocity.copy(), messages)
