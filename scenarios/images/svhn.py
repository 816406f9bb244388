"""The user's own copy of SVHN, format 2 (cropped digits): `train_32x32.mat` and `test_32x32.mat`."""

from pathlib import Path

import numpy as np

from scenarios.images.data import Data, Images, split
from scenarios.images.own_copy import digest_of, found
from sim.errors import UserError

_CLASSES, _TITLE = 10, "SVHN"


def svhn(random: np.random.Generator, folder: Path) -> Data:
    """A tenth of the training images, at random, is to choose by; its "extra" images are not read."""
    paths = [found(folder / f"{part}_32x32.mat", _TITLE) for part in ("train", "test")]
    trained, test = (_images(path) for path in paths)
    train, validation, _ = split(trained.take(random.permutation(len(trained))), len(trained) // 10, 0)
    return Data(train, validation, test, _CLASSES, f"the user's {_TITLE}, digest {digest_of(paths)}")


def _images(path: Path) -> Images:
    """`X` has the shape (height, width, colours, number); `y` says 10 for the digit 0."""
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        pixels = content["X"].transpose(3, 2, 0, 1).astype(np.float32) / 255
        labels = content["y"].astype(np.int64).reshape(-1) % 10
    except (KeyError, TypeError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path.name} is no file of {_TITLE}'s cropped digits ({error})") from error
    if len(pixels) != len(labels) or pixels.shape[1:] != (3, 32, 32):
        raise UserError(f"{path.name}: {len(labels)} labels and images of shape {pixels.shape}; (n, 3, 32, 32) needed")
    return Images(pixels, labels)
