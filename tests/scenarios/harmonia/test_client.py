from scenarios.harmonia.client import Client, Completed, Invoked, OpenClient, Operation, Retried, script
from scenarios.harmonia.packet import Op, Packet, object_id
from sim.protocol import CancelTimer, Note, Send, SetTimer

WRITE, READ = Operation(Op.WRITE, "x"), Operation(Op.READ, "x")


def requests(effects):
    return [(effect.to, effect.message) for effect in effects if isinstance(effect, Send)]


def events(effects):
    return [effect.event for effect in effects if isinstance(effect, Note)]


def answered(client, now=0.0, value=None, request=None, source="s1"):
    waiting = client.waiting
    op = {Op.READ: Op.READ_REPLY, Op.WRITE: Op.WRITE_REPLY}[waiting.op]
    reply = waiting._replace(op=op, value=value, request=request or waiting.request)
    return client.on_message(now, source, reply)


def test_a_closed_loop_reads_and_writes_one_after_the_other():
    client = Client("c", ("s1",), script(WRITE, READ), retry=2.0)
    write = Packet(Op.WRITE, object_id("x"), "c", 1, key="x", value=("c", 1))
    assert client.on_start(0.0) == [
        Note(Invoked(1, Op.WRITE, "x", ("c", 1))),
        Send("s1", write),
        SetTimer("retry", 2.0),
    ]
    effects = answered(client)
    assert effects[:2] == [Note(Completed(1, None)), CancelTimer("retry")]
    assert requests(effects) == [("s1", Packet(Op.READ, object_id("x"), "c", 2, key="x"))]
    assert events(answered(client, value=("c", 1))) == [Completed(2, ("c", 1))]
    assert client.on_timer(0.0, "retry") == ()


def test_a_retry_is_the_same_request_through_the_next_switch():
    client = Client("c", ("s1", "s2"), script(WRITE))
    ((_, first),) = requests(client.on_start(0.0))
    for switch in ("s2", "s1", "s2"):
        effects = client.on_timer(0.0, "retry")
        assert requests(effects) == [(switch, first)]
        assert events(effects) == [Retried(1)]
    assert requests(client.on_start(0.0)) == [("s2", first)]


def test_answers_to_other_requests_are_ignored():
    client = Client("c", ("s1",), script(WRITE, WRITE))
    client.on_start(0.0)
    answered(client)
    assert answered(client, request=1) == ()
    reply = client.waiting._replace(op=Op.READ_REPLY)
    assert client.on_message(0.0, "s1", reply) == ()
    answered(client)
    assert client.on_message(0.0, "s1", reply) == ()


def test_thinking_takes_its_time():
    client = Client("c", ("s1",), script(WRITE, WRITE), think=lambda i: 0.5 * i)
    assert requests(client.on_start(0.0))
    effects = answered(client, 1.0)
    assert effects[-1] == SetTimer("next", 0.5)
    assert events(client.on_timer(1.5, "next")) == [Invoked(2, Op.WRITE, "x", ("c", 2), 0.0)]


def test_an_open_loop_is_due_by_its_own_clock():
    client = OpenClient("c", ("s1",), lambda i: WRITE, gap=lambda i: 1.0)
    assert client.on_start(10.0) == [SetTimer("next", 1.0)]
    assert events(client.on_timer(11.0, "next"))[0].waited == 0.0
    effects = answered(client, 13.5)
    assert events(effects) == [Completed(1, None), Invoked(2, Op.WRITE, "x", ("c", 2), 1.5)]
    assert events(answered(client, 13.6))[1].waited == 13.6 - 13.0
    assert answered(client, 13.7)[-1] == SetTimer("next", 14.0 - 13.7)
    assert client.on_start(13.8) == [SetTimer("next", 1.0)]


def test_a_snapshot_goes_back():
    client = Client("c", ("s1",), script(WRITE, READ))
    client.on_start(0.0)
    waiting = client.freeze()
    answered(client)
    client.thaw(waiting)
    assert events(answered(client))[0] == Completed(1, None)
