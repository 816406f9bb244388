"""Operators whose time tells a device's figures: each class of the roofline in the shapes that networks have.

Outputs are allocated anew by every run, as in training. FLOP and bytes are counted as for a network's operators:
2 per multiply-add, 5 per element normalised (twice that backward), 4 pooled, 1 elsewhere; each tensor read or written
once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter, process_time

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

aten = torch.ops.aten
#: (batch, channels in and out, height and width, kernel, groups) of the convolutions.
_CONVOLUTIONS = (
    (4, 64, 64, 56, 3, 1), (4, 128, 128, 28, 3, 1), (4, 256, 256, 14, 3, 1),
    (4, 64, 256, 56, 1, 1), (4, 256, 64, 56, 1, 1), (4, 512, 128, 28, 1, 1),
)  # fmt: skip
#: (rows, inner, columns) of the matrix products.
_PRODUCTS = ((512, 768, 768), (512, 768, 3072), (1024, 1024, 1024))
#: Shapes of activations: 3 to 13 MB.
_ACTIVATIONS = ((4, 64, 112, 112), (4, 256, 56, 56), (4, 512, 28, 28))


@dataclass(frozen=True, slots=True)
class Probe:
    """One operator: its class, what one run does (FLOP, bytes), and how to run it."""

    op_class: str
    flops: float
    traffic: float
    run: Callable[[], object]


def probes(device: torch.device) -> Iterator[Probe]:
    """All probes, in float32 on `device`."""
    for shape in _PRODUCTS:
        yield matmul(device, *shape)
    for convolution in _CONVOLUTIONS:
        yield from _convolution(device, *convolution)
    for activation in _ACTIVATIONS:
        yield from _normalisation(torch.randn(activation, device=device))
        yield from _elementwise(torch.randn(activation, device=device))


def matmul(device: torch.device, rows: int, inner: int, columns: int, dtype: torch.dtype = torch.float32) -> Probe:
    """A product of (rows, inner) with (inner, columns)."""
    left, right = (torch.randn(shape, device=device).to(dtype) for shape in ((rows, inner), (inner, columns)))
    cells = rows * inner + inner * columns + rows * columns
    return Probe("matmul", 2.0 * rows * inner * columns, float(left.element_size() * cells), lambda: left @ right)


def stream(device: torch.device, elements: int) -> Probe:
    """The sum of two tensors in place of an older c: bytes and hardly anything else."""
    left, right, out = (torch.ones(elements, device=device) for _ in range(3))
    return Probe("pointwise", float(elements), 12.0 * elements, lambda: torch.add(left, right, out=out))


def nothing(device: torch.device) -> Probe:
    """The smallest operator: what is left is the launch."""
    one = torch.ones(1, device=device)
    return Probe("pointwise", 1.0, 8.0, lambda: one + one)


def timed(probe: Probe, device: torch.device, repeats: int, seconds: float = 0.02) -> NDArray[np.float64]:
    """Seconds of one run, `repeats` times, each over as many runs as take about `seconds`.

    On one thread of a CPU they are seconds of computing, so that other programs on the machine do not count.
    """
    count = max(1, int(seconds / max(_timed(probe, device, 2), 1e-7)))
    return np.array([_timed(probe, device, count) for _ in range(repeats)])


def _timed(probe: Probe, device: torch.device, count: int) -> float:
    clock = process_time if device.type == "cpu" and torch.get_num_threads() == 1 else perf_counter
    probe.run()
    _wait(device)
    begun = clock()
    for _ in range(count):
        probe.run()
    _wait(device)
    return (clock() - begun) / count


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _bytes(*tensors: Tensor) -> float:
    return float(sum(tensor.numel() * tensor.element_size() for tensor in tensors))


def _convolution(
    device: torch.device, batch: int, inner: int, outer: int, size: int, kernel: int, groups: int
) -> Iterator[Probe]:
    images = torch.randn(batch, inner, size, size, device=device)
    weight = torch.randn(outer, inner // groups, kernel, kernel, device=device)
    padding = kernel // 2
    made = functional.conv2d(images, weight, padding=padding, groups=groups)
    flops = 2.0 * made.numel() * inner // groups * kernel * kernel
    yield Probe(
        "conv", flops, _bytes(images, weight, made),
        lambda: functional.conv2d(images, weight, padding=padding, groups=groups),
    )  # fmt: skip
    yield Probe(
        "conv", 2.0 * flops, _bytes(made, images, weight, images, weight),
        lambda: aten.convolution_backward(
            made, images, weight, None, [1, 1], [padding, padding], [1, 1], False, [0, 0], groups, [True, True, False]
        ),
    )  # fmt: skip


def _normalisation(values: Tensor) -> Iterator[Probe]:
    ones, zeros = (torch.full((values.shape[1],), fill, device=values.device) for fill in (1.0, 0.0))
    _, mean, invstd = aten.native_batch_norm(values, ones, zeros, None, None, True, 0.1, 1e-5)
    yield Probe(
        "norm", 5.0 * values.numel(), 2.0 * _bytes(values),
        lambda: aten.native_batch_norm(values, ones, zeros, None, None, True, 0.1, 1e-5),
    )  # fmt: skip
    yield Probe(
        "norm", 10.0 * values.numel(), 3.0 * _bytes(values),
        lambda: aten.native_batch_norm_backward(
            values, values, ones, None, None, mean, invstd, True, 1e-5, [True, True, True]
        ),
    )  # fmt: skip


def _elementwise(values: Tensor) -> Iterator[Probe]:
    size, many = _bytes(values), float(values.numel())
    yield Probe("pointwise", many, 2 * size, lambda: torch.relu(values))
    yield Probe("pointwise", many, 3 * size, lambda: values + values)
    yield Probe("pointwise", many, 3 * size, lambda: aten.threshold_backward(values, values, 0))
    yield Probe("pool", 4 * many, 1.75 * size, lambda: functional.max_pool2d(values, 2, return_indices=True))
    _, places = functional.max_pool2d(values, 2, return_indices=True)
    pooled = torch.randn(places.shape, device=values.device)
    yield Probe(
        "pool", 8 * many, 2 * size,
        lambda: aten.max_pool2d_with_indices_backward(pooled, values, [2, 2], [2, 2], [0, 0], [1, 1], False, places),
    )  # fmt: skip
    yield Probe("other", 5 * many, 2 * size, lambda: torch.softmax(values, 1))
