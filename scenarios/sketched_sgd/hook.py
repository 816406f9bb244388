"""Sketched gradients in your own training: a communication hook for PyTorch's DistributedDataParallel.

    model = DistributedDataParallel(network)
    model.register_comm_hook(SketchState(keep=0.01), sketch_hook)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)          # momentum lives in the hook: give it none here

Each bucket is sketched by itself: momentum, what is due and hashes belong to the bucket. Tables are all-reduced, every
worker finds the same candidates in their sum, exact values are all-reduced, and every worker keeps the same k largest.
No index is ever sent. The first step goes dense, because DDP fixes its buckets only after it.

The two rounds of a bucket run to their end within the hook. Chained asynchronously, the second rounds of several
buckets would meet in different orders on different workers, and gloo then aborts (pytorch issue 58467 is of that
kind). Sketches are made on the CPU; gradients on another device are copied there and back.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.distributed as dist

from scenarios.sketched_sgd.memory import Memory
from scenarios.sketched_sgd.sketch import BlockSketch
from scenarios.sketched_sgd.top_k import Floats, top_k
from sim.errors import UserError


@dataclass
class SketchState:
    """What the hook is registered with, the same on every worker.

    `keep`: coordinates updated per step, as a share of a bucket. `candidates`: P. `table`: counters, all rows together,
    as a share of a bucket. `group`: the process group (None is the default one). `sent` counts the bytes that this
    worker has handed to collectives, `steps` the steps. Raises `UserError` for shares outside of 0 to 1 or even rows.
    """

    keep: float = 0.01
    candidates: int = 4
    rows: int = 5
    table: float = 0.15
    momentum: float = 0.9
    seed: int = 0
    group: dist.ProcessGroup | None = None
    sent: int = 0
    steps: int = 0
    _buckets: dict[tuple[int, int], "_Bucket"] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, value in (("keep", self.keep), ("table", self.table)):
            if not 0 < value <= 1:
                raise UserError(f"{name} is {value}; it is a share of the coordinates, above 0 and at most 1")
        if self.candidates < 1:
            raise UserError(f"candidates is {self.candidates}; it is 1 or more")
        if self.rows < 1 or self.rows % 2 == 0:
            raise UserError(f"rows is {self.rows}; an odd number is needed, for the median to be one of the estimates")

    def bucket(self, index: int, size: int) -> "_Bucket":
        """What is remembered of bucket `index`; made at its first use."""
        if (index, size) not in self._buckets:
            columns = max(1, round(self.table * size / self.rows))
            family = BlockSketch(np.random.default_rng([self.seed, index]), size, self.rows, columns)
            k = max(1, round(self.keep * size))
            self._buckets[index, size] = _Bucket(Memory(1, size, self.momentum), family, k, self.candidates * k)
        return self._buckets[index, size]

    def mean(self, values: Floats, device: torch.device) -> Floats:
        """The mean over all workers, by all-reduce."""
        tensor = torch.from_numpy(np.ascontiguousarray(values)).to(device)
        self.sent += values.nbytes
        dist.all_reduce(tensor, group=self.group)
        mean: Floats = (tensor / dist.get_world_size(self.group)).cpu().numpy()
        return mean


@dataclass(frozen=True)
class _Bucket:
    memory: Memory
    family: BlockSketch
    k: int
    candidates: int


def sketch_hook(
    state: SketchState,
    bucket: dist.GradBucket,  # type: ignore[name-defined]  # exported, but not typed; DDP asks for this very name
) -> torch.futures.Future[torch.Tensor]:
    """The bucket's update, agreed on with all workers: their mean at its k largest coordinates, 0 elsewhere."""
    buffer = bucket.buffer()
    gradient = buffer.detach().cpu().numpy().astype(np.float32)
    if state.steps == 0:
        update = state.mean(gradient, buffer.device)
    else:
        update = _agreed(state, state.bucket(bucket.index(), len(gradient)), gradient, buffer.device)
    state.steps += bucket.is_last()
    done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
    done.set_result(torch.from_numpy(update).to(buffer))
    return done


def _agreed(state: SketchState, one: _Bucket, gradient: Floats, device: torch.device) -> Floats:
    due = one.memory.add(gradient[None])[0]
    counters = state.mean(one.family.encode(due).counters, device)
    asked = top_k(one.family.estimates_of(counters), min(one.candidates, len(due)))
    exact = state.mean(due[asked], device)
    chosen = top_k(exact, min(one.k, len(exact)))
    update: Floats = np.zeros(len(due), np.float32)
    update[asked[chosen]] = exact[chosen]
    one.memory.clear(asked[chosen])
    return update
