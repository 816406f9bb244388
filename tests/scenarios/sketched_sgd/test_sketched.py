"""The algorithm that is run, the theory's, and FetchSGD: by hand, against true top-k, against the lemma's bound."""

import numpy as np
import pytest

from scenarios.sketched_sgd.exchange import Message, traffic
from scenarios.sketched_sgd.memory import Memory
from scenarios.sketched_sgd.recovery import heavy, heavymix
from scenarios.sketched_sgd.sketch import FAMILIES, BlockSketch, PolynomialSketch
from scenarios.sketched_sgd.sketched import Fetch, Sketched, SketchedTheory
from scenarios.sketched_sgd.sparse import TrueTopK


class NoCollisions:
    """A family of one row in which every coordinate has a bucket of its own: estimates are exact."""

    rows, state_bytes = 1, 0

    def __init__(self, size):
        self.size, self.columns, self.key = size, size, f"exact {size}"

    def encode(self, vector):
        from scenarios.sketched_sgd.sketch import Table

        return Table(self, vector[None].copy())

    def estimates_of(self, counters):
        return counters[0].copy()

    def buckets(self, indices):
        return np.asarray(indices, np.int64)[None]

    def signs(self, indices):
        return np.ones((1, len(indices)), np.float32)


def f32(*rows):
    return np.array(rows, np.float32)


def test_two_steps_by_hand():
    """Two workers, four coordinates, k = 1, P = 2, momentum 1/2, exact estimates.

    Step 1: g1 = (4, 1, 0, -2), g2 = (2, -3, 0, -4); u = v = g.
      mean of v = (3, -1, 0, -3): candidates are the two largest, 0 and 3 (both 3: the tie goes to the lower index).
      Update: coordinate 0 by 3. Masked: u, v of coordinate 0 on both workers.
      Left: u1 = v1 = (0, 1, 0, -2), u2 = v2 = (0, -3, 0, -4).
    Step 2: g1 = (1, 1, 0, 0), g2 = (1, 1, 2, 0).
      u1 = (0, .5, 0, -1) + g1 = (1, 1.5, 0, -1),    v1 = (0, 1, 0, -2) + u1 = (1, 2.5, 0, -3).
      u2 = (0, -1.5, 0, -2) + g2 = (1, -.5, 2, -2),  v2 = (0, -3, 0, -4) + u2 = (1, -3.5, 2, -6).
      mean of v = (1, -.5, 1, -4.5): candidates 3 and 0 (1 each at 0 and 2, the lower index). Update: 3 by -4.5.
      Left: v1 = (1, 2.5, 0, 0), v2 = (1, -3.5, 2, 0), u1 = (1, 1.5, 0, 0), u2 = (1, -.5, 2, 0).
    Messages: 4 counters up, 2 indices down, 2 values up, a value and an index down.
    """
    memory = Memory(2, 4, momentum=0.5)
    one = Sketched(memory, NoCollisions(4), k=1, candidates=2)
    first = one.step(f32((4, 1, 0, -2), (2, -3, 0, -4)))
    assert first.update.tolist() == [3, 0, 0, 0]
    assert memory.due.tolist() == memory.momentum.tolist() == [[0, 1, 0, -2], [0, -3, 0, -4]]
    second = one.step(f32((1, 1, 0, 0), (1, 1, 2, 0)))
    assert second.update.tolist() == [0, 0, 0, -4.5]
    assert memory.due.tolist() == [[1, 2.5, 0, 0], [1, -3.5, 2, 0]]
    assert memory.momentum.tolist() == [[1, 1.5, 0, 0], [1, -0.5, 2, 0]]
    assert second.messages == (
        Message("up", 16, 16, adds=True),
        Message("down", 8, 0),
        Message("up", 8, 8, adds=True),
        Message("down", 8, 4),
    )
    assert traffic(second.messages).paper == 4 * (4 + 2 + 1)


def test_the_second_round_corrects_what_the_sketch_misjudged():
    """One row, two buckets, all signs as drawn: exact values decide, not estimates.

    Coordinates 0 and 1 share bucket A, 2 has bucket B. v = (3, 2, 4): bucket A holds 5 (equal signs), B 4. Estimates
    (5, 5, 4): candidates for P k = 2 are 0 and 1; exact 3 and 2; the k = 1 largest is 0 by 3, though 2 is larger.
    """

    class Shared(NoCollisions):
        def encode(self, vector):
            from scenarios.sketched_sgd.sketch import Table

            return Table(self, f32((vector[0] + vector[1], vector[2])))

        def estimates_of(self, counters):
            return counters[0][[0, 0, 1]]

    one = Sketched(Memory(1, 3, 0.0), Shared(3), k=1, candidates=2)
    assert one.step(f32((3, 2, 4))).update.tolist() == [3, 0, 0]
    # v = (0, 2, 4) now, and g = 0: estimates (2, 2, 4), candidates 2 and 0, exact 4 and 0
    assert one.step(f32((0, 0, 0))).update.tolist() == [0, 0, 4]


def test_theory_by_hand():
    """One worker, xi = 1, k = 1, exact estimates: rates 1/2, 1/3.

    Step 1: g = (8, 2): due (4, 1). |v|^2 / k = 17; 4^2 = 16 < 17, so no heavy hitter: the coordinate is drawn.
    Step with g = (8, 0): due (4, 0), norm 4, 16 >= 16: coordinate 0 is heavy, update 4, nothing left.
    Then g = (0, 6): due (0, 2) at rate 1/3, heavy: update 2 at coordinate 1. q_t = (t + xi)^2 = 4, 9.
    """
    family = NoCollisions(2)
    assert heavy(family.encode(f32((4, 1))[0]), 1).tolist() == []
    one = SketchedTheory(family, 1, k=1, xi=1.0, random=np.random.default_rng(0))
    assert one.step(f32((8, 0))).update.tolist() == [4, 0]
    assert one.weight == 4
    np.testing.assert_allclose(one.step(f32((0, 6))).update, [0, 2], rtol=1e-6)
    assert one.weight == 9


def test_fetch_by_hand():
    """Exact cells, momentum 1/2, k = 1. g = (4, 3): error (4, 3), update 4 at 0, its cells zeroed in both tables.

    Then g = (1, 1): velocity (0, 1.5) + (1, 1) = (1, 2.5), error (0, 3) + (1, 2.5) = (1, 5.5): update 5.5 at 1.
    """
    one = Fetch(NoCollisions(2), k=1, momentum=0.5)
    assert one.step(f32((4, 3))).update.tolist() == [4, 0]
    second = one.step(f32((1, 1)))
    assert second.update.tolist() == [0, 5.5]
    assert second.messages == (Message("up", 8, 8, adds=True), Message("down", 8, 4))


@pytest.mark.parametrize("kind", FAMILIES)
def test_with_a_large_table_it_is_true_top_k_step_by_step(kind):
    size, workers, k = 3_000, 4, 60
    random = np.random.default_rng(7)
    family = FAMILIES[kind](random, size, 7, 60_000)
    ours = Sketched(Memory(workers, size, 0.9), family, k, 4 * k)
    theirs = TrueTopK(Memory(workers, size, 0.9), k)
    weights, target = np.zeros(size, np.float32), random.standard_t(3, size).astype(np.float32)
    same = 0
    for _ in range(100):
        noise = random.standard_normal((workers, size)).astype(np.float32)
        given = weights - target + np.float32(0.3) * noise
        step = ours.step(given)
        theirs.step(given)
        same += len(np.intersect1d(ours.chosen, theirs.chosen))
        weights = weights - np.float32(0.05) * step.update
    assert same >= 0.999 * 100 * k


def test_recovery_is_a_contraction_in_a_thousand_trials():
    # given H, the random rest is uniform: E |x - out|^2 = (1 - (k - |H|) / (d - |H|)) * (|x|^2 - |x_H|^2)
    size, k, columns = 2_000, 20, 600
    random, contracted, left = np.random.default_rng(0), 0, []
    shapes = [
        random.standard_t(2, size),
        random.standard_normal(size),
        np.ones(size),
        np.r_[np.full(25, 10.0), np.zeros(size - 25)] + 0.01 * random.standard_normal(size),
    ]
    for trial in range(1_000):
        vector = shapes[trial % 4].astype(np.float32)
        table = BlockSketch(np.random.default_rng(trial), size, 5, columns).encode(vector)
        hitters, energy = heavy(table, k), float(np.square(vector, dtype=np.float64).sum())
        rest = energy - float(np.square(vector[hitters], dtype=np.float64).sum())
        expected = rest * (1 - (k - len(hitters)) / (size - len(hitters)))
        contracted += expected <= (1 - k / size) * energy * (1 + 1e-9)
        chosen = heavymix(table, k, random)
        assert len(chosen) == len(np.unique(chosen)) == k
        left.append((rest - np.square(vector[np.setdiff1d(chosen, hitters)]).sum()) / max(expected, 1e-9))
    assert contracted >= 990
    assert np.mean(left) == pytest.approx(1.0, abs=0.01)


def test_theory_converges_on_a_strongly_convex_function():
    # f(w) = |w - target|^2 / 2, mu = L = 1, noise in every gradient; the mean of theorem 1, weights (t + xi)^2
    size, k, workers, xi = 200, 20, 3, 60.0
    random = np.random.default_rng(1)
    target = random.standard_normal(size).astype(np.float32)
    one = SketchedTheory(PolynomialSketch(random, size, 5, 100), workers, k, xi, random)
    plain, weights = np.zeros(size, np.float32), np.zeros(size, np.float32)
    means, total = np.zeros((2, size)), 0.0
    for step in range(2_500):
        noise = random.standard_normal((workers, size)).astype(np.float32)
        weights = weights - one.step(weights - target + noise).update
        plain = plain - (plain - target + noise.mean(axis=0)) / np.float32(step + 1 + xi)
        means, total = means + one.weight * np.stack([weights, plain]), total + one.weight
    ours, uncompressed = np.square(means / total - target).sum(axis=1)
    assert ours < 1.5 * uncompressed < 0.01 * np.square(target).sum()


def test_fetch_finds_the_heavy_coordinates_of_a_steady_gradient():
    size, random = 5_000, np.random.default_rng(3)
    given = 0.01 * random.standard_normal((2, size)).astype(np.float32)
    given[:, :10] += 5.0
    one = Fetch(BlockSketch(random, size, 5, 500), k=10, momentum=0.0)
    assert np.flatnonzero(one.step(given).update).tolist() == list(range(10))
