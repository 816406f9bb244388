"""What a data-plane program computes with: fields, constants, one-operator arithmetic, comparisons, hashes.

Fields and expressions overload Python's operators, so that `If(h.op == WRITE, ...)` and `Set(meta.sum, h.a + h.b)` are
data and not evaluated. `==` therefore builds a comparison; expressions are never compared with each other, and the
truth of a condition is refused, so that a slip (`and` instead of `&`) is found at once.

>>> x = Field("meta.x", 8)
>>> str((x == 3) & ~(x + 1 < 2))
'meta.x == 3 & ~(meta.x + 1 < 2)'
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from hardware_models.tofino.crc import POLYNOMIALS
from sim.errors import UserError, did_you_mean

ArithmeticOperator = Literal["+", "-", "&", "|", "^", "<<", ">>", "min", "max"]
Relation = Literal["==", "!=", "<", "<=", ">", ">="]


class Expression:
    """Base of everything that has a value: a whole number of `width` bits, unsigned."""

    width: int
    __hash__ = object.__hash__

    def __add__(self, other: "Operand") -> "Arithmetic":
        return Arithmetic("+", self, operand(other))

    def __sub__(self, other: "Operand") -> "Arithmetic":
        return Arithmetic("-", self, operand(other))

    def __and__(self, other: "Operand") -> "Arithmetic":
        return Arithmetic("&", self, operand(other))

    def __or__(self, other: "Operand") -> "Arithmetic":
        return Arithmetic("|", self, operand(other))

    def __xor__(self, other: "Operand") -> "Arithmetic":
        return Arithmetic("^", self, operand(other))

    def __lshift__(self, other: int) -> "Arithmetic":
        return Arithmetic("<<", self, operand(other))

    def __rshift__(self, other: int) -> "Arithmetic":
        return Arithmetic(">>", self, operand(other))

    def __eq__(self, other: "Operand") -> "Compare":  # type: ignore[override]
        return Compare("==", self, operand(other))

    def __ne__(self, other: "Operand") -> "Compare":  # type: ignore[override]
        return Compare("!=", self, operand(other))

    def __lt__(self, other: "Operand") -> "Compare":
        return Compare("<", self, operand(other))

    def __le__(self, other: "Operand") -> "Compare":
        return Compare("<=", self, operand(other))

    def __gt__(self, other: "Operand") -> "Compare":
        return Compare(">", self, operand(other))

    def __ge__(self, other: "Operand") -> "Compare":
        return Compare(">=", self, operand(other))


Operand = Expression | int


def operand(value: Operand) -> Expression:
    """A number as an expression; expressions pass. Raises `UserError` for a condition, which has no value."""
    if isinstance(value, Condition):
        raise UserError(f"comparison '{value}' stands where a value is needed; an ALU compares in conditions only")
    return value if isinstance(value, Expression) else Constant(value)


@dataclass(frozen=True, eq=False)
class Constant(Expression):
    """A number known when the program is compiled; may be negative where a signed comparison or a sum wants it."""

    value: int

    @property
    def width(self) -> int:  # type: ignore[override]
        """Bits that the number needs."""
        return max(1, self.value.bit_length())

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, eq=False)
class Field(Expression):
    """A header field or a piece of metadata, `width` bits. `name` is unique in a program, e.g. "ipv4.ttl"."""

    name: str
    width: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class ActionParam(Expression):
    """A value that the control plane stores beside a table's entry and that the entry's action reads."""

    name: str
    width: int

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class RegisterParam(Expression):
    """A value in a stateful ALU's constant rows that the control plane may change while the program runs."""

    name: str
    width: int
    initial: int = 0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Memory(Expression):
    """A half of a register's slot as a stateful ALU sees it: before (`new` false) or after its update."""

    half: Literal["lo", "hi"]
    new: bool = False
    width: int = 32

    def __str__(self) -> str:
        return f"new {self.half}" if self.new else self.half


LO, HI, NEW_LO, NEW_HI = Memory("lo"), Memory("hi"), Memory("lo", new=True), Memory("hi", new=True)


@dataclass(frozen=True, eq=False)
class Arithmetic(Expression):
    """One ALU operation. The result is taken modulo 2 ** width of where it is stored; `min` and `max` are unsigned."""

    operator: ArithmeticOperator
    left: Expression
    right: Expression

    @property
    def width(self) -> int:  # type: ignore[override]
        """Bits of the wider operand; a shift keeps its left operand's."""
        return self.left.width if self.operator in ("<<", ">>") else max(self.left.width, self.right.width)

    def __str__(self) -> str:
        if self.operator in ("min", "max"):
            return f"{self.operator}({self.left}, {self.right})"
        return f"{self.left} {self.operator} {self.right}"


def largest(left: Operand, right: Operand) -> Arithmetic:
    """The larger of two unsigned values, one ALU operation."""
    return Arithmetic("max", operand(left), operand(right))


def smallest(left: Operand, right: Operand) -> Arithmetic:
    """The smaller of two unsigned values, one ALU operation."""
    return Arithmetic("min", operand(left), operand(right))


@dataclass(frozen=True, eq=False)
class Hash(Expression):
    """The low `width` bits (at most 32) of a CRC over whole fields, each padded to bytes, first field first.

    `polynomial` is a name of `crc.POLYNOMIALS` or a number. CRCs are linear: two hashes of the same fields with one
    polynomial and two initial values differ by a constant, so hash tables with several stages need several polynomials.
    """

    fields: tuple[Field, ...]
    width: int
    polynomial: str | int = "crc32"

    def __post_init__(self) -> None:
        if not self.fields or not 1 <= self.width <= 32:
            raise UserError(
                f"a hash needs fields and 1 to 32 bits, not {len(self.fields)} fields and {self.width} bits"
            )
        if isinstance(self.polynomial, str) and self.polynomial not in POLYNOMIALS:
            raise UserError(
                f"no polynomial is called '{self.polynomial}'; {did_you_mean(self.polynomial, POLYNOMIALS)}"
            )

    @property
    def generator(self) -> int:
        """The polynomial as a 32-bit number without its leading term."""
        return POLYNOMIALS[self.polynomial] if isinstance(self.polynomial, str) else self.polynomial

    def __str__(self) -> str:
        return f"hash({', '.join(str(field) for field in self.fields)})"


class Condition:
    """Base of comparisons and what is made of them with `&`, `|` and `~`."""

    def __and__(self, other: "Condition") -> "Logic":
        return Logic("&", (self, other))

    def __or__(self, other: "Condition") -> "Logic":
        return Logic("|", (self, other))

    def __invert__(self) -> "Logic":
        return Logic("~", (self,))

    def __bool__(self) -> bool:
        raise TypeError(f"'{self}' is part of a program and has no truth here; combine conditions with &, | and ~")


@dataclass(frozen=True, eq=False)
class Compare(Condition):
    """A comparison. Sums on either side do not wrap (a stateful ALU compares in 34 bits); unsigned unless `signed`."""

    relation: Relation
    left: Expression
    right: Expression
    signed: bool = False

    def __str__(self) -> str:
        return f"{self.left} {self.relation} {self.right}"


@dataclass(frozen=True, eq=False)
class Logic(Condition):
    """`&` and `|` of two conditions, `~` of one."""

    operator: Literal["&", "|", "~"]
    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        if self.operator == "~":
            return f"~({self.parts[0]})"
        return f" {self.operator} ".join(
            f"({part})" if isinstance(part, Logic) and part.operator not in (self.operator, "~") else str(part)
            for part in self.parts
        )


def signed(compare: Compare) -> Compare:
    """The comparison with its memory and fields read as two's complement, e.g. `signed(LO != -1)`."""
    return replace(compare, signed=True)


def leaves(of: Expression | Condition) -> Iterator[Expression]:
    """Everything an expression or condition reads, left to right; a hash reads its fields."""
    if isinstance(of, (Compare, Arithmetic)):
        yield from leaves(of.left)
        yield from leaves(of.right)
    elif isinstance(of, Logic):
        for part in of.parts:
            yield from leaves(part)
    elif isinstance(of, Hash):
        yield from of.fields
    elif isinstance(of, Expression):
        yield of


def fields_of(of: Expression | Condition) -> dict[str, Field]:
    """The fields that are read, by name."""
    return {leaf.name: leaf for leaf in leaves(of) if isinstance(leaf, Field)}


def comparisons(condition: Condition) -> Iterator[Compare]:
    """The comparisons of a condition, left to right."""
    if isinstance(condition, Compare):
        yield condition
    elif isinstance(condition, Logic):
        for part in condition.parts:
            yield from comparisons(part)
