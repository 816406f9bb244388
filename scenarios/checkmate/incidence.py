"""The graph as flat arrays, for everything that must be fast."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph


@dataclass(frozen=True, slots=True)
class Lists:
    """Lists of unequal length laid end to end: list i is `items[start[i]:start[i + 1]]`."""

    start: NDArray[np.int64]
    items: NDArray[np.int64]

    def gather(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The items of many lists: (position in `rows`, item), one pair per item."""
        lengths = self.start[rows + 1] - self.start[rows]
        position = np.repeat(np.arange(len(rows), dtype=np.int64), lengths)
        before = np.cumsum(lengths) - lengths
        within = np.arange(len(position), dtype=np.int64) - np.repeat(before, lengths)
        return position, self.items[np.repeat(self.start[rows], lengths) + within]


@dataclass(frozen=True, slots=True)
class Incidence:
    """Who reads and writes what, without repetition, and how many bytes it takes.

    `inputs` and `outputs` list values per operator, `users` operators per value (ascending). `bytes` and
    `producer` have shape (values,), `workspace` bytes has shape (operators,), `result` marks values that must
    be resident at the end.
    """

    inputs: Lists
    outputs: Lists
    users: Lists
    bytes: NDArray[np.int64]
    producer: NDArray[np.int64]
    workspace: NDArray[np.int64]
    result: NDArray[np.bool_]


@lru_cache(maxsize=32)
def incidence(graph: Graph) -> Incidence:
    """The arrays of a graph; computed once per graph."""
    result = np.zeros(len(graph.values), dtype=bool)
    result[sorted(graph.results)] = True
    return Incidence(
        inputs=_lists([tuple(dict.fromkeys(operator.inputs)) for operator in graph.operators]),
        outputs=_lists([tuple(dict.fromkeys(operator.outputs)) for operator in graph.operators]),
        users=_lists(list(graph.users())),
        bytes=graph.value_bytes(),
        producer=graph.producers(),
        workspace=np.array([operator.workspace for operator in graph.operators], dtype=np.int64),
        result=result,
    )


def _lists(rows: list[tuple[int, ...]]) -> Lists:
    start = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=start[1:])
    return Lists(start, np.array([item for row in rows for item in row], dtype=np.int64))
