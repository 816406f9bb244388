"""Queries as Naru's published generator draws them: filters, a row, columns, operators, in this order.

Of every query: 5 to 11 filters, a row of the table, which columns, which operators; literals are the row's. A column
with fewer than ten values is compared by `=`. A quirk of the original is kept, because the published true counts need
it: when every column is filtered, columns stand in the table's order but operators in that of their drawing.
Where the row holds NULL, `IS NULL` is asked, so that at least one row always matches.
"""

import numpy as np
from numpy.typing import NDArray

from scenarios.naru.column import Column
from scenarios.naru.predicate import Comparison, IsNull, Operator, Predicate
from scenarios.naru.table import Table
from sim.errors import UserError

_OPERATORS: tuple[Operator, ...] = ("<=", ">=", "=")
_FEWEST, _MOST = 5, 11
#: Columns with fewer values are compared by `=` only.
_SMALL = 10


def queries(
    table: Table, number: int, random: np.random.RandomState, in_domain: bool = True
) -> list[tuple[Predicate, ...]]:
    """`number` queries; out of domain, literals are drawn per column, uniformly from the dictionary.

    `random` is of the legacy kind, whose draws for a seed NumPy has frozen: 1234 is the published workload's.
    Raises `UserError` for a table without rows. Source: Naru's artefact, as the scenario's page describes it.
    """
    if len(table) == 0:
        raise UserError(f"table {table.name} has no rows; literals are taken from rows")
    return [_query(table, random, in_domain) for _ in range(number)]


def _query(table: Table, random: np.random.RandomState, in_domain: bool) -> tuple[Predicate, ...]:
    width = len(table.columns)
    filters = min(int(random.randint(_FEWEST, _MOST + 1)), width)
    codes = table.codes[random.randint(0, len(table))]
    places = random.choice(width, size=filters, replace=False)
    operators = _operators(random, np.array(table.domains)[places])
    if filters == width:
        places = np.arange(width)
    if not in_domain:
        codes = np.array([random.randint(0, domain) for domain in table.domains])
    chosen = [(table.columns[place], int(codes[place])) for place in places]
    return tuple(_predicate(*one, operator) for one, operator in zip(chosen, operators, strict=True))


def _operators(random: np.random.RandomState, domains: NDArray[np.int64]) -> list[Operator]:
    drawn = random.choice(len(_OPERATORS), size=len(domains))
    return ["=" if domain < _SMALL else _OPERATORS[one] for one, domain in zip(drawn, domains, strict=True)]


def _predicate(column: Column, code: int, operator: Operator) -> Predicate:
    value = column.decode(code)
    return IsNull(column.name) if value is None else Comparison(column.name, operator, value)
