"""Beta posteriors of every (link, context, arm), and three ways to remember.

A posterior is Beta(1 + S, 1 + F) with S successes and F failures, the prior's pretended ones among them. Arrays have
shape (links, contexts, arms).
"""

from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.con_ts.hull import Arms
from scenarios.con_ts.policy import LOST, Feedback, Task
from sim.errors import UserError

Counts = NDArray[np.float32]


class Memory(Protocol):
    """Successes and failures as far as they are remembered."""

    successes: Counts
    failures: Counts

    def update(self, feedback: Feedback) -> None:
        """Count what was heard; what was lost counts nothing."""
        ...


def uninformed(task: Task, links: int) -> tuple[Counts, Counts]:
    """No pretended trials: Beta(1, 1)."""
    shape = (links, task.contexts, len(task.rates))
    return np.zeros(shape, np.float32), np.zeros(shape, np.float32)


def informed(task: Task, links: int, weight: float, policy: str) -> tuple[Counts, Counts]:
    """`weight` pretended trials per context and arm, split as the offline table says at the context's SNR.

    floor(weight * (1 - BLER)) successes and floor(weight * BLER) failures (the authors' public code). Raises
    `UserError` for a negative weight or a task without table.
    """
    if not weight >= 0.0:
        raise UserError(f"prior_weight is a number of pretended trials, 0 or more, not {weight}")
    table = task.known(policy)
    error_rate = table.at(table.snr)
    shape = (links, task.contexts, len(task.rates))
    successes = np.broadcast_to(np.floor(weight * (1.0 - error_rate)), shape).astype(np.float32)
    failures = np.broadcast_to(np.floor(weight * error_rate), shape).astype(np.float32)
    return successes, failures


class Forever:
    """Everything counts, for ever."""

    def __init__(self, prior: tuple[Counts, Counts]) -> None:
        self.successes, self.failures = prior

    def update(self, feedback: Feedback) -> None:
        """Count it."""
        _count(self.successes, self.failures, feedback.contexts, feedback.arms, feedback.acks)


class Discounted:
    """Every trial in a context takes a share `1 - keep` from all that is remembered of that context.

    All arms of the context fade, not only the one that was played, and the prior with them.
    """

    def __init__(self, prior: tuple[Counts, Counts], keep: float) -> None:
        if not 0.0 < keep <= 1.0:
            raise UserError(f"keep is the share that a trial leaves of what was known, above 0 up to 1, not {keep}")
        self.successes, self.failures = prior
        self._keep = np.float32(keep)

    def update(self, feedback: Feedback) -> None:
        """Fade, then count."""
        heard = (self.successes, self.failures, feedback.contexts, feedback.arms, feedback.acks)
        _fade(*heard, self._keep)
        _count(*heard)


class Windowed:
    """The last `window` trials of each context count, and the prior beneath them."""

    def __init__(self, prior: tuple[Counts, Counts], window: int) -> None:
        if window < 1:
            raise UserError(f"window is a number of trials, 1 or more, not {window}")
        self.successes, self.failures = prior
        links, contexts, _ = self.successes.shape
        self._arms = np.full((links, contexts, window), -1, np.int16)
        self._acks = np.zeros((links, contexts, window), np.int8)
        self._next = np.zeros((links, contexts), np.int32)

    def update(self, feedback: Feedback) -> None:
        """Forget the oldest of the context, then count."""
        heard = (self.successes, self.failures, feedback.contexts, feedback.arms, feedback.acks)
        _slide(*heard, self._arms, self._acks, self._next)
        _count(*heard)


@njit(cache=True)
def _count(successes: Counts, failures: Counts, contexts: Arms, arms: Arms, acks: NDArray[np.int8]) -> None:
    for link in range(len(arms)):
        if acks[link] != LOST:
            counted = successes if acks[link] else failures
            counted[link, contexts[link], arms[link]] += np.float32(1.0)


@njit(cache=True)
def _fade(
    successes: Counts, failures: Counts, contexts: Arms, arms: Arms, acks: NDArray[np.int8], keep: np.float32
) -> None:
    for link in range(len(arms)):
        if acks[link] != LOST:
            for arm in range(successes.shape[2]):
                successes[link, contexts[link], arm] *= keep
                failures[link, contexts[link], arm] *= keep


@njit(cache=True)
def _slide(
    successes: Counts,
    failures: Counts,
    contexts: Arms,
    arms: Arms,
    acks: NDArray[np.int8],
    window_arms: NDArray[np.int16],
    window_acks: NDArray[np.int8],
    following: NDArray[np.int32],
) -> None:
    """Takes the trial out of the counts that is `window` trials old, and puts the new one in its place."""
    for link in range(len(arms)):
        if acks[link] == LOST:
            continue
        context = contexts[link]
        place = following[link, context]
        old = window_arms[link, context, place]
        if old >= 0:
            counted = successes if window_acks[link, context, place] else failures
            counted[link, context, old] -= np.float32(1.0)
        window_arms[link, context, place] = arms[link]
        window_acks[link, context, place] = acks[link]
        following[link, context] = (place + 1) % window_arms.shape[2]
