"""Which operations an image gets: by a policy, or by one of the rules that search for none.

- A *policy* (the authors' code): draw how many operations are to be done, 0, 1 or 2 with probability 0.2, 0.3, 0.5; go
  through the 30 entries in random order, and do each with its probability, until so many are done.
- *RandAugment* (arXiv:1909.13719): a number of operations drawn uniformly, all at one level.
- *TrivialAugment* (arXiv:2103.10158): one operation, drawn uniformly, at a level drawn uniformly.

Both draw here from the 15 operations of this space and the identity, so that methods differ in nothing else.

>>> from scenarios.pba.policy import Policy
>>> only_invert = Policy((0,) * 10 + (10, 0) + (0,) * 48)
>>> chosen = by_policy(only_invert, 1000, (32, 32), np.random.default_rng(0))
>>> bool(0.75 < (chosen.operations[:, 0] == 5).mean() < 0.85), bool((chosen.operations[:, 1] == -1).all())
(True, True)
"""

from typing import Any

import numpy as np
from numba import njit

from scenarios.pba.operations import LEVELS, OPERATIONS, Chosen
from scenarios.pba.policy import Policy
from sim.errors import UserError
from sim.lanes import bits, uniform

#: Probabilities of doing 0, 1, 2 operations.
COUNTS = (0.2, 0.3, 0.5)
Array = Any


def check_counts(counts: tuple[float, ...]) -> None:
    """Raises `UserError` for what is no distribution over 0, 1, 2, ... operations."""
    if not counts or min(counts) < 0 or abs(sum(counts) - 1) > 1e-9:
        raise UserError(f"counts is {counts}; probabilities of 0, 1, 2, ... operations that sum to 1 are needed")


def by_policy(
    policy: Policy,
    number: int,
    shape: tuple[int, int],
    random: np.random.Generator,
    counts: tuple[float, ...] = COUNTS,
) -> Chosen:
    """For `number` images of `shape` (height, width). Raises `UserError` if `counts` are not probabilities."""
    check_counts(counts)
    chosen = _nothing(number, len(counts) - 1)
    possible = policy.probabilities > 0  # an entry that never fires changes nothing wherever it stands
    state = random.integers(0, 2**64, number, np.uint64)
    bounds = np.append(np.cumsum(counts)[:-1], 2.0)
    _walk(
        state, bounds, policy.operations[possible], policy.probabilities[possible], policy.levels[possible],
        np.array(shape), chosen.operations, chosen.levels, chosen.turned, chosen.centres,
    )  # fmt: skip
    return chosen


def rand_augment(
    number: int, shape: tuple[int, int], random: np.random.Generator, operations: int, level: int
) -> Chosen:
    """`operations` for every image, all at `level`. Raises `UserError` for a level that there is not."""
    if not 0 <= level < LEVELS:
        raise UserError(f"level is {level}; it is a whole number from 0 to {LEVELS - 1}")
    chosen = _uniform(number, operations, shape, random)
    chosen.levels[:] = level
    return chosen


def trivial_augment(number: int, shape: tuple[int, int], random: np.random.Generator) -> Chosen:
    """One operation for every image."""
    return _uniform(number, 1, shape, random)


def _nothing(number: int, slots: int) -> Chosen:
    size = (number, slots)
    centres = np.zeros((*size, 2), np.int16)
    return Chosen(np.full(size, -1, np.int8), np.zeros(size, np.int8), np.zeros(size, np.uint8), centres)


def _uniform(number: int, slots: int, shape: tuple[int, int], random: np.random.Generator) -> Chosen:
    """Operations (-1 is the identity), levels, sides and centres, all uniform."""
    size = (number, slots)
    return Chosen(
        random.integers(-1, len(OPERATIONS), size, np.int8),
        random.integers(0, LEVELS, size, np.int8),
        random.integers(0, 2, size, np.uint8),
        random.integers(0, shape, (*size, 2), np.int16),
    )


@njit(cache=True, error_model="numpy")
def _walk(
    state: Array,
    bounds: Array,
    entries: Array,
    probabilities: Array,
    strengths: Array,
    shape: Array,
    operations: Array,
    levels: Array,
    turned: Array,
    centres: Array,
) -> None:
    """The walk of each image, drawn from its own lane. The order is drawn only as far as it is walked."""
    order = np.arange(len(entries))
    for image in range(len(state)):
        drawn, count = uniform(state, image), 0
        while drawn >= bounds[count]:
            count += 1
        left, done = len(entries), 0
        while left and done < count:
            place = int(uniform(state, image) * left)
            left -= 1
            entry = order[place]
            order[place], order[left] = order[left], entry
            if uniform(state, image) < probabilities[entry]:
                operations[image, done] = entries[entry]
                levels[image, done] = strengths[entry]
                turned[image, done] = bits(state, image) >> np.uint64(63)
                for axis in range(2):
                    centres[image, done, axis] = int(uniform(state, image) * shape[axis])
                done += 1
