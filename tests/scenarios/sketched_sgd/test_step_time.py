"""The time of a step and the crossover, against closed forms worked out here."""

from dataclasses import replace

import pytest

from hardware_models.gpu.card import GpuCard
from hardware_models.network.link_card import Wire
from scenarios.sketched_sgd.crossover import pays_below
from scenarios.sketched_sgd.methods import METHODS, Settings
from scenarios.sketched_sgd.step_time import Machine, StepTime
from scenarios.sketched_sgd.workloads import WORKLOADS

CARD = GpuCard.model_validate("v100")
SETTINGS = Settings(k=50_000, candidates=4, rows=5, columns=100_000)


def step(name, **changed):
    machine = Machine(CARD, Wire(1.25e9, 1e-5), workers=8, batch=32, overlap=False)
    return StepTime(name, SETTINGS, WORKLOADS["resnet9"], replace(machine, **changed))


def test_dense_without_overlap_is_computing_and_a_ring():
    one, size = step("dense"), WORKLOADS["resnet9"].layout.size
    # 2 (W - 1) (a + n / (W B))
    ring = 2 * 7 * (1e-5 + 4 * size / (8 * 1.25e9))
    assert one.communication == pytest.approx(ring)
    assert one.seconds == pytest.approx(one.forward + one.backward + ring)


def test_sketched_on_a_server_is_four_messages_through_its_link():
    one, rate = step("sketched", fabric="server"), 1.25e9
    words = 5 * 100_000 + 200_000 + 200_000 + 2 * 50_000  # counters, indices asked for, exact values, pairs
    assert one.communication == pytest.approx(4 * 1e-5 + 8 * 4 * words / rate)


def test_sketched_on_a_ring_sends_no_index():
    one = step("sketched")
    assert one.communication == pytest.approx(14 * (2 * 1e-5 + 4 * (500_000 + 200_000) / (8 * 1.25e9)))


def test_local_top_k_on_a_ring_is_gathered():
    # seven rounds, in each of which everybody passes 50,000 pairs on
    assert step("local_top_k").communication == pytest.approx(7 * (1e-5 + 8 * 50_000 / 1.25e9))


def test_overlap_hides_communication_from_dense_and_not_from_sketches():
    for name in METHODS:
        hidden, shown = step(name, overlap=True), step(name)
        assert hidden.seconds <= shown.seconds * 1.05  # buckets pay more latencies
    assert step("dense", overlap=True).seconds < step("dense").seconds
    assert step("sketched", overlap=True).seconds == step("sketched").seconds


def test_one_worker_sends_nothing():
    assert step("sketched", workers=1).communication == 0


@pytest.mark.parametrize("name", ["sketched", "fetch_sgd", "random_k", "local_top_k"])
def test_the_crossover_on_a_ring_is_the_closed_form(name):
    # without overlap: bytes saved / B = encoding + latencies of the rounds beyond dense's
    one, dense = step(name), step("dense")
    per_byte, rounds = 2 * 7 / 8, 2 * 7
    saved = per_byte * 4 * WORKLOADS["resnet9"].layout.size
    own = {"sketched": 4 * 700_000, "fetch_sgd": 4 * 500_000, "random_k": 4 * 50_000}
    sent = 7 * 8 * 50_000 if name == "local_top_k" else per_byte * own[name]
    messages = {"sketched": 2 * rounds, "local_top_k": 7}.get(name, rounds)
    expected = (saved - sent) / (one.encoding + (messages - rounds) * 1e-5)
    assert pays_below(one, dense) == pytest.approx(expected, rel=1e-9)


def test_at_the_crossover_steps_are_equal_and_it_separates():
    for overlap in (True, False):
        one, dense = step("sketched", overlap=overlap), step("dense", overlap=overlap)
        rate = pays_below(one, dense)
        for factor, pays in ((0.99, True), (1.01, False)):
            wire = Wire(rate * factor, 1e-5)
            ours, theirs = (replace(s, machine=replace(s.machine, wire=wire)).seconds for s in (one, dense))
            assert (ours < theirs) == pays


def test_more_bytes_never_pay_and_free_encoding_always_does():
    assert pays_below(step("pkk", workers=256), step("dense", workers=256)) is None
    assert pays_below(step("dense"), step("dense")) is None


def test_weights_and_operations_of_known_networks():
    # as published with the models: 25,557,032 and 138,357,544 weights; 4.1 and 15.5 G multiply-adds
    expected = {"resnet50": (25_557_032, 4.09e9), "vgg16": (138_357_544, 15.47e9), "bert_base": (109_482_240, None)}
    for name, (weights, products) in expected.items():
        layers = WORKLOADS[name].layers
        assert sum(layer.weights for layer in layers) == weights
        if products:
            assert sum(layer.flop for layer in layers) / 2 == pytest.approx(products, rel=0.01)
