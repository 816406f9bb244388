"""The training graph: what one iteration computes, value by value.

Operators stand in a topological order and are pure: each reads values and produces values. Accounting is
per *value*, not per operator, because an operator with several outputs (batch normalisation: output and
saved statistics) may lose one and keep another. Parameters, their optimizer state and the inputs of the
network are not values; they are resident all the time and counted in `Fixed`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class Kind(StrEnum):
    """What a value is for; the memory timeline keeps one curve per kind."""

    ACTIVATION = "activation"
    ACTIVATION_GRADIENT = "activation gradient"
    PARAMETER_GRADIENT = "parameter gradient"
    STATISTIC = "statistic"


@dataclass(frozen=True, slots=True)
class Value:
    """One tensor with storage of its own (views and aliases are folded into the value they show)."""

    name: str
    bytes: int
    kind: Kind = Kind.ACTIVATION


@dataclass(frozen=True, slots=True)
class Operator:
    """One kernel, or a chain of kernels that always run together.

    `inputs` and `outputs` index `Graph.values`. `flops` is floating-point operations, `traffic` the bytes
    read and written in device memory (parameters included), `kernels` how many launches it takes,
    `workspace` the bytes it needs beside its inputs and outputs while it runs.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    flops: float = 0.0
    traffic: float = 0.0
    kernels: int = 1
    workspace: int = 0
    backward: bool = False
    op_class: str = "other"


@dataclass(frozen=True, slots=True)
class Fixed:
    """Bytes that are resident during the whole iteration, apart from the graph's values.

    `gradients` are those of the parameters where a graph does not have them as values (the paper's graphs).
    """

    parameters: int = 0
    buffers: int = 0
    inputs: int = 0
    gradients: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """One training iteration. `results` are the values that must be resident when it ends.

    Invariants, checked by `scenarios.checkmate.graph_file.check`: operators are in topological order, every
    value has exactly one producer, every input is produced earlier, every name is unique.
    """

    name: str
    operators: tuple[Operator, ...]
    values: tuple[Value, ...]
    results: frozenset[int]
    fixed: Fixed = Fixed()

    def value_bytes(self) -> NDArray[np.int64]:
        """Bytes of each value, shape (values,)."""
        return np.array([value.bytes for value in self.values], dtype=np.int64)

    def producers(self) -> NDArray[np.int64]:
        """Index of the operator that produces each value, shape (values,)."""
        producer = np.full(len(self.values), -1, dtype=np.int64)
        for index, operator in enumerate(self.operators):
            producer[list(operator.outputs)] = index
        return producer

    def users(self) -> tuple[tuple[int, ...], ...]:
        """For each value the operators that read it, ascending."""
        found: list[list[int]] = [[] for _ in self.values]
        for index, operator in enumerate(self.operators):
            for value in dict.fromkeys(operator.inputs):
                found[value].append(index)
        return tuple(tuple(users) for users in found)


def working_set(graph: Graph) -> tuple[int, int]:
    """(bytes, operator) of the operator that needs most: inputs, outputs and workspace at once.

    No schedule of any kind runs in less, so a budget below it is proven infeasible.
    """
    sizes = graph.value_bytes()
    needs = [
        int(sizes[sorted({*operator.inputs, *operator.outputs})].sum()) + operator.workspace
        for operator in graph.operators
    ]
    most = int(np.argmax(needs))
    return needs[most], most
