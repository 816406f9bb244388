"""What the policies are let loose on: many links over many slots, and the truth about them, which no policy sees.

Whether a transmission succeeds is decided by one uniform draw per link and slot, the same for every policy: it
succeeds unless the draw lies below the error probability of the arm. Comparisons of policies are paired by that.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scenarios.con_ts.average import Best
from scenarios.con_ts.hull import Floats
from scenarios.con_ts.policy import Policy, Task


@dataclass(frozen=True, slots=True)
class Episode:
    """What happened, each of shape (slots, links): arms, their true success probabilities, and what came through."""

    arms: NDArray[np.integer[Any]]
    success: Floats
    acks: NDArray[np.bool_]


class World(Protocol):
    """Links over slots."""

    task: Task
    links: int
    slots: int

    @property
    def best(self) -> Best:
        """What the average-constraint genie gets on these very links."""
        ...

    def success(self, slot: int) -> Floats:
        """The true success probability of every arm in a slot, shape (links, arms)."""
        ...

    def play(self, policy: Policy, progress: Callable[[float], None]) -> Episode:
        """Let a policy run over all slots. `progress` is told the share that is done."""
        ...
