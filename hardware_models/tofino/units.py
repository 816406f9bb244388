"""A program's control flow as units in order (tables, actions without a key, gateways) and how they depend.

A *unit* is what a stage runs. Its reads are of two kinds, since a stage looks fields up before it acts: *match reads*
(keys, conditions, hashes, register indices, inputs of stateful ALUs; all come through the crossbar) and *action reads*
(operands of the instructions on the header vector).

What unit v must wait for, if unit u stands before it and both can run for one packet:

| u | v | dependency | v's stage |
|---|---|---|---|
| writes | match-reads it | match | later |
| writes | action-reads or writes it | action | later |
| reads | writes it | anti | not earlier |
| is a condition | stands in one of its blocks | control | not earlier |
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from hardware_models.tofino.expression import Condition, Field, Hash, fields_of
from hardware_models.tofino.program import DROP, Action, Drop, If, Primitive, Program, Set, Statement, Table
from hardware_models.tofino.stateful import Access, Count, Counter, Register

Gress = Literal["ingress", "egress"]
Kind = Literal["match", "action", "anti", "control"]


@dataclass(eq=False, slots=True)
class Unit:
    """A table, an action without a key, or a gateway (`condition`). `guards` are the (gateway, block) it stands in."""

    name: str
    gress: Gress
    order: int
    guards: tuple[tuple["Unit", bool], ...]
    table: Table | None = None
    condition: Condition | None = None
    actions: tuple[Action, ...] = ()
    match_reads: dict[str, Field] = field(default_factory=dict)
    action_reads: dict[str, Field] = field(default_factory=dict)
    writes: dict[str, Field] = field(default_factory=dict)

    @property
    def primitives(self) -> Iterator[Primitive]:
        """The statements of its actions."""
        for action in self.actions:
            yield from action.statements

    @property
    def accesses(self) -> list[Access]:
        """The register accesses of its actions."""
        return [one for one in self.primitives if isinstance(one, Access)]

    @property
    def registers(self) -> dict[str, Register]:
        """The registers it accesses, by name."""
        return {one.action.register.name: one.action.register for one in self.accesses}

    @property
    def counters(self) -> dict[str, Counter]:
        """The counters it counts in, by name."""
        return {one.counter.name: one.counter for one in self.primitives if isinstance(one, Count)}


def units_of(program: Program) -> list[Unit]:
    """The program's units in order, ingress before egress."""
    made: list[Unit] = []
    for gress, block in (("ingress", program.ingress), ("egress", program.egress)):
        _read_block(block, gress, (), made)  # type: ignore[arg-type]
    return made


def _read_block(
    block: Sequence[Statement], gress: Gress, guards: tuple[tuple[Unit, bool], ...], made: list[Unit]
) -> None:
    run: list[Primitive] = []
    for one in block:
        if not isinstance(one, (Table, If)):
            if run and (_depends(one, run) or _second_access(one, run)):
                _close(run, gress, guards, made)
            run.append(one)
            continue
        _close(run, gress, guards, made)
        if isinstance(one, Table):
            made.append(_finished(Unit(one.name, gress, len(made), guards, table=one, actions=one.all_actions)))
        else:
            gateway = _finished(Unit(f"if {one.condition}", gress, len(made), guards, condition=one.condition))
            made.append(gateway)
            _read_block(one.then, gress, (*guards, (gateway, True)), made)
            _read_block(one.otherwise, gress, (*guards, (gateway, False)), made)
    _close(run, gress, guards, made)


def _second_access(one: Primitive, run: Sequence[Primitive]) -> bool:
    """A table drives one stateful ALU, so every access is a table of its own."""
    return isinstance(one, Access) and any(isinstance(before, Access) for before in run)


def _close(run: list[Primitive], gress: Gress, guards: tuple[tuple[Unit, bool], ...], made: list[Unit]) -> None:
    if run:
        name = _name(run)
        made.append(_finished(Unit(name, gress, len(made), guards, actions=(Action(name, *run),))))
        run.clear()


def _name(run: Sequence[Primitive]) -> str:
    words = []
    for one in run:
        if isinstance(one, Access):
            words.append(f"{one.action.register.name}.{one.action.name}")
        elif isinstance(one, Set):
            words.append(f"{one.field} = {one.value}")
        else:
            words.append(f"drop {one.reason!r}" if isinstance(one, Drop) else f"count {one.counter.name}")
    return "; ".join(words)


def reads_and_writes(one: Primitive) -> tuple[dict[str, Field], dict[str, Field], dict[str, Field]]:
    """What a statement match-reads, action-reads and writes."""
    if isinstance(one, Drop):
        return {}, {}, {DROP.name: DROP}
    if isinstance(one, Set):
        read = fields_of(one.value)
        hashed = isinstance(one.value, Hash)
        return (read, {}, {one.field.name: one.field}) if hashed else ({}, read, {one.field.name: one.field})
    if isinstance(one, Count):
        return fields_of(one.index), {}, {}
    written = {one.output.name: one.output} if one.output is not None else {}
    return fields_of(one.index) | one.action.inputs(), {}, written


def _depends(one: Primitive, run: Sequence[Primitive]) -> bool:
    matched, acted, written = reads_and_writes(one)
    wanted = {*matched, *acted, *written}
    return any(wanted & reads_and_writes(before)[2].keys() for before in run)


def _finished(unit: Unit) -> Unit:
    if unit.condition is not None:
        unit.match_reads |= fields_of(unit.condition)
    if unit.table is not None:
        unit.match_reads |= {key.name: key for key, _ in unit.table.keys}
    for one in unit.primitives:
        matched, acted, written = reads_and_writes(one)
        unit.match_reads |= matched
        unit.action_reads |= acted
        unit.writes |= written
    return unit


def exclusive(one: Unit, other: Unit) -> bool:
    """Whether the two stand in different blocks of one `If`, so that no packet meets both."""
    blocks = {id(gateway): block for gateway, block in one.guards}
    return any(blocks.get(id(gateway), block) != block for gateway, block in other.guards)


def dependency(before: Unit, after: Unit) -> Kind | None:
    """The strongest dependency of `after` on `before`, which stands before it."""
    if before.gress != after.gress or exclusive(before, after):
        return None
    if before.writes.keys() & after.match_reads.keys():
        return "match"
    if before.writes.keys() & (after.action_reads.keys() | after.writes.keys()):
        return "action"
    if after.writes.keys() & (before.match_reads.keys() | before.action_reads.keys()):
        return "anti"
    return "control" if any(gateway is before for gateway, _ in after.guards) else None
