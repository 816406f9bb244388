"""The user's own copy of CIFAR-10 or CIFAR-100, in the "python version" as its authors distribute it.

These files are pickles, and a pickle may call anything when it is read. So only what such a file needs is let
through: dictionaries, lists, numbers, bytes, text and plain NumPy arrays. Anything else is refused by its name.
"""

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy._core.multiarray import _reconstruct  # what pickled arrays are rebuilt by

from scenarios.images.data import Data, Images, split
from scenarios.images.own_copy import digest_of, found
from sim.errors import UserError

_VALIDATION, _SIDE = 5_000, 32


class _Layout(NamedTuple):
    title: str
    folder: str
    train: tuple[str, ...]
    test: str
    labels: bytes
    classes: int


_CIFAR10 = _Layout(
    "CIFAR-10", "cifar-10-batches-py", tuple(f"data_batch_{n}" for n in range(1, 6)), "test_batch", b"labels", 10
)
_CIFAR100 = _Layout("CIFAR-100", "cifar-100-python", ("train",), "test", b"fine_labels", 100)


def cifar10(random: np.random.Generator, folder: Path) -> Data:
    """`folder` holds `data_batch_1` to `_5` and `test_batch`, or the folder `cifar-10-batches-py` that does."""
    return _read(_CIFAR10, random, folder)


def cifar100(random: np.random.Generator, folder: Path) -> Data:
    """`folder` holds `train` and `test`, or the folder `cifar-100-python` that does. Labels are the fine ones."""
    return _read(_CIFAR100, random, folder)


def _read(layout: _Layout, random: np.random.Generator, folder: Path) -> Data:
    inside = folder / layout.folder if (folder / layout.folder).is_dir() else folder
    paths = [found(inside / name, layout.title) for name in (*layout.train, layout.test)]
    *parts, test = [_images(path, layout) for path in paths]
    pixels, labels = (np.concatenate(column) for column in zip(*((p.pixels, p.labels) for p in parts), strict=True))
    trained = Images(pixels, labels).take(random.permutation(len(labels)))
    train, validation, _ = split(trained, min(_VALIDATION, len(labels) // 10), 0)
    return Data(train, validation, test, layout.classes, f"the user's {layout.title}, digest {digest_of(paths)}")


def _images(path: Path, layout: _Layout) -> Images:
    content = unpickled(path)
    try:
        rows, labels = content[b"data"], np.asarray(content[layout.labels], np.int64)
        pixels = rows.reshape(-1, 3, _SIDE, _SIDE).astype(np.float32) / 255
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path.name} is no file of {layout.title}'s python version ({error})") from error
    if len(pixels) != len(labels) or not ((labels >= 0) & (labels < layout.classes)).all():
        raise UserError(f"{path.name}: {len(pixels)} images need as many labels from 0 to {layout.classes - 1}")
    return Images(pixels, labels)


def unpickled(path: Path) -> dict[Any, Any]:
    """The dictionary in `path`. Raises `UserError` for a file that is damaged or would need anything but data."""
    try:
        content = _DataOnly(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise UserError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path.name} holds a {type(content).__name__}; a dictionary is needed")
    return content


#: All that a pickled array of numbers refers to, under NumPy's old name and its new one.
_ALLOWED: Mapping[tuple[str, str], object] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class _DataOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}; only plain arrays, lists and bytes are read")
        return _ALLOWED[module, name]
