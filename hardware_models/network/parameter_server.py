"""A parameter server in shards: workers send up, the server adds and answers, and its own link is what they share.

One way of a step costs, for W workers, n bytes each and S shards (n cut evenly over them),

    a + max(W n / (S B_server), n / B_worker)

because W messages meet at each shard's link while a worker's S messages meet at its own. Per worker the traffic may be
constant in W; the time is not, unless shards (or a switch that adds) grow with W.

>>> server = ParameterServer(Wire(1e9, 1e-5), shards=1)
>>> [round(server.seconds(10**6, workers) * 1e3, 2) for workers in (1, 4, 16)]
[1.01, 4.01, 16.01]
>>> step = [Up(40_000), Work(1e-4), Down(800), Up(3_200), Work(1e-5), Down(1_600)]  # a sketch, a request, exact values
>>> server.step_bytes(step, workers=4), round(server.step_seconds(step, workers=4) * 1e6)
(Traffic(up=172800, down=9600), 332)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from hardware_models.network.collectives import checked
from hardware_models.network.link_card import Wire
from sim.errors import UserError


@dataclass(frozen=True, slots=True)
class Up:
    """Every worker sends `size` bytes to the server; the server goes on when it has all of them."""

    size: int


@dataclass(frozen=True, slots=True)
class Down:
    """The server sends `size` bytes to every worker, to each its own copy."""

    size: int


@dataclass(frozen=True, slots=True)
class Work:
    """Nobody sends for `seconds`: adding, decoding, choosing."""

    seconds: float


Phase = Up | Down | Work


class Traffic(NamedTuple):
    """Bytes over the server's links, all workers together."""

    up: int
    down: int


@dataclass(frozen=True, slots=True)
class ParameterServer:
    """`shards` servers, each on a `wire` of its own. Workers are on wires like it unless `worker` says otherwise.

    Raises `UserError` for fewer than one shard.
    """

    wire: Wire
    shards: int = 1
    worker: Wire | None = None

    def __post_init__(self) -> None:
        if self.shards < 1:
            raise UserError(f"shards is {self.shards}; a parameter server has 1 or more")

    def seconds(self, size: float, workers: int) -> float:
        """One way, up or down: `size` bytes between each of the workers and all shards together."""
        checked(size, workers)
        rate = min(self.wire.rate * self.shards / workers, (self.worker or self.wire).rate)
        return self.wire.latency + size / rate

    def step_seconds(self, phases: Iterable[Phase], workers: int) -> float:
        """A step of phases, one after the other, from the moment that all workers are ready."""
        return sum(phase.seconds if isinstance(phase, Work) else self.seconds(phase.size, workers) for phase in phases)

    def step_bytes(self, phases: Iterable[Phase], workers: int) -> Traffic:
        """What a step sends, to the byte: W times the size of each phase."""
        phases = list(phases)
        up = sum(phase.size for phase in phases if isinstance(phase, Up))
        down = sum(phase.size for phase in phases if isinstance(phase, Down))
        return Traffic(workers * up, workers * down)
