"""Register arrays and what a stateful ALU may do to a slot in one access, as data.

A register action reads one slot, compares, writes the slot back and hands one word to the packet, all in one clock. It
is written as clauses: a condition, and what holds if it does.

>>> from hardware_models.tofino.expression import HI, LO, NEW_LO, Field
>>> key, stamp = Field("h.key", 32), Field("h.stamp", 32)
>>> table = Register("table", slots=1024, lo=32, hi=32)
>>> claim = table.action("claim", when((LO == 0) | (HI == key), lo=stamp, hi=key, output=1))
>>> [str(compare) for compare in claim.comparisons()]
['lo == 0', 'hi == h.key']

Semantics. Conditions and values see the slot before the access; `NEW_LO` and `NEW_HI` in an output see it after. A half
that no clause writes keeps its value. The output is 0 if no clause that has one holds. Results are taken modulo
2 ** width of the half they are stored in.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hardware_models.tofino.expression import (
    Compare,
    Condition,
    Expression,
    Field,
    Operand,
    RegisterParam,
    comparisons,
    fields_of,
    leaves,
    operand,
)


@dataclass(frozen=True, eq=False)
class Clause:
    """What an access does if `condition` holds (always, if None)."""

    condition: Condition | None
    lo: Expression | None
    hi: Expression | None
    output: Expression | None


def when(
    condition: Condition | None,
    *,
    lo: Operand | None = None,
    hi: Operand | None = None,
    output: Operand | None = None,
) -> Clause:
    """If `condition` holds, the slot's halves and the output word become these."""
    return Clause(condition, *(None if value is None else operand(value) for value in (lo, hi, output)))


def always(*, lo: Operand | None = None, hi: Operand | None = None, output: Operand | None = None) -> Clause:
    """Whatever the slot holds, its halves and the output word become these."""
    return when(None, lo=lo, hi=hi, output=output)


@dataclass(frozen=True, eq=False)
class Register:
    """An array of `slots` slots of one value (`lo` bits) or a pair (`lo` and `hi` bits); one copy in every pipe.

    Slots start at zero. Which widths a chip has, and how large a register may be, is checked when it is placed; it
    stands in `stage` if that is given. An access beyond the last slot does nothing and hands out 0.
    """

    name: str
    slots: int
    lo: int = 32
    hi: int = 0
    stage: int | None = None
    actions: list["RegisterAction"] = field(default_factory=list, repr=False)

    def action(self, name: str, *clauses: Clause) -> "RegisterAction":
        """A way to access this register, called `name` in reports."""
        made = RegisterAction(self, name, clauses)
        self.actions.append(made)
        return made

    @property
    def bits(self) -> int:
        """Bits of a slot."""
        return self.lo + self.hi

    def params(self) -> dict[str, RegisterParam]:
        """The values that the control plane may set, by name."""
        found = (leaf for action in self.actions for leaf in action.leaves())
        return {leaf.name: leaf for leaf in found if isinstance(leaf, RegisterParam)}


@dataclass(frozen=True, eq=False)
class RegisterAction:
    """One of the programs of a register's stateful ALU."""

    register: Register
    name: str
    clauses: tuple[Clause, ...]

    def run(self, index: Operand = 0, output: Field | None = None) -> "Access":
        """The access of the slot at `index`; the ALU's output goes to the field `output`."""
        return Access(self, operand(index), output)

    def comparisons(self) -> Iterator[Compare]:
        """The comparisons that differ, each of which takes a comparator."""
        seen = set()
        for clause in self.clauses:
            for compare in comparisons(clause.condition) if clause.condition is not None else ():
                if (str(compare), compare.signed) not in seen:
                    seen.add((str(compare), compare.signed))
                    yield compare

    def values(self) -> Iterator[Expression]:
        """Everything that clauses write or hand out, in order."""
        for clause in self.clauses:
            yield from (value for value in (clause.lo, clause.hi, clause.output) if value is not None)

    def leaves(self) -> Iterator[Expression]:
        """Everything that comparisons and values read."""
        for part in self._parts():
            yield from leaves(part)

    def _parts(self) -> Iterator[Expression | Condition]:
        yield from self.comparisons()
        yield from self.values()

    def inputs(self) -> dict[str, Field]:
        """The fields that the ALU reads from the packet, by name."""
        found: dict[str, Field] = {}
        for part in self._parts():
            found |= fields_of(part)
        return found


@dataclass(frozen=True, eq=False)
class Access:
    """A statement: run `action` on the slot at `index`, put its output into a field."""

    action: RegisterAction
    index: Expression
    output: Field | None


@dataclass(frozen=True, eq=False)
class Counter:
    """An array of packet counters, 64 bits each, by a statistics ALU; one copy in every pipe."""

    name: str
    slots: int = 1

    def count(self, index: Operand = 0) -> "Count":
        """Adds one at `index`."""
        return Count(self, operand(index))


@dataclass(frozen=True, eq=False)
class Count:
    """A statement: one more packet at `index`."""

    counter: Counter
    index: Expression
