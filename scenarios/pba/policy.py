"""A policy: which operations, how likely, how strong. Sixty whole numbers, as the authors' code writes them.

They are probability and level, in turn, of the 15 operations in their order, and then of the same 15 once more. A
probability p from 0 to 10 means p / 10; a level goes from 0 to 9. The space has (11 * 10)^30 policies.

>>> policy = Policy((5, 9) + (0, 0) * 29)
>>> policy.probabilities[:2].tolist(), policy.levels[:2].tolist()
([0.5, 0.0], [9, 0])
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.pba.operations import LEVELS, OPERATIONS
from sim.errors import UserError

#: Each operation stands in a policy so often.
INSTANCES = 2
#: Probabilities are tenths.
PROBABILITIES = 11
NUMBERS = 2 * INSTANCES * len(OPERATIONS)
#: How many values each of the sixty numbers has.
RANGES = np.array([PROBABILITIES, LEVELS] * (NUMBERS // 2))


@dataclass(frozen=True, slots=True)
class Policy:
    """Raises `UserError` for other than sixty whole numbers, or one that is out of its range."""

    numbers: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.numbers) != NUMBERS:
            raise UserError(f"a policy has {NUMBERS} numbers; this one has {len(self.numbers)}")
        for place, (number, values) in enumerate(zip(self.numbers, RANGES.tolist(), strict=True)):
            if type(number) is not int or not 0 <= number < values:
                what = "level" if place % 2 else "probability"
                raise UserError(
                    f"number {place} of a policy is {number!r}; as a {what} it is a whole number from 0 to {values - 1}"
                )

    @classmethod
    def nothing(cls) -> "Policy":
        """All zero: no operation is ever done. Every search starts from it."""
        return cls((0,) * NUMBERS)

    @classmethod
    def of(cls, numbers: Sequence[int] | NDArray[np.int64]) -> "Policy":
        """From an array or a list."""
        return cls(tuple(int(number) for number in numbers))

    @classmethod
    def drawn(cls, random: np.random.Generator) -> "Policy":
        """Every number uniform over its range."""
        return cls.of(random.integers(0, RANGES))

    @property
    def operations(self) -> NDArray[np.int8]:
        """Places in `OPERATIONS` of the 30 entries."""
        return np.tile(np.arange(len(OPERATIONS), dtype=np.int8), INSTANCES)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Of the 30 entries, 0 to 1."""
        return np.array(self.numbers[0::2]) / (PROBABILITIES - 1)

    @property
    def levels(self) -> NDArray[np.int8]:
        """Of the 30 entries."""
        return np.array(self.numbers[1::2], np.int8)
