from dataclasses import replace

import pytest

from sim.judge.verdict import Evidence, Rival, verdict

RANDOM = Rival("random", 0.5, 1.0, 1.0, 1.0)
BANDIT = Rival("bandit", 0.8, 0.9, 0.7, 1.0)
WORTH_IT = Evidence("ppo", 0.9, {"random": RANDOM, "bandit": BANDIT}, 0.0, 0.6, 0.0, 100.0, 1e6, 10)


def test_all_conditions_together_justify() -> None:
    found = verdict(WORTH_IT)
    assert (found.word, found.justified, found.method) == ("rl_justified", True, "ppo")
    assert all(reason.startswith("Yes") for reason in found.reasons)


@pytest.mark.parametrize(
    ("change", "word", "justified"),
    [
        ({"iqm": 0.81}, "use_bandit", False),  # gains too little
        ({"separate": 0.99}, "use_bandit", False),  # neither coupled nor late
        ({"separate": 0.99, "delay_index": 0.6}, "rl_justified", True),  # late is enough
        ({"separate": None, "delay_index": None}, "use_bandit", False),
        ({"failures": 0.1}, "unstable", False),
        ({"break_even": None}, "use_bandit", False),
        ({"break_even": 1e7}, "use_bandit", False),
        ({"flat": True}, "flat", False),
    ],
)
def test_each_condition_is_needed(change: dict, word: str, justified: bool) -> None:
    found = verdict(replace(WORTH_IT, **change))
    assert (found.word, found.justified) == (word, justified)


def test_an_interval_that_reaches_a_half_asks_for_more_seeds() -> None:
    unsure = Rival("bandit", 0.8, 0.6, 0.4, 0.8)  # half width 0.2, margin 0.1: four times the seeds
    found = verdict(replace(WORTH_IT, rivals={"random": RANDOM, "bandit": unsure}))
    assert (found.word, found.justified, found.more_seeds) == ("inconclusive", None, 30)


def test_a_rival_that_is_better_decides_without_more_seeds() -> None:
    better = Rival("bandit", 0.8, 0.45, 0.3, 0.6)
    assert verdict(replace(WORTH_IT, rivals={"random": RANDOM, "bandit": better})).word == "use_bandit"


@pytest.mark.parametrize(
    ("family", "word"),
    [
        ("given", "use_heuristic"),
        ("greedy", "use_search"),
        ("evolutionary", "use_search"),
        ("bayesian", "use_search"),
        ("supervised", "use_supervised"),
    ],
)
def test_the_advice_names_the_family_of_the_best(family: str, word: str) -> None:
    rivals = {"random": RANDOM, "best": replace(BANDIT, family=family)}
    assert verdict(replace(WORTH_IT, iqm=0.7, rivals=rivals)).word == word


def test_of_equals_the_simplest_is_advised_and_for_separable_problems_the_bandit() -> None:
    rivals = {"greedy": Rival("greedy", 0.99, 0, 0, 0), "bandit": Rival("bandit", 0.98, 0, 0, 0)}
    coupled = replace(WORTH_IT, iqm=0.9, rivals=rivals, separate=0.7)
    assert verdict(coupled).method == "greedy"
    assert verdict(replace(coupled, separate=0.99)).method == "bandit"
