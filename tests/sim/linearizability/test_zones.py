import random
from math import inf

import numpy as np
import pytest
from histories import some_order

from sim.errors import UserError
from sim.linearizability.check import check
from sim.linearizability.history import History, Operation
from sim.linearizability.zones import Zones, check_columns


def unique(dice: random.Random, key: int) -> list[Operation]:
    """Up to eight operations whose writes all differ; value 0 is the initial one, 9 is written by nobody."""
    count, span, whole = dice.randint(1, 8), dice.choice([1, 4, 20]), dice.random() < 0.3
    writes = dice.randint(0, count)
    wrong = dice.choice([0.1, 0.5, 1.0])
    made = []
    for number in range(count):
        begin = float(dice.randint(0, 2 * count)) if whole else dice.uniform(0, 2 * count)
        end = inf if dice.random() < 0.1 else begin + dice.randint(0, span)
        if number < writes:
            made.append(Operation(number, "write", key, number + 1, None, begin, end))
        else:
            before = [one.argument for one in made if one.kind == "write" and one.invocation <= end]
            value = dice.randint(0, writes) if dice.random() < wrong else dice.choice([0, *before])  # type: ignore[list-item]
            made.append(Operation(number, "read", key, None, 9 if dice.random() < 0.02 else value, begin, end))
    return made


def columns(operations: list[Operation], initial: object = 0) -> Zones:
    return check_columns(
        np.array([one.key for one in operations]),
        np.array([one.argument if one.kind == "write" else one.result for one in operations]),
        np.array([one.kind == "write" for one in operations]),
        np.array([one.invocation for one in operations]),
        np.array([one.response for one in operations]),
        initial,
    )


def test_agrees_with_trying_every_order_on_random_histories() -> None:
    """All histories at once, each on a key of its own."""
    dice = random.Random("zones")
    histories = [unique(dice, key) for key in range(60_000)]
    expected = [key for key, operations in enumerate(histories) if not some_order(operations, 0)]
    mixed = [one for operations in histories for one in operations]
    dice.shuffle(mixed)
    assert columns(mixed).violated.tolist() == expected
    assert 10_000 < len(expected) < 50_000


def test_a_witness_has_at_most_four_operations_and_contradicts_itself() -> None:
    dice = random.Random("zone witnesses")
    reasons: dict[str, int] = {}
    for key in range(4_000):
        operations = unique(dice, key)
        found = columns(operations)
        if found.linearizable:
            continue
        reasons[found.why] = reasons.get(found.why, 0) + 1
        witness = [operations[row] for row in found.rows]
        assert len(set(found.rows)) == len(found.rows) <= 4
        anywhere = [
            Operation(one.process, "write", key, one.argument, None, -1e9, inf)
            for one in operations
            if one.kind == "write" and one not in witness
        ]
        assert not some_order([*witness, *anywhere], 0), found.reason
    assert len(reasons) == 3
    assert min(reasons.values()) > 20


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"value": [1, 1]}, "row 1: value 1 of key 7 is written twice; zones need each value once"),
        ({"value": [1, 0]}, "row 1: value 0 of key 7 is written and is the initial value; zones need each value once"),
        ({"response": [1.0, 1.0]}, "row 1: the response 1.0 comes before the invocation"),
        ({"response": [1.0, np.nan]}, "row 1: the response nan comes before the invocation"),
        ({"response": [1.0]}, "columns have one length each, not (2,), (2,), (2,), (2,), (1,)"),
    ],
)
def test_bad_columns_are_refused(row: dict[str, list[float]], told: str) -> None:
    good = {"key": [7, 7], "value": [1, 2], "is_write": [1, 1], "invocation": [0.0, 2.0], "response": [1.0, 3.0]}
    with pytest.raises(UserError) as refusal:
        check_columns(*(np.array(column) for column in (good | row).values()), initial=0)
    assert str(refusal.value) == told


def test_no_operations_are_linearizable() -> None:
    nothing = np.array([])
    assert check_columns(nothing, nothing, nothing, nothing, nothing).linearizable
    lost = np.array([1]), np.array([5]), np.array([0]), np.array([0.0]), np.array([inf])
    assert check_columns(*lost).linearizable


def test_repeated_writes_are_left_to_the_search() -> None:
    twice = [Operation(0, "write", "x", 1, None, 0, 1), Operation(0, "write", "x", 1, None, 2, 3)]
    assert check(History.of(twice)).linearizable
    initial = [Operation(0, "write", "x", 1, None, 0, 1), Operation(0, "write", "x", None, None, 2, 3)]
    assert check(History.of([*initial, Operation(0, "read", "x", None, None, 4, 5)])).linearizable
