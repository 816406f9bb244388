"""The figures of a rack's network, in SI: its links, its hosts and servers, and what goes wrong on the way.

A rack is a star: every host has one full-duplex link to the top-of-rack switch, and a slower one to a management
switch of its own that carries the configuration service's messages.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from sim.card import Card
from sim.units import BitsPerSecond, Bytes, Hertz, Ratio, Seconds


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Impairments(_Group):
    """What a link does to packets beyond delaying them.

    A packet is lost or doubled with the probabilities `loss` and `duplication`, each copy by itself delayed
    further by an exponential time of mean `jitter`, and held back for `reorder_delay` more with probability
    `reordering`. Packets that follow may then overtake it.
    """

    loss: Ratio = Field(0.0, ge=0, lt=1)
    duplication: Ratio = Field(0.0, ge=0, le=1)
    jitter: Seconds = Field(0.0, ge=0)
    reordering: Ratio = Field(0.0, ge=0, le=1)
    reorder_delay: Seconds = Field(0.0, ge=0)


class LinkFigures(_Group):
    """One direction of a link: its rate, the time from the last bit out to the last bit in, and its buffer."""

    rate: BitsPerSecond = Field(gt=0)
    propagation: Seconds = Field(ge=0)
    buffer: Bytes = Field(gt=0)
    impairments: Impairments = Impairments()


class ServerFigures(_Group):
    """A replica's server: `cores` of them share one queue; a core makes `read_rate` reads or `write_rate` writes.

    `message_cost` is what a core spends on a message that touches no storage, such as an acknowledgement.
    """

    cores: int = Field(ge=1)
    read_rate: Hertz = Field(gt=0)
    write_rate: Hertz = Field(gt=0)
    message_cost: Seconds = Field(ge=0)


class HostFigures(_Group):
    """A host's network stack; `latency` is for a message, sender and receiver together."""

    latency: Seconds = Field(ge=0)


class NetworkCard(Card):
    """A rack: links, management links, hosts and servers; its switch is a chip with a card of its own."""

    kind: ClassVar[str] = "network"

    link: LinkFigures
    management: LinkFigures
    server: ServerFigures
    host: HostFigures
