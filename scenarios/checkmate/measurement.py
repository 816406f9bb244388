"""Schedules executed for real: equal to plain training bit for bit or not, bytes and seconds of every step.

Everything here is measured on the machine and the device it runs on. Bytes are counted twice: by adding up
tensors, and as what the process (or the CUDA allocator) really took.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scenarios.checkmate.agreement import Agreement
from scenarios.checkmate.capture import capture, state
from scenarios.checkmate.gauges import Gauge, LiveTensors, gauge_of
from scenarios.checkmate.networks import custom, network
from scenarios.checkmate.schedule import Schedule
from scenarios.checkmate.step import Step


@dataclass(frozen=True, slots=True)
class Weight:
    """Is an executed schedule equal to eager mode, and what does it take?

    `difference` names what is not equal bit for bit, "" if nothing. `live` and `taken` are bytes above what was
    resident before, the most during each step: in tensors, and in the process or CUDA's allocator.
    """

    difference: str
    live: list[int]
    taken: list[int]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of an executed schedule: median and spread of each step, whole iterations one by one.

    A spread is half the width of the middle half, over the median. On one thread of a CPU they are seconds of
    computing, so that other programs on the machine do not count, else seconds of the clock.
    """

    steps: list[float]
    spreads: list[float]
    iterations: list[float]

    @property
    def seconds(self) -> float:
        """Median seconds of an iteration."""
        return median(self.iterations)


@dataclass(frozen=True, slots=True)
class Subject:
    """A module with real inputs, and what eager mode makes of them from random state `seed` on."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    seed: int = 0

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.inputs[0].device

    def tensors(self) -> list[Tensor]:
        """Parameters, buffers and inputs."""
        return [*(tensor for _, tensor in state(self.module)), *self.inputs]

    def eager(self) -> Tensor:
        """Plain training."""
        loss: Tensor = self.module(*self.inputs)
        torch.autograd.backward(loss)
        return loss.detach()


def built(source: str, batch: int, shape: tuple[int, ...] | None, seed: int = 0, device: str = "cpu") -> Subject:
    """The network called `source` (or the user's `module:callable`) with real weights and data drawn from `seed`."""
    torch.manual_seed(seed)
    module, inputs = custom.load(source, batch) if ":" in source else network(source).step(batch, shape)
    return Subject(module.to(device), tuple(tensor.to(device) for tensor in inputs), seed)


def steps_of(subject: Subject, schedules: Sequence[Schedule]) -> list[Step]:
    """A step for each schedule of the captured graph's operators."""
    agreement = Agreement.of(subject.module, subject.inputs)
    captured = capture(subject.module, subject.inputs, type(subject.module).__name__)
    return [Step(subject.module, captured, schedule, agreement, 0, 0.0) for schedule in schedules]


def weigh(subject: Subject, steps: Sequence[Step]) -> list[Weight]:
    """Each step compared with plain training and weighed. For a CPU, in a process that returns its memory."""
    expected = _results(subject, subject.eager)
    return [
        Weight(_difference(expected, _results(subject, _once(step, subject))), *_bytes(subject, step)) for step in steps
    ]


def timed(subject: Subject, steps: Sequence[Step], repeats: int) -> list[Timing]:
    """Each step timed, in turns, so that what slows the machine slows them all."""
    laps: list[list[NDArray[np.float64]]] = [[] for _ in steps]
    for repeat in range(repeats + 1):
        for step, found in zip(steps, laps, strict=True):
            seconds = _laps(subject, step)
            if repeat:  # the first one warms caches up
                found.append(seconds)
    return [Timing(*_summary(found)) for found in laps]


def _once(step: Step, subject: Subject) -> Callable[[], Tensor]:
    return lambda: step(*subject.inputs)


def _results(subject: Subject, run: Callable[[], Tensor]) -> dict[str, Tensor | None]:
    """Loss, gradients, buffers and random state after one iteration from the same start; the module is as before."""
    with as_before(subject):
        loss = run()
        module = subject.module
        found: dict[str, Tensor | None] = {"the loss": loss}
        found |= {f"the gradient of {name}": parameter.grad for name, parameter in module.named_parameters()}
        found |= {f"the buffer {name}": buffer.clone() for name, buffer in module.named_buffers()}
        return found | {"the random state": torch.get_rng_state()}


@contextmanager
def as_before(subject: Subject) -> Iterator[None]:
    """Begin with the subject's random state and without gradients; leave buffers and random state as they were."""
    buffers = [(buffer, buffer.clone()) for buffer in subject.module.buffers()]
    devices = [subject.device] if subject.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(subject.seed)
        subject.module.zero_grad()
        try:
            yield
        finally:
            subject.module.zero_grad()
            for buffer, before in buffers:
                buffer.copy_(before)


def _difference(expected: dict[str, Tensor | None], found: dict[str, Tensor | None]) -> str:
    """The first thing that differs in any bit, or ""."""
    for name, tensor in expected.items():
        other = found[name]
        if tensor is None or other is None:
            if tensor is not other:
                return f"{name} is {'missing' if other is None else 'there, and should not be'}"
        elif not torch.equal(tensor, other):
            return f"{name} differs by up to {float((tensor - other).abs().max()):.3g}"
    return ""


def _bytes(subject: Subject, step: Step) -> tuple[list[int], list[int]]:
    with LiveTensors(subject.tensors()) as live, as_before(subject):
        counted = _most(subject, step, live)
    with as_before(subject):
        return counted, _most(subject, step, gauge_of(subject.device))


def _most(subject: Subject, step: Step, gauge: Gauge) -> list[int]:
    laps: list[int] = []
    gauge.start()
    step.watched(lambda _: laps.append(gauge.lap()), *subject.inputs)
    return laps


def _laps(subject: Subject, step: Step) -> NDArray[np.float64]:
    """When each step ended, seconds from the beginning."""
    ends: list[float] = []
    alone = subject.device.type == "cpu" and torch.get_num_threads() == 1
    clock = process_time if alone else perf_counter

    def probe(_: int) -> None:
        if subject.device.type == "cuda":
            torch.cuda.synchronize(subject.device)
        ends.append(clock())

    with as_before(subject):
        begun = clock()
        step.watched(probe, *subject.inputs)
    return np.diff(np.array([begun, *ends]))


def _summary(laps: Sequence[NDArray[np.float64]]) -> tuple[list[float], list[float], list[float]]:
    """The columns of a `Timing`."""
    table = np.array(laps)
    low, middle, high = np.quantile(table, (0.25, 0.5, 0.75), axis=0)
    spread = (high - low) / 2.0 / np.maximum(middle, 1e-9)
    return middle.tolist(), spread.tolist(), table.sum(axis=1).tolist()
