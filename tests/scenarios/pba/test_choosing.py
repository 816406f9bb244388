"""Which operations fire how often, against exact probabilities, at a million draws."""

from math import comb

import numpy as np
import pytest
from scipy.stats import chisquare

from scenarios.pba.choosing import COUNTS, by_policy, rand_augment, trivial_augment
from scenarios.pba.operations import LEVELS, OPERATIONS
from scenarios.pba.policy import NUMBERS, RANGES, Policy
from sim.errors import UserError

DRAWS = 1_000_000
#: Draws are seeded: below this the law is wrong, not the luck.
UNLIKELY = 1e-4


def fits(counts, expected):
    """Whether counts look drawn from the expected probabilities; what has no probability must not be drawn."""
    expected = np.asarray(expected)
    assert (counts[expected == 0] == 0).all()
    possible = expected > 0
    if possible.sum() == 1:
        return True
    return chisquare(counts[possible], expected[possible] * counts.sum()).pvalue > UNLIKELY


def fired(probabilities):
    """Distribution of how many of independent events happen."""
    law = np.ones(1)
    for probability in probabilities:
        law = np.convolve(law, [1 - probability, probability])
    return law


def law_of_counts(probabilities, counts):
    """Done are min(count drawn, entries that fire): probabilities of 0, 1, 2."""
    law = fired(probabilities)
    result = np.zeros(len(counts))
    for count, share in enumerate(counts):
        for happened, probability in enumerate(law):
            result[min(count, happened)] += share * probability
    return result


def shares(probabilities, counts, who):
    """Probability that all entries of `who` are done.

    Whether an entry fires does not depend on the order; of F that fire, each set of `count` is equally likely to be met
    first. So given that `who` fire and B others do, it is C(B, count - |who|) / C(B + |who|, count), or 1 if count is
    not reached.
    """
    others = fired(np.delete(probabilities, who))
    certain = float(np.prod(probabilities[list(who)]))
    total = 0.0
    for count, share in enumerate(counts):
        for more, probability in enumerate(others):
            all_fired = more + len(who)
            if count >= all_fired:
                met = 1.0
            else:
                met = comb(more, count - len(who)) / comb(all_fired, count) if count >= len(who) else 0.0
            total += share * certain * probability * met
    return total


@pytest.fixture(scope="module", params=[0, 1, 2], ids=["drawn", "sparse", "full"])
def drawn(request):
    rng = np.random.default_rng(request.param)
    numbers = rng.integers(0, RANGES)
    if request.param == 1:
        numbers[::2] *= rng.random(NUMBERS // 2) < 0.2
    if request.param == 2:
        numbers[::2] = 10
    numbers[1::2] = np.arange(30) % 10  # the level tells entries of an operation apart
    policy = Policy.of(numbers)
    return policy, by_policy(policy, DRAWS, (32, 32), rng)


def entries(policy, chosen):
    """Which of the 30 entries were done, by operation and level; -1 for none."""
    place = np.full((len(OPERATIONS), LEVELS), -1)
    place[policy.operations, policy.levels] = np.arange(30)
    return np.where(chosen.operations >= 0, place[chosen.operations, chosen.levels], -1)


def test_how_many_are_done(drawn):
    policy, chosen = drawn
    counts = np.bincount((chosen.operations >= 0).sum(axis=1), minlength=3)
    assert fits(counts, law_of_counts(policy.probabilities, COUNTS))


def test_how_often_each_entry_is_done(drawn):
    """Each entry by itself: done or not, a million times."""
    policy, chosen = drawn
    done = entries(policy, chosen)
    for entry in range(30):
        expected = shares(policy.probabilities, COUNTS, (entry,))
        counts = np.array([(done == entry).sum(), 0])
        counts[1] = DRAWS - counts[0]
        assert fits(counts, [expected, 1 - expected]), entry


def test_the_first_of_those_done_is_as_likely_each(drawn):
    """Of pairs the order is a coin, and each pair has its own probability."""
    policy, chosen = drawn
    done = entries(policy, chosen)
    both = done[(done >= 0).all(axis=1)]
    assert fits(np.bincount((both[:, 0] < both[:, 1]).astype(int), minlength=2), [0.5, 0.5])
    pairs = [(a, b) for a in range(30) for b in range(a + 1, 30)]
    low, high = both.min(axis=1), both.max(axis=1)
    found = np.bincount(low * 30 + high, minlength=900)
    counts = np.array([found[a * 30 + b] for a, b in pairs] + [DRAWS - len(both)])
    expected = np.array([shares(policy.probabilities, COUNTS, pair) for pair in pairs])
    common = expected * DRAWS > 10
    counts = np.append(counts[:-1][common], counts[-1] + counts[:-1][~common].sum())
    assert fits(counts, np.append(expected[common], 1 - expected[common].sum()))


def test_sides_are_coins_and_centres_uniform(drawn):
    _, chosen = drawn
    done = chosen.operations >= 0
    assert fits(np.bincount(chosen.turned[done], minlength=2), [0.5, 0.5])
    for axis in range(2):
        assert fits(np.bincount(chosen.centres[done][:, axis], minlength=32), np.full(32, 1 / 32))


def test_a_policy_of_zeros_does_nothing():
    chosen = by_policy(Policy.nothing(), 1000, (32, 32), np.random.default_rng(0))
    assert (chosen.operations == -1).all()


def test_other_counts_and_oblong_images():
    policy = Policy((10, 3) * 30)
    chosen = by_policy(policy, 100_000, (8, 20), np.random.default_rng(0), (0.0, 0.0, 0.25, 0.75))
    assert fits(np.bincount((chosen.operations >= 0).sum(axis=1), minlength=4), [0, 0, 0.25, 0.75])
    assert chosen.centres[..., 0].max() == 7
    assert chosen.centres[..., 1].max() == 19


@pytest.mark.parametrize("counts", [(), (0.5, 0.4), (1.5, -0.5)])
def test_what_is_no_distribution_is_refused(counts):
    with pytest.raises(UserError, match="sum to 1"):
        by_policy(Policy.nothing(), 1, (8, 8), np.random.default_rng(0), counts)


def test_same_generator_same_choices():
    policy = Policy((5, 5) * 30)
    one, two = (by_policy(policy, 100, (32, 32), np.random.default_rng(7)) for _ in range(2))
    assert all((getattr(one, name) == getattr(two, name)).all() for name in ("operations", "levels", "turned"))


def test_rand_and_trivial_augment_are_uniform():
    rng = np.random.default_rng(0)
    trivial = trivial_augment(200_000, (32, 32), rng)
    assert trivial.operations.shape == (200_000, 1)
    assert fits(np.bincount(trivial.operations[:, 0] + 1, minlength=16), np.full(16, 1 / 16))
    assert fits(np.bincount(trivial.levels[:, 0], minlength=10), np.full(10, 1 / 10))
    rand = rand_augment(200_000, (32, 32), rng, 2, 7)
    assert (rand.levels == 7).all()
    first, second = (rand.operations + 1).astype(int).T
    together = first * 16 + second
    assert fits(np.bincount(together, minlength=256), np.full(256, 1 / 256))
    with pytest.raises(UserError, match="level is 10"):
        rand_augment(1, (8, 8), rng, 1, 10)


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ((0,) * 59, "60 numbers; this one has 59"),
        ((11,) + (0,) * 59, "number 0 .* probability .* from 0 to 10"),
        ((0, 10) + (0,) * 58, "number 1 .* level .* from 0 to 9"),
        ((0.5,) + (0,) * 59, "number 0 of a policy is 0.5"),
    ],
)
def test_what_is_no_policy_is_refused(numbers, complaint):
    with pytest.raises(UserError, match=complaint):
        Policy(numbers)


def test_drawn_policies_are_uniform():
    rng = np.random.default_rng(0)
    numbers = np.array([Policy.drawn(rng).numbers for _ in range(3000)])
    assert fits(np.bincount(numbers[:, ::2].ravel(), minlength=11), np.full(11, 1 / 11))
    assert fits(np.bincount(numbers[:, 1::2].ravel(), minlength=10), np.full(10, 1 / 10))
