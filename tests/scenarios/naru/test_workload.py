"""The generated table and the queries on it."""

import numpy as np
import pytest

from scenarios.naru.dmv_like import dmv_like
from scenarios.naru.predicate import Comparison, regions
from scenarios.naru.table import Table
from scenarios.naru.workload import queries
from sim.errors import UserError


@pytest.fixture(scope="module")
def table() -> Table:
    return dmv_like(20_000, np.random.default_rng(5))


def _published(table: Table, number: int) -> list:
    return queries(table, number, np.random.RandomState(1234))


def test_the_table_is_that_of_its_seed(table: Table) -> None:
    assert np.array_equal(table.codes, dmv_like(20_000, np.random.default_rng(5)).codes)
    assert not np.array_equal(table.codes, dmv_like(20_000, np.random.default_rng(6)).codes)


def test_rows_are_dependent_but_not_all_different(table: Table) -> None:
    alone = [np.bincount(table.codes[:, place]) / len(table) for place in range(11)]
    independent = -sum((share[share > 0] * np.log2(share[share > 0])).sum() for share in alone)
    assert table.entropy < np.log2(len(table)) - 0.1
    assert table.entropy < independent - 3


def test_queries_follow_the_published_draws(table: Table) -> None:
    """The first query, drawn here by hand in the order of the published generator."""
    random = np.random.RandomState(1234)
    filters, row = random.randint(5, 12), random.randint(0, len(table))
    places = random.choice(11, size=filters, replace=False)
    operators = random.choice(["<=", ">=", "="], size=filters)
    first = _published(table, 1)[0]
    assert [one.column for one in first] == [table.columns[place].name for place in places]
    for one, place, operator in zip(first, places, operators, strict=True):
        column = table.columns[place]
        assert isinstance(one, Comparison)
        assert one.operator == ("=" if column.domain < 10 else operator)
        assert one.literal == column.decode(table.codes[row, place])


def test_a_row_matches_every_query_in_domain_and_few_out_of_it(table: Table) -> None:
    inside = [table.count(regions(one, table)) for one in _published(table, 100)]
    assert min(inside) >= 1
    outside = queries(table, 100, np.random.RandomState(1), in_domain=False)
    assert np.mean([table.count(regions(one, table)) == 0 for one in outside]) > 0.8


def test_a_table_without_rows_is_refused(table: Table) -> None:
    with pytest.raises(UserError, match="at least 1"):
        dmv_like(0, np.random.default_rng(1))
    with pytest.raises(UserError, match="has no rows"):
        _published(Table("t", table.columns, table.codes[:0]), 1)
