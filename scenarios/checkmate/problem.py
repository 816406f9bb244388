"""The question put to every solver, and the three answers that must never be confused."""

from dataclasses import dataclass
from enum import StrEnum
from math import inf

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Link:
    """The way to the host's memory and back, each direction with a copy engine of its own.

    `bandwidth` is bytes per second in one direction (0: there is no way), `latency` seconds before the first byte.
    """

    bandwidth: float = 0.0
    latency: float = 0.0

    def seconds(self, size: int) -> float:
        """How long a copy of `size` bytes takes; infinite where there is no way."""
        return self.latency + size / self.bandwidth if self.bandwidth else inf


NO_LINK = Link()


@dataclass(frozen=True, slots=True)
class Problem:
    """Run `graph` at least cost within `budget` bytes for its values and workspaces.

    Every operator runs at least once and every result is resident at the end. `costs` are seconds per
    operator, shape (operators,), positive somewhere. `graph.fixed` is not part of the budget: whoever poses
    the problem has subtracted it from the device's memory. `link` leads to the host, for policies that use it.
    """

    graph: Graph
    costs: NDArray[np.float64]
    budget: int
    link: Link = NO_LINK


class Answer(StrEnum):
    """What kind of answer a solver gives."""

    FEASIBLE = "feasible"  # a schedule within the budget
    INFEASIBLE = "infeasible"  # a proof that there is none
    NOT_FOUND = "not found"  # neither: the heuristic failed or the time ran out


@dataclass(frozen=True, slots=True)
class Solution:
    """A solver's answer. `bound` is proven: no staged schedule within the budget costs less (seconds).

    Staged (see `scenarios.checkmate.schedule`) is the paper's search space. A heuristic may step outside of it
    and end below what is proven for the inside; then `bound` is lowered to its cost. `reason` is one sentence
    when there is no schedule: the operator that does not fit and the bytes it needs, or what ran out.
    """

    answer: Answer
    schedule: Schedule | None = None
    bound: float = 0.0
    reason: str = ""
