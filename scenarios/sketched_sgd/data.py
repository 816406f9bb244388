"""Images to train on: real ones that ship with scikit-learn, and generated ones.

- `digits`: scikit-learn's 1,797 handwritten digits, 8 x 8, grey, 10 classes (UCI "optical recognition of handwritten
  digits", its test half); 1,297 to train on and 500 to test on.
- `waves`: generated, 32 x 32, colour, 10 classes. A class is a sum of six plane waves per colour; planted on each image
  are a shift, a brightness and noise. 2,000 to train on and 1,000 to test on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError, did_you_mean

Pixels = NDArray[np.float32]
DataName = Literal["digits", "waves"]

_TEST_DIGITS = 500
_TRAIN_WAVES, _TEST_WAVES, _SIDE, _CLASSES, _WAVES = 2_000, 1_000, 32, 10, 6


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """`pixels` of shape (number, channels, height, width), about 0 to 1; `labels` of shape (number,)."""

    pixels: Pixels
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: NDArray[np.int64] | slice) -> "Images":
        """Some of them."""
        return Images(self.pixels[which], self.labels[which])


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What is trained on, what is tested on, and where it comes from (`source` stands in the record)."""

    train: Images
    test: Images
    classes: int
    source: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train.pixels.shape[1:]
        return channels, height, width


def load(name: str, random: np.random.Generator) -> Data:
    """The data called `name`; `random` draws the split, or the images. Raises `UserError` for an unknown name."""
    if name not in _LOADERS:
        raise UserError(f"no data set is called '{name}'; {did_you_mean(name, _LOADERS)}")
    return _LOADERS[name](random)


def _digits(random: np.random.Generator) -> Data:
    from sklearn.datasets import load_digits

    raw = load_digits()
    order = random.permutation(len(raw.target))
    pixels = (raw.images[order, None] / 16.0).astype(np.float32)
    images = Images(pixels, raw.target[order].astype(np.int64))
    train, test = images.take(slice(_TEST_DIGITS, None)), images.take(slice(_TEST_DIGITS))
    return Data(train, test, 10, "scikit-learn's digits (real)")


def _waves(random: np.random.Generator) -> Data:
    frequency = random.integers(-3, 4, (_CLASSES, 3, _WAVES, 2))
    phase = random.uniform(0, 2 * np.pi, (_CLASSES, 3, _WAVES))
    number = _TRAIN_WAVES + _TEST_WAVES
    labels = random.permutation(np.arange(number, dtype=np.int64) % _CLASSES)
    shift = random.integers(-3, 4, (number, 2))
    grid = np.arange(_SIDE) * (2 * np.pi / _SIDE)
    pixels = np.empty((number, 3, _SIDE, _SIDE), np.float32)
    for place, label in enumerate(labels):
        down, across = grid + shift[place, 0] * grid[1], grid + shift[place, 1] * grid[1]
        angle = frequency[label, ..., 0, None, None] * down[:, None] + frequency[label, ..., 1, None, None] * across
        pixels[place] = 0.5 + np.cos(angle + phase[label, ..., None, None]).mean(axis=1) / 2
    pixels *= random.uniform(0.6, 1.4, (number, 1, 1, 1))
    pixels += random.normal(0, 0.25, pixels.shape)
    images = Images(pixels, labels)
    train, test = images.take(slice(_TRAIN_WAVES)), images.take(slice(_TRAIN_WAVES, None))
    return Data(train, test, _CLASSES, "plane waves (generated)")


_LOADERS: Mapping[str, Callable[[np.random.Generator], Data]] = {"digits": _digits, "waves": _waves}
