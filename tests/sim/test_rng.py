"""Streams depend on their names and on nothing else."""

import numpy as np
from scipy import stats

from sim.rng import Streams


def test_order_of_creation_does_not_matter() -> None:
    one, two = Streams(1, "s", 0), Streams(1, "s", 0)
    first = [one("a").uniform() for _ in range(3)], [one("b").uniform() for _ in range(3)]
    second = [two("b").uniform() for _ in range(3)], [two("a").uniform() for _ in range(3)]
    assert first == second[::-1]


def test_laws_of_one_stream_do_not_disturb_each_other() -> None:
    mixed, pure = Streams(1, "s", 0)("a"), Streams(1, "s", 0)("a")
    drawn = []
    for _ in range(5000):
        drawn.append(mixed.exponential(2.0))
        mixed.normal()
    assert drawn == [pure.exponential(2.0) for _ in range(5000)]


def test_every_part_of_the_name_counts() -> None:
    names = [(0, "s", 0, "a"), (1, "s", 0, "a"), (0, "t", 0, "a"), (0, "s", 1, "a"), (0, "s", 0, "b")]
    values = {Streams(seed, scenario, replicate)(name).uniform() for seed, scenario, replicate, name in names}
    assert len(values) == len(names)
    assert Streams(0, "s", 0)("a", 1).uniform() != Streams(0, "s", 0)("a", "1").uniform()


def test_laws() -> None:
    stream = Streams(3, "laws", 0)("x")
    n = 20_000
    assert stats.kstest([stream.uniform() for _ in range(n)], "uniform").pvalue > 1e-3
    assert stats.kstest([stream.exponential(2.0) for _ in range(n)], stats.expon(scale=2.0).cdf).pvalue > 1e-3
    assert stats.kstest([stream.normal(1.0, 2.0) for _ in range(n)], stats.norm(1.0, 2.0).cdf).pvalue > 1e-3
    counts = np.bincount([stream.integer(0, 6) for _ in range(n)], minlength=6)
    assert stats.chisquare(counts).pvalue > 1e-3
