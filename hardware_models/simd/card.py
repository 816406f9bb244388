"""The figures of a core with vector units, in cycles, bits and bytes, as the cost models use them."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hardware_models.simd.operations import CLASSES, OpClass
from sim.card import Card
from sim.units import Seconds

Isa = Literal["sse", "avx2", "avx512", "neon", "sve"]
Bits = Annotated[int, Field(ge=64, le=2048)]


class Memory(BaseModel):
    """Cache levels: bytes of each, and bytes per cycle that come from behind it; one core's share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    l1: int = Field(gt=0)
    l2: int = Field(gt=0)
    l3: int = Field(gt=0)
    from_l2: float = Field(gt=0)
    from_l3: float = Field(gt=0)
    from_dram: float = Field(gt=0)
    overlap: float = Field(ge=0, le=1)


class SimdCard(Card):
    """A core with vector units.

    Per class of instructions (`operations.CLASSES`):

    `latency` cycles from operands to result, instructions per cycle `rate_narrow` at up to 128 bits, `rate` at 256 and
    `rate_wide` at 512, `slots` issue slots at up to 256 bits, and `ports` the numbers of the ports it may go to.
    """

    kind: ClassVar[str] = "simd"

    isa: Isa
    vector_bits: Bits
    datapath_bits: Bits
    registers: int = Field(ge=8, le=64)
    cycle: Seconds = Field(gt=0)
    issue_width: int = Field(ge=1)
    retire_width: int = Field(ge=1)
    fetch_width: int = Field(ge=1)
    taken_branches: float = Field(gt=0)
    window: int = Field(ge=8)
    scheduler: int = Field(ge=8)
    mispredict_cycles: float = Field(ge=0)
    history: int = Field(ge=0)
    relearned: int = Field(0, ge=0)
    forward_cycles: float = Field(ge=0)
    split_cycles: float = Field(ge=0)
    stores_per_line: int = Field(ge=1)
    store_queue: int = Field(ge=1)
    store_share: float = Field(0.0, ge=0)
    call_slots: float = Field(ge=0)
    line: int = Field(gt=0)
    fuses: bool = True
    latency: dict[str, float]
    rate_narrow: dict[str, float]
    rate: dict[str, float]
    rate_wide: dict[str, float]
    slots: dict[str, float]
    ports: dict[str, str]
    memory: Memory

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in ("latency", "rate_narrow", "rate", "rate_wide", "slots", "ports"):
            figures = getattr(self, name)
            if unknown := sorted(set(figures) - set(CLASSES)):
                raise ValueError(f"{name} has figures for {', '.join(unknown)}, which are not classes of instructions")
            if missing := sorted(set(CLASSES) - set(figures)):
                raise ValueError(f"{name} has no figures for {', '.join(missing)}")
        for name in ("rate_narrow", "rate", "rate_wide"):
            for kind, value in getattr(self, name).items():
                if value <= 0:
                    raise ValueError(f"{name}.{kind} is {value:g}; a class that is used needs a rate above 0")
        if any(value < 0 for value in self.latency.values()):
            raise ValueError("a latency is below 0")
        if not self.memory.l1 <= self.memory.l2 <= self.memory.l3:
            raise ValueError("memory.l1, memory.l2 and memory.l3 must not shrink")
        if self.vector_bits % 64:
            raise ValueError(f"vector_bits is {self.vector_bits}; it must be a multiple of 64")
        return self

    def port_mask(self, kind: OpClass, width: int) -> int:
        """A bit per port that a class may go to."""
        return sum(1 << int(port) for port in self.ports[kind].split())

    def occupancy(self, kind: OpClass, width: int) -> float:
        """Cycles for which one instruction keeps one of its ports busy, at `width` bits."""
        number = len(self.ports[kind].split())
        rates = self.rate_wide if width > 256 else self.rate if width > 128 else self.rate_narrow
        return number / rates[kind]

    def latency_of(self, kind: OpClass, width: int) -> float:
        """Cycles from operands to result at `width` bits."""
        return self.latency[kind]

    def slots_of(self, kind: OpClass, width: int) -> float:
        """Issue slots at `width` bits: those of one half twice where the data path is narrower."""
        return self.slots[kind] * (2.0 if width > self.datapath_bits else 1.0)
