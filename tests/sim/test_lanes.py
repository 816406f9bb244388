import numpy as np
import pytest
from numba import njit
from scipy import stats

from sim import lanes
from sim.rng import Streams

STREAMS = Streams(1, "lanes", 0)


@njit
def _drawn(state, draw, count):
    found = np.empty((len(state), count))
    for lane in range(len(state)):
        for index in range(count):
            found[lane, index] = draw(state, lane)
    return found


@njit
def _gammas(state, shape, count):
    return np.array([lanes.gamma(state, 0, shape) for _ in range(count)])


@njit
def _betas(state, successes, failures, count):
    return np.array([lanes.beta(state, 0, successes, failures) for _ in range(count)])


@pytest.mark.parametrize("draw", [lanes.uniform, lanes.normal, lanes.exponential])
def test_a_lane_draws_the_same_alone_and_among_others(draw):
    many = _drawn(lanes.seed(STREAMS, "x", range(20)), draw, 50)
    alone = _drawn(lanes.seed(STREAMS, "x", [13]), draw, 50)
    assert (many[13] == alone[0]).all()


def test_lanes_and_names_draw_apart():
    a = _drawn(lanes.seed(STREAMS, "x", range(50)), lanes.uniform, 400)
    b = _drawn(lanes.seed(STREAMS, "y", range(50)), lanes.uniform, 400)
    both = np.vstack([a, b])
    correlations = np.corrcoef(both)[np.triu_indices(100, 1)]
    assert len(np.unique(both)) == both.size
    assert abs(correlations).max() < 5.0 / np.sqrt(400)


@pytest.mark.parametrize(
    ("draw", "law"), [(lanes.uniform, "uniform"), (lanes.normal, "norm"), (lanes.exponential, "expon")]
)
def test_laws(draw, law):
    drawn = _drawn(lanes.seed(STREAMS, "law", [0]), draw, 400_000)[0]
    assert stats.kstest(drawn, law).pvalue > 1e-3


def test_the_normal_tail_beyond_the_ziggurat_has_the_right_weight_and_shape():
    drawn = abs(_drawn(lanes.seed(STREAMS, "tail", [0]), lanes.normal, 4_000_000)[0])
    beyond = drawn[drawn > 3.6541528853610088]
    expected = 2 * stats.norm.sf(3.6541528853610088) * len(drawn)
    assert abs(len(beyond) - expected) < 4 * np.sqrt(expected)
    assert stats.kstest(beyond, lambda x: 1 - stats.norm.sf(x) / stats.norm.sf(3.6541528853610088)).pvalue > 1e-3


@pytest.mark.parametrize("shape", [0.2, 0.99, 1.0, 1.5, 30.0, 5000.0])
def test_gamma(shape):
    drawn = _gammas(lanes.seed(STREAMS, "gamma", [0]), shape, 200_000)
    assert stats.kstest(drawn, "gamma", (shape,)).pvalue > 1e-3


@pytest.mark.parametrize("shapes", [(1.0, 1.0), (30.0, 1.0), (2.0, 7.5), (0.5, 0.3)])
def test_beta(shapes):
    drawn = _betas(lanes.seed(STREAMS, "beta", [0]), *shapes, 200_000)
    assert stats.kstest(drawn, "beta", shapes).pvalue > 1e-3
