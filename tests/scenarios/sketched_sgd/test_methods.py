"""Each method's bytes against the closed form, and the property that its correctness rests on."""

import numpy as np
import pytest

from scenarios.sketched_sgd.exchange import pack, traffic, unpack
from scenarios.sketched_sgd.methods import METHODS, Settings, make, messages
from scenarios.sketched_sgd.power import Layout, Matrix
from scenarios.sketched_sgd.quantised import Qsgd
from scenarios.sketched_sgd.settings import Extras
from sim.errors import UserError

LAYOUT = Layout(2_777, (Matrix(0, 40, 50), Matrix(2_000, 7, 100), Matrix(2_700, 2, 3)))
SETTINGS = Settings(k=30, candidates=3, rows=3, columns=101)


def gradients(workers, size=LAYOUT.size, seed=0):
    return np.random.default_rng(seed).standard_t(3, (workers, size)).astype(np.float32)


def method(name, workers, settings=SETTINGS, layout=LAYOUT, seed=1):
    return make(name, settings, layout, workers, np.random.default_rng(seed))


@pytest.mark.parametrize("workers", [4, 16, 64, 256])
@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("local_top_k", "dgc")])
def test_bytes_counted_are_the_closed_form_to_the_byte(name, workers):
    one = method(name, workers)
    for step in range(2):
        assert one.step(gradients(workers, seed=step)).messages == messages(name, SETTINGS, LAYOUT, workers)


@pytest.mark.parametrize("workers", [4, 16, 64, 256])
def test_local_top_k_sends_its_union_down(workers):
    given, one = gradients(workers), method("local_top_k", workers)
    # before the first step nothing is due, so each worker's own k are those of its gradient
    own = np.argsort(-np.abs(given), axis=1)[:, : SETTINGS.k]
    union = len(np.unique(own))
    assert one.step(given).messages == messages("local_top_k", SETTINGS, LAYOUT, workers, union)
    assert method("dgc", workers).step(given).messages == messages("dgc", SETTINGS, LAYOUT, workers, union)


def test_sketched_compression_is_constant_in_workers_and_local_top_ks_falls():
    size = Layout(6_500_000, ())
    settings = Settings(k=50_000, candidates=4, rows=5, columns=500_000)
    dense = traffic(messages("dense", settings, size, 4)).paper

    def compression(name):
        return [dense / traffic(messages(name, settings, size, workers)).paper for workers in (4, 16, 64, 256)]

    assert len(set(compression("sketched"))) == 1
    # 2 d / (r c + P k + k) = 13,000,000 / 2,750,000
    assert compression("sketched")[0] == pytest.approx(13_000_000 / 2_750_000)
    falling = compression("local_top_k")
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] <= 2.3 < 10 < falling[0]


@pytest.mark.parametrize("name", METHODS)
def test_equal_seeds_give_equal_updates(name):
    for seed in range(2):
        first, second = method(name, 3, seed=seed), method(name, 3, seed=seed)
        for step in range(3):
            given = gradients(3, seed=step)
            assert np.array_equal(first.step(given).update, second.step(given).update)


@pytest.mark.parametrize("name", ["true_top_k", "local_top_k", "pkk", "random_k", "sketched"])
def test_nothing_that_is_due_gets_lost(name):
    # without momentum, what was given is what was applied and what is still due, coordinate by coordinate
    one = method(name, 4, Settings(k=30, candidates=3, rows=3, columns=101, momentum=0.0))
    given = [gradients(4, seed=step) for step in range(5)]
    applied = sum(one.step(g).update for g in given)
    np.testing.assert_allclose(applied + one.memory.due.mean(axis=0), sum(given).mean(axis=0), atol=1e-4)


@pytest.mark.parametrize("name", ["qsgd", "terngrad"])
def test_unbiased_methods_are(name):
    given = gradients(3, size=300)
    settings = Settings(k=1, momentum=0.0, levels=7)
    one = method(name, 3, settings, Layout(300, ()))
    updates = np.array([one.step(given).update for _ in range(4_000)])
    error = np.abs(updates.mean(axis=0) - given.mean(axis=0)) / (updates.std(axis=0) / np.sqrt(4_000) + 1e-9)
    assert np.sort(error)[-3] < 4.5


@pytest.mark.parametrize("name", ["sign_feedback", "one_bit", "power_sgd"])
def test_error_feedback_delivers_a_constant_gradient(name):
    # what error feedback holds back stays bounded, so the mean of the updates tends to the gradient
    layout = Layout(600, (Matrix(0, 20, 30),))
    given = np.tile(np.random.default_rng(0).standard_normal(600).astype(np.float32), (4, 1))
    one = method(name, 4, Settings(k=1, momentum=0.0), layout)
    means = np.cumsum([one.step(given).update for _ in range(1_500)], axis=0)[[49, 1_499]] / [[50], [1_500]]
    error = np.linalg.norm(means - given[0], axis=1) / np.linalg.norm(given[0])
    assert error[1] < 0.06
    assert error[1] < 0.2 * error[0]


def test_power_sgd_is_exact_on_a_matrix_of_its_rank_by_the_second_step():
    random = np.random.default_rng(2)
    low_rank = (random.standard_normal((40, 2)) @ random.standard_normal((2, 50))).astype(np.float32).reshape(1, -1)
    one = method("power_sgd", 1, Settings(k=1, momentum=0.0), Layout(2_000, (Matrix(0, 40, 50),)))
    np.testing.assert_allclose(one.step(low_rank).update, low_rank[0], atol=1e-4)


def test_a_majority_of_signs_wins():
    # three workers: signs (+ + -), (- - +), (+ - -) by coordinate
    given = np.array([[2, -1, 3], [1, -1, -1], [-5, 1, -1]], np.float32)
    assert method("signum", 3, Settings(k=1, candidates=1), Layout(3, ())).step(given).update.tolist() == [1, -1, -1]


def test_signs_by_hand():
    # v = (3, -1, 2, -2): mean |v| = 2; the positive ones' mean is 2.5, the negative ones' -1.5.
    # One worker, so the server quantises what is already quantised: nothing changes.
    given = np.array([[3, -1, 2, -2]], np.float32)
    layout = Layout(4, ())
    assert method("sign_feedback", 1, Settings(k=1), layout).step(given).update.tolist() == [2, -2, 2, -2]
    assert method("one_bit", 1, Settings(k=1), layout).step(given).update.tolist() == [2.5, -1.5, 2.5, -1.5]


def test_qsgd_levels_by_hand():
    # (3, 4) has norm 5; with 5 levels both values lie on a level, so rounding never errs
    arrived, message = Qsgd(2, 0.0, 5, np.random.default_rng(0)).quantised("up", np.array([3, -4], np.float32))
    assert arrived.tolist() == [3, -4]
    # levels 0 to 5 take 3 bits, a sign 1: 8 bits for two coordinates, and one norm
    assert message.size == 1 + 4


def test_packing_is_undone_by_unpacking():
    random = np.random.default_rng(0)
    for bits in (1, 2, 3, 7, 9):
        levels = random.integers(0, 1 << bits, 101)
        assert np.array_equal(unpack(pack(levels, bits), bits, 101), levels)
        assert pack(levels, bits).nbytes == -(-101 * bits // 8)


def test_dgc_warms_up_to_its_sparsity_and_clips():
    settings = Settings(k=10, momentum=0.0, extras=Extras(warm_up=4))
    one = method("dgc", 1, settings, Layout(10_000, ()))
    sizes = [one.step(gradients(1, 10_000, step)).messages[0].size // 8 for step in range(6)]
    # from a quarter, in equal factors, to k
    assert sizes == [2_500, 628, 158, 39, 10, 10]
    clipped = method("dgc", 4, Settings(k=100, candidates=1, momentum=0.0, extras=Extras(clip=1.0)), Layout(100, ()))
    update = clipped.step(gradients(4, 100)).update
    assert np.linalg.norm(update) <= 0.5  # four gradients of norm 1 / sqrt(4) each, averaged


@pytest.mark.parametrize("name", METHODS)
def test_a_zero_gradient_moves_nothing_but_signs(name):
    update = method(name, 2).step(np.zeros((2, LAYOUT.size), np.float32)).update
    assert np.isfinite(update).all()
    if name != "signum":
        assert not update.any()


def test_what_does_not_fit_is_refused():
    for settings, said in (
        (Settings(k=0), "k is 0"),
        (Settings(k=3_000), "1 to 2777"),
        (Settings(k=1_000, candidates=3), "candidates is 3"),
    ):
        with pytest.raises(UserError, match=said):
            method("sketched", 2, settings)
    with pytest.raises(UserError, match="workers is 0"):
        method("dense", 0)
