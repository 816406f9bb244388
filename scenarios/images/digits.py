"""Real images that ship with scikit-learn: 1,797 handwritten digits, 8 x 8, grey, 10 classes.

(UCI "optical recognition of handwritten digits", its test half.)
"""

import numpy as np

from scenarios.images.data import Data, Images, Pixels, split
from scenarios.images.poses import drawn

_VALIDATION, _TEST, _CLASSES = 200, 500, 10
#: The posed set has a side of 16, its digits 12 of them, so that a turned and shifted digit stays inside.
_POSED_SIDE, _DIGIT_SIDES = 16, 0.75
_POSED_VALIDATION, _POSED_DEGREES, _POSED_SIDES = 400, 25.0, 0.125


def digits(random: np.random.Generator) -> Data:
    """1,097 to train on, 200 to choose by, 500 to test on."""
    return Data(*split(_shuffled(random), _VALIDATION, _TEST), _CLASSES, "scikit-learn's digits (real)")


def posed_digits(random: np.random.Generator) -> Data:
    """16 x 16. Upright to train on: 897; turned by up to 25 degrees and shifted by up to an eighth: 400 and 500."""
    train, validation, test = split(_shuffled(random), _POSED_VALIDATION, _TEST)
    return Data(
        _posed(train, random, 0.0, 0.0),
        _posed(validation, random, _POSED_DEGREES, _POSED_SIDES),
        _posed(test, random, _POSED_DEGREES, _POSED_SIDES),
        _CLASSES,
        "scikit-learn's digits, posed where held out (real, turned and shifted)",
    )


def _shuffled(random: np.random.Generator) -> Images:
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = random.permutation(len(raw.target))
    return Images((raw.images[order, None] / 16.0).astype(np.float32), raw.target[order].astype(np.int64))


def _posed(images: Images, random: np.random.Generator, degrees: float, sides: float) -> Images:
    """The images at `_POSED_SIDE`, interpolated linearly; what lies outside of a digit is black."""
    from scipy.ndimage import map_coordinates

    poses, old = drawn(random, len(images), degrees, sides), images.pixels.shape[-1]
    pixels: Pixels = np.empty((len(images), 1, _POSED_SIDE, _POSED_SIDE), np.float32)
    for image, digit in enumerate(images.pixels[:, 0]):
        down, across = poses.sources(image, _POSED_SIDE)
        places = np.stack([down, across]) / _DIGIT_SIDES * old + (old - 1) / 2
        pixels[image, 0] = map_coordinates(digit, places, order=1, mode="constant", cval=0.0)
    return Images(pixels, images.labels)
