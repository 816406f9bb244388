"""Baselines where what they say is known."""

import numpy as np
import pytest

from scenarios.naru.chow_liu import ChowLiu
from scenarios.naru.column import Column
from scenarios.naru.estimator import Progressive, q_error, rows_of
from scenarios.naru.independence import Independence
from scenarios.naru.perfect import Perfect
from scenarios.naru.row_sample import RowSample
from scenarios.naru.table import Table

DOMAINS = (5, 6, 4, 3)


@pytest.fixture(scope="module")
def table() -> Table:
    """A chain 2 - 0 - 1 and a column 3 that hangs on 1."""
    random = np.random.default_rng(3)
    middle = random.integers(0, 5, 4000)
    right = (middle + (random.random(4000) < 0.3)) % 6
    left = (middle + (random.random(4000) < 0.5)) % 4
    last = (right + (random.random(4000) < 0.4)) % 3
    codes = np.stack([middle, right, left, last], axis=1).astype(np.int32)
    columns = tuple(Column(f"c{place}", np.arange(domain)) for place, domain in enumerate(DOMAINS))
    return Table("chain", columns, np.asfortranarray(codes))


def _joint(table: Table) -> np.ndarray:
    return np.bincount(np.ravel_multi_index(tuple(table.codes.T), DOMAINS), minlength=np.prod(DOMAINS)).reshape(DOMAINS)


def _asked(random: np.random.Generator) -> dict[int, np.ndarray]:
    return {place: random.random(domain) < 0.6 for place, domain in enumerate(DOMAINS) if random.random() < 0.8}


def test_the_tree_is_the_one_that_made_the_rows(table: Table) -> None:
    assert ChowLiu(table).links == [(0, 1), (0, 2), (1, 3)]


def test_the_tree_sums_its_own_joint_exactly(table: Table) -> None:
    """Against P(0) P(1|0) P(2|0) P(3|1), written out over every row there could be."""
    joint = _joint(table) / len(table)
    p0, p01, p02, p13 = (joint.sum(axis=axes) for axes in ((1, 2, 3), (2, 3), (1, 3), (0, 2)))
    tree = np.einsum("ab,ac,bd->abcd", p01, p02 / p0[:, None], p13 / p01.sum(axis=0)[:, None])
    assert tree.sum() == pytest.approx(1.0)
    estimator, random = ChowLiu(table), np.random.default_rng(1)
    for _ in range(50):
        asked = _asked(random)
        masks = [asked.get(place, np.ones(domain, dtype=bool)) for place, domain in enumerate(DOMAINS)]
        assert estimator.selectivity(asked) == pytest.approx(tree[np.ix_(*masks)].sum())


def test_one_column_alone_is_exact_for_all_that_keep_it(table: Table) -> None:
    for place, domain in enumerate(DOMAINS):
        asked = {place: np.arange(domain) < 2}
        for estimator in (ChowLiu(table), Independence(table)):
            assert rows_of(estimator.selectivity(asked), len(table)) == table.count(asked)


def test_independence_multiplies(table: Table) -> None:
    asked = {0: np.arange(5) < 2, 3: np.arange(3) == 1}
    alone = [table.count({place: mask}) / len(table) for place, mask in asked.items()]
    assert Independence(table).selectivity(asked) == pytest.approx(alone[0] * alone[1])
    assert Independence(table).selectivity({}) == 1.0


def test_a_sample_of_all_rows_is_the_table_and_a_part_is_near_it(table: Table) -> None:
    asked = {0: np.arange(5) < 2, 3: np.arange(3) == 1}
    truth = table.count(asked) / len(table)
    assert RowSample(table, 1.0, np.random.default_rng(1)).selectivity(asked) == truth
    part = RowSample(table, 0.25, np.random.default_rng(1))
    assert part.bytes == 4 * 1000 * 4
    assert part.selectivity(asked) == pytest.approx(truth, abs=0.05)
    assert part.selectivity(asked) != truth


def test_an_answer_does_not_depend_on_the_question_before(table: Table) -> None:
    random = np.random.default_rng(2)
    asked = [_asked(random) for _ in range(10)]
    estimator = Progressive(Perfect(table, (0, 1, 2, 3)), 3, 7, 0)
    forwards = [estimator.selectivity(one) for one in asked]
    assert forwards == [estimator.selectivity(one) for one in reversed(asked)][::-1]


def test_errors_of_nothing() -> None:
    assert [q_error(0, 0), q_error(3, 0), q_error(0, 3), q_error(2, 8)] == [1.0, 3.0, 3.0, 4.0]
    assert rows_of(0.1 + 0.2, 10) == 3
    assert rows_of(1e-3, 10) == 1
