"""Which weights of a network may differ from zero, so that output i is a function of the inputs before i only (MADE).

Column at place p of the order has degree p, 0..n-1; a hidden unit has a degree 0..n-2. A weight from input to hidden
is kept if p <= degree, hidden to hidden if degree <= degree, hidden to output p if degree < p, and input directly to
output if p < p'. Source: Germain et al., 2015 (arXiv:1502.03509), section 3, with degrees counted from 0.
"""

import numpy as np
import torch
from torch import Tensor


def cyclic_degrees(width: int, columns: int) -> Tensor:
    """Degrees of `width` hidden units, every degree equally often: what a residual block, which adds, needs.

    >>> cyclic_degrees(5, 4).tolist(), cyclic_degrees(2, 1).tolist()
    ([0, 1, 2, 0, 1], [0, 0])
    """
    return torch.arange(width) % max(1, columns - 1)


def random_degrees(width: int, columns: int, random: np.random.Generator) -> Tensor:
    """Degrees of a plain MADE's hidden units."""
    return torch.from_numpy(random.integers(0, max(1, columns - 1), width))


def group_degrees(order: tuple[int, ...], widths: list[int]) -> Tensor:
    """The degree of every unit of an input or output layer, in which column c has `widths[c]` units.

    >>> group_degrees((1, 0), [2, 3]).tolist()
    [1, 1, 0, 0, 0]
    """
    places = torch.empty(len(order), dtype=torch.long)
    places[list(order)] = torch.arange(len(order))
    return places.repeat_interleave(torch.tensor(widths))


def may_follow(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Mask of a layer into hidden units, shape (outputs, inputs)."""
    return (inputs[None, :] <= outputs[:, None]).float()


def must_follow(outputs: Tensor, inputs: Tensor) -> Tensor:
    """Mask of a layer into the output, shape (outputs, inputs)."""
    return (inputs[None, :] < outputs[:, None]).float()
