"""Nodes on a network that delays each message by a random time of its own, loses some and repeats some."""

from collections.abc import Callable, Hashable, Iterable
from heapq import heappop, heappush
from itertools import count
from math import inf
from random import Random
from typing import Any

from scenarios.harmonia.client import Completed, Invoked
from scenarios.harmonia.packet import Op
from sim.linearizability.history import History, Operation
from sim.protocol import Address, CancelTimer, Effect, Node, Note, Send, SetTimer

#: Whether a message from one node to another is lost.
Lose = Callable[[Address, Address, Any], bool]


class Shuffled:
    """Runs nodes; `notes` are (time, address, event). Same seed, same run."""

    def __init__(
        self,
        nodes: Iterable[Node],
        seed: int = 0,
        *,
        delay: tuple[float, float] = (5e-6, 15e-6),
        loss: float = 0.0,
        duplicates: float = 0.0,
        lose: Lose = lambda source, to, message: False,
    ) -> None:
        self.nodes = {node.address: node for node in nodes}
        self.delay, self.loss, self.duplicates, self.lose = delay, loss, duplicates, lose
        self.random = Random(seed)
        self.now = 0.0
        self.notes: list[tuple[float, Address, Any]] = []
        self._down: set[Address] = set()
        self._timers: dict[tuple[Address, Hashable], int] = {}
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        for node in self.nodes.values():
            self._carry_out(node.address, node.on_start(0.0))

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Does something at a time."""
        heappush(self._events, (time, next(self._order), action))

    def crash(self, address: Address) -> None:
        """Stops a node: its timers and what is sent to it are gone."""
        self._down.add(address)
        self._timers = {timer: n for timer, n in self._timers.items() if timer[0] != address}
        self.nodes[address].on_crash()

    def restart(self, address: Address) -> None:
        """Starts a node again that was stopped."""
        self._down.discard(address)
        self._carry_out(address, self.nodes[address].on_start(self.now))

    def run(self, until: float = inf, steps: int = 10_000_000) -> "Shuffled":
        """Runs until a time, or until nothing is left to do."""
        while self._events and steps and self._events[0][0] <= until:
            self.now, _, action = heappop(self._events)
            action()
            steps -= 1
        self.now = max(self.now, until) if until < inf else self.now
        return self

    def events(self, kind: type) -> list[Any]:
        """All events of a kind."""
        return [event for _, _, event in self.notes if isinstance(event, kind)]

    def history(self) -> History:
        """What clients saw. The number of a note is its time, so that no two are at the same time."""
        calls: dict[tuple[Address, int], list[Any]] = {}
        for number, (_, address, event) in enumerate(self.notes):
            if isinstance(event, Invoked):
                kind = "read" if event.op is Op.READ else "write"
                calls[address, event.request] = [address, kind, event.key, event.value, None, number, inf]
            elif isinstance(event, Completed):
                calls[address, event.request][4], calls[address, event.request][6] = event.value, number
        return History.of(Operation(*call) for call in calls.values())

    def _carry_out(self, address: Address, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._send(address, effect.to, effect.message)
            elif isinstance(effect, SetTimer):
                number = next(self._order)
                self._timers[address, effect.timer] = number
                self.at(self.now + effect.delay, lambda t=effect.timer, n=number: self._fire(address, t, n))
            elif isinstance(effect, CancelTimer):
                self._timers.pop((address, effect.timer), None)
            elif isinstance(effect, Note):
                self.notes.append((self.now, address, effect.event))

    def _send(self, source: Address, to: Address, message: Hashable) -> None:
        hash(message)
        copies = 1 + (self.random.random() < self.duplicates)
        for _ in range(copies):
            if self.random.random() >= self.loss and not self.lose(source, to, message):
                arrival = self.now + self.random.uniform(*self.delay)
                self.at(arrival, lambda: self._deliver(source, to, message))

    def _deliver(self, source: Address, to: Address, message: Hashable) -> None:
        if to in self.nodes and to not in self._down:
            self._carry_out(to, self.nodes[to].on_message(self.now, source, message))

    def _fire(self, address: Address, timer: Hashable, number: int) -> None:
        if self._timers.get((address, timer)) == number:
            del self._timers[address, timer]
            self._carry_out(address, self.nodes[address].on_timer(self.now, timer))
