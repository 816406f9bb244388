"""A schedule: which policy in which epoch; read off a search's lineage, and stretched to another length.

A search leaves an `Update` wherever a trial has copied another. Followed back from one trial, its updates are a chain:
the source of each is the target of the one before. The schedule is the first source's policy until the first copy was
made, then each new policy until the source's epoch of the next copy, the last one until the end.

Stretched by m, a segment of n epochs has int(m n); what is left at the end goes to the last policy. (Extraction and
stretching follow the authors' code.)
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scenarios.pba.policy import Policy
from sim.errors import UserError


@dataclass(frozen=True, slots=True)
class Update:
    """`target` became a copy of `source`: names of trials, and how many epochs each had done.

    `old` is the source's policy, `new` the one that the copy goes on with.
    """

    target: str
    source: str
    target_epochs: int
    source_epochs: int
    old: Policy
    new: Policy


@dataclass(frozen=True, slots=True)
class Segment:
    """A policy for so many epochs; 0 are allowed."""

    epochs: int
    policy: Policy


@dataclass(frozen=True, slots=True)
class Schedule:
    """Segments one after the other. Raises `UserError` if one is of negative length, or none has an epoch."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if any(segment.epochs < 0 for segment in self.segments) or not self.epochs:
            lengths = [segment.epochs for segment in self.segments]
            raise UserError(f"segments of {lengths} epochs are no schedule; none is below 0, and one is above")

    @classmethod
    def always(cls, policy: Policy, epochs: int) -> "Schedule":
        """The same policy all along."""
        return cls((Segment(epochs, policy),))

    @property
    def epochs(self) -> int:
        """Epochs of all segments together."""
        return sum(segment.epochs for segment in self.segments)

    @property
    def last(self) -> Policy:
        """The policy of the last epoch."""
        return self.at(self.epochs - 1)

    def at(self, epoch: int) -> Policy:
        """The policy of an epoch, counted from 0; after the end, the last one."""
        for segment in self.segments:
            if epoch < segment.epochs:
                return segment.policy
            epoch -= segment.epochs
        return self.segments[-1].policy

    def __iter__(self) -> Iterator[Policy]:
        """The policy of every epoch."""
        for segment in self.segments:
            for _ in range(segment.epochs):
                yield segment.policy

    def stretched(self, epochs: int) -> "Schedule":
        """The same over `epochs` epochs. Raises `UserError` for less than 1."""
        if epochs < 1:
            raise UserError(f"epochs is {epochs}; a schedule has 1 or more")
        factor = epochs / self.epochs
        lengths = [int(segment.epochs * factor) for segment in self.segments]
        lengths[-1] += epochs - sum(lengths)
        return Schedule(tuple(map(Segment, lengths, (segment.policy for segment in self.segments))))

    def shuffled(self, random: np.random.Generator) -> "Schedule":
        """The policies of all epochs in an order that is drawn."""
        policies = list(self)
        return Schedule(tuple(Segment(1, policies[place]) for place in random.permutation(len(policies))))


def chain(updates: Sequence[Update]) -> tuple[Update, ...]:
    """The updates after the last break: a published log may begin with others that do not belong to it."""
    start = 0
    for place in range(1, len(updates)):
        if updates[place].source != updates[place - 1].target:
            start = place
    return tuple(updates[start:])


def lineage(updates: Iterable[Update], trial: str) -> tuple[Update, ...]:
    """Of all updates of a search, in the order of their making, those that led to what `trial` is at the end."""
    found, name = list[Update](), trial
    for update in reversed(list(updates)):
        if update.target == name:
            found.append(update)
            name = update.source
    return tuple(reversed(found))


def extract(updates: Sequence[Update], epochs: int) -> Schedule:
    """The schedule of a search of `epochs` epochs whose last trial left these updates.

    Raises `UserError` if there are none, or if they are no chain that goes forward and ends by then.
    """
    steps = chain(updates)
    if not steps:
        raise UserError("a log without updates says no schedule; what was never copied kept its first policy")
    starts = [0, *(step.source_epochs for step in steps), epochs]
    lengths = [after - before for before, after in pairwise(starts)]
    if min(lengths) < 0:
        raise UserError(f"source epochs {starts[1:-1]} are no schedule of {epochs} epochs: they go back, or beyond it")
    policies = (steps[0].old, *(step.new for step in steps))
    return Schedule(tuple(map(Segment, lengths, policies)))
