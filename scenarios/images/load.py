"""Every data set by name.

| name | what | |
|---|---|---|
| `digits` | scikit-learn's handwritten digits | real, 8 x 8, grey |
| `posed_digits` | the same; held-out images are turned and shifted | real, 16 x 16, grey |
| `waves` | plane waves with small shifts, brightness and noise | generated, 32 x 32, colour |
| `posed_waves` | the same; held-out images are turned and shifted | generated, 32 x 32, colour |
| `cifar10`, `cifar100`, `svhn` | the user's own copy, in `folder` | real, 32 x 32, colour |
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from scenarios.images.cifar import cifar10, cifar100
from scenarios.images.data import Data
from scenarios.images.digits import digits, posed_digits
from scenarios.images.svhn import svhn
from scenarios.images.waves import posed_waves, waves
from sim.errors import UserError, did_you_mean

DataName = Literal["digits", "posed_digits", "waves", "posed_waves", "cifar10", "cifar100", "svhn"]

_SHIPPED: Mapping[str, Callable[[np.random.Generator], Data]] = {
    "digits": digits,
    "posed_digits": posed_digits,
    "waves": waves,
    "posed_waves": posed_waves,
}
_OWN: Mapping[str, Callable[[np.random.Generator, Path], Data]] = {
    "cifar10": cifar10,
    "cifar100": cifar100,
    "svhn": svhn,
}


def load(name: str, random: np.random.Generator, folder: str = "") -> Data:
    """The data called `name`; `random` draws the split, or the images. `folder` is where the user's own copy lies.

    Raises `UserError` for an unknown name, and for files that are missing or not what they should be.
    """
    if name in _SHIPPED:
        return _SHIPPED[name](random)
    if name not in _OWN:
        raise UserError(f"no data set is called '{name}'; {did_you_mean(name, [*_SHIPPED, *_OWN])}")
    if not folder:
        raise UserError(f"folder is empty; '{name}' is read from your own copy, so say where it lies")
    return _OWN[name](random, Path(folder))
