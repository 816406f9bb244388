"""From a traced joint graph of tensors to the `Graph` of storages and kernels.

Two rules. A value is a *storage*: views, detached aliases and the parts of a tuple are other names for the
storage they show and cost nothing. An operator is a node that makes a new storage: everything else is run
along with the operator that made the storage it shows, or once at the start if that storage is a parameter,
a buffer or an input.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves

from scenarios.checkmate import op_facts
from scenarios.checkmate.graph import Fixed, Graph, Kind, Operator, Value
from sim.errors import UserError

_FIXED = -1


@dataclass(frozen=True, slots=True)
class Roles:
    """Which nodes of the joint graph are what. Gradients and updates are by the tensor's qualified name."""

    parameters: Mapping[str, fx.Node]
    buffers: Mapping[str, fx.Node]
    inputs: tuple[fx.Node, ...]
    loss: fx.Node
    gradients: Mapping[str, fx.Node]
    updates: Mapping[str, fx.Node]


@dataclass(frozen=True, slots=True)
class Folded:
    """The graph, and how to run each part of it.

    `steps[operator]` are the nodes to evaluate for an operator, in order; `holders[value]` the nodes whose
    tensors show a value, all to be dropped when it is freed; `setup` the nodes to evaluate once, before
    everything; `random` the operators that draw random numbers.
    """

    graph: Graph
    steps: tuple[tuple[fx.Node, ...], ...]
    holders: tuple[tuple[fx.Node, ...], ...]
    setup: tuple[fx.Node, ...]
    random: frozenset[int]


def fold(name: str, joint: fx.Graph, roles: Roles) -> Folded:
    """The value-level graph of `joint`, whose nodes carry fake tensors in `meta["val"]`."""
    folder = _Folder(roles)
    for node in joint.nodes:
        folder.take(node)
    return folder.done(name)


@dataclass(slots=True)
class _Folder:
    roles: Roles
    owner: dict[int, int] = field(default_factory=dict)  # storage -> value, or _FIXED
    maker: list[int] = field(default_factory=list)  # value -> operator
    operators: list[Operator] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    steps: list[list[fx.Node]] = field(default_factory=list)
    holders: list[list[fx.Node]] = field(default_factory=list)
    setup: list[fx.Node] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)

    def take(self, node: fx.Node) -> None:
        if node.op in ("placeholder", "get_attr"):
            self.owner.update((_storage(tensor), _FIXED) for tensor in op_facts.outputs(node))
        elif node.op == "call_function":
            _refuse_unusable(node)
            made = [tensor for tensor in op_facts.outputs(node) if _storage(tensor) not in self.owner]
            if made and not self._is_counter(node):
                self._add_operator(node, made)
            else:
                self._add_alias(node)

    def _is_counter(self, node: fx.Node) -> bool:
        """Whether the node only steps a buffer, such as a batch counter, that is resident anyway."""
        return node in self.roles.updates.values() and not self._inputs(node)

    def _inputs(self, node: fx.Node) -> tuple[int, ...]:
        read = (self.owner[_storage(tensor)] for source in node.all_input_nodes for tensor in op_facts.outputs(source))
        return tuple(value for value in dict.fromkeys(read) if value != _FIXED)

    def _add_alias(self, node: fx.Node) -> None:
        shown = {self.owner.setdefault(_storage(tensor), _FIXED) for tensor in op_facts.outputs(node)}
        value = max(shown, default=_FIXED)
        if value != _FIXED:
            self.holders[value].append(node)
            self.steps[self.maker[value]].append(node)
        elif shown:
            self.setup.append(node)

    def _add_operator(self, node: fx.Node, made: list[Tensor]) -> None:
        name, inputs = self._unique(_name(node)), self._inputs(node)
        backward = _is_backward(node)
        storages = {_storage(tensor): tensor for tensor in made}
        first = len(self.values)
        for index, (storage, tensor) in enumerate(storages.items()):
            self.owner[storage] = first + index
            label = name if len(storages) == 1 else f"{name}:{index}"
            kind = _kind(node, index, backward)
            self.values.append(Value(label, tensor.untyped_storage().nbytes(), kind))
            self.holders.append([node])
            self.maker.append(len(self.operators))
        self.steps.append([node])
        self.operators.append(
            Operator(
                name,
                inputs,
                tuple(range(first, len(self.values))),
                flops=op_facts.flops(node),
                traffic=op_facts.traffic(node),
                kernels=op_facts.kernels(node),
                backward=backward,
                op_class=op_facts.op_class(node),
            )
        )

    def _unique(self, name: str) -> str:
        self.names[name] += 1
        return name if self.names[name] == 1 else f"{name}#{self.names[name]}"

    def done(self, name: str) -> Folded:
        gradients = {self._value(node) for node in self.roles.gradients.values()}
        updates = {self._value(node) for node in self.roles.updates.values()}
        values = list(self.values)
        for index in gradients - {_FIXED}:
            values[index] = Value(values[index].name, values[index].bytes, Kind.PARAMETER_GRADIENT)
        for index in updates - {_FIXED}:
            values[index] = Value(values[index].name, values[index].bytes, Kind.STATISTIC)
        results = frozenset(gradients | updates | {self._value(self.roles.loss)}) - {_FIXED}
        fixed = Fixed(
            _resident(self.roles.parameters.values()),
            _resident(self.roles.buffers.values()),
            _resident(self.roles.inputs),
        )
        random = frozenset(
            index for index, nodes in enumerate(self.steps) if any(op_facts.is_random(node) for node in nodes)
        )
        return Folded(
            Graph(name, tuple(self.operators), tuple(values), results, fixed),
            tuple(map(tuple, self.steps)),
            tuple(map(tuple, self.holders)),
            tuple(self.setup),
            random,
        )

    def _value(self, node: fx.Node) -> int:
        return self.owner[_storage(node.meta["val"])]


def _storage(tensor: Tensor) -> int:
    """A storage's identity. Nodes keep their tensors alive, so an address is never used twice."""
    return int(tensor.untyped_storage()._cdata)


def _name(node: fx.Node) -> str:
    layer, name = node.meta.get("custom", {}).get("layer", ""), op_facts.short_name(node)
    if _is_backward(node) and "backward" not in name:
        name += "_backward"
    return f"{layer}.{name}" if layer else name


def _is_backward(node: fx.Node) -> bool:
    return bool(node.meta.get("partitioner_tag") == "is_backward")


def _kind(node: fx.Node, index: int, backward: bool) -> Kind:
    if backward:
        return Kind.ACTIVATION_GRADIENT
    return Kind.STATISTIC if index and op_facts.op_class(node) in ("norm", "matmul") else Kind.ACTIVATION


def _resident(nodes: Iterable[fx.Node]) -> int:
    """Bytes of the distinct storages of `nodes`."""
    storages = {_storage(tensor): tensor for node in nodes for tensor in op_facts.outputs(node)}
    return sum(tensor.untyped_storage().nbytes() for tensor in storages.values())


def _refuse_unusable(node: fx.Node) -> None:
    name = _name(node)
    if any(isinstance(leaf, torch.SymInt | torch.SymFloat) for leaf in tree_leaves(node.meta.get("val"))):
        raise UserError(f"operator '{name}' has a size that depends on data; only fixed shapes can be scheduled")
    schema = getattr(node.target, "_schema", None)
    if schema is not None and schema.is_mutable:
        raise UserError(f"operator '{name}' changes its input in place; only pure operators can be recomputed")
