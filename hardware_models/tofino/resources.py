"""What tables, registers, counters and gateways take of a stage.

The compiler's rules (p4c, bf-p4c/mau), as far as a stage's ledger needs them:

- a register or counter of `slots` slots of `bits` bits fills ceil(slots * bits / block) SRAM blocks, one spare block
  for writing, and a map RAM beside each; a register takes a stateful ALU, a counter a statistics ALU;
- an exact table's entry is its key, 4 bits of version, the number of its action and up to 32 bits of immediate data; as
  many as fit share a row, and rows are spread over up to 4 ways of a cuckoo hash; more data lies in blocks of its own;
- a ternary table's key takes ceil(bits / 44) TCAM columns of 512 rows, and an indirection in SRAM if an entry says more
  than that it matched;
- every table takes a logical table; so does a block of statements without a key, and a gateway that no table of its own
  block joins in the stage.

The ways and the padding of indirection and action data are simpler than the compiler's, which searches over layouts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import ceil

from hardware_models.tofino.card import Memory, TofinoCard
from hardware_models.tofino.expression import Constant, Expression, Field, Hash
from hardware_models.tofino.program import Set, Table
from hardware_models.tofino.stateful import Access, Count, Counter, Register
from hardware_models.tofino.units import Unit

#: Bits of version beside each entry, and of data that an entry can hold itself. Source: p4c mau/table_format.cpp.
VERSION_BITS, IMMEDIATE_BITS = 4, 32
#: Ways of an exact table's cuckoo hash, at most.
WAYS = 4
#: Bits of a counter.
COUNTER_BITS = 64
#: Bits of a slice of hash distribution.
SLICE_BITS = 16


@dataclass(frozen=True, slots=True)
class Use:
    """What is taken of one stage."""

    logical: int = 0
    ternary: int = 0
    gateways: int = 0
    sram: int = 0
    tcam: int = 0
    map_rams: int = 0
    stateful: int = 0
    statistics: int = 0
    exact_bytes: int = 0
    ternary_bytes: int = 0
    hash_groups: int = 0
    hash_slices: int = 0
    actions: int = 0

    def __add__(self, other: "Use") -> "Use":
        return Use(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Use)))


#: Names of resources in reports and sentences.
WORDS = {
    "logical": "logical tables",
    "ternary": "ternary tables",
    "gateways": "gateways",
    "sram": "SRAM blocks",
    "tcam": "TCAM blocks",
    "map_rams": "map RAMs",
    "stateful": "stateful ALUs",
    "statistics": "statistics ALUs",
    "exact_bytes": "bytes of exact crossbar",
    "ternary_bytes": "bytes of ternary crossbar",
    "hash_groups": "hash groups",
    "hash_slices": "slices of hash distribution",
    "actions": "action instructions",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A unit, or as many `entries` of its table as stand in one stage."""

    unit: Unit
    entries: int = 0


def limits(card: TofinoCard) -> Use:
    """What a stage of `card` has."""
    return Use(
        logical=card.tables.logical,
        ternary=card.tables.ternary,
        gateways=card.tables.gateways,
        sram=card.memory.sram_blocks,
        tcam=card.memory.tcam_blocks,
        map_rams=card.memory.map_rams,
        stateful=card.alu.stateful,
        statistics=card.alu.statistics,
        exact_bytes=card.crossbar.exact_bytes,
        ternary_bytes=card.crossbar.ternary_bytes,
        hash_groups=card.crossbar.hash_groups,
        hash_slices=card.crossbar.hash_slices,
        actions=card.tables.actions,
    )


def lacking(use: Use, card: TofinoCard) -> str | None:
    """The first resource of which `use` takes more than a stage has, in words; None if it fits."""
    have = limits(card)
    for one in fields(Use):
        taken, there = getattr(use, one.name), getattr(have, one.name)
        if taken > there:
            return f"{taken} {WORDS[one.name]} of {there}"
    return None


def data_blocks(slots: int, bits: int, memory: Memory) -> int:
    """SRAM blocks that hold `slots` slots of `bits` bits.

    >>> card = TofinoCard.model_validate("tofino1")
    >>> data_blocks(65536, 64, card.memory)
    32
    """
    return ceil(slots * bits / (memory.sram_rows * memory.sram_bits))


def array_use(array: Register | Counter, memory: Memory) -> Use:
    """What a register or counter takes."""
    bits = array.bits if isinstance(array, Register) else COUNTER_BITS
    blocks = data_blocks(array.slots, bits, memory) + 1
    kind = {"stateful": 1} if isinstance(array, Register) else {"statistics": 1}
    return Use(sram=blocks, map_rams=blocks, **kind)


def _padded(bits: int) -> int:
    return next((size for size in (8, 16, 32, 64, 128) if bits <= size), 128 * ceil(bits / 128)) if bits else 0


def _action_bits(table: Table) -> int:
    return (len(table.all_actions) - 1).bit_length()


def _param_bits(table: Table) -> int:
    return max(sum(param.width for param in action.params) for action in table.all_actions)


def table_use(table: Table, entries: int, memory: Memory) -> Use:
    """What `entries` entries of a table take, its registers and crossbar left out."""
    if not table.keys:
        return Use(logical=1)
    key, data, selector = sum(field.width for field, _ in table.keys), _param_bits(table), _action_bits(table)
    immediate = data if data <= IMMEDIATE_BITS else 0
    apart = data_blocks(entries, _padded(data), memory) if data > IMMEDIATE_BITS else 0
    if table.ternary():
        tcam = ceil(key / memory.tcam_bits) * ceil(entries / memory.tcam_rows)
        indirection = data_blocks(entries, _padded(selector + immediate), memory)
        return Use(logical=1, ternary=1, tcam=tcam, sram=indirection + apart)
    bits = key + VERSION_BITS + selector + immediate
    per_row, width = max(memory.sram_bits // bits, 1), ceil(bits / memory.sram_bits)
    deep = ceil(entries / (per_row * memory.sram_rows))
    ways = min(WAYS, deep)
    return Use(logical=1, sram=ways * ceil(deep / ways) * width + apart)


def stage_use(parts: Sequence[Part], card: TofinoCard) -> Use:
    """What everything that stands in one stage takes together; what is shared counts once."""
    units = [part.unit for part in parts]
    total = Use(gateways=sum(unit.condition is not None for unit in units), logical=_alone(units))
    for part in parts:
        table = part.unit.table
        if table is not None:
            total += table_use(table, part.entries, card.memory)
        elif part.unit.condition is None:
            total += Use(logical=1)
        total += Use(actions=len(part.unit.actions))
    for array in _arrays(units):
        total += array_use(array, card.memory)
    return total + _crossbar_use(units)


def _alone(units: Sequence[Unit]) -> int:
    """Gateways that no table of their own block joins."""
    joined = {id(unit.guards[-1][0]) for unit in units if unit.condition is None and unit.guards}
    return sum(unit.condition is not None and id(unit) not in joined for unit in units)


def _arrays(units: Iterable[Unit]) -> list[Register | Counter]:
    found: dict[str, Register | Counter] = {}
    for unit in units:
        found |= unit.registers
        found |= unit.counters
    return list(found.values())


def _crossbar_use(units: Sequence[Unit]) -> Use:
    exact: dict[str, Field] = {}
    ternary: dict[str, Field] = {}
    hashed: dict[tuple[str, object], int] = {}
    groups = 0
    for unit in units:
        keys = {} if unit.table is None else {field.name: field for field, _ in unit.table.keys}
        if unit.table is not None and unit.table.ternary():
            ternary |= keys
            exact |= {name: one for name, one in unit.match_reads.items() if name not in keys}
        else:
            groups += bool(keys)
            exact |= unit.match_reads
        for width, hash_ in _hashes(unit):
            hashed[hash_] = max(width, hashed.get(hash_, 0))
    return Use(
        exact_bytes=sum(ceil(one.width / 8) for one in exact.values()),
        ternary_bytes=sum(ceil(one.width / 8) for one in ternary.values()),
        hash_groups=groups + len(hashed),
        hash_slices=sum(ceil(width / SLICE_BITS) for width in hashed.values()),
    )


def _hashes(unit: Unit) -> Iterable[tuple[int, tuple[str, object]]]:
    """Width and identity of every hash, and of every index, which passes hash distribution as well."""
    for one in unit.primitives:
        value: Expression | None = None
        if isinstance(one, (Access, Count)):
            value = one.index
        elif isinstance(one, Set) and isinstance(one.value, Hash):
            value = one.value
        if value is not None and not isinstance(value, Constant):
            yield value.width, (str(value), value.generator if isinstance(value, Hash) else None)
