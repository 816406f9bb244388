"""What a stateful ALU cannot do, said as the compiler says it (p4c, bf-p4c/mau/stateful_alu.cpp).

`check_register` raises `UserError` with the first reason why a register's actions do not fit the card's ALU.
"""

from collections.abc import Iterator, Mapping
from itertools import combinations, product

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.expression import (
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Expression,
    Field,
    Hash,
    Memory,
    RegisterParam,
    leaves,
)
from hardware_models.tofino.stateful import Register, RegisterAction
from sim.errors import UserError

#: Instructions that one half's ALU has for different conditions (update_lo_1 and update_lo_2 in P4-14).
UPDATES = 2


def check_register(register: Register, card: TofinoCard) -> None:
    """The element type, the number of actions, the constants, and each action."""
    _check_type(register, card)
    if len(register.actions) > card.alu.actions:
        names = ", ".join(action.name for action in register.actions)
        raise UserError(
            f"register {register.name} has {len(register.actions)} actions ({names}); "
            f"its ALU holds {card.alu.actions} programs"
        )
    _check_rows(register, card)
    for action in register.actions:
        _check_reads(action)
        _check_comparisons(action, card)
        _check_inputs(action, card)
        _check_values(action, card)
        _check_exclusive(action)
        if register.bits == 1:
            _check_one_bit(action)


def _named(action: RegisterAction) -> str:
    return f"action {action.name} of register {action.register.name}"


def _check_type(register: Register, card: TofinoCard) -> None:
    widths = [width for width in (8, 16, 32, 64) if width <= card.alu.widths]
    single = [1, *widths, 2 * card.alu.widths]
    fits = register.lo in (single if not register.hi else widths) and register.hi in (0, register.lo)
    if not fits:
        kind = f"pair<bit<{register.lo}>, bit<{register.hi}>>" if register.hi else f"bit<{register.lo}>"
        raise UserError(
            f"register {register.name} has elements of the unsupported type {kind}; "
            f"allowed: bits {', '.join(map(str, single))} and pairs of {', '.join(map(str, widths))}"
        )
    if register.slots < 1:
        raise UserError(f"register {register.name} has {register.slots} slots; 1 or more are needed")


def _check_rows(register: Register, card: TofinoCard) -> None:
    large = set()
    for action in register.actions:
        for part in (*_sides(action), *_updates(action)):
            for leaf in leaves(part):
                if isinstance(leaf, Constant) and not card.alu.smallest <= leaf.value <= card.alu.largest:
                    large.add(leaf.value)
    rows = len(large) + len(register.params())
    if rows > card.alu.constants:
        raise UserError(
            f"register {register.name} needs {rows} constant rows ({len(large)} constants outside "
            f"{card.alu.smallest} to {card.alu.largest} and {len(register.params())} parameters); "
            f"its ALU has {card.alu.constants}"
        )


def _sides(action: RegisterAction) -> Iterator[Expression]:
    for compare in action.comparisons():
        yield from (compare.left, compare.right)


def _updates(action: RegisterAction) -> Iterator[Expression]:
    for clause in action.clauses:
        yield from (value for value in (clause.lo, clause.hi) if value is not None)


def _check_reads(action: RegisterAction) -> None:
    pair = bool(action.register.hi)
    for leaf in action.leaves():
        if isinstance(leaf, Memory) and leaf.half == "hi" and not pair:
            raise UserError(f"{_named(action)} reads the half '{leaf}', which single-value slots do not have")
    if not pair and any(clause.hi is not None for clause in action.clauses):
        raise UserError(f"{_named(action)} writes the half 'hi', which single-value slots do not have")
    for part in (*_sides(action), *_updates(action)):
        for leaf in leaves(part):
            if isinstance(leaf, Memory) and leaf.new:
                raise UserError(f"{_named(action)} uses '{leaf}' outside its output, before it is known")


def _check_comparisons(action: RegisterAction, card: TofinoCard) -> None:
    compares = list(action.comparisons())
    if len(compares) > card.alu.comparators:
        raise UserError(
            f"{_named(action)} makes {len(compares)} comparisons ({'; '.join(map(str, compares))}); "
            f"a stateful ALU has {card.alu.comparators} comparators"
        )
    for compare in compares:
        read = [*leaves(compare)]
        if sum(isinstance(leaf, Memory) for leaf in read) > 1 or sum(isinstance(leaf, Field) for leaf in read) > 1:
            raise UserError(f"{_named(action)}: '{compare}' has more than one memory half or packet field")
        for part in (compare.left, compare.right):
            if not _is_sum(part):
                raise UserError(f"{_named(action)}: '{compare}' is too complex; a comparator adds and subtracts")
        if action.register.lo > card.alu.arithmetic:
            raise UserError(
                f"{_named(action)}: '{compare}' is {action.register.lo} bits wide; "
                f"an ALU computes with {card.alu.arithmetic}"
            )
        _check_constant(action, compare)


def _is_sum(part: Expression) -> bool:
    if isinstance(part, Arithmetic):
        return part.operator in ("+", "-") and _is_sum(part.left) and _is_sum(part.right)
    return not isinstance(part, Hash)


def _check_constant(action: RegisterAction, compare: Compare) -> None:
    for leaf in leaves(compare):
        if isinstance(leaf, Constant) and not -(2**31) <= leaf.value < 2**31:
            raise UserError(
                f"{_named(action)}: constant {leaf.value} in '{compare}' is outside of {-(2**31)} to {2**31 - 1}, "
                "the numbers of a comparator's constant row"
            )


def _check_inputs(action: RegisterAction, card: TofinoCard) -> None:
    inputs, lo = action.inputs(), action.register.lo
    for name, one in inputs.items():
        widest = min(lo, card.alu.input_bits)
        if one.width > widest:
            raise UserError(
                f"{_named(action)} reads {name} of {one.width} bits; "
                f"with elements of {lo} bits its ALU sees fields of {widest} at most"
            )
    if len(inputs) > card.alu.inputs:
        raise UserError(
            f"{_named(action)} reads {len(inputs)} packet fields ({', '.join(inputs)}); "
            f"a stateful ALU has {card.alu.inputs} inputs"
        )


def _check_values(action: RegisterAction, card: TofinoCard) -> None:
    for value in action.values():
        if isinstance(value, Hash) or any(isinstance(leaf, Hash) for leaf in _operands(value)):
            raise UserError(f"{_named(action)} uses '{value}'; put the hash into a field first")
        if isinstance(value, Arithmetic):
            _check_arithmetic(action, value, card)
    written = {half for half in ("lo", "hi") for clause in action.clauses if getattr(clause, half) is not None}
    outputs = {str(c.output): c.output for c in action.clauses if c.output is not None and str(c.output) != "0"}
    computed = [one for one in outputs.values() if _needs_alu(one)]
    halves = 2 if action.register.hi else len(written)
    if halves + len(computed) > card.alu.values:
        raise UserError(
            f"{_named(action)} computes {halves + len(computed)} values (memory halves, outputs that are not copies); "
            f"a stateful ALU computes {card.alu.values} in an access"
        )
    if len(outputs) > 1:
        raise UserError(
            f"{_named(action)} has the incompatible outputs {' and '.join(outputs)}; one word leaves an ALU"
        )


def _operands(value: Expression) -> tuple[Expression, ...]:
    return (value.left, value.right) if isinstance(value, Arithmetic) else ()


def _check_arithmetic(action: RegisterAction, value: Arithmetic, card: TofinoCard) -> None:
    if any(isinstance(part, Arithmetic) for part in _operands(value)):
        raise UserError(f"{_named(action)}: '{value}' is more than one operation, an ALU does one")
    if action.register.lo > card.alu.arithmetic:
        raise UserError(
            f"{_named(action)}: '{value}' is {action.register.lo} bits wide; an ALU computes with {card.alu.arithmetic}"
        )


def _needs_alu(output: Expression) -> bool:
    """Copies and powers of two (which the comparators' result is shifted to) need no ALU."""
    if isinstance(output, Constant):
        return output.value < 0 or output.value & (output.value - 1) != 0
    return isinstance(output, (Arithmetic, RegisterParam))


def holds(condition: Condition | None, truth: Mapping[tuple[str, bool], bool]) -> bool:
    """Whether `condition` holds when its comparisons, by text and signedness, have these truths."""
    if condition is None:
        return True
    if isinstance(condition, Compare):
        return truth[str(condition), condition.signed]
    parts = [holds(part, truth) for part in condition.parts]  # type: ignore[attr-defined]
    operator = condition.operator  # type: ignore[attr-defined]
    return not parts[0] if operator == "~" else all(parts) if operator == "&" else any(parts)


def _check_exclusive(action: RegisterAction) -> None:
    compares = [(str(compare), compare.signed) for compare in action.comparisons()]
    for half in ("lo", "hi", "output"):
        writers = [clause for clause in action.clauses if getattr(clause, half) is not None]
        values = {str(getattr(clause, half)) for clause in writers}
        if half != "output" and len(values) > UPDATES:
            raise UserError(
                f"{_named(action)} gives '{half}' {len(values)} different values; an ALU has {UPDATES} updates"
            )
        for one, other in combinations(writers, 2):
            if str(getattr(one, half)) == str(getattr(other, half)):
                continue
            for truths in product((False, True), repeat=len(compares)):
                truth = dict(zip(compares, truths, strict=True))
                if holds(one.condition, truth) and holds(other.condition, truth):
                    raise UserError(
                        f"{_named(action)}: two assignments of '{half}' are not mutually exclusive "
                        f"({getattr(one, half)} and {getattr(other, half)})"
                    )


def _check_one_bit(action: RegisterAction) -> None:
    for clause in action.clauses:
        simple = clause.lo is None or (isinstance(clause.lo, Constant) and clause.lo.value in (0, 1))
        if clause.condition is not None or not simple:
            raise UserError(f"{_named(action)}: a one-bit register is set, cleared or read, without conditions")
