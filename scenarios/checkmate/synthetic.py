"""Graphs made by rule: the paper's unit chain, random graphs, and forward networks with a backward pass added.

A training graph here has the paper's shape: n forward operators, a loss, and one gradient operator per
forward operator, which reads the gradients of its consumers and the forward inputs and output.
"""

from dataclasses import dataclass, field

import numpy as np

from scenarios.checkmate.graph import Graph, Kind, Operator, Value


def unit_chain(layers: int) -> Graph:
    """The paper's appendix-A chain: `layers` forward operators, a loss, `layers` gradients; unit cost and size.

    Gradient i reads the gradient before it and activation i.

    >>> [operator.inputs for operator in unit_chain(2).operators]
    [(), (0,), (1,), (2, 1), (3, 0)]
    """
    operators = [Operator("forward0", (), (0,))]
    operators += [Operator(f"forward{i}", (i - 1,), (i,)) for i in range(1, layers)]
    operators.append(Operator("loss", (layers - 1,), (layers,)))
    for i in range(layers + 1, 2 * layers + 1):
        operators.append(Operator(f"gradient{2 * layers - i}", (i - 1, 2 * layers - i), (i,), backward=True))
    values = tuple(Value(f"{operator.name}:out", 1) for operator in operators)
    return Graph(f"unit-chain-{layers}", tuple(operators), values, frozenset({2 * layers}))


def random_graph(
    seed: int, operators: int, most_inputs: int = 3, most_outputs: int = 2, largest: int = 9, workspace: int = 0
) -> tuple[Graph, "np.typing.NDArray[np.float64]"]:
    """A random graph with operators of several outputs, and its costs in 1..9 seconds.

    Sizes are 1..`largest` bytes, workspaces 0..`workspace` bytes; one or two of the last values are results.
    """
    rng = np.random.default_rng(seed)
    made: list[Operator] = []
    values: list[Value] = []
    for index in range(operators):
        wanted = min(len(values), int(rng.integers(0 if index == 0 else 1, most_inputs + 1)))
        inputs = tuple(sorted(int(i) for i in rng.choice(len(values), wanted, replace=False))) if wanted else ()
        outputs = tuple(range(len(values), len(values) + int(rng.integers(1, most_outputs + 1))))
        values += [Value(f"value{i}", int(rng.integers(1, largest + 1))) for i in outputs]
        made.append(Operator(f"op{index}", inputs, outputs, workspace=int(rng.integers(0, workspace + 1))))
    results = frozenset({made[-1].outputs[0], int(rng.integers(len(values)))})
    costs = rng.integers(1, 10, operators).astype(np.float64)
    return Graph(f"random-{seed}", tuple(made), tuple(values), results), costs


def layered_graph(
    seed: int, forward: int, width: int = 4, reach: int = 12
) -> tuple[Graph, "np.typing.NDArray[np.float64]"]:
    """A training graph over a random forward network with skip connections: 2 `forward` + 1 operators.

    Each forward operator reads its predecessor and up to `width - 1` of the `reach` operators before.
    """
    rng = np.random.default_rng(seed)
    tape = Tape(f"layered-{seed}-{forward}")
    for index in range(forward):
        near = np.arange(max(0, index - reach), max(0, index - 1))
        extra = rng.choice(near, min(len(near), int(rng.integers(0, width))), replace=False)
        before = (index - 1, *sorted((int(i) for i in extra), reverse=True)) if index else ()
        tape.add(f"layer{index}", before, int(rng.integers(1, 100)), flops=float(rng.integers(1, 100)))
    graph = tape.training_graph()
    return graph, np.array([max(operator.flops, 1.0) for operator in graph.operators])


@dataclass(slots=True)
class Tape:
    """A forward network, recorded operator by operator, from which a training graph is made."""

    name: str
    names: list[str] = field(default_factory=list)
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    flops: list[float] = field(default_factory=list)

    def add(self, name: str, inputs: tuple[int, ...], size: int, flops: float) -> int:
        """Record an operator (output in bytes, work in floating-point operations); returns its index."""
        self.names.append(name)
        self.inputs.append(inputs)
        self.sizes.append(size)
        self.flops.append(flops)
        return len(self.names) - 1

    def training_graph(self, backward_work: float = 2.0) -> Graph:
        """The forward operators, a loss over the last, and gradients at `backward_work` times the forward work.

        A gradient has the size of the forward output (paper, section 5.1). The last gradient is the result.
        """
        count = len(self.names)
        operators = [
            Operator(name, inputs, (i,), flops=self.flops[i], traffic=float(self._moved(i)))
            for i, (name, inputs) in enumerate(zip(self.names, self.inputs, strict=True))
        ]
        values = [Value(f"{name}:out", size) for name, size in zip(self.names, self.sizes, strict=True)]
        operators.append(Operator("loss", (count - 1,), (count,), flops=float(self.sizes[-1])))
        values.append(Value("loss:out", max(1, self.sizes[-1] // 1000)))
        consumers = self._consumers()
        for i in reversed(range(count)):
            gradient = 2 * count - i
            upstream = tuple(2 * count - user for user in consumers[i]) or (count,)
            reads = (*upstream, *self.inputs[i], i)
            work, moved = backward_work * self.flops[i], backward_work * self._moved(i)
            operators.append(Operator(f"{self.names[i]}:grad", reads, (gradient,), work, moved, backward=True))
            values.append(Value(f"{self.names[i]}:grad:out", self.sizes[i], Kind.ACTIVATION_GRADIENT))
        return Graph(self.name, tuple(operators), tuple(values), frozenset({2 * count}))

    def _consumers(self) -> list[list[int]]:
        consumers: list[list[int]] = [[] for _ in self.names]
        for user, inputs in enumerate(self.inputs):
            for value in inputs:
                consumers[value].append(user)
        return consumers

    def _moved(self, index: int) -> int:
        return self.sizes[index] + sum(self.sizes[value] for value in self.inputs[index])
