"""Training graphs as files, and the check that every graph passes before anybody schedules it.

The format is JSON, versioned, and exact: `decode(encode(graph)) == graph`.
"""

import math
from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson

from scenarios.checkmate.graph import Fixed, Graph, Kind, Operator, Value
from sim.errors import UserError

FORMAT, VERSION = "windtunnel training graph", 1
#: More than any memory; a size beyond it is a mistake of units, and sums of such sizes would overflow.
MOST_BYTES = 2**50


def encode(graph: Graph) -> bytes:
    """`graph` as JSON."""
    return orjson.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "name": graph.name,
            "fixed": graph.fixed,
            "results": sorted(graph.results),
            "values": [[value.name, value.bytes, value.kind] for value in graph.values],
            "operators": graph.operators,
        }
    )


def decode(data: bytes, source: str = "graph") -> Graph:
    """The checked graph that `encode` wrote; raises `UserError` naming `source` if it is anything else."""
    try:
        read = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise UserError(f"{source} is not JSON: {error}") from None
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise UserError(f'{source} is not a {FORMAT}: it has no "format": "{FORMAT}"')
    if read.get("version") != VERSION:
        raise UserError(f"{source} has version {read.get('version')} of the graph format; this program reads {VERSION}")
    try:
        graph = _graph(read)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{source} is damaged: {type(error).__name__}: {error}") from None
    check(graph)
    return graph


def _graph(read: dict[str, Any]) -> Graph:
    return Graph(
        read["name"],
        tuple(_operator(fields) for fields in read["operators"]),
        tuple(Value(name, size, Kind(kind)) for name, size, kind in read["values"]),
        frozenset(read["results"]),
        Fixed(**read["fixed"]),
    )


def _operator(fields: dict[str, Any]) -> Operator:
    return Operator(**{**fields, "inputs": tuple(fields["inputs"]), "outputs": tuple(fields["outputs"])})


def check(graph: Graph, *, has_costs: bool = False) -> None:
    """Raise `UserError`, one sentence naming what is wrong and where, unless `graph` can be scheduled.

    Operators in topological order; each value made once, and before it is read; unique names; whole,
    non-negative sizes; finite, non-negative work that is not all zero (unless its costs are known otherwise:
    `has_costs`); a forward and a backward that are connected; results that exist.
    """
    for problem in chain(_names(graph), _sizes(graph), _order(graph), _work(graph), _training(graph)):
        raise UserError(f"graph {graph.name}: {problem}")
    if not has_costs and not any(operator.flops or operator.traffic for operator in graph.operators):
        raise UserError(f"graph {graph.name}: every operator costs nothing, so there is nothing to choose")


def _names(graph: Graph) -> Iterator[str]:
    if not graph.operators:
        yield "it has no operators"
    for what, names in (
        ("operators", [operator.name for operator in graph.operators]),
        ("values", [value.name for value in graph.values]),
    ):
        seen: set[str] = set()
        for name in names:
            if name in seen:
                yield f"two {what} are called '{name}'"
            seen.add(name)


def _sizes(graph: Graph) -> Iterator[str]:
    fixed = [(name, getattr(graph.fixed, name)) for name in ("parameters", "buffers", "inputs", "gradients")]
    values = ((f"value '{value.name}'", value.bytes) for value in graph.values)
    workspaces = ((f"the workspace of operator '{operator.name}'", operator.workspace) for operator in graph.operators)
    for what, size in chain(fixed, values, workspaces):
        if type(size) is not int:
            yield f"{what} has {size!r} bytes; sizes are whole numbers"
        elif not 0 <= size <= MOST_BYTES:
            yield f"{what} has {size} bytes; allowed: 0 to {MOST_BYTES}"


def _order(graph: Graph) -> Iterator[str]:
    made: dict[int, str] = {}
    count = len(graph.values)
    for operator in graph.operators:
        for value in operator.inputs:
            if not 0 <= value < count:
                yield f"operator '{operator.name}' reads value {value}, but there are only {count}"
            elif value not in made:
                yield f"operator '{operator.name}' reads '{graph.values[value].name}' before it is made"
        if len(set(operator.inputs)) < len(operator.inputs):
            yield f"operator '{operator.name}' reads the same value twice"
        if not operator.outputs:
            yield f"operator '{operator.name}' makes nothing"
        for value in operator.outputs:
            if not 0 <= value < count:
                yield f"operator '{operator.name}' makes value {value}, but there are only {count}"
            elif value in made:
                yield f"'{graph.values[value].name}' is made by both '{made[value]}' and '{operator.name}'"
            made[value] = operator.name
    for index, unmade in enumerate(graph.values):
        if index not in made:
            yield f"nothing makes value '{unmade.name}'"
    if not graph.results <= made.keys():
        yield f"result {min(graph.results - made.keys())} is not a value; there are {count}"


def _work(graph: Graph) -> Iterator[str]:
    for operator in graph.operators:
        for what, amount in (("flops", operator.flops), ("traffic", operator.traffic)):
            if not (math.isfinite(amount) and amount >= 0):
                yield f"operator '{operator.name}' has {what} {amount}; allowed: finite and not negative"
        if operator.kernels < 1:
            yield f"operator '{operator.name}' has {operator.kernels} kernels; allowed: 1 or more"


def _training(graph: Graph) -> Iterator[str]:
    backward = [operator for operator in graph.operators if operator.backward]
    if not backward:
        yield "it has no backward operators, so nothing needs to be kept or recomputed"
    if len(backward) == len(graph.operators):
        yield "it has no forward operators, so there is no loss to differentiate"
    forward = {value for operator in graph.operators if not operator.backward for value in operator.outputs}
    if not any(forward.intersection(operator.inputs) for operator in backward):
        yield "its backward is disconnected: no backward operator reads anything that the forward made"
