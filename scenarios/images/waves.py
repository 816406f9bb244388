"""Generated images, 32 x 32, colour, 10 classes, with planted nuisances: no download, any number of them.

A class is a sum of plane waves per colour under a round window that fades to black, so a turned image has no corners
that would give its pose away. Waves are evaluated where the pose puts them, not interpolated. Planted on every image
are a pose, a brightness and noise: which augmentation helps is therefore known beforehand.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scenarios.images.data import Data, Images, Pixels, split
from scenarios.images.poses import Poses, drawn, upright

_SIDE, _CLASSES, _COLOURS, _WAVES = 32, 10, 3, 6
_TRAIN, _VALIDATION, _TEST = 2_000, 500, 1_000
#: The window's radius and the width over which it fades, in sides.
_RADIUS, _FADE = 0.36, 0.06
_SHIFT, _BRIGHTNESS, _NOISE = 0.1, 0.4, 0.15
#: What validation and test images of the posed set are turned and shifted by, and training images are not.
_POSED_DEGREES, _POSED_SIDES = 25.0, 0.125


class _Class(NamedTuple):
    """Waves of one class: cycles per side down and across, shape (colours, waves, 2); phases (colours, waves)."""

    cycles: NDArray[np.float64]
    phases: NDArray[np.float64]


def waves(random: np.random.Generator) -> Data:
    """Every part with small shifts, brightness and noise of one law."""
    number = _TRAIN + _VALIDATION + _TEST
    parts = split(_rendered(random, _classes(random), drawn(random, number, 0.0, _SHIFT)), _VALIDATION, _TEST)
    return Data(*parts, _CLASSES, "plane waves (generated)")


def posed_waves(random: np.random.Generator) -> Data:
    """Training images stand upright in the middle; validation and test images are turned and shifted."""
    classes = _classes(random)
    train = _rendered(random, classes, upright(_TRAIN))
    validation = _rendered(random, classes, drawn(random, _VALIDATION, _POSED_DEGREES, _POSED_SIDES))
    test = _rendered(random, classes, drawn(random, _TEST, _POSED_DEGREES, _POSED_SIDES))
    return Data(train, validation, test, _CLASSES, "plane waves, posed where held out (generated)")


def _classes(random: np.random.Generator) -> list[_Class]:
    shape = (_CLASSES, _COLOURS, _WAVES)
    cycles, phases = random.uniform(-3.0, 3.0, (*shape, 2)), random.uniform(0, 2 * np.pi, shape)
    return [_Class(*one) for one in zip(cycles, phases, strict=True)]


def _rendered(random: np.random.Generator, classes: list[_Class], poses: Poses) -> Images:
    """One image per pose, classes in equal shares and random order."""
    number = len(poses.angle)
    labels = random.permutation(np.arange(number, dtype=np.int64) % _CLASSES)
    pixels = np.stack([_waves_at(classes[label], poses, image) for image, label in enumerate(labels)])
    pixels *= random.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS, (number, 1, 1, 1)).astype(np.float32)
    pixels += random.normal(0, _NOISE, pixels.shape).astype(np.float32)
    return Images(pixels.clip(0, 1), labels)


def _waves_at(one: _Class, poses: Poses, image: int) -> Pixels:
    down, across = poses.sources(image, _SIDE)
    cycles = one.cycles[..., 0, None, None] * down + one.cycles[..., 1, None, None] * across
    summed = np.cos(2 * np.pi * cycles + one.phases[..., None, None]).mean(axis=1)
    window = 1 / (1 + np.exp((np.hypot(down, across) - _RADIUS) / (_FADE / 4)))
    pixels: Pixels = ((0.5 + summed / 2) * window).astype(np.float32)
    return pixels
