"""The figures of a switch chip, as placement, latency and engines use them; counts are per stage unless they say."""

from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.card import Card
from sim.units import BitsPerSecond, Hertz, Seconds


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Memory(_Group):
    """Blocks of memory: SRAM of `sram_rows` x `sram_bits`, TCAM of `tcam_rows` x `tcam_bits`, map RAM."""

    sram_blocks: int = Field(ge=0)
    sram_rows: int = Field(gt=0)
    sram_bits: int = Field(gt=0)
    tcam_blocks: int = Field(ge=0)
    tcam_rows: int = Field(gt=0)
    tcam_bits: int = Field(gt=0)
    map_rams: int = Field(ge=0)


class Tables(_Group):
    """Logical tables, those of them that may be ternary, gateways, and what one gateway sees."""

    logical: int = Field(gt=0)
    ternary: int = Field(ge=0)
    gateways: int = Field(ge=0)
    gateway_bits: int = Field(gt=0)
    gateway_rows: int = Field(gt=0)
    actions: int = Field(gt=0)


class Crossbar(_Group):
    """Bytes that exact and ternary match see, hash groups, and 16-bit slices of hash distribution."""

    exact_bytes: int = Field(gt=0)
    ternary_bytes: int = Field(ge=0)
    hash_groups: int = Field(ge=0)
    hash_slices: int = Field(ge=0)


class Alu(_Group):
    """Stateful and statistics ALUs, and what one stateful ALU can do in an access.

    `widths` bits of a half at most, `arithmetic` bits in an operation; `values` computed, of which a pair needs two;
    `inputs` words of `input_bits` from the packet; `actions` programs; constants from `smallest` to `largest` are free,
    others and parameters take one of `constants` rows; a register has at most `blocks` data blocks of SRAM.
    """

    stateful: int = Field(ge=0)
    statistics: int = Field(ge=0)
    comparators: int = Field(ge=0)
    widths: int = Field(gt=0)
    arithmetic: int = Field(gt=0)
    values: int = Field(gt=0)
    inputs: int = Field(ge=0)
    input_bits: int = Field(gt=0)
    actions: int = Field(gt=0)
    constants: int = Field(ge=0)
    smallest: int
    largest: int
    blocks: int = Field(gt=0)


class Phv(_Group):
    """Containers of the packet header vector, whole pipe."""

    containers_8: int = Field(ge=0)
    containers_16: int = Field(ge=0)
    containers_32: int = Field(ge=0)


class ParserFigures(_Group):
    """Rows of the parser's TCAM, and bits that a state may select on."""

    rows: int = Field(gt=0)
    select_bits: int = Field(gt=0)


class Latency(_Group):
    """Cycles: of a stage that waits for a match result, what features add, of stages that wait for less.

    `corner_stage` is a stage that always counts as match dependent (0 for none). `egress_least` is the shortest egress.
    `throttle` is the number of cycles in flight above which the deparser throttles. `fixed` is what MAC, parser,
    traffic manager and deparser add from port to port.
    """

    corner_turn: int = Field(ge=0)
    corner_stage: int = Field(ge=0)
    match: int = Field(gt=0)
    tcam: int = Field(ge=0)
    selector: int = Field(ge=0)
    meter_lpf: int = Field(ge=0)
    stateful: int = Field(ge=0)
    action: int = Field(ge=0)
    concurrent: int = Field(ge=0)
    egress_least: int = Field(ge=0)
    throttle: int = Field(gt=0)
    fixed: Seconds = Field(ge=0)


class Recirculation(_Group):
    """The port of each pipe through which packets enter it again."""

    bandwidth: BitsPerSecond = Field(gt=0)
    passes: int = Field(ge=1)


class TofinoCard(Card):
    """A chip of `pipes` pipes with `stages` stages each; `ports_per_pipe` ports, numbered through, belong to a pipe."""

    kind: ClassVar[str] = "tofino"

    pipes: int = Field(gt=0)
    stages: int = Field(gt=0)
    ports_per_pipe: int = Field(gt=0)
    clock: Hertz = Field(gt=0)
    memory: Memory
    tables: Tables
    crossbar: Crossbar
    alu: Alu
    phv: Phv
    parser: ParserFigures
    latency: Latency
    recirculation: Recirculation

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.latency.corner_stage >= self.stages:
            raise ValueError(f"latency.corner_stage of {self.latency.corner_stage} is not one of {self.stages} stages")
        if self.pipes * self.ports_per_pipe > 511:
            raise ValueError(f"{self.pipes} pipes of {self.ports_per_pipe} ports; 511 ports are allowed in all")
        return self

    def pipe_of(self, port: int) -> int:
        """The pipe of a port; ports beyond the last pipe's belong to the last."""
        return min(port // self.ports_per_pipe, self.pipes - 1)
