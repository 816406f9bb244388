"""A profile: seconds and workspace of every operator of one training graph, measured on this machine.

It is a card of kind "profile", made by `windtunnel hardware measure profile --set network=resnet50 batch=4`, read
by `cost = "profile"` and by `rematerialized(..., profile=...)`. It holds for the graph it was taken of (the same
network, batch and shape) and says so when it is used for another.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from scenarios.checkmate.capture import capture, capture_network
from scenarios.checkmate.child import Request, measured
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.measurement import Subject, Timing, Weight, steps_of, timed
from scenarios.checkmate.networks import Shape
from scenarios.checkmate.schedule import all_once
from sim.card import CardFile, Figure, read_card
from sim.config import build
from sim.errors import UserError
from sim.scenario import Config
from sim.units import parse, show

#: Bytes that a process takes beside its tensors whatever it runs; less than this is no workspace.
_NOISE = 1 << 17


@dataclass(frozen=True, slots=True)
class Profile:
    """Seconds, their spread, and bytes of workspace by operator, for the graph with this fingerprint."""

    title: str
    graph: str
    operators: tuple[str, ...]
    seconds_of: NDArray[np.float64]
    spreads: NDArray[np.float64]
    workspaces: NDArray[np.int64]

    @classmethod
    def of(cls, title: str, graph: Graph, timing: Timing, weight: Weight | None = None) -> Self:
        """From the measurements of running every operator of `graph` once, in order.

        Workspace is what was taken while an operator ran beyond the tensors that were live; none if not weighed.
        """
        beyond = np.zeros(len(graph.operators), dtype=np.int64)
        if weight is not None:
            beyond = np.array(weight.taken, dtype=np.int64) - np.array(weight.live, dtype=np.int64)
        return cls(
            title,
            fingerprint(graph),
            tuple(operator.name for operator in graph.operators),
            np.array(timing.steps),
            np.array(timing.spreads),
            np.where(beyond > _NOISE, beyond, 0),
        )

    def seconds(self, graph: Graph) -> NDArray[np.float64]:
        """Seconds per operator of `graph`, shape (operators,). Raises `UserError` if it is another graph's profile."""
        self._check(graph)
        return self.seconds_of

    def with_workspaces(self, graph: Graph) -> Graph:
        """`graph`, whose operators need the workspace that was measured. Raises `UserError` likewise."""
        self._check(graph)
        needs = zip(graph.operators, self.workspaces.tolist(), strict=True)
        return replace(graph, operators=tuple(replace(operator, workspace=size) for operator, size in needs))

    def _check(self, graph: Graph) -> None:
        if fingerprint(graph) != self.graph:
            raise UserError(
                f"the profile ({self.title}) was taken of another graph than {graph.name} with "
                f"{len(graph.operators)} operators; measure one with the same network, batch and shape"
            )

    def card(self) -> CardFile:
        """The profile as a card, one figure per operator and, where there is any, one for its workspace."""
        figures = {"graph": Figure(self.graph, "fingerprint of the training graph", "derived")}
        for name, seconds, spread in zip(self.operators, self.seconds_of, self.spreads, strict=True):
            figures[f"seconds.{_key(name)}"] = Figure(
                show(float(seconds), "time", 6), "median of repeats on this machine", "measured", float(spread)
            )
        for name, size in zip(self.operators, self.workspaces.tolist(), strict=True):
            if size:
                source = "memory taken beyond live tensors while it ran"
                figures[f"workspace.{_key(name)}"] = Figure(f"{size}B", source, "measured")
        return CardFile("profile", "profile", self.title, figures)


def read_profile(path: Path) -> Profile:
    """The profile in a card file. Raises `UserError` if it is something else."""
    card = read_card(path)
    if card.kind != "profile" or "graph" not in card.figures:
        raise UserError(f"{path} is a {card.kind} card, not a profile; `windtunnel hardware measure profile` makes one")
    timed = {name: figure for name, figure in card.figures.items() if name.startswith("seconds.")}
    names = [name.removeprefix("seconds.") for name in timed]
    needs = [card.figures.get(f"workspace.{name}") for name in names]
    return Profile(
        card.title,
        str(card.figures["graph"].value),
        tuple(name.replace("/", ".") for name in names),
        np.array([parse(str(figure.value), "time") for figure in timed.values()]),
        np.array([figure.spread or 0.0 for figure in timed.values()]),
        np.array([int(parse(str(need.value), "bytes")) if need else 0 for need in needs], dtype=np.int64),
    )


def profiled(module: nn.Module, inputs: Sequence[Tensor], repeats: int = 5) -> Profile:
    """The seconds of a module of your own, taken in this process; needs the memory to keep everything.

    Workspaces are not in it: to weigh them takes a process that was started for it.
    """
    graph = capture(module, inputs, type(module).__name__).graph
    subject = Subject(module, tuple(inputs))
    (timing,) = timed(subject, steps_of(subject, [all_once(graph)]), repeats)
    return Profile.of(f"{graph.name} on {inputs[0].device}", graph, timing)


class ProfileSettings(Config):
    """What to profile."""

    network: str = Field("resnet50", description="a network by name, or module:callable")
    batch: int = Field(32, ge=1, description="samples per iteration")
    shape: Shape | None = Field(None, description="one input, e.g. 3,224,224; the network's own if unset")
    repeats: int = Field(7, ge=1, description="iterations that are timed")
    threads: int = Field(1, ge=1, description="threads of the CPU")
    device: str = Field("cpu", description="cpu, or cuda where there is one")


def measure(settings: Mapping[str, Any], progress: Callable[[float, str], None]) -> CardFile:
    """The measurement behind `windtunnel hardware measure profile`."""
    wanted: ProfileSettings = build(ProfileSettings, settings)
    progress(0.0, f"tracing {wanted.network}")
    graph = capture_network(wanted.network, wanted.batch, wanted.shape).graph
    progress(0.1, f"running {wanted.network}")
    orders = [all_once(graph).order]
    request = Request(
        wanted.network, wanted.batch, wanted.shape, orders, wanted.repeats, 0, wanted.device, wanted.threads
    )
    (found,) = measured(request)
    shape = "" if wanted.shape is None else f" of {' x '.join(map(str, wanted.shape))}"
    title = f"{wanted.network}, batch {wanted.batch}{shape}, on {wanted.device}, threads: {wanted.threads}"
    return Profile.of(title, graph, found.timing, found.weight).card()


def fingerprint(graph: Graph) -> str:
    """What a profile holds for: names and sizes of operators and values, whatever the graph is called."""
    names = [(operator.name, operator.flops, operator.traffic) for operator in graph.operators]
    sizes = [(value.name, value.bytes) for value in graph.values]
    return blake2b(repr((names, sizes)).encode(), digest_size=8).hexdigest()


def _key(name: str) -> str:
    """Operators are named by layer with dots, which in a card would nest."""
    return name.replace(".", "/")
