"""What every data set is: images with labels, in three parts that share no image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """`pixels` of shape (number, channels, height, width), 0 to 1; `labels` of shape (number,)."""

    pixels: Pixels
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def inputs(self) -> Pixels:
        """What a network is fed."""
        return self.pixels

    def take(self, which: NDArray[np.int64] | slice) -> "Images":
        """Some of them."""
        return Images(self.pixels[which], self.labels[which])


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What is trained on, what settings are chosen by, what is reported on, and where it all comes from.

    Nothing may be chosen by `test`. `source` stands in the record.
    """

    train: Images
    validation: Images
    test: Images
    classes: int
    source: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train.pixels.shape[1:]
        return channels, height, width


def split(images: Images, validation: int, test: int) -> tuple[Images, Images, Images]:
    """The last `test` images to test on, the `validation` before them to choose by, all others to train on.

    >>> images = Images(np.zeros((10, 1, 2, 2), np.float32), np.arange(10))
    >>> [part.labels.tolist() for part in split(images, validation=2, test=3)]
    [[0, 1, 2, 3, 4], [5, 6], [7, 8, 9]]
    """
    ends = len(images) - test - validation, len(images) - test
    return images.take(slice(ends[0])), images.take(slice(*ends)), images.take(slice(ends[1], None))
