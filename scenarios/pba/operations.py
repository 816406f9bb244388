"""The 15 operations on batches of images, pixel for pixel what Pillow makes of one image at a time.

Images are planes of bytes, shape (number, colours, height, width), with 1 colour (grey) or 3 (red, green, blue). Beside
them goes `opaque` of shape (number, height, width): 255 where a pixel comes from the image, 0 where a move or a cutout
has left a hole. It is the alpha channel of the authors' code, whose holes become the mean colour in the end; like
there, an operation on tones (`FLATTENING`) sees holes as their colour and makes them opaque.

What a level L from 0 to 9 means, from the authors' code; int() cuts off:

    Rotate          int(3 L) degrees                     Posterize     4 - int(0.4 L) bits kept
    ShearX, ShearY  0.03 L                               Solarize      invert from 256 - int(25.6 L) on
    TranslateX, Y   int(L side / 32) pixels              Cutout        a square of int(2 L side / 32), the centre drawn
    Brightness, Color, Contrast, Sharpness               blended with a factor of 0.18 L + 0.1
    Invert, Equalize, AutoContrast                       no level

The five moves go to either side with equal probability. Level 0 is not the identity: brightness 0.1 is almost black.
There, images are 32 x 32; pixels grow with the side here.

>>> black = np.zeros((1, 1, 8, 8), np.uint8)
>>> opaque = whole(black)
>>> apply(black, opaque, Chosen.alike(1, "Invert", level=0))
>>> int(black.min())
255
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scenarios.pba.kernels import apply_all, fill_all
from sim.errors import UserError, did_you_mean

Bytes = NDArray[np.uint8]

#: In the order that gives the numbers of a policy their meaning.
OPERATIONS = (
    "Rotate", "TranslateX", "TranslateY", "Brightness", "Color", "Invert", "Sharpness", "Posterize", "ShearX",
    "Solarize", "ShearY", "Equalize", "AutoContrast", "Cutout", "Contrast",
)  # fmt: skip
#: Levels count in tenths of an operation's range, and the highest is 9: the range's end is never reached.
TENTHS, LEVELS = 10, 10
#: Operations that move pixels, to one side or the other.
MOVES = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
#: Operations after which there are no holes.
FLATTENING = ("Invert", "Posterize", "Solarize", "Equalize", "AutoContrast")
#: What a cutout leaves: the authors' red, green and blue, and Pillow's grey of it.
CUTOUT_COLOUR, CUTOUT_GREY = (125, 122, 113), 122
#: Side of the images that the authors' pixels are for.
_SIDE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """What is done to each of a number of images, in order; every array is of shape (number, slots) or larger.

    `operations`: places in `OPERATIONS`, -1 for none. `levels`: 0 to 9. `turned`: 1 where a move goes the other way.
    `centres`: row and column of a cutout's centre, shape (number, slots, 2).
    """

    operations: NDArray[np.int8]
    levels: NDArray[np.int8]
    turned: NDArray[np.uint8]
    centres: NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.operations)

    @classmethod
    def alike(
        cls, number: int, name: str, level: int, turned: bool = False, centre: tuple[int, int] = (0, 0)
    ) -> "Chosen":
        """One operation, the same for all images. Raises `UserError` for an unknown name or level."""
        if name not in OPERATIONS:
            raise UserError(f"no operation is called '{name}'; {did_you_mean(name, OPERATIONS)}")
        if not 0 <= level < LEVELS:
            raise UserError(f"level is {level}; it is a whole number from 0 to {LEVELS - 1}")
        shape = (number, 1)
        return cls(
            np.full(shape, OPERATIONS.index(name), np.int8),
            np.full(shape, level, np.int8),
            np.full(shape, turned, np.uint8),
            np.broadcast_to(np.array(centre, np.int16), (number, 1, 2)).copy(),
        )


def whole(images: Bytes) -> Bytes:
    """The `opaque` of images without holes."""
    return np.full((images.shape[0], *images.shape[2:]), 255, np.uint8)


def apply(images: Bytes, opaque: Bytes, chosen: Chosen) -> None:
    """Does to each image what is chosen for it, in place. Raises `UserError` for arrays of another shape or type."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise UserError(
            f"images are {images.dtype} of shape {images.shape}; uint8 (number, 1 or 3, height, width) is needed"
        )
    if len(chosen) != len(images) or opaque.shape != (len(images), *images.shape[2:]):
        raise UserError(f"{len(images)} images, but {len(chosen)} choices and holes of shape {opaque.shape}")
    height, width = images.shape[2:]
    moves, factors, limits = _tables(height, width)
    apply_all(
        images, opaque, chosen.operations, chosen.levels, chosen.turned, chosen.centres, moves, factors, limits,
        np.array(CUTOUT_COLOUR if images.shape[1] == 3 else (CUTOUT_GREY,), np.uint8),
    )  # fmt: skip


def fill(images: Bytes, opaque: Bytes, colour: Sequence[float]) -> None:
    """Gives holes the `colour` (a byte's value for each plane; rounded), in place."""
    fill_all(images, opaque, np.array([round(value) for value in colour], np.uint8))


@lru_cache(maxsize=8)
def _tables(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """By level: the moves' steps (5, 10, 2, 6), the blending factors (10), and (10, 3): bits' mask, threshold, side."""
    moves = [
        [[_fixed(_move(name, level, sign, height, width)) for sign in (1, -1)] for level in range(LEVELS)]
        for name in MOVES
    ]
    factors = [float(level) * 1.8 / TENTHS + 0.1 for level in range(LEVELS)]
    limits = [
        (
            0xFF & -(1 << (4 + int(level * 4 / TENTHS))),
            256 - int(level * 256 / TENTHS),
            _pixels(level, 20, min(height, width)),
        )
        for level in range(LEVELS)
    ]
    return np.array(moves, np.int64), np.array(factors, np.float32), np.array(limits, np.int64)


def _pixels(level: int, most: int, side: int) -> int:
    return int(level * most * side / (TENTHS * _SIDE))


def _move(name: str, level: int, sign: int, height: int, width: int) -> tuple[float, ...]:
    """(a, b, c, d, e, f): the pixel at (x, y) comes from (a x + b y + c, d x + e y + f)."""
    if name == "Rotate":
        return _rotation(sign * int(level * 30 / TENTHS), height, width)
    shear = sign * (float(level) * 0.3 / TENTHS)
    return {
        "ShearX": (1.0, shear, 0.0, 0.0, 1.0, 0.0),
        "ShearY": (1.0, 0.0, 0.0, shear, 1.0, 0.0),
        "TranslateX": (1.0, 0.0, float(sign * _pixels(level, 10, width)), 0.0, 1.0, 0.0),
        "TranslateY": (1.0, 0.0, 0.0, 0.0, 1.0, float(sign * _pixels(level, 10, height))),
    }[name]


def _rotation(degrees: int, height: int, width: int) -> tuple[float, ...]:
    """About the middle, counter-clockwise. Sine and cosine are rounded to 15 places as Pillow does."""
    angle = -math.radians(degrees % 360)
    cosine, sine = round(math.cos(angle), 15), round(math.sin(angle), 15)
    x, y = width / 2, height / 2
    return (cosine, sine, x - cosine * x - sine * y, -sine, cosine, y + sine * x - cosine * y)


def _fixed(move: tuple[float, ...]) -> tuple[int, ...]:
    """In 65536ths, at the middle of the first pixel: Pillow walks through an image in whole numbers of them."""
    a, b, c, d, e, f = move
    steps = (a, b, c + a * 0.5 + b * 0.5, d, e, f + d * 0.5 + e * 0.5)
    return tuple(math.floor(step * 65536.0 + 0.5) for step in steps)
