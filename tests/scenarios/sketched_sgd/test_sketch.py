import numpy as np
import pytest

from scenarios.sketched_sgd import hashing
from scenarios.sketched_sgd.sketch import FAMILIES, BlockSketch, PolynomialSketch
from scenarios.sketched_sgd.top_k import top_k
from sim.errors import UserError

both = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


def heavy_tail(random, size):
    return (random.standard_normal(size) * random.pareto(1.5, size)).astype(np.float32)


def student(random, size):
    return random.standard_t(3, size).astype(np.float32)


def clustered(random, size):
    scale = np.repeat(10.0 ** random.uniform(-3, 0, size // 500 + 1), 500)[:size]
    return (scale * random.standard_normal(size)).astype(np.float32)


def real_gradient(random, size):
    from scenarios.images.load import load
    from scenarios.sketched_sgd.model import convolutional

    data = load("digits", random)
    model = convolutional(data.shape, data.classes, seed=0)
    weights = model.initial()
    batch = data.train.take(slice(0, 256))
    for _ in range(20):
        weights = weights - 0.1 * model.gradient(weights, batch)
    return model.gradient(weights, batch)


def truly_random(random, vector, rows, columns):
    """Estimates by a sketch whose buckets and signs are drawn for every coordinate."""
    seen = np.empty((rows, len(vector)), np.float32)
    for row in seen:
        bucket = random.integers(0, columns, len(vector))
        sign = 1.0 - 2.0 * random.integers(0, 2, len(vector))
        row[:] = np.bincount(bucket, sign * vector, columns)[bucket] * sign
    return np.median(seen, axis=0).astype(np.float32)


def recall(estimates, vector, k):
    return len(np.intersect1d(top_k(estimates, k), top_k(vector, k))) / k


@pytest.mark.parametrize("shape", [heavy_tail, student, clustered])
def test_recall_and_error_are_those_of_truly_random_hashing(shape):
    size, rows, columns, k, draws = 200_000, 5, 15_000, 1_500, 12
    vector = shape(np.random.default_rng(5), size)
    found = {"block": [], "random": []}
    for seed in range(draws):
        random = np.random.default_rng(seed)
        ours = BlockSketch(random, size, rows, columns).encode(vector).estimates()
        ideal = truly_random(random, vector, rows, columns)
        for name, estimates in (("block", ours), ("random", ideal)):
            found[name].append((recall(estimates, vector, k), np.sqrt(np.mean((estimates - vector) ** 2))))
    ours, ideal = (np.mean(found[name], axis=0) for name in ("block", "random"))
    assert abs(ours[0] - ideal[0]) <= 0.01
    assert ours[1] <= 1.02 * ideal[1]


def test_recall_on_a_gradient_of_a_trained_network_is_that_of_truly_random_hashing():
    vector = real_gradient(np.random.default_rng(0), 0)
    size, k = len(vector), len(vector) // 100
    columns, ours, ideal = size // 15, [], []
    for seed in range(40):
        random = np.random.default_rng(seed)
        ours.append(recall(BlockSketch(random, size, 5, columns).encode(vector).estimates(), vector, k))
        ideal.append(recall(truly_random(random, vector, 5, columns), vector, k))
    assert abs(np.mean(ours) - np.mean(ideal)) <= 0.01


@pytest.mark.parametrize(
    "vector",
    [student(np.random.default_rng(1), 40_000), np.ones(40_000, np.float32), np.arange(40_000, dtype=np.float32)],
    ids=["student", "constant", "ramp"],
)
def test_the_norm_is_unbiased(vector):
    norms = [BlockSketch(np.random.default_rng(s), 40_000, 5, 4_000).encode(vector).norm() for s in range(200)]
    assert np.mean(norms) == pytest.approx(np.linalg.norm(vector), rel=0.01)


@both
def test_merged_sketches_are_the_sketch_of_the_sum(family):
    random = np.random.default_rng(3)
    sketch = family(random, 10_000, 5, 700)
    # whole numbers below 2**24 add up exactly in float32, in any order
    vectors = random.integers(-1000, 1000, (8, 10_000)).astype(np.float32)
    merged = sum((sketch.encode(vector) for vector in vectors[1:]), sketch.encode(vectors[0]))
    assert np.array_equal(merged.counters, sketch.encode(vectors.sum(axis=0)).counters)


@both
def test_a_spike_is_one_counter_per_row_and_is_found(family):
    sketch = family(np.random.default_rng(4), 5_000, 3, 300)
    for place in (0, 63, 64, 2_500, 4_999):
        spike = np.zeros(5_000, np.float32)
        spike[place] = 2.5
        table = sketch.encode(spike)
        assert [np.flatnonzero(row).tolist() for row in table.counters] == sketch.buckets(np.array([place])).tolist()
        assert np.array_equal(np.abs(table.counters).sum(axis=1), [2.5] * 3)
        assert table.norm() == 2.5
        assert table.heaviest(1).tolist() == [place]


@both
@pytest.mark.parametrize("rows", [1, 3, 5, 7])
def test_queries_of_all_and_of_some_agree_with_the_definition(family, rows):
    random = np.random.default_rng(rows)
    sketch, vector = family(random, 3_000, rows, 250), random.standard_normal(3_000).astype(np.float32)
    everywhere = np.arange(3_000, dtype=np.int32)
    buckets, signs = sketch.buckets(everywhere), sketch.signs(everywhere)
    expected = np.stack(
        [np.bincount(bucket, sign * vector, 250) for bucket, sign in zip(buckets, signs, strict=True)]
    ).astype(np.float32)
    table = sketch.encode(vector)
    np.testing.assert_allclose(table.counters, expected, atol=1e-4)
    defined = np.median(np.take_along_axis(table.counters, buckets, 1) * signs, axis=0)
    np.testing.assert_array_equal(table.estimates(), defined)
    np.testing.assert_array_equal(table.estimates_at(everywhere[::7]), defined[::7])


def test_polynomials_equal_whole_number_arithmetic():
    random = np.random.default_rng(0)
    words = hashing.draw(random, 3, 50)
    words[0] = hashing.PRIME - 1
    keys = np.concatenate([random.integers(0, hashing.PRIME, 50), [0, 1, hashing.PRIME - 1]])
    for row in words:
        expected = []
        for key in keys.tolist():
            value = 0
            for word in row.tolist():
                value = (value * key + word) % hashing.PRIME
            expected.append(value)
        assert hashing.hashes(keys, row).tolist() == expected


def test_buckets_are_uniform_and_signs_uncorrelated_over_families():
    # the chi-square statistic of 40 buckets has mean 39 and deviation 8.8
    places = np.array([5, 70, 900], np.int32)
    for family in (BlockSketch, PolynomialSketch):
        drawn = [family(np.random.default_rng(s), 1_000, 1, 40) for s in range(2_000)]
        buckets = np.array([one.buckets(places)[0] for one in drawn])
        signs = np.array([one.signs(places)[0] for one in drawn])
        for place in range(3):
            counts = np.bincount(buckets[:, place], minlength=40)
            assert ((counts - 50) ** 2 / 50).sum() < 39 + 4 * 8.8
        assert np.abs(np.corrcoef(signs.T) - np.eye(3)).max() < 4 / np.sqrt(2_000)
        assert abs(np.mean(buckets[:, 0] == buckets[:, 1]) - 1 / 40) < 4 * np.sqrt(1 / 40 / 2_000)


def test_hash_state_is_small():
    sketch = BlockSketch(np.random.default_rng(0), 6_500_000, 5, 500_000)
    assert sketch.state_bytes <= 0.05 * 4 * sketch.size


def test_tables_of_other_families_are_refused():
    vector = np.ones(100, np.float32)
    first = BlockSketch(np.random.default_rng(0), 100, 3, 50).encode(vector)
    for other in (
        BlockSketch(np.random.default_rng(1), 100, 3, 50),
        PolynomialSketch(np.random.default_rng(0), 100, 3, 50),
    ):
        with pytest.raises(UserError, match="different families"):
            first + other.encode(vector)
    assert np.array_equal(
        (first + BlockSketch(np.random.default_rng(0), 100, 3, 50).encode(vector)).counters, 2 * first.counters
    )


@pytest.mark.parametrize(
    ("shape", "said"), [((0, 3, 10), "0 coordinates"), ((10, 4, 10), "odd number"), ((10, 3, 0), "in 0 columns")]
)
def test_impossible_shapes_are_refused(shape, said):
    for family in FAMILIES.values():
        with pytest.raises(UserError, match=said):
            family(np.random.default_rng(0), *shape)


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(UserError, match="for 10 coordinates"):
        BlockSketch(np.random.default_rng(0), 10, 3, 10).encode(np.ones(11, np.float32))


@pytest.mark.parametrize("values", [np.zeros(50), np.ones(50), -np.arange(50), 1e-44 * np.arange(50)])
@pytest.mark.parametrize("k", [0, 1, 7, 50])
def test_top_k_is_a_stable_sort_without_zeros(values, k):
    vector = values.astype(np.float32)
    by_size = np.argsort(-np.abs(vector), kind="stable")[:k]
    assert top_k(vector, k).tolist() == sorted(i for i in by_size.tolist() if vector[i] != 0)


def test_top_k_with_many_ties_equals_a_stable_sort():
    random = np.random.default_rng(0)
    for _ in range(200):
        vector = np.round(random.standard_normal(300) * 3).astype(np.float32) / np.float32(3.0)
        k = int(random.integers(0, 301))
        by_size = np.argsort(-np.abs(vector), kind="stable")[:k]
        assert top_k(vector, k).tolist() == sorted(i for i in by_size.tolist() if vector[i] != 0)


def test_top_k_refuses_what_has_no_order():
    for bad in (np.nan, np.inf):
        with pytest.raises(UserError, match="NaN or infinity"):
            top_k(np.array([1.0, bad], np.float32), 1)
    with pytest.raises(UserError, match="k is 3"):
        top_k(np.ones(2, np.float32), 3)
