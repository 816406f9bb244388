"""A data-plane program as Python objects: headers, parser, tables, actions, control flow.

    h = Header("h", op=8, key=32)
    seen = Register("seen", slots=65536)
    mark = seen.action("mark", always(lo=LO + 1, output=NEW_LO))
    program = Program(
        "count", headers=(h,), metadata=(meta,), parser=Parser(State(h)),
        ingress=[If(h.op == 1, [mark.run(Hash((h.key,), 16), meta.times)], [Drop("unknown op")])],
    )

Statements act in the order in which they stand, one packet after the other: that is what a program means. Whether a
chip can do so in one pass, and at what cost, is what `placement.place` answers. Neighbouring statements of a block that
do not depend on each other become one action of a table without a key, as the compiler makes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from hardware_models.tofino.expression import ActionParam, Condition, Expression, Field, Operand, operand
from hardware_models.tofino.stateful import Access, Count, Counter, Register
from sim.errors import UserError

MatchKind = Literal["exact", "ternary", "lpm"]

#: What every packet carries besides its headers. A port of 511 is unset; `multicast` is 0 or a group, whose ports the
#: traffic manager knows; `drop` is 0 or a reason, see `Program.reasons`; a packet with `recirculate` set enters the
#: same pipe once more instead of leaving.
INGRESS_PORT = Field("intrinsic.ingress_port", 9)
EGRESS_PORT = Field("intrinsic.egress_port", 9)
MULTICAST = Field("intrinsic.multicast", 16)
DROP = Field("intrinsic.drop", 8)
RECIRCULATE = Field("intrinsic.recirculate", 1)
INTRINSIC = (INGRESS_PORT, EGRESS_PORT, MULTICAST, DROP, RECIRCULATE)
UNSET_PORT = 511

#: Reasons of drops that every program has, numbered from 1; a program's own reasons follow.
TRUNCATED, UNPARSED, UNROUTED, LOOPED = 1, 2, 3, 4
COMMON_REASONS = ("truncated packet", "no parser state takes it", "no egress port", "recirculated too often")


class _Fields:
    """Named fields of one header or of the metadata: `h.op` is the field "h.op"."""

    def __init__(self, name: str, **widths: int) -> None:
        for key, width in widths.items():
            if not 1 <= width <= 64:
                raise UserError(f"field {name}.{key} has {width} bits; 1 to 64 are allowed")
        self.name = name
        self.fields = tuple(Field(f"{name}.{key}", width) for key, width in widths.items())
        self._by_name = dict(zip(widths, self.fields, strict=True))

    def __getattr__(self, key: str) -> Field:
        try:
            return self.__dict__["_by_name"][key]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('name')} has no field '{key}'") from None


class Header(_Fields):
    """A header's fields in the order in which they are on the wire, most significant bit first; whole bytes in all.

    `valid` is a field of one bit that says whether the packet has the header.
    """

    def __init__(self, name: str, **widths: int) -> None:
        super().__init__(name, **widths)
        self.bits = sum(widths.values())
        if self.bits % 8 or not widths:
            raise UserError(f"header {name} has {self.bits} bits; whole bytes are needed")
        self.valid = Field(f"{name}.valid", 1)

    @property
    def bytes(self) -> int:
        """Bytes on the wire."""
        return self.bits // 8


class Metadata(_Fields):
    """Scratch fields of a packet, zero when it enters; they do not survive recirculation."""


@dataclass(frozen=True, eq=False)
class State:
    """A parser state: takes `header`, then goes where the value of `select` says.

    `to` maps a value to the header of the next state, or to None for done; other values go to `otherwise`, where
    "reject" drops the packet. Without `select` it is done.
    """

    header: Header
    select: Field | None = None
    to: Mapping[int, Header | None] = field(default_factory=dict)
    otherwise: Header | Literal["reject"] | None = None


class Parser:
    """Parser states, the first one first; a header is taken by one state only."""

    def __init__(self, *states: State) -> None:
        if not states:
            raise UserError("a parser needs a state")
        self.states = {state.header.name: state for state in states}
        self.start = states[0]
        if len(self.states) < len(states):
            raise UserError("a parser has two states for one header")

    def next(self, state: State, value: int) -> State | Literal["reject"] | None:
        """The state after `state` when its selected field is `value`."""
        target = state.to.get(value, state.otherwise) if state.select is not None else None
        return self.states[target.name] if isinstance(target, Header) else target


@dataclass(frozen=True, eq=False)
class Set:
    """A statement: `field` becomes `value`, modulo 2 ** width."""

    field: Field
    value: Expression

    def __init__(self, field: Field, value: Operand) -> None:
        object.__setattr__(self, "field", field)
        object.__setattr__(self, "value", operand(value))


@dataclass(frozen=True, eq=False)
class Drop:
    """A statement: the packet is dropped at the end of ingress or egress, and counted under `reason`."""

    reason: str


Primitive: TypeAlias = Set | Drop | Access | Count


@dataclass(frozen=True, eq=False)
class Action:
    """What a table's entry does: statements that happen at once, reading `params` stored with the entry."""

    name: str
    statements: tuple[Primitive, ...] = ()
    params: tuple[ActionParam, ...] = ()

    def __init__(self, name: str, *statements: Primitive, params: Sequence[ActionParam] = ()) -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "statements", statements)
        object.__setattr__(self, "params", tuple(params))


NOTHING = Action("nothing")


@dataclass(frozen=True, eq=False)
class Table:
    """A match-action table of `size` entries. `keys` are fields with how they match.

    Entries are the control plane's to add (`engine.tables`), except for `entries` given here: pairs of key values (a
    number, a pair (value, mask) for ternary, a pair (value, prefix length) for lpm) and (action, its data). Without a
    match, `default` acts, with `default_data`; without keys always, so that the control plane can set data that every
    packet reads. A table stands in `stage` if that is given.
    """

    name: str
    keys: tuple[tuple[Field, MatchKind], ...]
    actions: tuple[Action, ...]
    size: int = 1
    default: Action = NOTHING
    default_data: tuple[int, ...] = ()
    entries: tuple["Entry", ...] = ()
    stage: int | None = None

    @property
    def all_actions(self) -> tuple[Action, ...]:
        """The actions an engine may run, the default one among them."""
        return self.actions if any(self.default is one for one in self.actions) else (*self.actions, self.default)

    def ternary(self) -> bool:
        """Whether it needs TCAM."""
        return any(kind != "exact" for _, kind in self.keys)


@dataclass(frozen=True, eq=False)
class Entry:
    """A row of a table. The first of several ternary entries that match wins; of lpm entries the longest prefix."""

    key: tuple[int | tuple[int, int], ...]
    action: Action
    data: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class If:
    """Control flow: one block or the other. Blocks of one `If` are what the compiler knows to be exclusive."""

    condition: Condition
    then: Sequence["Statement"]
    otherwise: Sequence["Statement"] = ()


Statement: TypeAlias = "Primitive | Table | If"


def choose(*cases: tuple[Condition, Sequence[Statement]], otherwise: Sequence[Statement] = ()) -> If:
    """The block of the first case whose condition holds: `If`s nested in each other's `otherwise`."""
    (condition, block), *rest = cases
    return If(condition, block, [choose(*rest, otherwise=otherwise)] if rest else otherwise)


@dataclass(frozen=True, eq=False)
class Program:
    """A whole data-plane program. `ingress` and `egress` are blocks of statements and share the chip's stages."""

    name: str
    headers: tuple[Header, ...]
    parser: Parser
    ingress: Sequence[Statement]
    egress: Sequence[Statement] = ()
    metadata: tuple[Metadata, ...] = ()

    @property
    def fields(self) -> dict[str, Field]:
        """Every field by name: intrinsic, headers with their validity, metadata."""
        found = {one.name: one for one in INTRINSIC}
        for header in self.headers:
            found |= {one.name: one for one in (*header.fields, header.valid)}
        for group in self.metadata:
            found |= {one.name: one for one in group.fields}
        return found

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why packets are dropped: a packet whose `drop` is k was dropped for `reasons[k - 1]`."""
        found = dict.fromkeys(COMMON_REASONS)
        for primitive in self.primitives():
            if isinstance(primitive, Drop):
                found[primitive.reason] = None
        return tuple(found)

    def statements(self) -> Iterator[Statement]:
        """Every statement, depth first, ingress before egress."""
        for block in (self.ingress, self.egress):
            yield from walk(block)

    def tables(self) -> dict[str, Table]:
        """The tables by name."""
        return {one.name: one for one in self.statements() if isinstance(one, Table)}

    def primitives(self) -> Iterator[Primitive]:
        """Every primitive, those of tables' actions too."""
        for one in self.statements():
            if isinstance(one, Table):
                for action in one.all_actions:
                    yield from action.statements
            elif not isinstance(one, If):
                yield one

    def registers(self) -> dict[str, Register]:
        """The registers that are accessed, by name."""
        found = (one.action.register for one in self.primitives() if isinstance(one, Access))
        return {register.name: register for register in found}

    def counters(self) -> dict[str, Counter]:
        """The counters by name."""
        return {one.counter.name: one.counter for one in self.primitives() if isinstance(one, Count)}


def walk(block: Sequence[Statement]) -> Iterator[Statement]:
    """Every statement of a block, depth first."""
    for one in block:
        yield one
        if isinstance(one, If):
            yield from walk(one.then)
            yield from walk(one.otherwise)
