from math import inf, nan

import pytest

from sim.errors import UserError
from sim.linearizability.check import check
from sim.linearizability.history import History, Operation


def test_timed_out_reads_are_left_out_and_timed_out_writes_stay() -> None:
    write = Operation(0, "write", "x", 1, None, 0)
    read = Operation(1, "read", "x", None, None, 0)
    assert History.of([write, read]).operations == (write,)


@pytest.mark.parametrize(
    ("operations", "told"),
    [
        ([], "the history is empty; at least one operation is needed"),
        (
            [Operation(0, "write", "x", 1, None, 2, 1)],
            "0: write x 1 [2, 1]: the response comes before the invocation",
        ),
        (
            [Operation(0, "write", "x", 1, None, nan, 1)],
            "0: write x 1 [nan, 1]: an invocation is a finite time, a response a time or infinity",
        ),
        (
            [Operation(0, "write", "x", 1, None, inf)],
            "0: write x 1 [inf, ?]: an invocation is a finite time, a response a time or infinity",
        ),
        (
            [Operation(0, "write", "x", 1, None, 0, 2), Operation(0, "read", "y", None, 1, 1, 3)],
            "client 0 overlaps itself: 0: write x 1 [0, 2] and 0: read y -> 1 [1, 3]",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(operations: list[Operation], told: str) -> None:
    with pytest.raises(UserError) as refusal:
        History.of(operations)
    assert str(refusal.value) == told


def test_a_client_goes_on_after_a_timeout_and_at_the_time_of_a_response() -> None:
    lost = Operation(0, "write", "x", 1, None, 0)
    after = Operation(0, "write", "x", 2, None, 1, 2)
    assert len(History.of([lost, after, Operation(0, "read", "x", None, 2, 2, 3)]).operations) == 3


def test_keys_are_apart() -> None:
    one, other = Operation(0, "write", "x", 1, None, 0, 1), Operation(0, "write", "y", 1, None, 1, 2)
    assert History.of([one, other]).by_key() == {"x": [one], "y": [other]}


def test_a_model_refuses_what_it_does_not_know() -> None:
    history = History.of([Operation(0, "cas", "x", (1, 2), True, 0, 1)])
    with pytest.raises(UserError, match="the model register knows read, write but no cas"):
        check(history, "register")
    with pytest.raises(UserError, match="'registr' is not a model; did you mean register"):
        check(history, "registr")
    assert check(history).linearizable is False


def test_operations_read_well() -> None:
    assert str(Operation(7, "cas", None, (1, None), None, 3)) == "7: cas (1, nil) [3, ?]"
    assert str(Operation("c", "cas", "k", (1, 2), False, 3, 4)) == "c: cas k (1, 2) -> refused [3, 4]"
    assert str(Operation(1, "write", None, "v", None, 1_234_567, 9_876_543_210)) == '1: write "v" [1234567, 9876543210]'
    long = "x" * 50
    assert str(Operation(1, "get", "k", None, long, 3, 4)) == f'1: get k -> "{"x" * 18} .. {"x" * 18}" [3, 4]'
