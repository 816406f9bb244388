"""One direction of a link, packet by packet: a drop-tail queue, a serializer, a wire, and what goes wrong on it.

A first-come-first-served serializer needs no event of its own: when it is free again is known as soon as a packet
is accepted (Lindley's recursion), and so is the backlog that the next one finds. So a packet costs one event,
its arrival.

>>> from sim.engine import Engine
>>> from hardware_models.network.card import LinkFigures
>>> engine, heard = Engine(), []
>>> figures = LinkFigures(rate="1Gbit/s", propagation="1us", buffer="3kB")
>>> link = Link(engine, "a to b", figures)
>>> for number in range(3):  # 1,500 bytes take 12 us; the third finds no room
...     link.send(1500, lambda number: heard.append((number, round(engine.now * 1e6))), number)
>>> engine.run()
>>> heard, link.full
([(0, 13), (1, 25)], 1)
"""

from collections.abc import Callable
from typing import Any

from hardware_models.network.card import LinkFigures
from sim.engine import Engine
from sim.rng import Stream


class Link:
    """A link called `name`; `stream` is where its impairments draw from (needed if it has any).

    `latency` (seconds) is what the device at the far end takes for a packet.

    Counts `accepted` packets and their `bytes`, and those it gave up: `full` (no room in the buffer) and `lost` (on
    the wire). `doubled` were delivered twice.
    """

    __slots__ = (
        "_backlog", "_beyond", "_byte_time", "_engine", "_free", "_impaired", "_impairments", "_stream",
        "accepted", "bytes", "doubled", "full", "lost", "name",
    )  # fmt: skip

    def __init__(
        self, engine: Engine, name: str, figures: LinkFigures, stream: Stream | None = None, latency: float = 0.0
    ) -> None:
        self.name = name
        self._engine, self._stream = engine, stream
        self._byte_time = 8.0 / figures.rate
        self._beyond, self._backlog = figures.propagation + latency, figures.buffer * self._byte_time
        self._impairments = figures.impairments
        self._impaired = any((self._impairments.loss, self._impairments.duplication, self._impairments.jitter)) or (
            self._impairments.reordering > 0
        )
        if self._impaired and stream is None:
            raise ValueError(f"link '{name}' has impairments and no stream to draw them from")
        self._free = 0.0
        self.accepted = self.bytes = self.full = self.lost = self.doubled = 0

    def send(self, size: int, arrive: Callable[..., object], *arguments: Any) -> None:
        """Takes a packet of `size` bytes; `arrive(*arguments)` is called when it is through at the far end."""
        now, took = self._engine._now, size * self._byte_time
        start = self._free if self._free > now else now
        if start - now + took > self._backlog * _SLACK:
            self.full += 1
            return
        self.accepted += 1
        self.bytes += size
        self._free = start + took
        due = self._free + self._beyond
        if not self._impaired:
            self._engine.call_at(due, arrive, *arguments)
            return
        for late in self._fates():
            self._engine.call_at(due + late, arrive, *arguments)

    def busy(self) -> float:
        """Seconds of transmission accepted so far."""
        return self.bytes * self._byte_time

    def _fates(self) -> list[float]:
        """The extra delay of each copy of a packet that arrives."""
        impairments, stream = self._impairments, self._stream
        assert stream is not None
        if impairments.loss and stream.uniform() < impairments.loss:
            self.lost += 1
            return []
        copies = 1
        if impairments.duplication and stream.uniform() < impairments.duplication:
            self.doubled += 1
            copies = 2
        return [self._extra_delay(stream) for _ in range(copies)]

    def _extra_delay(self, stream: Stream) -> float:
        impairments = self._impairments
        delay = stream.exponential(impairments.jitter) if impairments.jitter else 0.0
        if impairments.reordering and stream.uniform() < impairments.reordering:
            delay += impairments.reorder_delay
        return delay


#: A buffer that is full to the byte has room for no rounding error.
_SLACK = 1.0 + 1e-9
