"""The figures of one link between workers, in SI, and what a message pays on it.

Cards run from 0.1 to 400 Gbit/s Ethernet, PCIe and NVLink to wide-area links. A collective sees a link as a `Wire`:
a latency per message and bytes of payload per second, one way.

>>> round(LinkCard.model_validate("ethernet-10g").wire().seconds(10**6) * 1e6)  # microseconds at 94 % of 10 Gbit/s
865
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from sim.card import Card
from sim.errors import UserError
from sim.units import BitsPerSecond, Bytes, Ratio, Seconds


@dataclass(frozen=True, slots=True)
class Wire:
    """One way between two workers: `rate` in bytes of payload per second, `latency` in seconds per message.

    Raises `UserError` for a rate that is not a positive number or a latency that is not 0 or more. A rate of
    infinity is allowed: then a message pays its latency alone.
    """

    rate: float
    latency: float = 0.0

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise UserError(f"rate is {self.rate}; a wire's rate is above 0 bytes per second")
        if not (self.latency >= 0 and math.isfinite(self.latency)):
            raise UserError(f"latency is {self.latency}; a wire's latency is 0 s or more")

    def seconds(self, size: float) -> float:
        """A message of `size` bytes, alone on the wire: a + n / B."""
        return self.latency + size / self.rate


class LinkCard(Card):
    """A link's rate (one direction), its latency, what framing leaves, and the buffer of a switch port before it.

    `latency` is one way from a process to a process, stacks and one switch included. `goodput` is payload over bits
    that the rate counts. `buffer` matters where many send to one (`hardware_models.network.incast`).
    """

    kind: ClassVar[str] = "link"

    rate: BitsPerSecond = Field(gt=0)
    latency: Seconds = Field(ge=0)
    goodput: Ratio = Field(gt=0, le=1)
    buffer: Bytes = Field(gt=0)

    def wire(self) -> Wire:
        """What a message pays."""
        return Wire(self.rate * self.goodput / 8, self.latency)
