"""Sampling with the perfect model: every error left is the sampling's, and the truth is a count."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.naru.column import Column
from scenarios.naru.conditionals import UNKNOWN, Prefixes, Probabilities
from scenarios.naru.dmv_like import dmv_like
from scenarios.naru.perfect import Perfect
from scenarios.naru.predicate import regions
from scenarios.naru.progressive import estimate, estimate_within
from scenarios.naru.table import Regions, Table
from scenarios.naru.workload import queries
from sim.errors import UserError


def _table(seed: int, rows: int = 60, domains: tuple[int, ...] = (4, 5, 3, 6)) -> Table:
    random = np.random.default_rng(seed)
    first = random.integers(0, domains[0], rows)
    others = [(first + random.integers(0, 3, rows)) % domain for domain in domains[1:]]
    columns = tuple(Column(f"c{place}", np.arange(domain)) for place, domain in enumerate(domains))
    return Table("small", columns, np.asfortranarray(np.stack([first, *others], axis=1).astype(np.int32)))


def _random_regions(table: Table, random: np.random.Generator) -> Regions:
    places = [place for place in range(len(table.columns)) if random.random() < 0.8]
    return {place: random.random(table.domains[place]) < 0.6 for place in places}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_enumeration_with_the_perfect_model_counts(seed: int, wildcards: bool) -> None:
    table, random = _table(seed), np.random.default_rng(seed)
    model = Perfect(table, tuple(random.permutation(4).tolist()), wildcards)
    asked = _random_regions(table, random)
    found = estimate(model, asked, 10_000, random)
    assert found.exact
    assert round(found.selectivity * len(table), 9) == table.count(asked)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_samples_are_unbiased(seed: int, wildcards: bool) -> None:
    """The mean of 200 estimates of 3 paths each lies within 5 of its own standard errors of the truth."""
    table, random = _table(seed), np.random.default_rng(seed)
    asked = {place: random.random(table.domains[place]) < 0.7 for place in range(4)}
    model = Perfect(table, tuple(random.permutation(4).tolist()), wildcards)
    found = [estimate(model, asked, 3, random).selectivity for _ in range(200)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - table.count(asked) / len(table)) <= 5 * error + 1e-9


def test_the_error_that_is_told_is_the_error_that_is_made() -> None:
    table = _table(3, rows=300)
    model = Perfect(table, (0, 1, 2, 3))
    asked = {0: np.arange(4) > 0, 1: np.arange(5) != 2, 2: np.arange(3) < 2, 3: np.arange(6) % 2 == 0}
    found = [estimate(model, asked, 20, np.random.default_rng(seed)) for seed in range(300)]
    made = np.std([one.selectivity for one in found])
    assert not any(one.exact for one in found)
    assert np.mean([one.error for one in found]) == pytest.approx(made, rel=0.15)


def test_variance_falls_as_one_over_samples() -> None:
    table = _table(5, rows=300)
    asked = {0: np.arange(4) > 0, 1: np.arange(5) != 2, 2: np.arange(3) < 2, 3: np.arange(6) % 2 == 0}
    model = Perfect(table, (3, 2, 1, 0))
    random = np.random.default_rng(1)
    variance = {n: np.var([estimate(model, asked, n, random).selectivity for _ in range(500)]) for n in (4, 16)}
    assert 4 * variance[4] == pytest.approx(16 * variance[16], rel=0.35)


@dataclass
class _Counting:
    """A model that notes how many rows it was asked for."""

    model: Perfect
    asked: list[int]

    @property
    def domains(self) -> tuple[int, ...]:
        return self.model.domains

    @property
    def order(self) -> tuple[int, ...]:
        return self.model.order

    wildcards = True

    def probabilities(self, place: int, prefixes: Prefixes) -> Probabilities:
        before = self.order[: self.order.index(place)]
        later = [other for other in range(len(self.domains)) if other not in before]
        assert (prefixes[:, later] == UNKNOWN).all()
        assert len(np.unique(prefixes, axis=0)) == len(prefixes)
        self.asked.append(len(prefixes))
        return self.model.probabilities(place, prefixes)


def test_equal_prefixes_are_asked_once_and_nothing_later_is_shown() -> None:
    model = _Counting(Perfect(_table(1), (2, 0, 3, 1)), [])
    asked = {0: np.arange(4) < 3, 1: np.arange(5) < 4, 2: np.arange(3) < 2, 3: np.arange(6) < 3}
    found = estimate(model, asked, 17, np.random.default_rng(0))
    assert model.asked[:2] == [1, 2]
    assert model.asked[2] <= 6
    assert found.asked == sum(model.asked)
    assert len(model.asked) == 4


def test_a_point_is_exact_from_one_prefix_per_column() -> None:
    table = _table(2)
    asked = {place: np.arange(domain) == table.codes[0, place] for place, domain in enumerate(table.domains)}
    found = estimate(Perfect(table, (0, 1, 2, 3)), asked, 1, np.random.default_rng(0))
    assert found.exact
    assert found.asked == 4
    assert found.selectivity * len(table) == pytest.approx(table.count(asked))


def test_all_and_nothing_are_exact_and_ask_nothing() -> None:
    table = _table(2)
    model = Perfect(table, (0, 1, 2, 3))
    full, empty = np.ones(4, dtype=bool), np.zeros(4, dtype=bool)
    assert estimate(model, {}, 1, np.random.default_rng(0)).selectivity == 1.0
    assert estimate(model, {0: full}, 1, np.random.default_rng(0)).asked == 0
    assert estimate(model, {0: empty, 1: np.ones(5, dtype=bool)}, 1, np.random.default_rng(0)).selectivity == 0.0
    with pytest.raises(UserError, match="samples is 0"):
        estimate(model, {}, 0, np.random.default_rng(0))


def test_samples_are_drawn_until_the_error_is_small() -> None:
    table = dmv_like(3000, np.random.default_rng(1))
    asked = {6: np.arange(2101) > 700, 3: np.arange(63) > 8, 7: np.arange(225) > 40, 4: np.arange(59) > 5}
    model = Perfect(table, tuple(range(11)))
    few = estimate_within(model, asked, 0.1, 4000, np.random.default_rng(0))
    many = estimate_within(model, asked, 0.02, 4000, np.random.default_rng(0))
    assert few.samples < many.samples <= 4000
    assert many.error <= 0.02 * many.selectivity
    assert many.selectivity == pytest.approx(table.count(asked) / len(table), rel=0.05)


def test_skipping_wildcards_makes_fifty_samples_worth_more() -> None:
    """What the paper's Figure on wildcard skipping shows, without training: the tail shrinks."""
    table = dmv_like(1000, np.random.default_rng(1))
    order = tuple(range(11))
    asked = [regions(one, table) for one in queries(table, 25, np.random.RandomState(7))]
    tails = {}
    for wildcards in (True, False):
        random = np.random.default_rng(3)
        found = [estimate(Perfect(table, order, wildcards), one, 20, random).selectivity for one in asked]
        truth = np.array([table.count(one) for one in asked])
        rows = np.maximum(np.array(found) * len(table), 1)
        tails[wildcards] = np.quantile(np.maximum(rows / truth, truth / rows), 0.9)
    assert tails[True] < tails[False]
