"""Every policy: the same alone and among others, never fooled by what it cannot see, and right where that is known."""

from typing import get_args

import numpy as np
import pytest

from hardware_models.wireless.card import WirelessCard
from scenarios.con_ts.policies import Knobs, PolicyName, make
from scenarios.con_ts.policy import LOST, Feedback, OfflineTable, Task, falling
from scenarios.con_ts.posterior import Discounted, Forever, Windowed, informed, uninformed
from scenarios.con_ts.radio import Radio
from scenarios.con_ts.stationary import SETS, Arms, Stationary
from scenarios.con_ts.thompson import ConTS, plain_walk, sparing_walk
from sim import lanes
from sim.errors import UserError
from sim.rng import Streams

ALL = get_args(PolicyName)
ORACLES = ("genie", "genie_lp", "genie_average")
NEED_TABLE = ("foresight", "con_ts_informed", "bayes_la", "latent_ts", "latent_mean", "olla", "olla_tuned",
              "olla_highest", "illa")  # fmt: skip
CARD = WirelessCard.model_validate(
    {"card": "lte-6prb", "mean_snr": 12.0, "doppler": 0.01, "cqi": {"delay": 4}, "ack": {"delay": 3, "loss": 0.05}}
)


def _played(name, links, slots, seed=3):
    streams = Streams(seed, "test", 0)
    world = Radio(CARD, 0.1, streams, links, slots)
    policy = make(name, world, lanes.seed(streams, "policy", range(links)), Knobs())
    return world.play(policy, lambda share: None)


@pytest.mark.parametrize("name", [name for name in ALL if name != "genie_average"])  # its price is of all links
def test_a_link_does_the_same_alone_and_among_others(name):
    alone, among = _played(name, 1, 400), _played(name, 7, 400)
    assert (alone.arms[:, 0] == among.arms[:, 0]).all()
    assert (alone.acks[:, 0] == among.acks[:, 0]).all()
    assert len(np.unique(among.arms)) > 1


def test_con_ts_is_the_same_at_batch_1_and_1000():
    alone, among = _played("con_ts", 1, 300), _played("con_ts", 1000, 300)
    assert (alone.arms[:, 0] == among.arms[:, 0]).all()


@pytest.mark.parametrize("name", [name for name in ALL if name not in NEED_TABLE])
def test_policies_without_table_learn_a_stationary_set(name):
    streams = Streams(1, "test", 0)
    world = Stationary(SETS["steep"], 0.5, streams, 20, 3000)
    policy = make(name, world, lanes.seed(streams, "policy", range(20)), Knobs())
    arms = world.play(policy, lambda share: None).arms
    assert (arms[-500:] == 4).mean() > 0.75  # 24 Mbit/s at 0.9; the constraint does not bind


@pytest.mark.parametrize("name", NEED_TABLE)
def test_policies_that_need_a_table_say_so(name):
    world = Stationary(SETS["steep"], 0.5, Streams(1, "test", 0), 2, 10)
    with pytest.raises(UserError, match="needs an offline table"):
        make(name, world, lanes.seed(Streams(1, "test", 0), "policy", range(2)), Knobs())


def test_sparing_draws_change_nothing():
    rng = np.random.default_rng(0)
    scratch, drawn = np.empty(1, np.uint64), 0
    for trial in range(5000):
        arms = int(rng.integers(1, 30))
        rates = rng.integers(1, 20, arms).astype(float) if trial % 2 else np.sort(rng.random(arms)) + 0.05
        good, bad = (rng.integers(0, high, arms).astype(np.float32) for high in (30, 12))
        eta, key = float(rng.choice([0.0, 0.3, 0.7, 0.9, 0.99, 1.0])), np.uint64(rng.integers(2**63))
        draws = np.full(arms, np.nan)
        sparing = sparing_walk(scratch, key, good, bad, rates, falling(rates), eta, draws)
        assert sparing == plain_walk(scratch, key, good, bad, rates, eta)
        drawn += np.isfinite(draws).mean()
    assert drawn / 5000 < 0.8


def test_con_ts_mixes_as_the_linear_program_says_once_it_knows():
    streams = Streams(2, "test", 0)
    world = Stationary(SETS["gradual"], 0.3, streams, 50, 6000)
    policy = make("con_ts", world, lanes.seed(streams, "policy", range(50)), Knobs())
    episode = world.play(policy, lambda share: None)
    # optimum: 12 Mbit/s at 0.8 and 18 Mbit/s at 0.65, weighted 1 to 2: success 0.7, rate 11
    late = episode.arms[-1500:]
    assert np.bincount(late.ravel(), minlength=8)[[2, 3]].sum() > 0.8 * late.size
    assert episode.success[-1500:].mean() == pytest.approx(0.7, abs=0.01)
    assert (world.task.rates[late] * episode.success[-1500:]).mean() == pytest.approx(world.best.rate, rel=0.02)


def test_infeasible_draws_follow_the_declared_rule():
    task = Task(np.array([1.0, 2.0, 3.0]), 0.0)  # no draw ever reaches a success probability of 1
    state = lanes.seed(Streams(0, "test", 0), "policy", range(500))
    nowhere = np.zeros(500, np.int64)
    chosen = {}
    for rule in ("random", "max_success", "lowest_rate"):
        memory = Forever(uninformed(task, 500))
        memory.successes[:, 0, 1] = 50.0  # the second arm succeeds most
        policy = ConTS(task, memory, state.copy(), rule)
        chosen[rule] = policy.act(nowhere)
        assert policy.infeasible_slots.sum() == 500
    assert (chosen["lowest_rate"] == 0).all()
    assert (chosen["max_success"] == 1).mean() > 0.95
    assert np.bincount(chosen["random"], minlength=3).min() > 100


def test_memories():
    task, none = Task(np.array([1.0, 2.0]), 0.1), np.zeros(1, np.int64)

    def hear(memory, outcomes):
        for arm, ack in outcomes:
            memory.update(Feedback(none, np.array([arm]), np.array([ack], np.int8)))
        return memory.successes[0, 0].tolist(), memory.failures[0, 0].tolist()

    outcomes = [(0, 1), (0, 0), (1, 1), (1, LOST), (0, 1)]
    assert hear(Forever(uninformed(task, 1)), outcomes) == ([2.0, 1.0], [1.0, 0.0])
    assert hear(Windowed(uninformed(task, 1), 2), outcomes) == ([1.0, 1.0], [0.0, 0.0])
    # each trial halves what was known of the context: 1 -> 1/2 -> 1/4 -> 1/8 + 1
    assert hear(Discounted(uninformed(task, 1), 0.5), outcomes) == ([1.125, 0.5], [0.25, 0.0])


def test_the_informed_prior_is_what_the_table_says_at_the_contexts_snr():
    table = OfflineTable(0.0, 1.0, np.array([[1.0, 1.0], [0.26, 1.0], [0.0, 0.5]]), np.array([0.0, 1.0]))
    task = Task(np.array([1.0, 2.0]), 0.1, 2, 0, table)
    good, bad = informed(task, 1, 10.0, "test")
    assert good[0].tolist() == [[0.0, 0.0], [7.0, 0.0]]
    assert bad[0].tolist() == [[10.0, 10.0], [2.0, 10.0]]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Task(np.array([1.0]), 1.1), "target is a block error rate"),
        (lambda: Task(np.array([]), 0.1), "at least one"),
        (lambda: Task(np.array([1.0, float("inf")]), 0.1), "finite"),
        (lambda: informed(Task(np.array([1.0]), 0.1), 1, -1.0, "x"), "prior_weight"),
        (lambda: Windowed(uninformed(Task(np.array([1.0]), 0.1), 1), 0), "window"),
        (lambda: Discounted(uninformed(Task(np.array([1.0]), 0.1), 1), 0.0), "keep"),
        (lambda: Stationary(Arms((1.0, 2.0), (0.5, 1.2)), 0.1, Streams(0, "t", 0), 1, 1), "from 0 to 1"),
    ],
)
def test_bad_input_is_one_sentence(made, said):
    with pytest.raises(UserError, match=said):
        made()


@pytest.mark.parametrize("name", ["ucb1", "kl_ucb", "lin_con_kl_ucb"])
def test_optimists_play_each_arm_once(name):
    streams = Streams(4, "test", 0)
    world = Stationary(SETS["lossy"], 0.4, streams, 3, 8)
    policy = make(name, world, lanes.seed(streams, "policy", range(3)), Knobs())
    arms = world.play(policy, lambda share: None).arms
    assert (np.sort(arms, axis=0) == np.arange(8)[:, None]).all()


def test_one_arm_is_no_problem_and_lost_feedback_teaches_nothing():
    for name in [name for name in ALL if name not in NEED_TABLE]:
        streams = Streams(5, "test", 0)
        world = Stationary(Arms((3.0,), (0.5,)), 0.6, streams, 2, 5)
        policy = make(name, world, lanes.seed(streams, "policy", range(2)), Knobs())
        assert (world.play(policy, lambda share: None).arms == 0).all()
    deaf = CARD.model_copy(update={"ack": CARD.ack.model_copy(update={"loss": 1.0})})
    world = Radio(deaf, 0.1, Streams(6, "test", 0), 2, 50)
    policy = make("con_ts", world, lanes.seed(Streams(6, "test", 0), "policy", range(2)), Knobs())
    world.play(policy, lambda share: None)
    assert policy._memory.successes.sum() == policy._memory.failures.sum() == 0.0
