"""Backward and communication side by side: gradients leave in buckets while earlier layers are still at work.

Layers' gradients become ready in the order of the backward pass, last layer first. They fill buckets (25 MiB, the first
1 MiB, as PyTorch's DistributedDataParallel has them by default); a bucket leaves when it is full and the one before it
has gone. So with buckets

    end_b = max(ready_b, end_{b - 1}) + T(bytes_b)

and a step costs max(backward, end of the last). What needs the whole gradient first (one sketch of all of it) has one
bucket, and hides nothing.

>>> layers = Backward(seconds=(0.01, 0.01, 0.01), sizes=(30_000_000, 30_000_000, 30_000_000))
>>> send = lambda size: size / 3e9
>>> round(layers.step_seconds(send), 3), round(layers.step_seconds(send, limit=None), 3)
(0.04, 0.06)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.errors import UserError

#: DistributedDataParallel's `bucket_cap_mb` (of 2^20 bytes), and the cap of its first bucket.
BUCKET, FIRST_BUCKET = 25 * 2**20, 2**20


@dataclass(frozen=True, slots=True)
class Bucket:
    """Gradients that leave together: `size` bytes, `ready` seconds after the backward pass began."""

    size: int
    ready: float


@dataclass(frozen=True, slots=True)
class Backward:
    """A backward pass: `seconds[l]` and gradient bytes `sizes[l]` per layer, in the order in which they are made."""

    seconds: tuple[float, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.sizes) or not self.sizes:
            raise UserError(
                f"a backward pass has {len(self.seconds)} times and {len(self.sizes)} sizes; each layer has both"
            )
        if not all(value >= 0 for value in (*self.seconds, *self.sizes)):
            raise UserError("a backward pass has a time or a size below 0; they are 0 or more")

    def buckets(self, limit: int | None = BUCKET, first: int = FIRST_BUCKET) -> list[Bucket]:
        """Buckets closed by the gradient that fills them to `limit` bytes (the first: `first`); one if it is None."""
        found, size, cap = [], 0, first if limit is not None else None
        ready = np.cumsum(self.seconds).tolist()
        for layer, more in enumerate(self.sizes):
            size += more
            if layer == len(self.sizes) - 1 or (cap is not None and size >= cap):
                found.append(Bucket(size, ready[layer]))
                size, cap = 0, limit
        return found

    def step_seconds(
        self, send: Callable[[int], float], limit: int | None = BUCKET, overlap: bool = True, slowdown: float = 1.0
    ) -> float:
        """From the first gradient's start to the last bucket's end; `send(size)` is a bucket's seconds on the network.

        `overlap=False` sends nothing before the backward pass is over. `slowdown` (1 or more) is how much longer the
        backward pass takes while communication takes its share of the device (gamma in Agarwal et al., MLSys 2022).
        """
        if not slowdown >= 1:
            raise UserError(f"slowdown is {slowdown}; communication makes a backward pass 1 or more times as long")
        stretched = slowdown if overlap else 1.0
        over = float(np.cumsum(self.seconds)[-1]) * stretched
        end = 0.0
        for bucket in self.buckets(limit):
            end = max(bucket.ready * stretched if overlap else over, end) + send(bucket.size)
        return max(over, end)
