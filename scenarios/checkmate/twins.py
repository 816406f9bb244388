"""Values that live and die together, taken as one: an exact reduction of a training graph.

Two outputs of one operator that the same operators read, and that are both results or both not, have the same
lifetimes in every schedule. One value with the sum of their bytes gives every schedule the same memory at
every step. Batch normalisation makes five values where three are twins; graphs shrink by a third.
"""

from dataclasses import replace
from functools import lru_cache

from scenarios.checkmate.graph import Graph, Value


@lru_cache(maxsize=32)
def merge_twins(graph: Graph) -> Graph:
    """The graph with twins merged: same operators in the same order, so the same schedules with the same bytes.

    >>> from scenarios.checkmate.graph import Operator
    >>> graph = Graph("norm", (Operator("norm", (), (0, 1)), Operator("use", (0, 1), (2,))),
    ...               (Value("mean", 4), Value("deviation", 4), Value("y", 9)), frozenset({2}))
    >>> [(value.name, value.bytes) for value in merge_twins(graph).values]
    [('mean', 8), ('y', 9)]
    """
    users = graph.users()
    place: dict[tuple[int, tuple[int, ...], bool], int] = {}
    merged: list[Value] = []
    number: list[int] = []
    for value, producer in enumerate(graph.producers().tolist()):
        key = (producer, users[value], value in graph.results)
        if key in place:
            twin = merged[place[key]]
            merged[place[key]] = replace(twin, bytes=twin.bytes + graph.values[value].bytes)
        else:
            place[key] = len(merged)
            merged.append(graph.values[value])
        number.append(place[key])
    operators = tuple(
        replace(
            operator,
            inputs=tuple(dict.fromkeys(number[value] for value in operator.inputs)),
            outputs=tuple(dict.fromkeys(number[value] for value in operator.outputs)),
        )
        for operator in graph.operators
    )
    results = frozenset(number[value] for value in graph.results)
    return replace(graph, operators=operators, values=tuple(merged), results=results)
