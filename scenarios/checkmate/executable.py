"""A schedule as a Python function: one call per kernel, each reference dropped where the schedule frees it.

The function is generated from the joint graph with torch.fx, operator after operator in the schedule's order. A
recomputed operator stands in it twice, under two names, so nothing decides anything at run time, and a name is
set to None right after its last use: that is the rule of `scenarios.checkmate.schedule`, and a storage whose last
name is gone is freed. What is not a kernel goes through the first argument, a `Run`: random state, gradients,
updated buffers, and a probe after each step.

    convolution_1 = torch.ops.aten.convolution.default(primals_9, primals_1, ...)
    run.rewind(3)
    native_dropout_1 = ...
    run.resume(3)
    run.gradient(0, getitem_7);  getitem_7 = None
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import torch
from torch import Tensor, fx

from scenarios.checkmate import eager_dropout
from scenarios.checkmate.capture import Capture
from scenarios.checkmate.coarsen import Coarse
from scenarios.checkmate.fold import Folded, Roles
from scenarios.checkmate.schedule import Schedule


class Run(Protocol):
    """What a generated function calls back. Parameters and buffers are numbered as they are given."""

    def remember(self, operator: int) -> None:
        """The first run of a random operator that will be run again is about to begin."""
        ...

    def rewind(self, operator: int) -> None:
        """The operator is about to be run again: give it the random state of its first run."""
        ...

    def resume(self, operator: int) -> None:
        """It has run: the random state is again what it was before."""
        ...

    def gradient(self, parameter: int, gradient: Tensor) -> None:
        """The gradient of a parameter is final."""
        ...

    def update(self, buffer: int, value: Tensor) -> None:
        """The step is over, and the buffer takes this value."""
        ...

    def probe(self, step: int) -> None:
        """Step number `step` of the schedule has ended; only if the function was made with probes."""
        ...


def fine_schedule(coarse: Coarse, schedule: Schedule) -> Schedule:
    """The schedule of the fine graph that runs the parts of each coarse operator."""
    return Schedule(tuple(part for index in schedule.order for part in coarse.parts[index]))


def executable(capture: Capture, schedule: Schedule, *, probes: bool = False) -> fx.GraphModule:
    """The function of one iteration: (run, parameters..., buffers..., inputs...) -> loss.

    `schedule` is of `capture.graph`. Raises ValueError if it begins random operators in another order than the
    network does, since they would then draw other numbers.
    """
    _refuse_reordered(capture.folded, schedule)
    writer = _Writer(capture, schedule)
    for step, index in enumerate(schedule.order):
        writer.operator(index)
        if probes:
            writer.call("probe", step)
    return writer.done()


def _refuse_reordered(folded: Folded, schedule: Schedule) -> None:
    begun = [index for index in dict.fromkeys(schedule.order) if index in folded.random]
    if begun != sorted(begun):
        names = [folded.graph.operators[index].name for index in begun]
        raise ValueError(f"random operators must begin in the network's order, not as {', '.join(names)}")


@dataclass(frozen=True, slots=True)
class _Ends:
    """Where the graph ends: parameters by the node of their gradient, (number, node) of updates, the loss."""

    gradients: dict[fx.Node, list[int]]
    updates: tuple[tuple[int, fx.Node], ...]
    loss: fx.Node


def _ends(roles: Roles) -> _Ends:
    number = {name: index for index, name in enumerate((*roles.parameters, *roles.buffers))}
    gradients: dict[fx.Node, list[int]] = {}
    for name, node in roles.gradients.items():
        gradients.setdefault(node, []).append(number[name])
    return _Ends(gradients, tuple((number[name], node) for name, node in roles.updates.items()), roles.loss)


class _Writer:
    """Copies nodes of the joint graph into a new one; `known` maps a node to its latest copy."""

    def __init__(self, capture: Capture, schedule: Schedule) -> None:
        self.joint, self.folded, self.ends = capture.joint, capture.folded, _ends(capture.roles)
        self.graph = fx.Graph()
        self.run = self.graph.placeholder("run")
        self.known: dict[fx.Node, fx.Node] = {}
        self.aliases: list[fx.Node] = []
        self.left = Counter(schedule.order)
        self.replayed = {index for index in self.folded.random if self.left[index] > 1}
        self.begun: set[int] = set()
        roles = capture.roles
        for node in chain(roles.parameters.values(), roles.buffers.values(), roles.inputs):
            self.known[node] = self.graph.placeholder(str(node.target))
        self.aliases += self.copy(self.folded.setup)

    def call(self, method: str, *arguments: int | fx.Node) -> None:
        self.graph.call_method(method, (self.run, *arguments))

    def operator(self, index: int) -> None:
        """One run of an operator. Its last run makes its gradients final."""
        again = index in self.begun
        if index in self.replayed:
            self.call("rewind" if again else "remember", index)
        self.aliases += self.copy(self.folded.steps[index])[1:]
        if index in self.replayed and again:
            self.call("resume", index)
        self.begun.add(index)
        self.left[index] -= 1
        if not self.left[index]:
            for node in self.folded.steps[index]:
                self.deliver(node)

    def deliver(self, node: fx.Node) -> None:
        for number in self.ends.gradients.pop(node, ()):
            self.call("gradient", number, self.latest(node))

    def copy(self, nodes: Iterable[fx.Node]) -> list[fx.Node]:
        copies = []
        for node in nodes:
            if node.target is torch.ops.aten.detach.default:  # without autograd another name for the same tensor
                self.known[node] = self.latest(node.all_input_nodes[0])
                continue
            self.known[node] = self.graph.node_copy(node, self.latest)
            eager_dropout.replace(self.known[node], node)
            copies.append(self.known[node])
        return copies

    def latest(self, node: fx.Node) -> fx.Node:
        if node not in self.known:  # a constant of the module; those stand in no schedule
            self.known[node] = self.graph.node_copy(node)
        return self.known[node]

    def done(self) -> fx.GraphModule:
        for node in list(self.ends.gradients):  # those that are no more than another name for a parameter, say
            self.deliver(node)
        for number, node in self.ends.updates:
            self.call("update", number, self.latest(node))
        self.graph.output(self.latest(self.ends.loss))
        for alias in reversed(self.aliases):
            if not alias.users:
                self.graph.erase_node(alias)
        return fx.GraphModule(self.joint, self.graph, "Rematerialized")
