"""What clients said becomes a history: order by the notes, also where the clock stands still."""

from scenarios.harmonia.client import Completed, Invoked
from scenarios.harmonia.observed import Observed
from scenarios.harmonia.packet import Op


def observed(*said):
    """Each of `said`: time, client, and an event."""
    made = Observed(lambda count: None)
    for now, who, event in said:
        made.note(now, who, event)
    return made


def write(client, request):
    return Invoked(request, Op.WRITE, 7, (client, request))


def read(request, waited=0.0):
    return Invoked(request, Op.READ, 7, None, waited)


def test_a_client_that_does_not_see_its_own_last_write_is_noticed_although_no_time_passed():
    assert not observed(
        (0.0, "c0", write("c0", 1)), (1.0, "c0", Completed(1, None)),
        (1.0, "c0", read(2)), (1.0, "c0", Completed(2, None)),
    ).linearizable().linearizable  # fmt: skip


def test_concurrent_operations_may_come_in_any_order():
    assert observed(
        (0.0, "c0", write("c0", 1)), (0.0, "c1", read(1)), (1.0, "c1", Completed(1, None)),
        (1.0, "c0", Completed(1, None)), (1.0, "c1", read(2)), (2.0, "c1", Completed(2, ("c0", 1))),
    ).linearizable().linearizable  # fmt: skip


def test_a_write_without_an_answer_may_have_happened_and_need_not():
    for seen in (None, ("c0", 1)):
        assert (
            observed((0.0, "c0", write("c0", 1)), (1.0, "c1", read(1)), (2.0, "c1", Completed(1, seen)))
            .linearizable()
            .linearizable
        )
    unread = observed((0.0, "c0", write("c0", 1)))
    assert not unread.idle
    assert unread.written() == [7]


def test_a_value_that_nobody_wrote_is_noticed():
    assert not observed((0.0, "c1", read(1)), (1.0, "c1", Completed(1, ("c9", 4)))).linearizable().linearizable


def test_latencies_count_from_when_a_request_was_due_and_order_from_when_it_was_made():
    made = observed((3.0, "c0", read(1, waited=2.0)), (4.0, "c0", Completed(1, None)))
    assert made.latencies.tolist() == [3.0]
    assert made.linearizable().linearizable
