"""Who copies whom, and how a policy is changed: a table written by hand, and laws."""

import math

import numpy as np
import pytest
from scipy.stats import chisquare

from scenarios.pba.decisions import Rules, exploit, explore, quarters
from scenarios.pba.policy import NUMBERS, RANGES, Policy

NAN = math.nan

#: Scores by trial, who is lowest, who is highest; each from low to high. Written from the rule, not from the code.
CASES = {
    "nobody": ({}, (), ()),
    "one trial copies nobody": ({3: 0.9}, (), ()),
    "two: half rounded down is one": ({0: 0.2, 1: 0.8}, (0,), (1,)),
    "two the other way": ({0: 0.8, 1: 0.2}, (1,), (0,)),
    "three: ceil(3/4) is one": ({0: 0.5, 1: 0.1, 2: 0.9}, (1,), (2,)),
    "four: one": ({0: 0.4, 1: 0.3, 2: 0.2, 3: 0.1}, (3,), (0,)),
    "five: ceil(5/4) is two, half of five is two": ({0: 5, 1: 4, 2: 3, 3: 2, 4: 1}, (4, 3), (1, 0)),
    "eight: two": ({t: t / 10 for t in range(8)}, (0, 1), (6, 7)),
    "nine: three": ({t: -t for t in range(9)}, (8, 7, 6), (2, 1, 0)),
    "sixteen: four": ({t: (t * 7) % 16 for t in range(16)}, (0, 7, 14, 5), (4, 11, 2, 9)),
    "equals rank by number": ({0: 0.5, 1: 0.5, 2: 0.5, 3: 0.5}, (0,), (3,)),
    "equals at the edge": ({0: 0.9, 1: 0.1, 2: 0.1, 3: 0.1, 4: 0.9}, (1, 2), (0, 4)),
    "only some have reported": ({2: 0.3, 7: 0.1, 11: 0.2, 15: 0.4}, (7,), (15,)),
    "order of arrival is of no account": ({15: 0.4, 7: 0.1, 2: 0.3, 11: 0.2}, (7,), (15,)),
    "what is no number is lowest": ({0: 0.5, 1: NAN, 2: 0.7, 3: -1e9}, (1,), (2,)),
    "two that are no number": ({0: NAN, 1: 0.2, 2: NAN, 3: 0.1, 4: 0.3}, (0, 2), (1, 4)),
}


@pytest.mark.parametrize(("scores", "lowest", "highest"), CASES.values(), ids=CASES.keys())
def test_quarters_of_the_table(scores, lowest, highest):
    assert quarters(scores) == (lowest, highest)


@pytest.mark.parametrize(
    ("trials", "quantile", "size"),
    [(16, 0.25, 4), (16, 0.2, 4), (16, 0.1, 2), (16, 0.5, 8), (7, 0.5, 3), (3, 0.4, 1), (10, 0.0, 0), (2, 0.5, 1)],
)
def test_how_many_copy(trials, quantile, size):
    """ceil(n q), at most floor(n / 2)."""
    lowest, highest = quarters({trial: float(trial) for trial in range(trials)}, quantile)
    assert lowest == tuple(range(size))
    assert highest == tuple(range(trials - size, trials))


def test_of_those_who_reported_only_the_lowest_copy():
    scores = {t: t / 10 for t in range(8)}  # lowest 0 and 1, highest 6 and 7
    rng = np.random.default_rng(0)
    assert exploit([3], scores, rng) == {}
    assert exploit([7], scores, rng) == {}
    assert set(exploit([1], scores, rng)) == {1}
    assert list(exploit([1, 5, 0], scores, rng)) == [1, 0]
    sources = [exploit([0], scores, rng)[0] for _ in range(4000)]
    assert set(sources) == {6, 7}
    assert chisquare(np.bincount(sources)[6:]).pvalue > 1e-4


def test_explore_has_the_law_of_its_two_steps():
    """A number v of range 0..m: 0.2 / (m + 1) each for the new draw, 0.8 / 8 for each of +-0..3, cut at the ends."""
    rng = np.random.default_rng(1)
    values = [0, 1, 2, 5, 8, 9]
    policy = Policy.of(np.resize(np.repeat(values, 2), NUMBERS))
    found = np.array([explore(policy, rng).numbers for _ in range(8000)])
    for place in range(2 * len(values)):
        value, most = policy.numbers[place], int(RANGES[place]) - 1
        law = np.full(most + 1, 0.2 / (most + 1))
        for step in range(4):
            for sign in (-1, 1):
                law[min(max(value + sign * step, 0), most)] += 0.1
        alike = found[:, place :: 2 * len(values)].ravel()
        counts = np.bincount(alike, minlength=most + 1)
        assert len(counts) == most + 1
        assert chisquare(counts, law * len(alike)).pvalue > 1e-4, (value, most)


def test_explore_draws_each_number_by_itself():
    rng = np.random.default_rng(2)
    policy = Policy((5,) * NUMBERS)
    moved = np.array([explore(policy, rng).numbers for _ in range(3000)]) - 5.0
    correlation = np.corrcoef(moved.T) - np.eye(NUMBERS)
    assert np.abs(correlation).max() < 0.1
    still = explore(policy, rng, Rules(anew=0.0, most=0))
    assert still == policy
