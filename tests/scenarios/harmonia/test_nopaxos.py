import pytest
from quorum import NOPaxos, agree, harried, lose_first, write_then_read, writes

from scenarios.harmonia.client import Completed
from scenarios.harmonia.nopaxos import NOPaxosReplica, NOPaxosTimers, View, Vote
from scenarios.harmonia.nopaxos.messages import (
    GapCommit,
    GapCommitReply,
    GapReply,
    GapRequest,
    GetView,
    StartView,
    SyncCommit,
    SyncExecuted,
    SyncPrepare,
    SyncReply,
    ViewChange,
    ViewChangeRequest,
)
from scenarios.harmonia.nopaxos.normal import Status
from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from scenarios.harmonia.quorum_client import QuorumClient
from scenarios.harmonia.replica import Refused, Renew
from scenarios.harmonia.switch import Activate
from sim.protocol import Note, Send

QUICK = NOPaxosTimers(gap=0.05e-3, sync=0.1e-3, leader=1e-3)


def is_reply(source, to, message):
    return to.startswith("c") and isinstance(message, Packet)


def ordered(number, *targets):
    """Whether a message is the ordered request with this number, on its way to one of the targets."""
    return lambda source, to, message: (
        source == "s1" and to in targets and isinstance(message, Packet) and message.stamp == Stamp(1, number)
    )


# the scenarios of the reference implementation's tests


def test_one_operation():
    rack = NOPaxos(write_then_read("x")).run(0.01)
    assert rack.completed() == 2
    rack.check()
    assert [len(log) for log in rack.executed()] == [2, 2, 2]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_many_operations(n):
    rack = NOPaxos(200, n=n).run(0.05)
    assert rack.completed() == 200
    rack.check()
    logs = rack.executed()
    assert all(log == logs[0] and len(log) == 200 for log in logs)


def with_gap(*targets, number=3):
    """Three clients' requests, of which number 3 does not reach the targets."""
    rack = NOPaxos(20, 20, 20, lose=lose_first(ordered(number, *targets), len(targets))).run(0.02)
    assert rack.completed() == 60
    rack.check()
    logs = rack.executed()
    assert logs[0] == logs[1] == logs[2]
    return rack, logs[0]


def test_a_replicas_gap_is_filled_by_the_leader():
    rack, log = with_gap("r1")
    assert None not in log
    assert rack.counts["Retried"] == 0


@pytest.mark.parametrize("targets", [("r0",), ("r0", "r1")])
def test_a_leaders_gap_becomes_a_no_op_whatever_others_have(targets):
    rack, log = with_gap(*targets)
    assert [slot for slot, entry in enumerate(log, start=1) if entry is None] == [3]
    assert rack.counts["Retried"] == 1  # the client of the lost request


def test_a_committed_gap_is_one_that_nobody_received():
    rack, log = with_gap("r0", "r1", "r2")
    assert [slot for slot, entry in enumerate(log, start=1) if entry is None] == [3]
    assert rack.counts["Retried"] == 1


def test_timeout_of_a_client():
    rack = NOPaxos(writes("x"), lose=lose_first(is_reply, 2)).run(0.01)
    assert rack.completed() == 1
    assert rack.counts["Retried"] == 1
    # a slot of its own, applied once
    assert [entry.request for entry in rack.nodes["r0"].log] == [1, 1]
    assert rack.nodes["r0"].store["x"].stamp == Stamp(1, 1)


@pytest.mark.parametrize("lost", [GapRequest, GapReply])
def test_timeout_of_a_replicas_gap(lost):
    gap, first = ordered(3, "r1"), lose_first(lambda source, to, message: isinstance(message, lost))

    rack = NOPaxos(20, 20, 20, lose=lambda *sent: gap(*sent) or first(*sent)).run(0.02)
    assert rack.completed() == 60
    assert None not in rack.nodes["r1"].log
    assert rack.executed()[0] == rack.executed()[1]


@pytest.mark.parametrize("lost", [GapCommit, GapCommitReply])
def test_timeout_of_a_leaders_gap(lost):
    gap, first = ordered(3, "r0"), lose_first(lambda source, to, message: isinstance(message, lost), 2)
    rack = NOPaxos(20, 20, 20, lose=lambda *sent: gap(*sent) or first(*sent)).run(0.02)
    assert rack.completed() == 60
    assert rack.nodes["r0"].log.count(None) == 1
    assert rack.executed()[0] == rack.executed()[1] == rack.executed()[2]


@pytest.mark.parametrize("seed", range(5))
def test_random_gaps(seed):
    rack = NOPaxos(50, 50, 50, 50, seed=seed, loss=0.05).run(0.2)
    assert rack.completed() == 200
    rack.check()
    agree(rack)


def test_synchronisation_lets_followers_execute():
    prepared = []

    def lose(source, to, message):
        if isinstance(message, SyncPrepare):
            prepared.append(message)
        return isinstance(message, SyncPrepare) and len(prepared) < 5

    rack = NOPaxos(writes("x"), lose=lose)
    rack.run(0.15e-3)
    assert rack.completed() == 1
    assert [node.store for node in rack.members] == [{}, {}, {}]
    rack.run(0.01)
    assert [node.store["x"].value for node in rack.members] == [("c0", 1)] * 3


def test_view_change():
    rack = NOPaxos(200, 200)
    rack.run(2e-3)
    rack.crash("r0")
    assert 0 < rack.completed() < 400
    rack.run(0.1)
    assert rack.completed() == 400
    rack.check()
    assert rack.nodes["r1"].leads
    assert rack.nodes["r2"].view == View(1, 1)
    rack.restart("r0")  # with its log: it catches up
    rack.run(0.15)
    assert rack.nodes["r0"].view == View(1, 1)
    logs = rack.executed()
    assert logs[0] == logs[1] == logs[2]


@pytest.mark.parametrize("harmonia", [False, True])
def test_session_change(harmonia):
    rack = NOPaxos(300, 300, switches=("s1", "s2"), harmonia=harmonia)
    rack.run(2e-3)
    rack.crash("s1")
    rack.run(3e-3)
    for name in rack.replicas:
        rack.tell(name, Renew(2, "s2", 9.0))
    rack.tell("s2", Activate(2, rack.route(2)))
    rack.run(0.2)
    assert rack.completed() == 600
    rack.check()
    assert {node.view for node in rack.members} == {View(0, 2)}
    logs = rack.executed()
    assert logs[0] == logs[1] == logs[2]
    assert {entry.stamp.switch for entry in logs[0] if entry} == {1, 2}
    assert (rack.counts["Served"] > 0) == harmonia


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("harmonia", [False, True])
def test_stress(seed, harmonia):
    """Loss, repetition, reordering; each replica stops for a while, one at a time."""
    rack = NOPaxos(*[60] * 4, seed=seed, timers=QUICK, harmonia=harmonia, loss=0.04, repeat=0.04, jitter=3.0)
    for name in rack.random.sample(rack.replicas, 3):
        rack.run(rack.now + 2e-3 * rack.random.random())
        rack.crash(name)
        rack.run(rack.now + 3e-3 * rack.random.random())
        rack.restart(name)
    rack.run(rack.now + 0.05)
    assert rack.completed() == 4 * 60
    rack.check()
    agree(rack)
    assert (rack.counts["Served"] > 0) == harmonia


HARRIED = NOPaxosTimers(gap=30e-6, sync=50e-6, leader=80e-6)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("n", [3, 5])
def test_views_that_change_all_the_time(seed, n):
    rack = harried(NOPaxos, seed, HARRIED, n, harmonia=seed % 3 > 0)
    assert rack.completed() == 4 * 40
    rack.check()
    agree(rack)
    assert rack.nodes["r0"].view.leader > 10


# single steps


def replica(name="r1", n=3):
    return NOPaxosReplica(name, [f"r{i}" for i in range(n)], "s1")


def write(number, session=1, key="x", client="c0"):
    return Packet(Op.WRITE, 1, client, number, Stamp(session, number), key=key, value=(client, number))


def read(number, key="x"):
    return Packet(Op.READ, 1, "c1", number, Stamp(1, number), key=key)


def sent(effects, kind=object):
    return [effect.message for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def votes(effects):
    return [packet.value for packet in sent(effects, Packet) if isinstance(packet.value, Vote)]


V = View(0, 1)


def test_a_message_that_overtakes_waits():
    node = replica()
    assert sent(node.on_message(0, "s1", write(2))) == []
    assert [vote.slot for vote in votes(node.on_message(0, "s1", write(1)))] == [1, 2]
    assert node.on_message(0, "s1", write(1)) == []  # again
    assert len(node.log) == 2


def test_only_the_leader_executes_at_once_and_tells_the_result():
    leader, follower = replica("r0"), replica("r1")
    for node in (leader, follower):
        node.on_message(0, "s1", write(1))
        assert node.store == {}
    assert votes(leader.on_message(0, "s1", read(2))) == [Vote("r0", V, 2, ("c0", 1))]
    assert votes(follower.on_message(0, "s1", read(2))) == [Vote("r1", V, 2, None)]


def test_what_the_leader_executed_ahead_goes_with_its_view():
    node = replica("r0")
    node.on_message(0, "s1", write(1))
    assert node.ahead["x"][0].value == ("c0", 1)
    node.on_message(0, "r1", StartView(View(1, 1), 0, (None,)))
    assert node.ahead == {}
    assert node.log == [None]
    node.on_message(0, "r1", SyncCommit(View(1, 1), 1))
    assert node.store == {}


def test_a_follower_asks_and_the_leader_hands_on():
    leader, follower = replica("r0"), replica("r1")
    for number in (1, 2, 3):
        leader.on_message(0, "s1", write(number))
    follower.on_message(0, "s1", write(3))
    [request] = sent(follower.on_timer(0, "gap"))
    assert request == GapRequest(V, 1, 2)
    [reply] = sent(leader.on_message(0, "r1", request))
    assert [vote.slot for vote in votes(follower.on_message(0, "r0", reply))] == [1, 2, 3]
    assert follower.early == {}


def test_a_leader_stops_at_its_gap_until_a_majority_has_the_no_op():
    node = replica("r0", n=5)
    node.on_message(0, "s1", write(3))
    assert sent(node.on_timer(0, "gap"))[0] == GapCommit(V, 1, 2)
    assert votes(node.on_message(0, "s1", write(1))) == []  # too late
    node.on_message(0, "r1", GapCommitReply(V, 2))
    assert node.log == []
    assert len(sent(node.on_timer(0, "gap"), GapCommit)) == 3  # again, to the others
    assert [vote.slot for vote in votes(node.on_message(0, "r2", GapCommitReply(V, 2)))] == [3]
    assert node.log == [None, None, write(3)]


def test_a_no_op_overwrites_what_a_follower_has():
    node = replica("r1")
    for number in (1, 2):
        node.on_message(0, "s1", write(number))
    assert sent(node.on_message(0, "r0", GapCommit(V, 2, 3)))[0] == GapCommitReply(V, 3)
    assert node.log == [write(1), None, None]
    assert sent(node.on_message(0, "r0", GapCommit(V, 6, 6))) == [GapRequest(V, 4, 5)]


def test_a_follower_that_lacks_no_ops_says_nothing_to_a_sync_that_builds_on_them():
    node = replica("r1")
    for number in (1, 2):
        node.on_message(0, "s1", write(number))
    assert sent(node.on_message(0, "r0", SyncPrepare(V, 1, 2, ()))) == [GapRequest(V, 1, 2)]
    assert sent(node.on_message(0, "r0", SyncCommit(V, 1))) == [GapRequest(V, 1, 1)]
    node.on_message(0, "r0", GapReply(V, 1, (None, write(2))))
    assert node.log == [None, write(2)]
    assert sent(node.on_message(0, "r0", SyncPrepare(V, 1, 2, ()))) == [SyncReply(V, 2)]


def test_a_follower_answers_a_sync_when_the_last_message_is_here():
    node = replica("r1")
    node.on_message(0, "s1", write(1))
    assert sent(node.on_message(0, "r0", SyncPrepare(V, 0, 2, (1,)))) == []
    assert sent(node.on_message(0, "s1", write(2)), SyncReply) == [SyncReply(V, 2)]
    assert node.log == [None, write(2)]
    assert node.store == {}
    assert sent(node.on_message(0, "r0", SyncCommit(V, 2))) == [SyncExecuted(V, 2)]
    assert node.executed_upto == Stamp(1, 2)


def test_completions_follow_the_execution_of_a_majority():
    node = replica("r0")
    node.on_message(0, "s1", write(1))
    node.on_message(0, "s1", read(2))
    node.on_timer(0, "sync")
    assert sent(node.on_message(0, "r1", SyncReply(V, 2))) == [SyncCommit(V, 2)] * 2
    [completion] = sent(node.on_message(0, "r1", SyncExecuted(V, 2)))
    assert (completion.op, completion.stamp) == (Op.WRITE_COMPLETION, Stamp(1, 1))


def test_a_view_change_merges_the_logs_of_the_latest_normal_view():
    node = replica("r1", n=5)
    node.on_message(0, "s1", write(1))
    node.on_message(0, "r2", ViewChangeRequest(View(1, 1)))
    assert node.status is Status.VIEW_CHANGE
    old = ViewChange(View(1, 1), View(-1, 1), 0, (None, None, None))
    node.on_message(0, "r2", old)
    effects = node.on_message(0, "r3", ViewChange(View(1, 1), V, 0, (write(1), None, write(3))))
    assert sent(effects, StartView)[0] == StartView(View(1, 1), 0, (write(1), None, write(3)))
    assert votes(effects) == [Vote("r1", View(1, 1), 1, None), Vote("r1", View(1, 1), 3, None)]


def test_views_that_differ_in_both_numbers_join_in_the_larger_of_each():
    node = replica("r2")
    node.on_message(0, "controller", Renew(2, "s2", 1.0))
    node.on_message(0, "s2", write(1, session=2))
    assert node.view == View(0, 2)
    node.on_message(0, "r1", ViewChangeRequest(View(1, 1)))
    assert node.view == View(1, 2)


def test_a_new_session_counts_from_the_end_of_the_merged_log():
    node = replica("r0", n=1)
    node.on_message(0, "s1", write(1))
    node.on_message(0, "controller", Renew(2, "s2", 1.0))
    effects = node.on_message(0, "s2", write(1, session=2, client="c1"))
    assert [vote.slot for vote in votes(effects)] == [1, 2]
    assert node.base == 1
    assert node.on_message(0, "s1", write(2)) == [Note(Refused("not the active switch"))]


def test_a_switch_that_is_not_trusted_yet_orders_nothing():
    node = replica()
    assert node.on_message(0, "s2", write(1, session=2)) == [Note(Refused("not ready"))]
    assert node.on_message(0, "c0", write(1)._replace(stamp=UNSTAMPED)) == [Note(Refused("not ready"))]
    assert node.view == V


def test_who_missed_the_start_of_a_view_asks_for_it():
    node = replica("r2")
    assert sent(node.on_message(0, "r1", SyncCommit(View(1, 1), 4))) == [GetView()]
    assert node.view == V
    leader = replica("r0")
    leader.on_message(0, "s1", write(1))
    assert sent(leader.on_message(0, "r2", GetView())) == [StartView(V, 0, (write(1),))]
    assert node.on_message(0, "r0", SyncPrepare(View(-1, 1), 0, 0, ())) == []


def test_a_single_read_is_checked_against_what_is_synchronised():
    node = replica("r1")
    node.on_message(0, "s1", write(1))
    single = Packet(Op.READ, 1, "c1", 1, committed=Stamp(1, 1), single=True, key="x")
    note, bounced = node.on_message(0, "s1", single)
    assert note.event.reason == "check failed"
    assert bounced == Send("s1", single._replace(single=False, committed=UNSTAMPED))
    node.on_message(0, "r0", SyncPrepare(V, 0, 1, ()))
    node.on_message(0, "r0", SyncCommit(V, 1))
    reply, _ = node.on_message(0, "s1", single)
    assert (reply.to, reply.message.value) == ("s1", ("c0", 1))


# the client


def reply(replica, slot=1, view=V, result=None):
    return Packet(Op.READ_REPLY, 1, "c0", 1, key="x", value=Vote(replica, view, slot, result))


@pytest.mark.parametrize(
    ("replies", "done"),
    [
        ([reply("r0", result=7), reply("r1")], True),
        ([reply("r1"), reply("r2")], False),  # not the leader
        ([reply("r0", result=7), reply("r0", result=7)], False),  # twice the same
        ([reply("r0", result=7), reply("r1", slot=2)], False),
        ([reply("r0", result=7), reply("r1", view=View(0, 2))], False),
        ([reply("r1", view=View(1, 1), result=7), reply("r2"), reply("r2", view=View(1, 1))], True),
    ],
)
def test_a_client_needs_a_majority_with_the_leader_for_one_slot_in_one_view(replies, done):
    client = QuorumClient("c0", ("s1",), write_then_read("x"), ("r0", "r1", "r2"))
    client.on_start(0)
    client.waiting = client.waiting._replace(op=Op.READ)
    effects = [effect for packet in replies for effect in client.on_message(0, "s1", packet)]
    completed = [effect.event for effect in effects if isinstance(effect, Note)]
    assert completed[:1] == [Completed(1, 7)] * done


def test_a_client_takes_the_answer_of_a_single_replica():
    client = QuorumClient("c0", ("s1",), write_then_read("x"), ("r0", "r1", "r2"))
    client.on_start(0)
    client.waiting = client.waiting._replace(op=Op.READ)
    assert client.on_message(0, "s1", Packet(Op.READ_REPLY, 1, "c0", 1, key="x", value=5))[0].event.value == 5
