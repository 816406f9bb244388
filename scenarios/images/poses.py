"""Poses: how far an image is turned and shifted, and where each of its places then comes from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float64]


class Poses(NamedTuple):
    """Per image: `angle` in radians, shape (number,), and `shift` down and across in sides, shape (number, 2)."""

    angle: Places
    shift: Places

    def sources(self, image: int, side: int) -> tuple[Places, Places]:
        """Where the pixels of one image come from: down and across, shape (side, side), in sides from the centre.

        The pose turns about the centre, then shifts; so a pixel's source is shifted back, then turned back.
        """
        middles = (np.arange(side) + 0.5) / side - 0.5
        down, across = middles[:, None] - self.shift[image, 0], middles[None, :] - self.shift[image, 1]
        cosine, sine = np.cos(self.angle[image]), np.sin(self.angle[image])
        return cosine * down - sine * across, sine * down + cosine * across


def drawn(random: np.random.Generator, number: int, degrees: float, sides: float) -> Poses:
    """Angles uniform within +- `degrees`, shifts uniform within +- `sides` of the image's side, each way."""
    angle = np.radians(random.uniform(-degrees, degrees, number))
    return Poses(angle, random.uniform(-sides, sides, (number, 2)))


def upright(number: int) -> Poses:
    """No pose at all."""
    return Poses(np.zeros(number), np.zeros((number, 2)))
