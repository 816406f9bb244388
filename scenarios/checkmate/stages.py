"""From what is kept to what must run: the cheapest completion of a retention matrix (paper, section 5.2).

S[t, v] says that value v is kept from stage t-1 into stage t, and stage t ends with the first run of operator t.
Given S, the fewest operators that make every stage possible are determined; baselines and rounding decide S only.
"""

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.schedule import Schedule

Bools = NDArray[np.bool_]


def complete(graph: Graph, S: Bools) -> Bools:
    """R[t, i], shape (operators, operators): the unique cheapest completion of S, shape (operators, values).

    A value kept into t that was not kept into t-1 runs in t-1; what an operator of a stage reads and the stage
    has not kept runs in that stage, from the last operator to the first (algorithm 2).
    """
    table = incidence(graph)
    count = len(graph.operators)
    R = np.eye(count, dtype=bool)
    stage, value = np.nonzero(S[1:] & ~S[:-1])
    R[stage, table.producer[value]] = True
    for operator in reversed(range(count)):
        for value in table.inputs.items[table.inputs.start[operator] : table.inputs.start[operator + 1]]:
            R[:, table.producer[value]] |= R[:, operator] & ~S[:, value]
    return R


def row_major(R: Bools) -> Schedule:
    """The schedule that runs stage after stage, each in the graph's order (algorithm 1)."""
    return Schedule(tuple(np.nonzero(R)[1].tolist()))
