"""What a learned schedule is compared with: the same training, but for which operations are chosen.

| name | in each epoch | what was searched |
|---|---|---|
| `pba` | the schedule's policy | a population |
| `none` | nothing | nothing |
| `fixed_last` | the schedule's last policy | the same population |
| `shuffled` | the schedule's policies in an order that is drawn | the same population |
| `random` | a policy that is drawn anew | nothing |
| `rand_augment` | so many operations, all at one level | number and level, as many pairs as there are trials |
| `trivial_augment` | one operation at a level that is drawn | nothing |
"""

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np

from scenarios.pba.choosing import COUNTS, by_policy, rand_augment, trivial_augment
from scenarios.pba.config import MethodName
from scenarios.pba.operations import Chosen
from scenarios.pba.policy import Policy
from scenarios.pba.schedule import Schedule

#: What is done in epoch `epoch` to so many images of `shape`, drawn from a generator.
Method = Callable[[int, int, tuple[int, int], np.random.Generator], Chosen]


def scheduled(schedule: Schedule, counts: tuple[float, ...] = COUNTS) -> Method:
    """By the schedule's policy of the epoch; after its end, by its last."""

    def method(epoch: int, number: int, shape: tuple[int, int], random: np.random.Generator) -> Chosen:
        return by_policy(schedule.at(epoch), number, shape, random, counts)

    return method


def redrawn(counts: tuple[float, ...] = COUNTS) -> Method:
    """By a policy drawn anew in every call."""

    def method(epoch: int, number: int, shape: tuple[int, int], random: np.random.Generator) -> Chosen:
        return by_policy(Policy.drawn(random), number, shape, random, counts)

    return method


def rand(operations: int, level: int) -> Method:
    """RandAugment."""

    def method(epoch: int, number: int, shape: tuple[int, int], random: np.random.Generator) -> Chosen:
        return rand_augment(number, shape, random, operations, level)

    return method


def trivial() -> Method:
    """TrivialAugment."""

    def method(epoch: int, number: int, shape: tuple[int, int], random: np.random.Generator) -> Chosen:
        return trivial_augment(number, shape, random)

    return method


def of_schedule(schedule: Schedule, counts: tuple[float, ...], random: np.random.Generator) -> dict[MethodName, Method]:
    """Every method but RandAugment, which is tuned; `random` draws the shuffled order."""
    nothing = Schedule.always(Policy.nothing(), schedule.epochs)
    return {
        "pba": scheduled(schedule, counts),
        "none": scheduled(nothing, counts),
        "fixed_last": scheduled(Schedule.always(schedule.last, schedule.epochs), counts),
        "shuffled": scheduled(schedule.shuffled(random), counts),
        "random": redrawn(counts),
        "trivial_augment": trivial(),
    }


def rand_grid(number: int) -> Iterator[tuple[int, int]]:
    """(operations, level) to try: 1 to 3 operations with levels spread over their range, `number` in all at most."""
    levels = (9, 4, 6, 2, 8, 1, 7, 3, 5, 0)
    pairs = ((operations, level) for level, operations in product(levels, (1, 2, 3)))
    return (pair for pair, _ in zip(pairs, range(number), strict=False))
