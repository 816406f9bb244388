"""Hosts and switches, the links between them, and the way from one to another, packet by packet.

A packet goes hop by hop; each device that it reaches takes its latency to pass it on or to hand it up, if the device is
up then. Ways are the fastest for a small packet when nothing queues, ties broken by name; they do not change when
something fails, because in a rack there is no other way. (Flows that share links are another engine over the
same figures.)

>>> from sim.engine import Engine
>>> from hardware_models.network.card import LinkFigures
>>> engine = Engine()
>>> network = Network(engine)
>>> network.device("tor", latency=1e-6)
>>> for host in ("a", "b"):
...     network.device(host)
...     network.connect(host, "tor", LinkFigures(rate="40Gbit/s", propagation="500ns", buffer="1MB"))
>>> network.send("a", "b", 100, lambda: print(f"{engine.now * 1e6:.2f} us"))
>>> engine.run()
2.04 us
"""

from collections.abc import Callable, Iterator
from typing import Any

import networkx as nx

from hardware_models.network.card import LinkFigures
from hardware_models.network.link import Link
from sim.engine import Engine
from sim.errors import UserError
from sim.rng import Streams

#: Bytes of the packet by which ways are compared.
_PROBE = 64


class Network:
    """Devices and links. `streams` is needed if a link has impairments; each link draws from a stream of its own."""

    def __init__(self, engine: Engine, streams: Streams | None = None) -> None:
        self._engine, self._streams = engine, streams
        self._latency: dict[str, float] = {}
        self._down: set[str] = set()
        self._graph = nx.DiGraph()
        self._links: dict[tuple[str, str], Link] = {}
        self._ways: dict[tuple[str, str], tuple[tuple[Link, str], ...]] = {}
        self.unreached = 0

    def device(self, name: str, latency: float = 0.0) -> None:
        """Adds a host or a switch; every packet that reaches it takes `latency` seconds more, queued behind nothing.

        Raises `UserError` if there is one of this name.
        """
        if name in self._latency:
            raise UserError(f"there are two devices called '{name}' in the network")
        if latency < 0:
            raise UserError(f"latency of '{name}' is {latency:g} s; it must be 0 s or more")
        self._latency[name] = latency
        self._graph.add_node(name)

    def connect(self, one: str, other: str, figures: LinkFigures) -> None:
        """Lays a full-duplex link. Raises `UserError` for a device that is not there or a second link."""
        for name in (one, other):
            if name not in self._latency:
                raise UserError(f"there is no device '{name}' to connect; there are {', '.join(sorted(self._latency))}")
        if (one, other) in self._links or one == other:
            raise UserError(f"'{one}' and '{other}' cannot be connected {'to themselves' if one == other else 'twice'}")
        self._ways.clear()
        for start, end in ((one, other), (other, one)):
            stream = self._streams("link", start, end) if self._streams is not None else None
            self._links[start, end] = Link(self._engine, f"{start} to {end}", figures, stream, self._latency[end])
            seconds = figures.propagation + 8 * _PROBE / figures.rate + self._latency[end]
            self._graph.add_edge(start, end, seconds=seconds)

    def links(self) -> Iterator[Link]:
        """All links, each direction by itself."""
        return iter(self._links.values())

    def fail(self, device: str) -> None:
        """The device drops whatever reaches it from now on, and what is passing through it."""
        self._down.add(device)

    def repair(self, device: str) -> None:
        """The device passes packets on again."""
        self._down.discard(device)

    def send(self, source: str, destination: str, size: int, arrive: Callable[..., object], *arguments: Any) -> None:
        """Sends `size` bytes; `arrive(*arguments)` is called when they are at `destination`, if they get there."""
        if source in self._down:
            self.unreached += 1
        elif source == destination:
            self._engine.call_after(0.0, arrive, *arguments)
        else:
            self._hop(
                self._ways.get((source, destination)) or self._way(source, destination), 0, size, arrive, arguments
            )

    def _hop(self, way: Any, at: int, size: int, arrive: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        way[at][0].send(size, self._through, way, at, size, arrive, arguments)

    def _through(self, way: Any, at: int, size: int, arrive: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        if way[at][1] in self._down:
            self.unreached += 1
        elif at == len(way) - 1:
            arrive(*arguments)
        else:
            self._hop(way, at + 1, size, arrive, arguments)

    def _way(self, source: str, destination: str) -> tuple[tuple[Link, str], ...]:
        try:
            seconds = nx.shortest_path_length(self._graph, target=destination, weight="seconds")
            way, here = [], source
            while here != destination:
                ahead = min(self._graph[here], key=lambda to: (self._graph[here][to]["seconds"] + seconds[to], to))
                way.append((self._links[here, ahead], ahead))
                here = ahead
        except (nx.NodeNotFound, KeyError, ValueError):
            raise UserError(f"the network has no way from '{source}' to '{destination}'") from None
        self._ways[source, destination] = tuple(way)
        return self._ways[source, destination]
