"""A bad line in user space: when a packet that is sent now departs, if at all, and how often.

Where the kernel has no netem, hosts and the soft switch pass what they send through one of these.

>>> from sim.rng import Streams
>>> stream = Streams(seed=1, scenario="example", replicate=0)("line")
>>> Line(Faults(delay=1e-3), stream).departures(5.0)
(5.001,)
>>> Line(Faults(loss=1.0), stream).departures(5.0)
()
"""

from dataclasses import dataclass

from sim.errors import UserError
from sim.rng import Stream


@dataclass(frozen=True, slots=True)
class Faults:
    """What a line does to packets. Raises `UserError` for what cannot be.

    `loss`, `duplicate` and `reorder` are shares of packets. All wait `delay` seconds and an exponential time of mean
    `jitter` more; those that are reordered wait `hold` seconds more, so that later ones overtake them.
    """

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    hold: float = 2e-3

    def __post_init__(self) -> None:
        for name in ("loss", "duplicate", "reorder"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UserError(f"{name} = {getattr(self, name)}; a share from 0 to 1 is needed")
        for name in ("delay", "jitter", "hold"):
            if not 0.0 <= getattr(self, name) < 60.0:
                raise UserError(f"{name} = {getattr(self, name)} s; 0 to 60 s are allowed")


class Line:
    """A line with faults, drawn from a stream; counts what it did."""

    def __init__(self, faults: Faults, stream: Stream) -> None:
        self.faults, self._stream = faults, stream
        self.lost = self.duplicated = self.reordered = 0

    def departures(self, now: float) -> tuple[float, ...]:
        """When each copy of a packet that is sent now departs (seconds)."""
        faults, draw = self.faults, self._stream.uniform
        if faults.loss and draw() < faults.loss:
            self.lost += 1
            return ()
        if faults.duplicate and draw() < faults.duplicate:
            self.duplicated += 1
            return self._departure(now), self._departure(now)
        return (self._departure(now),)

    def _departure(self, now: float) -> float:
        faults, draw = self.faults, self._stream.uniform
        at = now + faults.delay
        if faults.jitter:
            at += self._stream.exponential(faults.jitter)
        if faults.reorder and draw() < faults.reorder:
            self.reordered += 1
            at += faults.hold
        return at
