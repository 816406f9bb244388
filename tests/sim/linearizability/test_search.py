import random
from dataclasses import replace
from math import inf

import pytest
from histories import registers, small, some_order, store

from sim.linearizability.check import check
from sim.linearizability.history import READS, History, Operation
from sim.linearizability.models import MODELS
from sim.linearizability.search import Search


@pytest.mark.parametrize("model", MODELS)
def test_agrees_with_trying_every_order_on_random_histories(model: str) -> None:
    dice = random.Random(f"search {model}")
    right = 0
    for _ in range(20_000):
        operations = small(dice, model)
        expected = some_order(operations, MODELS[model].initial)
        found = Search.of(History.of(operations).operations, MODELS[model]).run(100_000)
        assert found is expected, "\n".join(map(str, operations))
        right += expected
    assert 4_000 < right < 18_000  # both verdicts are exercised


@pytest.mark.parametrize("model", MODELS)
def test_a_witness_contradicts_itself_and_is_irreducible(model: str) -> None:
    dice = random.Random(f"witness {model}")
    violations = 0
    while violations < 400:
        operations = small(dice, model)
        verdict = check(History.of(operations), model)
        if verdict.linearizable:
            continue
        violations += 1
        assert 1 <= len(verdict.witness) <= len(operations)
        assert set(verdict.witness) <= set(operations)
        if not verdict.reason.startswith("no order explains"):
            continue  # of the zones, see there
        *returned, stuck = _up_to_violation(operations, model)
        kept = [one if one in (*returned, stuck) else replace(one, response=inf) for one in verdict.witness]
        assert not _explained(operations, kept, stuck, model)
        for one in kept:
            assert _explained(operations, [other for other in kept if other is not one], stuck, model)


def _up_to_violation(operations: list[Operation], model: str) -> list[Operation]:
    search = Search.of(History.of(operations).operations, MODELS[model])
    assert search.run(100_000) is False
    return search.up_to_violation()


def _explained(operations: list[Operation], kept: list[Operation], stuck: Operation, model: str) -> bool:
    """Whether an order exists if all but `kept` is as loose as the witness says."""
    times = {(one.process, one.invocation) for one in kept}
    others = [one for one in operations if (one.process, one.invocation) not in times and one.kind not in READS]
    begun = [one for one in others if one.result is not False and one.invocation <= stuck.response]
    loose = [replace(one, result=None, invocation=-1e9, response=inf) for one in begun]
    return some_order([*kept, *loose], MODELS[model].initial)


def test_a_store_with_fifty_clients_is_decided_within_few_configurations() -> None:
    for stale in (0, 1):
        history = store(random.Random(5), clients=50, each=100, keys=10, stale=stale)
        verdict = check(history, "kv", steps=50_000)
        assert verdict.linearizable is (stale == 0), verdict
        assert len(verdict.witness) <= 4


def test_a_violated_key_decides_although_another_would_run_away() -> None:
    hard = store(random.Random(1), clients=50, each=60, keys=1, puts=0.3, stale=1).operations
    easy = [
        Operation("a", "put", "easy", "1", None, 0, 1),
        Operation("a", "get", "easy", None, "", 2, 3),
    ]
    verdict = check(History.of([*hard, *easy]), "kv", remembered=20_000)
    assert verdict.linearizable is False
    assert [one.key for one in verdict.witness] == ["easy", "easy"]


def test_memory_and_time_are_bounded_and_the_verdict_says_so() -> None:
    hard = store(random.Random(1), clients=50, each=60, keys=1, puts=0.3, stale=1)
    little = check(hard, "kv", remembered=5_000)
    assert (little.linearizable, little.reason) == (None, "key 0 takes more than 5,000 configurations")
    short = check(hard, "kv", steps=5_000)
    assert (short.linearizable, short.reason) == (None, "1 of 1 keys undecided after 5,000 configurations")


def test_registers_with_lost_updates_are_linearizable_and_wrong_reads_are_found() -> None:
    dice = random.Random(3)
    for _ in range(50):
        operations = registers(dice, clients=5, count=85, lost=0.25)
        assert check(History.of(operations)).linearizable
        place = dice.choice([place for place, one in enumerate(operations) if one.kind == "read"])
        one = operations[place]
        operations[place] = Operation(one.process, "read", None, None, 99, one.invocation, one.response)
        assert check(History.of(operations)).witness == (operations[place],)


def test_a_lost_update_may_take_effect_late_or_never_but_once() -> None:
    lost = Operation(0, "write", "x", 1, None, 0)
    other = Operation(1, "write", "x", 2, None, 1, 2)
    again = Operation(5, "write", "x", 2, None, 20, 21)  # so that writes repeat and the search decides

    def seen(*values: object) -> bool | None:
        reads = [Operation(2, "read", "x", None, value, 3 + 2 * at, 4 + 2 * at) for at, value in enumerate(values)]
        return check(History.of([lost, other, again, *reads])).linearizable

    assert seen(2, 2)
    assert seen(2, 1, 1)
    assert not seen(1, 2)
    assert not seen(2, 1, 2)


def test_a_lost_cas_may_have_found_another_value() -> None:
    begin = Operation(0, "write", "x", 1, None, 0, 1)
    lost = Operation(1, "cas", "x", (1, 2), None, 2)
    for value, right in ((1, True), (2, True), (3, False)):
        assert check(History.of([begin, lost, Operation(2, "read", "x", None, value, 3, 4)])).linearizable is right
    refused = Operation(3, "cas", "x", (1, 3), False, 5, 6)
    assert check(History.of([begin, lost, refused])).linearizable
    assert not check(History.of([begin, refused])).linearizable


def test_many_easy_keys_do_not_use_up_the_steps() -> None:
    keys = [
        Operation(key, kind, key, "a" if kind == "append" else None, "a" if kind == "get" else None, at, at + 1)
        for key in range(1_000)
        for kind, at in (("append", 0), ("get", 2))
    ]
    assert check(History.of(keys), steps=3_000).linearizable
