"""How long does it take to read random blocks from a tape?"""

from typing import ClassVar

from pydantic import Field

from sim.card import Card
from sim.scenario import Check, Config, Context, Metric, Outcome
from sim.units import Bytes, BytesPerSecond, Seconds


class TapeCard(Card):
    """A tape drive: bytes per second while streaming, seconds to wind from end to end, bytes on a tape."""

    kind: ClassVar[str] = "tape"
    rate: BytesPerSecond = Field(gt=0)
    wind: Seconds = Field(ge=0)
    capacity: Bytes = Field(gt=0)


class TapeConfig(Config):
    """`blocks` of `block` bytes each, in random places."""

    hardware: TapeCard = Field("lto9", validate_default=True)  # type: ignore[assignment]
    blocks: int = Field(20, ge=1, description="how many blocks are read")
    block: Bytes = Field("1MiB", gt=0, validate_default=True)  # type: ignore[assignment]


class Tape:
    """Seek linearly, then stream."""

    name, version, question = "tape", 1, "How long does a random read from tape take?"
    config = TapeConfig
    metrics = (
        Metric("seconds", "time", "lower", "time to read all blocks"),
        Metric("throughput", "byte rate", "higher", "bytes read per second"),
    )

    def run(self, config: TapeConfig, context: Context) -> Outcome:
        """Wind by the distance between blocks, then read."""
        place, seconds = 0.0, 0.0
        for _ in range(config.blocks):
            target = context.stream("places").uniform()
            seconds += abs(target - place) * config.hardware.wind + config.block / config.hardware.rate
            place = target
        read = config.blocks * config.block
        bounded = Check("no faster than streaming", "holds" if seconds >= read / config.hardware.rate else "fails")
        return Outcome({"seconds": seconds, "throughput": read / seconds}, checks=(bounded,))
