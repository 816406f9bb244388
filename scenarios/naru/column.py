"""A column as a dictionary: its distinct values in order; rows hold codes, and every predicate becomes a set of codes.

Code 0 of a column with NULLs is NULL; its values follow in ascending order. Text is ordered by code point, which is
PostgreSQL's collation "C". A literal is brought to the column's kind before it is looked up, or refused.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError

Kind = Literal["boolean", "integer", "real", "text", "date", "timestamp"]

#: What a predicate may compare a column with; None is SQL's NULL.
Value = bool | int | float | str | date | datetime | None

_KINDS: dict[str, Kind] = {"b": "boolean", "i": "integer", "u": "integer", "f": "real", "O": "text"}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """`values` are distinct, ascending and without NULL; `nullable` says whether code 0 is NULL.

    >>> pets = Column("pet", np.array(["cat", "dog"], dtype=object), nullable=True)
    >>> pets.domain, pets.kind, pets.decode(2), pets.decode(0)
    (3, 'text', 'dog', None)
    """

    name: str
    values: NDArray[Any]
    nullable: bool = False

    @property
    def domain(self) -> int:
        """Number of codes, NULL's included."""
        return len(self.values) + self.nullable

    @property
    def kind(self) -> Kind:
        """What the values are."""
        if self.values.dtype.kind == "M":
            return "date" if self.values.dtype == np.dtype("M8[D]") else "timestamp"
        return _KINDS[self.values.dtype.kind]

    def decode(self, code: int) -> Value:
        """The value that `code` stands for, as Python's own type."""
        if self.nullable and code == 0:
            return None
        value = self.values[code - self.nullable]
        found: Value = value.item() if isinstance(value, np.generic) else value
        return found

    def span(self, literal: Value) -> tuple[int, int]:
        """Codes `low, high` so that the codes of values below `literal` end at `low` and those equal to it at `high`.

        Both count from the first value's code, so `low == high` says that no row holds the literal.
        Raises `UserError` if the literal does not fit the column's kind.

        >>> Column("age", np.array([3, 5, 9])).span(5), Column("age", np.array([3, 5, 9])).span(4.5)
        ((1, 2), (1, 1))
        """
        known = self._fitting(literal)
        low = int(np.searchsorted(self.values, known, "left"))
        high = int(np.searchsorted(self.values, known, "right"))
        return low + self.nullable, high + self.nullable

    def _fitting(self, literal: Value) -> Any:
        kind = self.kind
        if kind in ("date", "timestamp"):
            return self._moment(literal)
        if kind == "text" and isinstance(literal, str):
            return literal
        if kind == "boolean" and isinstance(literal, bool):
            return literal
        if kind in ("integer", "real") and isinstance(literal, int | float) and not isinstance(literal, bool):
            return literal if abs(literal) < 2**63 else float(literal)
        raise UserError(f"column {self.name} is {kind}; {literal!r} cannot be compared with it")

    def _moment(self, literal: Value) -> Any:
        try:
            if isinstance(literal, str | date):
                return np.datetime64(literal, "us")
        except ValueError:
            pass
        raise UserError(f"column {self.name} is {self.kind}; {literal!r} is no date such as '2019-05-31'")


def encode(name: str, values: NDArray[Any], null: NDArray[np.bool_]) -> tuple[Column, NDArray[np.int32]]:
    """The column of `values`, shape (rows,), that are NULL where `null`; and the rows' codes.

    >>> column, codes = encode("x", np.array([7, 5, 0, 7]), np.array([False, False, True, False]))
    >>> column.values.tolist(), column.nullable, codes.tolist()
    ([5, 7], True, [2, 1, 0, 2])
    """
    distinct, inverse = np.unique(values[~null], return_inverse=True)
    nullable = bool(null.any())
    codes = np.zeros(len(values), dtype=np.int32)
    codes[~null] = inverse.astype(np.int32) + nullable
    return Column(name, distinct, nullable), codes
