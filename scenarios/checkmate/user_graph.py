"""A training graph written by hand or by another program.

The file is JSON, for example:

    {"name": "two layers", "parameters": "4MiB", "loss": "loss",
     "nodes": [
       {"name": "conv", "bytes": "8MiB", "cost": "2ms", "inputs": []},
       {"name": "loss", "bytes": 4, "cost": "10us", "inputs": ["conv"]},
       {"name": "dconv", "bytes": "8MiB", "cost": "4ms", "inputs": ["loss", "conv"], "backward": true}]}

Each node makes one value of `bytes`. All nodes have a `cost` (seconds), or all have `flops`. `workspace` (bytes),
`traffic` (bytes) and `class` are optional; `results` names what must stay to the end (default: what nobody
reads). A size without a unit is in bytes, a cost in seconds. Nodes may stand in any order; they are sorted.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scenarios.checkmate.graph import Fixed, Graph, Kind, Operator, Value
from scenarios.checkmate.graph_file import FORMAT, MOST_BYTES, check, decode
from sim.errors import UserError, did_you_mean
from sim.units import Bytes, Seconds

Size = Annotated[Bytes, Field(ge=0, le=MOST_BYTES)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Node(_Strict):
    """One operator and the one value it makes."""

    name: Annotated[str, Field(min_length=1)]
    bytes: Size
    inputs: list[str]
    cost: Annotated[Seconds, Field(ge=0)] | None = None
    flops: Annotated[float, Field(ge=0)] | None = None
    traffic: Annotated[float, Field(ge=0)] | None = None
    workspace: Size = 0
    backward: bool = False
    op_class: Annotated[str, Field(alias="class")] = "other"


class GraphFile(_Strict):
    """The whole file."""

    name: str = "graph"
    loss: str
    nodes: Annotated[list[Node], Field(min_length=1)]
    results: list[str] | None = None
    parameters: Size = 0
    buffers: Size = 0
    inputs: Size = 0


@dataclass(frozen=True, slots=True)
class UserGraph:
    """A graph from a file; `costs` are seconds per operator if the file gives them, shape (operators,).

    `reordered` says whether the file's nodes were not in topological order and have been sorted.
    """

    graph: Graph
    costs: NDArray[np.float64] | None = None
    reordered: bool = False


def read_graph(path: Path) -> UserGraph:
    """The checked graph in `path`: a user's file, or one that `graph_file.encode` wrote."""
    try:
        text = path.read_bytes()
        read = json.loads(text)
    except OSError as error:
        raise UserError(f"graph file {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UserError(f"graph file {path} is not JSON: {error}") from None
    if isinstance(read, dict) and read.get("format") == FORMAT:
        return UserGraph(decode(text, f"graph file {path}"))
    return parse_graph(read, f"graph file {path}")


def parse_graph(read: object, source: str) -> UserGraph:
    """The checked graph of a user's file that has been parsed; raises `UserError` naming `source` and the node."""
    try:
        file = GraphFile.model_validate(read)
    except ValidationError as error:
        raise UserError(f"{source}: {_first(error, read)}") from None
    for problem in _problems(file):
        raise UserError(f"{source}: {problem}")
    order = _sorted(file, source)
    for problem in _loss_problems(file, order):
        raise UserError(f"{source}: {problem}")
    graph = _graph(file, order)
    check(graph, has_costs=True)
    costs = None if file.nodes[0].cost is None else np.array([node.cost for node in order], dtype=np.float64)
    return UserGraph(graph, costs, reordered=order != file.nodes)


def _first(error: ValidationError, read: object) -> str:
    """The first of pydantic's complaints, with the node called by its name."""
    complaint = error.errors(include_url=False)[0]
    place, message = list(complaint["loc"]), complaint["msg"].removeprefix("Value error, ")
    where = ".".join(map(str, place)) or "the file"
    if place[:1] == ["nodes"] and len(place) > 1 and isinstance(read, dict):
        node = read["nodes"][place[1]]
        name = node.get("name") if isinstance(node, dict) else None
        field = ".".join(str(part) for part in place[2:] if isinstance(part, int) or part in _FIELDS)
        where = f"node '{name}'" if name else f"node number {int(place[1]) + 1}"
        where += f", {field}" if field else ""
    found = complaint.get("input")
    shown = f" (found {found!r})" if isinstance(found, str | int | float) else ""
    known = f"; {did_you_mean(str(place[-1]), _FIELDS)}" if complaint["type"] == "extra_forbidden" else ""
    return f"{where}: {message[0].lower()}{message[1:]}{shown}{known}"


_FIELDS = frozenset({"class", *Node.model_fields, *GraphFile.model_fields}) - {"op_class"}


def _problems(file: GraphFile) -> Iterator[str]:
    nodes = {node.name: node for node in file.nodes}
    if len(nodes) < len(file.nodes):
        yield f"two nodes are called '{_twice(node.name for node in file.nodes)}'"
    for node in file.nodes:
        for name in node.inputs:
            if name not in nodes:
                yield f"node '{node.name}' reads '{name}', which is no node; {did_you_mean(name, nodes)}"
        if len(set(node.inputs)) < len(node.inputs):
            yield f"node '{node.name}' reads '{_twice(node.inputs)}' twice"
        if (node.cost is None) == (node.flops is None):
            yield f"node '{node.name}' has {'no cost' if node.cost is None else 'both a cost and flops'}; give one"
        if (node.cost is None) != (file.nodes[0].cost is None):
            yield f"node '{node.name}' and node '{file.nodes[0].name}' differ in giving cost or flops; use one for all"
    if not any(node.cost or node.flops for node in file.nodes):
        yield "every node costs nothing, so there is nothing to choose"
    for name in set(file.results or ()) - nodes.keys():
        yield f"result '{name}' is no node; {did_you_mean(name, nodes)}"


def _loss_problems(file: GraphFile, order: list[Node]) -> Iterator[str]:
    nodes = {node.name: node for node in order}
    if file.loss not in nodes:
        yield f"loss '{file.loss}' is no node; {did_you_mean(file.loss, nodes)}"
    elif nodes[file.loss].backward:
        yield f"loss '{file.loss}' is a backward node; the loss is the last of the forward"
    if not any(node.backward for node in order):
        yield 'it has no backward nodes, so nothing needs to be kept or recomputed; mark them with "backward": true'
    after = {file.loss}
    for node in order:
        follows = not after.isdisjoint(node.inputs)
        if follows:
            after.add(node.name)
        if node.backward and not follows:
            yield f"backward node '{node.name}' is disconnected: no path leads to it from the loss '{file.loss}'"
        if follows and not node.backward:
            yield f"node '{node.name}' follows the loss '{file.loss}' but is not marked as backward"


def _twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise LookupError("no name occurs twice")


def _sorted(file: GraphFile, source: str) -> list[Node]:
    """The nodes in topological order, as the file has them where it is free."""
    place = {node.name: index for index, node in enumerate(file.nodes)}
    edges: Any = nx.DiGraph()
    edges.add_nodes_from(place)
    edges.add_edges_from((name, node.name) for node in file.nodes for name in node.inputs)
    try:
        names = list(nx.lexicographical_topological_sort(edges, key=place.__getitem__))
    except nx.NetworkXUnfeasible:
        cycle = [start for start, _ in nx.find_cycle(edges)]
        raise UserError(f"{source}: the nodes form a cycle: {' -> '.join([*cycle, cycle[0]])}") from None
    return [file.nodes[place[name]] for name in names]


def _graph(file: GraphFile, order: list[Node]) -> Graph:
    index = {node.name: number for number, node in enumerate(order)}
    read = {name for node in order for name in node.inputs}
    results = file.results if file.results is not None else [name for name in index if name not in read]
    return Graph(
        file.name,
        tuple(_operator(node, index) for node in order),
        tuple(Value(node.name, node.bytes, _kind(node)) for node in order),
        frozenset(index[name] for name in results),
        Fixed(file.parameters, file.buffers, file.inputs),
    )


def _kind(node: Node) -> Kind:
    return Kind.ACTIVATION_GRADIENT if node.backward else Kind.ACTIVATION


def _operator(node: Node, index: dict[str, int]) -> Operator:
    return Operator(
        node.name,
        tuple(index[name] for name in node.inputs),
        (index[node.name],),
        flops=node.flops or 0.0,
        traffic=node.traffic or 0.0,
        workspace=node.workspace,
        backward=node.backward,
        op_class=node.op_class,
    )
