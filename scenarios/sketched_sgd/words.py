"""Generated texts, 10 classes: the gradient that the paper is about, with few large coordinates and many small ones.

Of 20,000 words, word number r occurs with a frequency of 1 / r (Zipf). A text has 30 words; of each, the class's own
order of frequencies is asked with a probability of 0.35, the common one otherwise. So every class has some frequent
words of its own, and most of what a network could know about words is never worth a byte.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

VOCABULARY, LENGTH, CLASSES = 20_000, 30, 10
_TRAIN, _VALIDATION, _TEST, _OWN = 2_000, 500, 1_000, 0.35


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """`inputs`: the numbers of the words, shape (number, length); `labels` of shape (number,)."""

    inputs: NDArray[np.int64]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, which: NDArray[np.int64] | slice) -> "Texts":
        """Some of them."""
        return Texts(self.inputs[which], self.labels[which])


def texts(random: np.random.Generator) -> tuple[Texts, Texts, Texts]:
    """2,000 to train on, 500 to choose by, 1,000 to test on; all classes are of one size."""
    number = _TRAIN + _VALIDATION + _TEST
    frequency = 1.0 / np.arange(1, VOCABULARY + 1)
    orders = np.stack([random.permutation(VOCABULARY) for _ in range(CLASSES)])
    labels = random.permutation(np.arange(number, dtype=np.int64) % CLASSES)
    ranks = random.choice(VOCABULARY, (number, LENGTH), p=frequency / frequency.sum())
    own = random.random((number, LENGTH)) < _OWN
    whole = Texts(np.where(own, orders[labels[:, None], ranks], ranks).astype(np.int64), labels)
    ends = _TRAIN, _TRAIN + _VALIDATION
    return whole.take(slice(ends[0])), whole.take(slice(*ends)), whole.take(slice(ends[1], None))
