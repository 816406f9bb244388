import numpy as np
import pytest
from pydantic import ValidationError

from scenarios.images.load import load
from scenarios.sketched_sgd.config import METRICS, SketchedConfig
from scenarios.sketched_sgd.exchange import Step
from scenarios.sketched_sgd.methods import METHODS, Settings, make
from scenarios.sketched_sgd.model import convolutional
from scenarios.sketched_sgd.scenario import SketchedSgd
from scenarios.sketched_sgd.training import Plan, rate_at, train
from sim.errors import UserError
from sim.scenario import Context


def run(**settings):
    return SketchedSgd().run(SketchedConfig(**settings), Context.alone(3))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_and_is_priced(method):
    outcome = run(method=method, epochs=1, rate=0.01)
    assert set(outcome.metrics) == {metric.name for metric in METRICS}
    assert outcome.checks[0].verdict == "holds"
    assert 0 <= outcome.metrics["accuracy"] <= 1
    missing = {name for name, value in outcome.metrics.items() if value is None}
    assert missing == set(outcome.notes)
    if method == "dense":
        assert outcome.metrics["compression"] == outcome.metrics["speedup"] == 1


def test_equal_seeds_give_equal_runs():
    first, second = run(epochs=2), run(epochs=2)
    assert first.metrics == second.metrics
    assert np.array_equal(first.series["epochs"].columns["accuracy"], second.series["epochs"].columns["accuracy"])


def test_what_is_not_trained_is_priced_alone():
    outcome = run(workload="resnet50", fabric="ring", workers=16)
    assert outcome.metrics["accuracy"] is None
    assert "nothing is trained" in outcome.notes["accuracy"]
    assert outcome.metrics["speedup"] > 0


def test_compression_is_independent_of_workers_for_sketches_and_not_for_local_top_k():
    found = {
        method: [run(workload="resnet9", method=method, workers=workers).metrics["compression"] for workers in (4, 256)]
        for method in ("sketched", "local_top_k")
    }
    assert found["sketched"][0] == found["sketched"][1]
    assert found["local_top_k"][0] > 4 * found["local_top_k"][1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"rows": 4}, "odd number"), ({"keep": 0.5, "candidates": 4}, "at most all"), ({"fabric": "mesh"}, "server")],
)
def test_impossible_settings_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        SketchedConfig(**settings)


def test_one_workers_dense_step_is_plain_gradient_descent():
    data = load("digits", np.random.default_rng(0))
    model = convolutional(data.shape, data.classes, seed=1)
    method = make("dense", Settings(k=1, momentum=0.0), model.layout, 1, np.random.default_rng(0))
    plan = Plan(epochs=1, batch=len(data.train), rate=0.1)
    trained = train(model, data.train, data.test, method, 1, plan, np.random.default_rng(5))
    order = np.random.default_rng(5).permutation(len(data.train))
    gradient = model.gradient(model.initial(), data.train.take(order))
    np.testing.assert_array_equal(trained.weights, model.initial() - np.float32(0.1) * gradient)


def test_workers_means_are_the_batchs_gradient():
    data = load("waves", np.random.default_rng(0))
    model = convolutional(data.shape, data.classes, seed=1)
    whole = model.gradient(model.initial(), data.train.take(slice(0, 32)))
    parts = [model.gradient(model.initial(), data.train.take(slice(s, s + 8))) for s in range(0, 32, 8)]
    np.testing.assert_allclose(np.mean(parts, axis=0), whole, atol=1e-5)


def test_the_gradient_is_the_slope():
    data = load("digits", np.random.default_rng(0))
    model, images = convolutional(data.shape, data.classes, seed=1), data.train.take(slice(0, 64))
    weights = model.initial()
    gradient = model.gradient(weights, images)
    direction = gradient / np.linalg.norm(gradient)
    import torch

    def loss(at):
        model._load(at)
        scores = model._network(torch.from_numpy(images.inputs))
        return torch.nn.functional.cross_entropy(scores, torch.from_numpy(images.labels)).item()

    slope = (loss(weights + 0.02 * direction) - loss(weights - 0.02 * direction)) / 0.04
    assert slope == pytest.approx(float(np.linalg.norm(gradient)), rel=0.02)


def test_a_diverged_run_ends_at_chance():
    class Wild:
        def step(self, gradients):
            return Step(np.full(gradients.shape[1], np.inf, np.float32), ())

    data = load("digits", np.random.default_rng(0))
    trained = train(
        convolutional(data.shape, 10, 0), data.train, data.test, Wild(), 2, Plan(3, 64, 0.1), np.random.default_rng(0)
    )
    assert trained.diverged
    assert trained.accuracy.tolist() == [0.1] * 3


def test_the_rate_rises_and_falls():
    rates = [rate_at(step, 100, 0.5) for step in range(100)]
    assert max(rates) == 0.5 == rates[19]
    assert rates == sorted(rates[:20]) + sorted(rates[20:], reverse=True)
    assert 0 < rates[-1] < 0.01


def test_a_batch_that_leaves_a_worker_without_image_is_refused():
    with pytest.raises(UserError, match="batch is 2048"):
        run(workers=2048, batch=1)
