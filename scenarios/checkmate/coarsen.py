"""Fewer, larger operators: chains that nobody would schedule apart are run together.

Operator u is merged into v when nobody but v reads what u made (results and small statistics aside): dropping
the value between them could only ever serve to compute it again for v. Four things keep the coarse graph an
honest picture of the fine one:

* at most one convolution or matrix product per merged operator, so that cost stays where a schedule can see it;
* gradients flow into the layer below and are not merged upwards, so a merged backward operator is one layer's;
* a merge is refused if it would raise the working set (the bound below which nothing fits) or the peak of
  running everything once in order, so both stay what they are in the fine graph;
* what lives only inside a merged operator is counted in its `workspace`.

A gradient with no reader but the optimizer (a bias gradient, say) joins the operator before it that reads the
same value. Parts run in their original order, next to each other.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph, Kind, Operator, working_set

Granularity = Literal["operator", "layer"]
_HEAVY = ("conv", "matmul")


@dataclass(frozen=True, slots=True)
class Coarse:
    """A coarse graph and where it came from.

    `parts[operator]` are the fine operators it runs, in order; `values[value]` is the fine value it is.
    """

    graph: Graph
    parts: tuple[tuple[int, ...], ...]
    values: tuple[int, ...]


def coarsen(graph: Graph, granularity: Granularity = "layer") -> Coarse:
    """`graph` with chains merged ("layer"), or as it is ("operator")."""
    everything = range(len(graph.operators))
    if granularity == "operator":
        return Coarse(graph, tuple((operator,) for operator in everything), tuple(range(len(graph.values))))
    groups = _Groups(graph)
    for operator in everything:
        groups.merge_forward(operator)
    for operator in everything:
        groups.merge_sink(operator)
    return _rebuilt(graph, groups.in_order())


class _Groups:
    """A partition of the operators. A group's place in the order is that of the operator it is named after."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.users = graph.users()
        self.producer = graph.producers()
        self.sizes = graph.value_bytes().tolist()
        self.group = np.arange(len(graph.operators))
        self.members: dict[int, list[int]] = {operator: [operator] for operator in self.group.tolist()}
        self.ledger = _Ledger(graph, self.users, self.producer)
        self.workspace = np.array([operator.workspace for operator in graph.operators], dtype=np.int64)
        self.most_at_once = working_set(graph)[0]
        self.peak = self.ledger.peak(self.group, self.workspace)

    def in_order(self) -> list[list[int]]:
        return [sorted(self.members[place]) for place in sorted(self.members)]

    def merge_forward(self, operator: int) -> None:
        """Merge the group of `operator` into the one group that reads what it makes, if there is one."""
        place = int(self.group[operator])
        target = self._only_reader(place)
        if target is not None and self._mergeable(place, target) and not self._is_upward(place):
            self._merge(place, target)

    def merge_sink(self, operator: int) -> None:
        """Merge a cheap operator that makes only results into the group before it that reads the same value."""
        place = int(self.group[operator])
        made = [value for member in self.members[place] for value in self.graph.operators[member].outputs]
        if self.members[place] != [operator] or not set(made) <= self.graph.results:
            return
        inputs = self.graph.operators[operator].inputs
        earlier = {int(self.group[user]) for value in inputs for user in self.users[value]} - {place}
        ready = max((int(self.group[self.producer[value]]) for value in inputs), default=-1)
        for target in sorted((group for group in earlier if ready <= group < place), reverse=True):
            if not self._heavy(place) and self._mergeable(place, target) and self._merge(place, target):
                return

    def _only_reader(self, place: int) -> int | None:
        """The group that reads everything `place` makes but results; statistics may have later readers too."""
        readers: set[int] = set()
        later: set[int] = set()
        for value, groups in self._read_elsewhere(place):
            (later if self.graph.values[value].kind is Kind.STATISTIC else readers).update(groups)
        if len(readers) != 1:
            return None
        (target,) = readers
        return target if all(group >= target for group in later) else None

    def _read_elsewhere(self, place: int) -> Iterator[tuple[int, set[int]]]:
        for member in self.members[place]:
            for value in self.graph.operators[member].outputs:
                yield value, {int(self.group[user]) for user in self.users[value]} - {place}

    def _is_upward(self, place: int) -> bool:
        return self._heavy(place) and self.graph.operators[place].backward

    def _heavy(self, place: int) -> bool:
        return any(self.graph.operators[member].op_class in _HEAVY for member in self.members[place])

    def _mergeable(self, place: int, target: int) -> bool:
        one, other = self.graph.operators[place], self.graph.operators[target]
        return one.backward == other.backward and not (self._heavy(place) and self._heavy(target))

    def _merge(self, place: int, target: int) -> bool:
        """Merge `place` into `target` unless the graph would then need more memory; say whether."""
        merged = sorted([*self.members[place], *self.members[target]])
        boundary = _boundary(self.graph, self.users, merged)
        group, workspace = self.group.copy(), self.workspace.copy()
        group[merged] = target
        workspace[target], workspace[place] = _workspace(self.graph, self.sizes, boundary), 0
        shown = sum(self.sizes[value] for value in (*boundary.inputs, *boundary.outputs))
        if shown + workspace[target] > self.most_at_once or self.ledger.peak(group, workspace) > self.peak:
            return False
        self.group, self.workspace, self.members[target] = group, workspace, merged
        del self.members[place]
        return True


class _Ledger:
    """The peak of running every group once, in order, with values freed after their last reader."""

    def __init__(self, graph: Graph, users: Sequence[tuple[int, ...]], producer: NDArray[np.int64]) -> None:
        self.sizes, self.producer = graph.value_bytes(), producer
        touching = [(int(maker), *found) for maker, found in zip(producer, users, strict=True)]
        self.touching = np.concatenate([np.array(found, dtype=np.int64) for found in touching])
        self.starts = np.cumsum([0, *map(len, touching)])[:-1]
        self.is_result = np.zeros(len(graph.values), dtype=bool)
        self.is_result[list(graph.results)] = True
        self.is_read = np.array([bool(found) for found in users], dtype=bool)

    def peak(self, group: NDArray[np.int64], workspace: NDArray[np.int64]) -> int:
        """Bytes, for operators in `group` and the bytes each group needs inside, shapes (operators,)."""
        born = group[self.producer]
        dies = np.maximum.reduceat(group[self.touching], self.starts)
        inner = (born == dies) & self.is_read & ~self.is_result
        sizes = np.where(inner, 0, self.sizes)
        change = np.zeros(len(group) + 1, dtype=np.int64)
        np.add.at(change, born, sizes)
        np.subtract.at(change, np.where(self.is_result, len(group), dies + 1), sizes)
        return int((np.cumsum(change)[:-1] + workspace).max())


@dataclass(frozen=True, slots=True)
class _Boundary:
    """What a merged operator shows: `inputs` and `outputs`; `dies[value]` is the part after which an inner one goes."""

    parts: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    dies: dict[int, int]


def _boundary(graph: Graph, users: Sequence[tuple[int, ...]], parts: list[int]) -> _Boundary:
    inside = set(parts)
    made = dict.fromkeys(value for part in parts for value in graph.operators[part].outputs)
    read = dict.fromkeys(value for part in parts for value in graph.operators[part].inputs)
    inner = {value for value in made if users[value] and inside.issuperset(users[value])} - graph.results
    dies = {value: max(users[value]) for value in inner}
    return _Boundary(
        tuple(parts),
        tuple(value for value in read if value not in made),
        tuple(value for value in made if value not in inner),
        dies,
    )


def _workspace(graph: Graph, sizes: Sequence[int], boundary: _Boundary) -> int:
    """Bytes that live inside beyond the inputs and outputs, at the worst part."""
    outputs = sum(sizes[value] for value in boundary.outputs)
    live = most = 0
    for part in boundary.parts:
        operator = graph.operators[part]
        live += sum(sizes[value] for value in operator.outputs)
        most = max(most, live + operator.workspace)
        touched = dict.fromkeys((*operator.inputs, *operator.outputs))
        live -= sum(sizes[value] for value in touched if boundary.dies.get(value) == part)
    return max(0, most - outputs)


def _rebuilt(graph: Graph, groups: list[list[int]]) -> Coarse:
    users, sizes = graph.users(), graph.value_bytes().tolist()
    boundaries = [_boundary(graph, users, parts) for parts in groups]
    kept = tuple(value for boundary in boundaries for value in boundary.outputs)
    number = {value: index for index, value in enumerate(kept)}
    coarse = Graph(
        graph.name,
        _uniquely_named(_merged(graph, sizes, boundary, number) for boundary in boundaries),
        tuple(graph.values[value] for value in kept),
        frozenset(number[value] for value in graph.results),
        graph.fixed,
    )
    return Coarse(coarse, tuple(boundary.parts for boundary in boundaries), kept)


def _merged(graph: Graph, sizes: Sequence[int], boundary: _Boundary, number: dict[int, int]) -> Operator:
    parts = [graph.operators[part] for part in boundary.parts]
    main = max(parts, key=lambda part: (part.op_class in _HEAVY, part.traffic))
    return Operator(
        _joined([part.name for part in parts]),
        tuple(number[value] for value in boundary.inputs),
        tuple(number[value] for value in boundary.outputs),
        flops=sum(part.flops for part in parts),
        traffic=sum(part.traffic for part in parts),
        kernels=sum(part.kernels for part in parts),
        workspace=_workspace(graph, sizes, boundary),
        backward=main.backward,
        op_class=main.op_class,
    )


def _joined(names: list[str]) -> str:
    """`a.b.conv` and `a.b.relu` are called `a.b.conv+relu`; of more than four parts only the ends are named."""
    parts = [name.split(".") for name in names]
    shared = 0
    while all(len(part) > shared + 1 and part[shared] == parts[0][shared] for part in parts):
        shared += 1
    tails = [".".join(part[shared:]) for part in parts]
    if len(tails) > 4:
        tails = [tails[0], f"({len(tails) - 2} more)", tails[-1]]
    return ".".join([*parts[0][:shared], "+".join(tails)])


def _uniquely_named(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    seen: Counter[str] = Counter()
    named = []
    for operator in operators:
        seen[operator.name] += 1
        again = seen[operator.name]
        named.append(operator if again == 1 else replace(operator, name=f"{operator.name}#{again}"))
    return tuple(named)
