"""Predicates on one column each; a query is their conjunction. Each becomes the set of codes that satisfies it.

SQL's three-valued logic holds: a comparison with NULL, on either side, is not satisfied, nor is its negation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from scenarios.naru.column import Column, Value
from scenarios.naru.table import Mask, Regions, Table

Operator = Literal["=", "<>", "<", "<=", ">", ">="]
OPERATORS: tuple[Operator, ...] = get_args(Operator)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`column operator literal`."""

    column: str
    operator: Operator
    literal: Value

    def codes(self, column: Column) -> Mask:
        """Which codes satisfy it, shape (domain,). Raises `UserError` for a literal of another kind."""
        if self.literal is None:
            return np.zeros(column.domain, dtype=bool)
        low, high = column.span(self.literal)
        place = np.arange(column.domain)
        below, above, known = place < low, place >= high, place >= column.nullable
        chosen = {
            "=": ~below & ~above,
            "<>": below | above,
            "<": below,
            "<=": ~above,
            ">": above,
            ">=": ~below,
        }
        return chosen[self.operator] & known


@dataclass(frozen=True, slots=True)
class Between:
    """`column [NOT] BETWEEN low AND high`, both ends included."""

    column: str
    low: Value
    high: Value
    negated: bool = False

    def codes(self, column: Column) -> Mask:
        """Which codes satisfy it, shape (domain,). Raises `UserError` for a literal of another kind."""
        if self.negated:
            return Comparison(self.column, "<", self.low).codes(column) | Comparison(self.column, ">", self.high).codes(
                column
            )
        return Comparison(self.column, ">=", self.low).codes(column) & Comparison(self.column, "<=", self.high).codes(
            column
        )


@dataclass(frozen=True, slots=True)
class OneOf:
    """`column [NOT] IN (literals)`; NOT IN a list that holds NULL is satisfied by nothing."""

    column: str
    literals: tuple[Value, ...]
    negated: bool = False

    def codes(self, column: Column) -> Mask:
        """Which codes satisfy it, shape (domain,). Raises `UserError` for a literal of another kind."""
        operator: Operator = "<>" if self.negated else "="
        combine = np.logical_and if self.negated else np.logical_or
        known = np.arange(column.domain) >= column.nullable
        start = known if self.negated else np.zeros(column.domain, dtype=bool)
        each = [Comparison(self.column, operator, literal).codes(column) for literal in self.literals]
        return np.asarray(combine.reduce([start, *each]), dtype=bool)


@dataclass(frozen=True, slots=True)
class IsNull:
    """`column IS [NOT] NULL`."""

    column: str
    negated: bool = False

    def codes(self, column: Column) -> Mask:
        """Which codes satisfy it, shape (domain,)."""
        null = np.arange(column.domain) < column.nullable
        return ~null if self.negated else null


Predicate = Comparison | Between | OneOf | IsNull
#: All hold; an empty query asks for every row.
Query = Sequence[Predicate]


def regions(query: Query, table: Table) -> Regions:
    """The codes asked for, by column; several predicates on one column are intersected.

    Raises `UserError` for a column that the table does not have and a literal that does not fit.
    """
    found: dict[int, Mask] = {}
    for predicate in query:
        place = table.place(predicate.column)
        mask = predicate.codes(table.columns[place])
        found[place] = found[place] & mask if place in found else mask
    return found
