import numpy as np
import pytest
import torch

from hardware_models.simd.card import SimdCard
from scenarios.neurovectorizer.actions import DEFAULT
from scenarios.neurovectorizer.baselines import nearest, tree
from scenarios.neurovectorizer.contexts import contexts
from scenarios.neurovectorizer.learning import Training, train
from scenarios.neurovectorizer.own_loops import tuning
from scenarios.neurovectorizer.policies import POLICIES, guided, orders
from scenarios.neurovectorizer.problem_set import LoopSet, loop_set
from scenarios.neurovectorizer.templates import FAMILIES, HELD_OUT, generate
from sim.rng import Streams

STREAMS = Streams(3, "test", 0)
CARD = SimdCard.model_validate("zen5")
torch.set_num_threads(1)  # several threads wait for each other on a machine that does other work too


@pytest.fixture(scope="module")
def some() -> LoopSet:
    return loop_set(generate(STREAMS("train"), 100), CARD, STREAMS("paths"))


def regret(loops: LoopSet, chosen: np.ndarray) -> float:
    times = np.where(loops.allowed, loops.cycles, np.inf)
    return float(np.exp(np.log(times[np.arange(len(chosen)), chosen] / times.min(axis=1)).mean()))


def test_splits_share_no_family() -> None:
    seen = {k.family for k in generate(STREAMS("a"), 80)}
    held = {k.family for k in generate(STREAMS("b"), 40, "held_out")}
    assert seen.isdisjoint(held)
    assert held == set(HELD_OUT)
    assert seen | held == set(FAMILIES)


def test_every_policy_orders_all_allowed_actions_first(some: LoopSet) -> None:
    asked = loop_set(tuning()[:6], CARD, STREAMS("own"))
    for name in POLICIES:
        if name in ("ppo", "exact_gradient", "guided"):
            continue
        order = orders(name, lambda: some, asked, STREAMS(name))
        assert (np.sort(order, axis=1) == np.arange(36)).all()
        allowed = np.take_along_axis(asked.allowed, order, axis=1)
        assert (np.diff(allowed.astype(int), axis=1) <= 0).all()


@pytest.mark.parametrize("trainer", ["ppo", "exact"])
def test_training_beats_the_default_and_random_choice(some: LoopSet, trainer: str) -> None:
    policy = train(some, Training(trainer, looks="features", steps=250), STREAMS(trainer))  # type: ignore[arg-type]
    found = regret(some, policy.choose(some))
    assert found < regret(some, np.full(100, DEFAULT))
    assert found < regret(some, STREAMS("random").generator.integers(0, 36, 100)) - 0.1


def test_neighbour_and_tree_know_what_they_were_shown(some: LoopSet) -> None:
    assert regret(some, nearest(some, some)) < 1.02
    assert regret(some, tree(some, some)) < 1.25


def test_names_and_numbers_do_not_reach_the_contexts() -> None:
    from hardware_models.simd.source import loops as described

    head = "void f(float *restrict {0}, const float *restrict {1}, int n) "
    text = head + "{{ for (int i = 0; i < n; i++) {0}[i] = {1}[i] * {2}f; }}"
    rows = [
        contexts(described(text.format(*words))[0].cursor, Streams(3, "test", 0)("same"))
        for words in (("a", "b", "2.5"), ("out", "in", "2.9"))
    ]
    assert (rows[0] == rows[1]).all()
    assert rows[0].any()


def test_a_guided_order_begins_with_the_policy_and_goes_on_between_it_and_the_model(some: LoopSet) -> None:
    odds = np.where(some.allowed, STREAMS("odds").generator.random(some.allowed.shape), -np.inf)
    by_odds = np.argsort(-odds, axis=1, kind="stable")
    alone, half, heavy = (guided(odds, some, weight) for weight in (0.0, 1.0, 1e6))
    assert (alone[some.allowed.all(axis=1)] == by_odds[some.allowed.all(axis=1)]).all()
    assert (half[:, 0] == by_odds[:, 0]).all()
    assert (heavy[:, 0] == by_odds[:, 0]).all()
    assert regret(some, heavy[:, 1]) < regret(some, half[:, 1]) < regret(some, alone[:, 1])
