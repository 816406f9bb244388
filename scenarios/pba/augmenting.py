"""From images to augmented images: the chosen operations, and the crop, flip and cutout that go with every run.

Images are bytes of shape (number, colours, height, width). The authors do, for CIFAR-10, in this order: the policy, a
random crop after padding by 4, a flip with probability 1/2, a cutout of 16 x 16. Padding and cutout are of the mean
colour (zero after normalisation).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.pba.operations import Bytes, Chosen, apply, fill, whole


@dataclass(frozen=True, slots=True)
class Basics:
    """What is done beside the policy: pixels of padding before a crop, whether to flip, side of the last cutout."""

    padding: int = 0
    flip: bool = False
    cutout: int = 0


def augment(
    images: Bytes,
    chosen: Chosen,
    mean: Sequence[float],
    basics: Basics = Basics(),
    random: np.random.Generator | None = None,
) -> Bytes:
    """New images: what is chosen is done, then the basics (drawn from `random`), then holes get the `mean` colour.

    `mean`: a byte's value per plane. Raises `UserError` for images of another type or shape; `random` may be left
    out where the basics draw nothing.
    """
    made, opaque = images.copy(), whole(images)
    apply(made, opaque, chosen)
    if random is not None:
        made, opaque = _basic(made, opaque, basics, random)
    fill(made, opaque, mean)
    return made


def _basic(images: Bytes, opaque: Bytes, basics: Basics, random: np.random.Generator) -> tuple[Bytes, Bytes]:
    together = np.concatenate([images, opaque[:, None]], axis=1)
    if basics.padding:
        together = _cropped(together, basics.padding, random)
    if basics.flip:
        turned = random.random(len(together)) < 0.5
        together[turned] = together[turned, :, :, ::-1]
    if basics.cutout:
        together[:, -1][_squares(together.shape, basics.cutout, random)] = 0
    return np.ascontiguousarray(together[:, :-1]), np.ascontiguousarray(together[:, -1])


def _cropped(images: Bytes, padding: int, random: np.random.Generator) -> Bytes:
    """Offsets from 0 to 2 padding - 1: the last possible one is never drawn, as in the authors' code."""
    number, _, height, width = images.shape
    wide = np.pad(images, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    top, left = random.integers(0, 2 * padding, (2, number))
    rows, columns = top[:, None] + np.arange(height), left[:, None] + np.arange(width)
    which = np.arange(number)[:, None, None]
    cropped: Bytes = wide[which, :, rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2)
    return np.ascontiguousarray(cropped)


def _squares(shape: tuple[int, ...], side: int, random: np.random.Generator) -> NDArray[np.bool_]:
    """Which pixels lie in each image's square, its centre uniform; of shape (number, height, width)."""
    number, _, height, width = shape
    rows, columns = random.integers(0, height, (number, 1)), random.integers(0, width, (number, 1))
    half = side // 2
    down = (np.arange(height) >= rows - half) & (np.arange(height) < rows + half)
    across = (np.arange(width) >= columns - half) & (np.arange(width) < columns + half)
    return down[:, :, None] & across[:, None, :]
