"""Runs sans-IO nodes on a simulated network: carries their messages, keeps their timers, makes them wait for a core.

A node is placed on a device, with or without a server in front of it. With one, a message waits for a core and is
handled when its service ends; without, it is handled when it arrives (a switch at line rate, a client). What a
message costs depends on the message: `cost(message)` in seconds.

>>> from sim.engine import Engine
>>> from sim.protocol import Node, Note, Send
>>> from hardware_models.network.card import LinkFigures
>>> class Ask(Node):
...     address = "ask"
...     def on_start(self, now): return [Send("answer", "how late is it?")]
...     def on_message(self, now, source, message): return [Note(message)]
>>> class Answer(Node):
...     address = "answer"
...     def on_message(self, now, source, message): return [Send(source, f"{now * 1e6:.2f} us")]
>>> engine = Engine()
>>> network = Network(engine)
>>> for host in ("a", "b"): network.device(host)
>>> network.connect("a", "b", LinkFigures(rate="1Gbit/s", propagation="1us", buffer="1MB"))
>>> driver = Driver(engine, network, size=lambda message: 125, observe=lambda *note: print(*note))
>>> driver.place(Ask(), "a"); driver.place(Answer(), "b", cores=1, cost=lambda message: 3e-6)
>>> driver.start(); engine.run()
7e-06 ask 5.00 us
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hardware_models.network.topology import Network
from sim.engine import Engine, Timer
from sim.protocol import Address, CancelTimer, Effect, Node, Note, Send, SetTimer
from sim.station import Station

#: What is told of a note: the time in seconds, the node's address, the event.
Observe = Callable[[float, Address, Hashable], object]
#: What a message takes a core, in seconds.
Cost = Callable[[Any], float]


@dataclass(slots=True)
class _Place:
    """Where a node is, what is in front of it, and which of its lives it is in (0 while it is down)."""

    node: Node
    device: str
    cores: int
    cost: Cost | None
    life: int = 0
    lives: int = 0
    station: Station | None = None
    timers: dict[Hashable, Timer] = field(default_factory=dict)


def _ignore(now: float, address: Address, event: Hashable) -> None:
    pass


class Driver:
    """Nodes on a network. `size(message)` is what a message takes on the wire, in bytes."""

    def __init__(
        self, engine: Engine, network: Network, size: Callable[[Any], int], observe: Observe = _ignore
    ) -> None:
        self._engine, self._network, self._size, self._observe = engine, network, size, observe
        self._places: dict[Address, _Place] = {}
        self.messages = 0

    def place(self, node: Node, device: str, cores: int = 1, cost: Cost | None = None) -> None:
        """Puts `node` on `device`, behind a server of `cores` cores if messages have a `cost`. It is down at first."""
        self._places[node.address] = _Place(node, device, cores, cost)

    def start(self, *addresses: Address) -> None:
        """Starts the nodes named, or all; one that crashed goes on with the state that it kept."""
        for address in addresses or tuple(self._places):
            place = self._places[address]
            place.lives += 1
            place.life = place.lives
            if place.cost is not None:
                place.station = self._server(place, place.life)
            self._carry(place, place.node.on_start(self._engine.now))

    def crash(self, address: Address) -> None:
        """The node stops: its timers, and messages that wait for it or reach it, are gone; so is what it says."""
        place = self._places[address]
        place.life = 0
        for timer in place.timers.values():
            timer.cancel()
        place.timers.clear()
        place.node.on_crash()

    def node(self, address: Address) -> Node:
        """The node of that address."""
        return self._places[address].node

    def station(self, address: Address) -> Station | None:
        """The server in front of a node since it last started, if it has one."""
        return self._places[address].station

    def inject(self, address: Address, source: Address, message: Hashable) -> None:
        """Hands a message to a node now, as if it had come over the network."""
        self._arrived(self._places[address], source, message)

    def _server(self, place: _Place, life: int) -> Station:
        cost = place.cost
        assert cost is not None
        return Station(
            self._engine, place.node.address, lambda customer: cost(customer[1]), place.cores,
            departed=lambda customer: self._handle(place, life, *customer),
        )  # fmt: skip

    def _arrived(self, place: _Place, source: Address, message: Any) -> None:
        if place.life:
            if place.station is not None:
                place.station.arrive((source, message))
            else:
                self._carry(place, place.node.on_message(self._engine._now, source, message))

    def _handle(self, place: _Place, life: int, source: Address, message: Any) -> None:
        if place.life == life:
            self._carry(place, place.node.on_message(self._engine._now, source, message))

    def _ring(self, place: _Place, timer: Hashable) -> None:
        del place.timers[timer]
        self._carry(place, place.node.on_timer(self._engine._now, timer))

    def _carry(self, place: _Place, effects: Iterable[Effect]) -> None:
        """Carries out what a node wants done."""
        for effect in effects:
            match effect:
                case Send(to, message):
                    self._send(place, to, message)
                case SetTimer(timer, delay):
                    if (old := place.timers.get(timer)) is not None:
                        old.cancel()
                    place.timers[timer] = self._engine.call_after(delay, self._ring, place, timer)
                case CancelTimer(timer):
                    if (old := place.timers.pop(timer, None)) is not None:
                        old.cancel()
                case Note(event):
                    self._observe(self._engine._now, place.node.address, event)

    def _send(self, place: _Place, to: Address, message: Any) -> None:
        target = self._places.get(to)
        if target is None:
            raise KeyError(f"'{place.node.address}' sends to '{to}', which is placed nowhere")
        self.messages += 1
        self._network.send(
            place.device, target.device, self._size(message), self._arrived, target, place.node.address, message
        )
