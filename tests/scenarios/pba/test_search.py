"""The search as a whole: time that adds up, and schedules that are what the best trial's weights have really seen."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.network.cluster import Cluster
from scenarios.pba.cost import epoch_seconds, wide_resnet
from scenarios.pba.decisions import quarters
from scenarios.pba.policy import Policy
from scenarios.pba.search import Plan, Unlearned, search
from sim.errors import UserError


@dataclass
class Remembering:
    """A learner whose state is every policy that its weights have seen; scores are drawn."""

    random: np.random.Generator
    heard: list[tuple[int, int, int]] = field(default_factory=list)

    def begin(self, trial):
        return ()

    def train(self, state, trial, policy, first, last):
        assert len(state) == first
        self.heard.append((trial, first, last))
        return state + (policy,) * (last - first), float(self.random.random())


def searched(seed, trials, epochs, interval, synchronous, gpus):
    rng = np.random.default_rng(seed)
    seconds = rng.lognormal(0, 0.5, (trials, epochs))
    learner, states = Remembering(rng), {}
    train = learner.train

    def remembered(state, trial, policy, first, last):
        states[trial], score = train(state, trial, policy, first, last)
        return states[trial], score

    learner.train = remembered
    plan = Plan(trials, epochs, interval, synchronous)
    found = search(plan, Cluster(gpus), lambda trial, at: float(seconds[trial, at]), learner, rng)
    return found, learner, states, seconds


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 20), st.integers(1, 4), st.booleans(), st.integers(1, 9)
)  # fmt: skip
def test_a_schedule_is_what_the_weights_have_seen(seed, trials, epochs, interval, synchronous, gpus):
    """Of every trial whose last deed was training; a copy of one at its end has that one's past."""
    found, _, states, _ = searched(seed, trials, epochs, min(interval, epochs), synchronous, gpus)
    ended = {trial for _, trial, done, _ in found.curve if done == epochs}
    last = {trial: time for time, trial, _, _ in found.curve}
    for trial in ended:
        copied = [clone for clone in found.time.clones if clone.trial == trial and clone.time >= last[trial]]
        if not copied:
            assert tuple(found.schedule(trial)) == states[trial]
            assert len(states[trial]) == epochs
    assert found.schedule(found.best).epochs == epochs


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 20))
def test_a_synchronous_search_takes_the_sum_of_the_slowest_exactly(seed, trials, epochs):
    found, _, _, seconds = searched(seed, trials, epochs, 1, True, trials)
    total = 0.0
    for slowest in seconds.max(axis=0):
        total += slowest
    assert found.time.makespan == total


def test_a_barrier_and_checkpoints_are_paid_by_hand():
    """Two trials, two intervals of 10 and 12 s, 1 s to write, 3 s to read, 2 s for the barrier.

    Trial 0 scores less and copies: 12 + 1 + 2, then it reads 3, trains 10, writes 1.
    """

    class Ranked:
        def begin(self, trial):
            return None

        def train(self, state, trial, policy, first, last):
            return None, float(trial)

    cluster = Cluster(2, checkpoint_write=1.0, checkpoint_read=3.0, barrier=2.0)
    found = search(
        Plan(2, 2, 1, True), cluster, lambda trial, _: (10.0, 12.0)[trial], Ranked(), np.random.default_rng(0)
    )
    assert found.time.makespan == 15 + 14
    (update,) = found.updates
    assert (update.target, update.source, update.target_epochs, update.source_epochs) == ("0", "1", 1, 1)
    assert update.old == Policy.nothing()
    assert found.best == 1
    assert found.scores == (0.0, 1.0)


def test_asynchronous_decisions_are_those_of_the_last_scores():
    """Played again from the curve alone: at each report the rule over all last scores says who copies."""
    for seed in range(20):
        found, _, _, _ = searched(seed, 8, 24, 2, False, 3)
        scores, copies = {}, []
        for time, trial, epochs, score in found.curve:
            scores[trial] = score
            lowest, highest = quarters(scores)
            if trial in lowest and epochs < 24:
                copies.append((time, trial, highest))
        assert len(copies) == len(found.time.clones) > 0
        for (time, trial, highest), clone, update in zip(copies, found.time.clones, found.updates, strict=True):
            assert (clone.time, clone.trial) == (time, trial)
            assert clone.source in highest
            assert (update.target, update.source) == (str(clone.trial), str(clone.source))
            assert update.target_epochs == 2 * clone.interval
            assert update.source_epochs == 2 * clone.source_intervals


def test_the_last_interval_is_as_short_as_it_must_be():
    found, learner, _, _ = searched(0, 3, 8, 3, True, 3)
    assert [(first, last) for trial, first, last in learner.heard if trial == 0] == [(0, 3), (3, 6), (6, 8)]
    assert found.plan.intervals == 3
    assert [found.plan.length(at) for at in range(3)] == [3, 3, 2]


def test_a_no_op_search_scores_every_interval():
    rng = np.random.default_rng(0)
    found = search(Plan(16, 30, 1), Cluster(4, share=0.25), lambda *_: 1.0, Unlearned(rng), rng)
    assert len(found.curve) == 16 * 30
    assert found.time.makespan == 30.0 * 4  # 16 trials at a quarter of 4 GPUs, each of which wants all of one


def test_a_search_that_cannot_be_is_refused():
    for numbers in ((0, 3, 1), (2, 0, 1), (2, 3, 0), (2, 3, 4)):
        with pytest.raises(UserError, match="trials of"):
            Plan(*numbers)


def test_sizes_of_wide_resnets():
    """WRN-28-10 is known for its 36.5 million weights; shortcuts (0.33 million) are not learned here."""
    assert wide_resnet(28, 10, 10).parameters == pytest.approx(36.5e6 - 0.27e6, rel=0.005)
    assert wide_resnet(28, 10, 10).macs == pytest.approx(5.214e9, rel=1e-3)
    assert wide_resnet(40, 2, 10).macs == pytest.approx(0.326e9, rel=1e-3)
    # worked out: WRN-10-1 has one block per group
    small = wide_resnet(10, 1, 2)
    weights = 27 * 16 + 2 * 9 * 256 + (9 * 16 * 32 + 9 * 32**2) + (9 * 32 * 64 + 9 * 64**2)
    norms = 2 * ((16 + 16) + (16 + 32) + (32 + 64) + 64)
    assert small.parameters == weights + norms + 65 * 2
    macs = 27 * 16 * 1024 + 2 * 9 * 256 * 1024 + (9 * 16 * 32 + 9 * 32**2) * 256 + (9 * 32 * 64 + 9 * 64**2) * 64
    assert small.macs == macs + 64 * 2
    assert small.checkpoint == 8 * small.parameters


def test_an_epoch_is_three_passes_to_train_and_one_to_validate():
    from hardware_models.gpu.card import GpuCard

    card, network = GpuCard.model_validate("titan-xp"), wide_resnet(40, 2, 10)
    rate = 12.1e12 * card.efficiency.conv
    assert epoch_seconds(card, network, 100, 50, 1.5) == pytest.approx(350 * 2 * network.macs / rate + 1.5)
