"""Training for real with W workers in one process: each step, each worker's gradient, then the method.

An epoch deals the training samples out anew; each worker has its share of every batch. The rate rises linearly over
the first fifth of the steps, then falls linearly to 0 (as in the paper's CIFAR-10 runs, whose peak is at 5 of 24).
Weight decay is added to every worker's gradient.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from scenarios.sketched_sgd.exchange import Method, Traffic, traffic
from scenarios.sketched_sgd.model import Model
from scenarios.sketched_sgd.top_k import Floats
from sim.errors import UserError

#: Share of the steps over which the rate rises.
_RISE = 0.2


class Samples(Protocol):
    """What is learned from: one row of `inputs` and one of `labels` per sample."""

    @property
    def inputs(self) -> NDArray[Any]:
        """What a network is fed."""
        ...

    @property
    def labels(self) -> NDArray[np.int64]:
        """The classes."""
        ...

    def __len__(self) -> int: ...

    def take(self, which: NDArray[np.int64] | slice) -> Self:
        """Some of them."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """`epochs` over the data in batches of `batch` samples, all workers together; `rate` is the peak."""

    epochs: int
    batch: int
    rate: float
    weight_decay: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Weights, accuracy on samples not trained on after every epoch, bytes of every step, diverged or not."""

    weights: Floats
    accuracy: NDArray[np.float64]
    traffic: tuple[Traffic, ...]
    diverged: bool


def rate_at(step: int, steps: int, peak: float) -> float:
    """The rate of step `step` of `steps`, counted from 0."""
    rise = max(1.0, _RISE * steps)
    return peak * min((step + 1) / rise, (steps - step) / max(1.0, steps - rise))


def train(
    model: Model,
    samples: Samples,
    judge: Samples,
    method: Method,
    workers: int,
    plan: Plan,
    random: np.random.Generator,
    progress: Callable[[float], None] = lambda share: None,
) -> Trained:
    """Train on `samples` from the model's first weights; accuracy is on `judge`.

    A run whose gradients are no longer finite ends there, at chance.

    Raises `UserError` for a batch that leaves a worker without a sample.
    """
    if plan.batch < workers or plan.batch > len(samples):
        raise UserError(f"batch is {plan.batch}; {workers} workers and {len(samples)} samples allow no such batch")
    weights, accuracy, sent = model.initial(), list[float](), list[Traffic]()
    steps = plan.epochs * (len(samples) // plan.batch)
    for epoch in range(plan.epochs):
        for batch in _batches(len(samples), plan.batch, random):
            shares = np.array_split(batch, workers)
            gradients = np.stack([model.gradient(weights, samples.take(share)) for share in shares])
            if plan.weight_decay:
                gradients += np.float32(plan.weight_decay) * weights
            if not np.isfinite(gradients).all():
                return Trained(weights, _padded(accuracy, plan.epochs, _chance(judge)), tuple(sent), True)
            step = method.step(gradients)
            weights = weights - np.float32(rate_at(len(sent), steps, plan.rate)) * step.update
            sent.append(traffic(step.messages))
        accuracy.append(model.accuracy(weights, judge))
        progress((epoch + 1) / plan.epochs)
    return Trained(weights, np.array(accuracy), tuple(sent), False)


def _batches(number: int, batch: int, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    order = random.permutation(number)
    for start in range(0, number - batch + 1, batch):
        yield order[start : start + batch]


def _chance(samples: Samples) -> float:
    return 1.0 / len(np.unique(samples.labels))


def _padded(accuracy: list[float], epochs: int, chance: float) -> NDArray[np.float64]:
    return np.array(accuracy + [chance] * (epochs - len(accuracy)))
