"""Few bits per coordinate: signs with and without error feedback, QSGD, TernGrad.

Bits are packed before they are counted. The server's answer is as short as what goes up: signs with error feedback
compress the mean again with a feedback of the server's own (Zheng et al., "Communication-efficient distributed
blockwise momentum SGD with error-feedback", 2019); QSGD quantises it again, unbiased; TernGrad sends whole sums.
"""

from collections.abc import Callable
from math import ceil, log2
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.sketched_sgd.exchange import Message, Step, Way, pack, sent
from scenarios.sketched_sgd.top_k import Floats

#: Coordinates that share a norm in QSGD (Alistarh et al., 2017, section 5: "buckets").
BUCKET = 128


class _Velocity:
    """Momentum on the server's mean."""

    def __init__(self, size: int, momentum: float) -> None:
        self._momentum, self._velocity = np.float32(momentum), np.zeros(size, np.float32)

    def add(self, mean: Floats) -> Floats:
        self._velocity = self._momentum * self._velocity + mean
        return self._velocity.copy()


class Encoded(NamedTuple):
    """What arrives of a vector, and what is sent for it."""

    arrived: Floats
    bits: NDArray[np.uint8]
    scales: Floats


def one_scale(vector: Floats) -> Encoded:
    """The sign times mean |v| (Karimireddy et al., EF-signSGD, 2019): what arrives, and the bits and scale sent."""
    positive, scale = vector >= 0, np.abs(vector).mean(dtype=np.float64).astype(np.float32)
    return Encoded(np.where(positive, scale, -scale), np.packbits(positive), np.array([scale]))


def two_means(vector: Floats) -> Encoded:
    """The mean of each sign's values (Seide et al., 1-bit SGD, 2014): what arrives, the bits and the means sent."""
    positive = vector >= 0
    number = max(1, int(positive.sum())), max(1, int((~positive).sum()))
    high, low = (
        np.float32(vector[which].sum(dtype=np.float64) / n)
        for which, n in zip((positive, ~positive), number, strict=True)
    )
    return Encoded(np.where(positive, high, low), np.packbits(positive), np.array([high, low]))


Signs = Callable[[Floats], Encoded]


class FeedbackSigns:
    """Signs of what is due, scaled; what the scaled signs miss is due in the next step, on workers and server."""

    def __init__(self, workers: int, size: int, momentum: float, signs: Signs) -> None:
        self._signs, self._velocity = signs, _Velocity(size, momentum)
        self._errors, self._server = np.zeros((workers, size), np.float32), np.zeros(size, np.float32)

    def step(self, gradients: Floats) -> Step:
        """The mean of scaled signs, as scaled signs."""
        due, total = gradients + self._errors, np.zeros(gradients.shape[1], np.float32)
        up = sent("up")
        for worker, row in enumerate(due):
            own = self._signs(row)
            up, total = _bits("up", row.size, own.bits, own.scales), total + own.arrived
            self._errors[worker] = row - own.arrived
        mean = total / np.float32(len(gradients)) + self._server
        answer = self._signs(mean)
        self._server = mean - answer.arrived
        return Step(self._velocity.add(answer.arrived), (up, _bits("down", mean.size, answer.bits, answer.scales)))


class MajorityVote:
    """Signum: signs of each worker's momentum, the majority's sign back; ties +1. No scale, no error feedback."""

    def __init__(self, workers: int, size: int, momentum: float) -> None:
        self._momentum, self._velocity = np.float32(momentum), np.zeros((workers, size), np.float32)

    def step(self, gradients: Floats) -> Step:
        """The sign of the sum of signs."""
        self._velocity = self._momentum * self._velocity + (1 - self._momentum) * gradients
        votes = np.where(self._velocity >= 0, np.int32(1), np.int32(-1)).sum(axis=0)
        positive = votes >= 0
        up = _bits("up", positive.size, np.packbits(self._velocity[0] >= 0))
        update = np.where(positive, np.float32(1.0), np.float32(-1.0))
        return Step(update, (up, _bits("down", positive.size, np.packbits(positive))))


class Qsgd:
    """Stochastic rounding to `levels` steps of the bucket's norm, 128 coordinates a bucket; unbiased."""

    def __init__(self, size: int, momentum: float, levels: int, random: np.random.Generator) -> None:
        self._levels, self._random, self._velocity = levels, random, _Velocity(size, momentum)

    def step(self, gradients: Floats) -> Step:
        """The mean of quantised gradients, quantised."""
        up, total = sent("up"), np.zeros(gradients.shape[1], np.float32)
        for row in gradients:
            arrived, up = self.quantised("up", row)
            total += arrived
        arrived, down = self.quantised("down", total / np.float32(len(gradients)))
        return Step(self._velocity.add(arrived), (up, down))

    def quantised(self, way: Way, vector: Floats) -> tuple[Floats, Message]:
        """What arrives of `vector`, and the message: a norm per bucket, a sign and a level per coordinate."""
        wide = np.zeros(-(-vector.size // BUCKET) * BUCKET, np.float32)
        wide[: vector.size] = vector
        rows = wide.reshape(-1, BUCKET)
        norms = np.linalg.norm(rows, axis=1).astype(np.float32)
        scaled = np.abs(rows) / np.maximum(norms, np.float32(1e-30))[:, None] * self._levels
        level = np.floor(scaled + self._random.random(rows.shape, np.float32)).astype(np.int64)
        level = np.minimum(level, self._levels)
        arrived = np.sign(rows) * level * (norms / np.float32(self._levels))[:, None]
        bits = level_bits(self._levels)
        codes = (level << 1 | (rows < 0)).reshape(-1)[: vector.size]
        message = sent(way, norms, pack(codes, bits), paper=vector.size * bits / 8 + norms.nbytes)
        return arrived.reshape(-1)[: vector.size].astype(np.float32), message


class TernGrad:
    """-1, 0 or 1 times the largest magnitude over all workers, drawn unbiased (Wen et al., 2017).

    Sharing the scale is a round of its own; sums of ternary digits are whole numbers from -W to W.
    """

    def __init__(self, size: int, momentum: float, random: np.random.Generator) -> None:
        self._random, self._velocity = random, _Velocity(size, momentum)

    def step(self, gradients: Floats) -> Step:
        """The mean of ternary gradients."""
        workers, size = gradients.shape
        scale = np.array([np.abs(gradients).max()], np.float32)
        chance = np.abs(gradients) / np.maximum(scale, np.float32(1e-30))
        digits = np.sign(gradients).astype(np.int64) * (self._random.random(gradients.shape, np.float32) < chance)
        total = digits.sum(axis=0)
        bits = sum_bits(workers)
        up = sent("up", pack(digits[0] + 1, 2), paper=size / 4)
        down = sent("down", pack(total + workers, bits), paper=size * bits / 8)
        agreed = (sent("up", scale, adds=True), sent("down", scale, adds=True))
        update = (scale * total / workers).astype(np.float32)
        return Step(self._velocity.add(update), (*agreed, up, down))


def level_bits(levels: int) -> int:
    """Bits of a sign and a level from 0 to `levels`."""
    return 1 + ceil(log2(levels + 1))


def sum_bits(workers: int) -> int:
    """Bits of a whole number from -workers to workers."""
    return ceil(log2(2 * workers + 1))


def _bits(way: Way, size: int, *parts: NDArray[np.uint8] | Floats) -> Message:
    scales = sum(part.nbytes for part in parts if part.dtype.kind == "f")
    return sent(way, *parts, paper=size / 8 + scales)
