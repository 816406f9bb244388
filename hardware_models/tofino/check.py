"""What no chip of this kind can do whatever its size, said as the compiler says it; and what a card's parser holds.

`check` raises `UserError` with the first reason. What depends on the room in stages is `placement`'s to say.
"""

from collections.abc import Sequence

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.check_alu import check_register
from hardware_models.tofino.expression import (
    ActionParam,
    Arithmetic,
    Compare,
    Constant,
    Expression,
    Field,
    Hash,
    Memory,
    RegisterParam,
    comparisons,
    leaves,
)
from hardware_models.tofino.program import DROP, Action, Entry, Program, Set, State, Table
from hardware_models.tofino.stateful import Access, Count
from hardware_models.tofino.units import Unit, exclusive, reads_and_writes
from sim.errors import UserError


def check(program: Program, units: Sequence[Unit], card: TofinoCard) -> None:
    """Every rule below, in the order in which they stand here."""
    _check_fields(program, units)
    _check_parser(program, card)
    for unit in units:
        if unit.condition is not None:
            _check_gateway(unit, card)
        if unit.table is not None:
            _check_table(unit)
        for action in unit.actions:
            _check_action(unit, action)
    for register in program.registers().values():
        check_register(register, card)
    _check_once(units)


def _check_fields(program: Program, units: Sequence[Unit]) -> None:
    known = program.fields
    if len(program.reasons) >= 2**DROP.width:
        raise UserError(f"program {program.name} has {len(program.reasons)} reasons of drops; 255 are allowed")
    names = [header.name for header in program.headers] + [group.name for group in program.metadata]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"program {program.name} has two groups of fields called '{twice}'")
    for unit in units:
        for name, field in (unit.match_reads | unit.action_reads | unit.writes).items():
            if known.get(name) is not field:
                raise UserError(f"'{unit.name}' uses {name}, which is no field of program {program.name}")
    for kind, found in (("registers", program.registers()), ("counters", program.counters())):
        accesses = [one for unit in units for one in unit.primitives]
        objects = {id(a.action.register): a.action.register.name for a in accesses if isinstance(a, Access)}
        objects |= {id(c.counter): c.counter.name for c in accesses if isinstance(c, Count)}
        if list(objects.values()).count(next((n for n in found if list(objects.values()).count(n) > 1), "")) > 1:
            raise UserError(f"program {program.name} has {kind} of the same name")


def _check_parser(program: Program, card: TofinoCard) -> None:
    parser = program.parser
    headers = {header.name for header in program.headers}
    rows = 0
    for state in parser.states.values():
        if state.header.name not in headers:
            raise UserError(f"the parser takes {state.header.name}, which is no header of program {program.name}")
        rows += len(state.to) + 1
        for target in (*state.to.values(), state.otherwise):
            if target is not None and not isinstance(target, str) and target.name not in parser.states:
                raise UserError(f"the parser goes on with {target.name}, for which it has no state")
        if state.select is not None and state.select.width > card.parser.select_bits:
            raise UserError(
                f"parser state {state.header.name} selects on {state.select.width} bits; "
                f"a parser matches {card.parser.select_bits} in a cycle"
            )
        if state.select is not None and all(state.select is not one for one in state.header.fields):
            raise UserError(f"parser state {state.header.name} selects on {state.select}, which it does not take")
    if rows > card.parser.rows:
        raise UserError(f"the parser needs {rows} rows; this one has {card.parser.rows}")
    _check_loop(program, parser.start, ())


def _check_loop(program: Program, state: State, path: tuple[str, ...]) -> None:
    if state.header.name in path:
        raise UserError(
            f"the parser loops: {' -> '.join((*path, state.header.name))}; headers lie at fixed offsets only"
        )
    for target in (*state.to.values(), state.otherwise):
        if target is not None and not isinstance(target, str):
            _check_loop(program, program.parser.states[target.name], (*path, state.header.name))


def _check_gateway(unit: Unit, card: TofinoCard) -> None:
    assert unit.condition is not None
    bits = sum(one.width for one in unit.match_reads.values())
    if bits > card.tables.gateway_bits:
        raise UserError(f"condition '{unit.condition}' reads {bits} bits; a gateway sees {card.tables.gateway_bits}")
    compares = list(comparisons(unit.condition))
    if len(compares) > card.tables.gateway_rows:
        raise UserError(
            f"condition '{unit.condition}' has {len(compares)} comparisons; "
            f"a gateway has {card.tables.gateway_rows} rows"
        )
    for compare in compares:
        _check_gateway_compare(compare)


def _check_gateway_compare(compare: Compare) -> None:
    if any(not isinstance(side, (Field, Constant)) for side in (compare.left, compare.right)):
        raise UserError(f"condition '{compare}' computes; a gateway compares fields with constants, set a field first")
    two = isinstance(compare.left, Field) and isinstance(compare.right, Field)
    if (two and compare.relation not in ("==", "!=")) or compare.signed:
        raise UserError(
            f"condition '{compare}' orders two fields or signs; a gateway orders a field and a constant, unsigned"
        )
    for one, other in ((compare.left, compare.right), (compare.right, compare.left)):
        if isinstance(one, Constant) and not 0 <= one.value < 2**other.width:
            raise UserError(f"condition '{compare}': {one.value} is outside of {other.width} bits")


def _check_table(unit: Unit) -> None:
    table = unit.table
    assert table is not None
    if not table.keys and (table.size != 1 or table.entries):
        raise UserError(f"table {table.name} has no key, so it has no entries; only its default action and data")
    if len(unit.registers) > 1:
        raise UserError(
            f"table {table.name} accesses the registers {' and '.join(unit.registers)}; "
            "a table has one stateful ALU attached"
        )
    if table.size < 1:
        raise UserError(f"table {table.name} has size {table.size}; 1 or more is needed")
    if sum(kind == "lpm" for _, kind in table.keys) > 1:
        raise UserError(f"table {table.name} has more than one lpm key")
    for one in table.entries:
        check_entry(table, one)
    if len(table.entries) > table.size:
        raise UserError(f"table {table.name} has {len(table.entries)} entries; its size is {table.size}")
    if len(table.default_data) != len(table.default.params):
        raise UserError(
            f"table {table.name} gives its default action {table.default.name} {len(table.default_data)} values; "
            f"{len(table.default.params)} are needed"
        )


def check_entry(table: Table, entry: Entry) -> None:
    """Raises `UserError` unless `entry` fits the keys, actions and parameters of `table`."""
    if len(entry.key) != len(table.keys):
        raise UserError(f"an entry of table {table.name} has {len(entry.key)} keys; {len(table.keys)} are needed")
    for value, (field, kind) in zip(entry.key, table.keys, strict=True):
        pair = value if isinstance(value, tuple) else (value, 0)
        if isinstance(value, tuple) == (kind == "exact") or not all(0 <= one < 2**field.width for one in pair):
            raise UserError(f"an entry of table {table.name} has {value} for {field}, {kind} and {field.width} bits")
    if all(entry.action is not one for one in table.actions):
        raise UserError(f"an entry of table {table.name} has the action {entry.action.name}, which is not one of its")
    if len(entry.data) != len(entry.action.params):
        raise UserError(
            f"an entry of table {table.name} has {len(entry.data)} values for action {entry.action.name}; "
            f"{len(entry.action.params)} are needed"
        )


def _check_action(unit: Unit, action: Action) -> None:
    written: set[str] = set()
    used: set[str] = set()
    for one in action.statements:
        matched, acted, writes = reads_and_writes(one)
        late = next((name for name in (*matched, *acted) if name in written), None)
        if late:
            raise UserError(f"action {action.name} reads {late} after writing it; its statements happen at once")
        twice = next((name for name in writes if name in written), None)
        if twice:
            raise UserError(f"action {action.name} writes {twice} twice; its statements happen at once")
        written |= writes.keys()
        if isinstance(one, Set):
            _check_set(action, one)
        if isinstance(one, (Access, Count)):
            _check_index(one)
        if isinstance(one, Access):
            name = one.action.register.name
            if name in used:
                raise UserError(f"action {action.name} accesses register {name} twice; a packet accesses it once")
            used.add(name)
    _check_params(unit, action)


def _check_set(action: Action, one: Set) -> None:
    value = one.value
    if any(isinstance(leaf, (Memory, RegisterParam)) for leaf in leaves(value)):
        raise UserError(f"action {action.name}: '{value}' is known to a stateful ALU only; use its output")
    if isinstance(value, Constant) and not -(2 ** (one.field.width - 1)) <= value.value < 2**one.field.width:
        raise UserError(f"action {action.name} sets {one.field} of {one.field.width} bits to {value.value}")
    if isinstance(value, Hash) and value.width > one.field.width:
        raise UserError(f"action {action.name} sets {one.field} of {one.field.width} bits to a hash of {value.width}")
    if not isinstance(value, Arithmetic):
        return
    if any(isinstance(part, (Arithmetic, Hash)) for part in (value.left, value.right)):
        raise UserError(f"action {action.name}: '{value}' is more than one operation; a container's ALU does one")
    if max(one.field.width, value.width) > 32:
        raise UserError(f"action {action.name}: '{value}' for {one.field} is wider than 32 bits, a container's ALU")
    if value.operator in ("<<", ">>") and not (isinstance(value.right, Constant) and 0 <= value.right.value < 32):
        raise UserError(f"action {action.name}: '{value}' shifts by other than a constant of 0 to 31")


def _check_index(one: Access | Count) -> None:
    array = one.action.register if isinstance(one, Access) else one.counter
    index: Expression = one.index
    if isinstance(index, Constant):
        if not 0 <= index.value < array.slots:
            raise UserError(f"index {index.value} is outside of {array.name}, which has {array.slots} slots")
    elif not isinstance(index, (Field, Hash)):
        raise UserError(f"index '{index}' of {array.name} is computed; set a field first")
    elif 2**index.width > array.slots and isinstance(index, Hash):
        raise UserError(
            f"index '{index}' of {index.width} bits reaches {2**index.width} slots; {array.name} has {array.slots}, "
            "and a hash is cut to bits, not taken modulo"
        )


def _check_params(unit: Unit, action: Action) -> None:
    read = [leaf for one in action.statements if isinstance(one, Set) for leaf in leaves(one.value)]
    for leaf in read:
        if isinstance(leaf, ActionParam) and (unit.table is None or all(leaf is not one for one in action.params)):
            raise UserError(f"action {action.name} reads the parameter {leaf}, which it does not have")


def _check_once(units: Sequence[Unit]) -> None:
    """Tables are applied once, registers accessed once per packet and from one of ingress and egress."""
    tables: dict[str, Unit] = {}
    for unit in units:
        if unit.table is not None:
            if unit.table.name in tables:
                raise UserError(f"table {unit.table.name} is applied twice; a table is applied once per packet")
            tables[unit.table.name] = unit
    for position, unit in enumerate(units):
        for other in units[:position]:
            shared = next(
                iter((unit.registers | unit.counters).keys() & (other.registers | other.counters).keys()), None
            )
            if shared is None:
                continue
            if unit.gress != other.gress:
                raise UserError(f"{shared} is accessed from ingress and egress; a register belongs to one of them")
            if not exclusive(unit, other):
                raise UserError(
                    f"register {shared} is accessed by '{other.name}' and by '{unit.name}', which one packet may both "
                    "meet; a packet accesses a register once"
                )
