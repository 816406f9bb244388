"""What a worker keeps of what was not sent: momentum correction, error accumulation, factor masking.

    u <- m u + g        momentum on the worker, before compression (Lin et al., DGC, 2018, section 3)
    v <- v + u          what is due
    u, v <- 0           at coordinates that have been sent: they start afresh

(arXiv:1903.04488, algorithm 3.) A negative zero is never left behind, so equal runs are equal to the bit.
"""

import numpy as np

from scenarios.sketched_sgd.top_k import Floats, Indices


class Memory:
    """u and v of all workers, each of shape (workers, size), float32."""

    def __init__(self, workers: int, size: int, momentum: float) -> None:
        self._momentum = np.float32(momentum)
        self.momentum = np.zeros((workers, size), np.float32)
        self.due = np.zeros((workers, size), np.float32)

    def add(self, gradients: Floats) -> Floats:
        """Take this step's gradients in; what is due now, by worker."""
        self.momentum *= self._momentum
        self.momentum += gradients
        self.due += self.momentum
        return self.due

    def clear(self, indices: Indices) -> None:
        """Start afresh at coordinates that went into the update, on all workers."""
        self.momentum[:, indices] = 0.0
        self.due[:, indices] = 0.0

    def clear_own(self, worker: int, indices: Indices) -> None:
        """Start afresh at coordinates that this worker has sent."""
        self.momentum[worker, indices] = 0.0
        self.due[worker, indices] = 0.0
