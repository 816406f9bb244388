import pytest
from quorum import Viewstamped, agree, harried, lose_first, write_then_read, writes

from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from scenarios.harmonia.replica import Refused, Renew
from scenarios.harmonia.viewstamped import ViewstampedReplica, ViewstampedTimers
from scenarios.harmonia.viewstamped.messages import (
    Commit,
    DoViewChange,
    GetState,
    NewState,
    Prepare,
    PrepareOk,
    Recovery,
    RecoveryResponse,
    StartView,
    StartViewChange,
)
from scenarios.harmonia.viewstamped.normal import Status
from sim.protocol import Note, Send

QUICK = ViewstampedTimers(leader=1e-3, resend=0.2e-3, fetch=0.05e-3, recover=0.5e-3)


def is_reply(source, to, message):
    return to.startswith("c") and isinstance(message, Packet)


# the scenarios of the reference implementation's tests


def test_one_operation():
    rack = Viewstamped(write_then_read("x")).run(0.01)
    assert rack.completed() == 2
    rack.check()
    assert [len(log) for log in rack.executed()] == [2, 2, 2]


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_many_operations(n):
    rack = Viewstamped(200, n=n).run(0.1)
    assert rack.completed() == 200
    rack.check()
    logs = rack.executed()
    assert all(log == logs[0] and len(log) == 200 for log in logs)


def test_failed_replica():
    rack = Viewstamped(100)
    rack.run(1e-3)
    rack.crash("r2")
    rack.run(0.1)
    assert rack.completed() == 100
    rack.check()
    assert rack.nodes["r0"].view == 0


def test_state_transfer():
    cut = [True]
    rack = Viewstamped(100, lose=lambda source, to, message: cut[0] and "r2" in (source, to)).run(8e-3)
    assert rack.completed() == 100
    assert rack.nodes["r2"].log == []
    cut[0] = False
    rack.run(12e-3)
    assert rack.nodes["r2"].log == rack.nodes["r0"].log
    assert rack.nodes["r2"].committed == 100
    assert rack.nodes["r0"].view == 0


def test_failed_leader():
    rack = Viewstamped(200, 200)
    rack.run(2e-3)
    rack.crash("r0")
    assert 0 < rack.completed() < 400
    rack.run(0.1)
    assert rack.completed() == 400
    rack.check()
    agree(rack)
    assert rack.nodes["r1"].leads
    assert rack.nodes["s1"].route.write_to == ("r1",)


def test_dropped_reply():
    rack = Viewstamped(writes("x"), lose=lose_first(is_reply)).run(0.01)
    assert rack.completed() == 1
    assert rack.counts["Retried"] == 1
    # a retry without a stamp is answered from the client table
    assert len(rack.nodes["r0"].log) == 1


def test_dropped_reply_then_failed_leader():
    rack = Viewstamped(writes("x"), lose=lose_first(is_reply))
    rack.run(0.5e-3)
    assert rack.completed() == 0
    rack.crash("r0")
    rack.run(0.1)
    assert rack.completed() == 1
    assert len([entry for entry in rack.nodes["r1"].log if entry.op is Op.WRITE]) == 1


def test_many_clients():
    rack = Viewstamped(*[50] * 20).run(0.1)
    assert rack.completed() == 1000
    rack.check()
    agree(rack)


@pytest.mark.parametrize("who", ["r0", "r1"])
def test_recovery(who):
    rack = Viewstamped(300, timers=QUICK)
    rack.run(2e-3)
    rack.crash(who)
    assert rack.nodes[who].log == []
    rack.run(4e-3)
    rack.restart(who)
    rack.run(0.1)
    assert rack.completed() == 300
    rack.check()
    logs = rack.executed()
    assert logs[0] == logs[1] == logs[2]
    assert rack.nodes[who].status is Status.NORMAL
    assert rack.nodes["r1"].view == (who == "r0")


@pytest.mark.parametrize("seed", range(40))
def test_stress(seed):
    rack = stressed(Viewstamped, seed)
    assert rack.completed() == 4 * 60
    rack.check()
    agree(rack)


def stressed(make, seed, timers=QUICK, **how):
    """Loss, repetition, reordering; each replica crashes and comes back, one at a time."""
    rack = make(60, 60, 60, 60, seed=seed, timers=timers, loss=0.04, repeat=0.04, jitter=3.0, **how)
    for name in rack.random.sample(rack.replicas, 3):
        rack.run(rack.now + 2e-3 * rack.random.random())
        rack.crash(name)
        rack.run(rack.now + 1e-3 * rack.random.random())
        rack.restart(name)
        while rack.nodes[name].status is Status.RECOVERING:  # two without memory are one too many
            rack.run(rack.now + 0.1e-3)
            assert rack.now < 1.0
    return rack.run(rack.now + 0.2)


def impatient(leader):
    return ViewstampedTimers(leader=leader, resend=50e-6, fetch=30e-6, recover=60e-6)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("n", "leader"), [(3, 80e-6), (5, 200e-6)])
def test_views_that_change_all_the_time(seed, n, leader):
    rack = harried(Viewstamped, seed, impatient(leader), n, harmonia=seed % 3 > 0)
    assert rack.completed() == 4 * 40
    rack.check()
    agree(rack)
    assert rack.nodes["r0"].view > 3


class CommitsAlone(ViewstampedReplica):
    def _accept(self, packet):
        return [*super()._accept(packet), *self._commit_upto(len(self.log))]


class TrustsOwnLog(ViewstampedReplica):
    def on_do_view_change(self, now, source, message):
        if source != self.address:
            message = message._replace(log=(), normal_view=-1)
        return super().on_do_view_change(now, source, message)


@pytest.mark.parametrize("wrong", [CommitsAlone, TrustsOwnLog])
def test_the_tests_above_see_what_is_wrong(wrong):
    def wrong_with(seed):
        try:
            rack = harried(type("Wrong", (Viewstamped,), {"replica": wrong}), seed, impatient(80e-6))
            rack.check()
            agree(rack)
        except (AssertionError, IndexError):
            return True
        return False

    assert any(wrong_with(seed) for seed in range(12))


# single steps


def replica(name="r1", n=3, view=0, log=()):
    node = ViewstampedReplica(name, [f"r{i}" for i in range(n)], "s1")
    node.view = node.normal_view = view
    node.log = list(log)
    return node


def write(number, stamp=UNSTAMPED, client="c0"):
    return Packet(Op.WRITE, 1, client, number, stamp, key="x", value=(client, number))


def messages(effects, kind=object):
    return [effect.message for effect in effects if isinstance(effect, Send) and isinstance(effect.message, kind)]


def test_an_entry_that_overtakes_waits_for_the_one_before():
    node = replica()
    assert messages(node.on_message(0, "r0", Prepare(0, 2, write(2), 0))) == []
    effects = node.on_message(0, "r0", Prepare(0, 1, write(1), 0))
    assert messages(effects) == [PrepareOk(0, 2)]
    assert node.log == [write(1), write(2)]


def test_an_entry_that_does_not_come_is_fetched():
    node = replica()
    node.on_message(0, "r0", Prepare(0, 2, write(2), 0))
    assert messages(node.on_timer(0, "fetch")) == [GetState(0)]
    effects = node.on_message(0, "r0", NewState(0, 0, (write(1), write(2), write(3)), 1))
    assert messages(effects) == [PrepareOk(0, 3)]
    assert node.early == {}
    assert node.on_timer(0, "fetch") == ()


def test_what_is_missing_is_asked_for_once_in_a_while():
    node = replica()
    assert messages(node.on_message(0, "r0", Commit(0, 5))) == [GetState(0)]
    assert messages(node.on_message(0, "r0", Commit(0, 6))) == []
    node.on_timer(0, "fetch")
    assert messages(node.on_message(0, "r0", Commit(0, 6))) == [GetState(0)]


def test_what_is_not_committed_is_not_executed():
    node = replica()
    node.on_message(0, "r0", Prepare(0, 1, write(1), 0))
    assert node.store == {}
    node.on_message(0, "r0", Commit(0, 1))
    assert node.store["x"].value == ("c0", 1)


def test_who_missed_the_start_of_a_view_takes_part_only_with_its_log():
    node = replica("r2", log=[write(1)])
    for message in (Prepare(1, 3, write(3), 2), Commit(1, 2)):
        assert messages(node.on_message(0, "r1", message)) == [GetState(0)]
        node.on_timer(0, "fetch")
        assert (node.view, node.normal_view, node.log) == (0, 0, [write(1)])
    node.on_message(0, "r1", NewState(1, 0, (write(2), write(3)), 2))
    assert (node.view, node.normal_view, node.log, node.committed) == (1, 1, [write(2), write(3)], 2)


def test_the_log_of_the_latest_normal_view_wins_over_a_longer_one():
    node = replica("r2", log=[write(1)], view=1)
    node.on_message(0, "r1", StartViewChange(2))
    effects = node.on_message(0, "r1", DoViewChange(2, (write(7), write(8), write(9)), 0, 0))
    assert messages(effects, StartView)[0] == StartView(2, (write(1),), 0)
    assert node.leads


def test_a_longer_log_of_the_same_view_wins():
    node = replica("r2", log=[write(1)])
    node.on_message(0, "r1", StartViewChange(2))
    effects = node.on_message(0, "r1", DoViewChange(2, (write(1), write(2)), 0, 1))
    assert messages(effects, StartView)[0] == StartView(2, (write(1), write(2)), 1)
    assert node.committed == 1


def test_nobody_votes_before_a_majority_wants_the_view():
    node = replica("r0", n=5)
    assert messages(node.on_timer(1.0, "leader")) == []  # it leads
    node = replica("r1", n=5)
    assert messages(node.on_timer(1.0, "leader"), StartViewChange) == [StartViewChange(1)] * 4
    assert messages(node.on_message(1.0, "r2", StartViewChange(1))) == []
    node.on_message(1.0, "r2", StartViewChange(1))  # the same one again does not count
    assert node.votes == {}
    node.on_message(1.0, "r3", StartViewChange(1))
    assert list(node.votes) == ["r1"]


def test_an_answer_to_an_earlier_recovery_does_not_count():
    node = replica("r2")
    node.on_crash()
    node.on_crash()
    assert messages(node.on_start(0)) == [Recovery(2), Recovery(2)]
    old = RecoveryResponse(0, 1, (), 0)
    assert node.on_message(0, "r0", old) == ()
    node.on_message(0, "r1", RecoveryResponse(0, 2, None, 0))
    assert node.status is Status.RECOVERING
    node.on_message(0, "r0", RecoveryResponse(0, 2, (write(1),), 1))
    assert node.status is Status.NORMAL
    assert node.log == [write(1)]


def test_recovery_waits_for_the_leader_of_the_latest_view():
    node = replica("r2")
    node.on_crash()
    node.on_message(0, "r0", RecoveryResponse(0, 1, (), 0))
    node.on_message(0, "r1", RecoveryResponse(1, 1, None, 0))
    assert node.status is Status.RECOVERING  # r1 leads view 1, but had not begun it
    node.on_message(0, "r1", RecoveryResponse(1, 1, (write(1),), 0))
    assert (node.status, node.view) == (Status.NORMAL, 1)


def test_recovery_goes_back_to_no_view_before_the_crash():
    node = replica("r2", view=4)
    node.on_crash()
    node.on_message(0, "r0", RecoveryResponse(3, 1, (write(1),), 0))
    node.on_message(0, "r1", RecoveryResponse(3, 1, None, 0))
    assert node.status is Status.RECOVERING


# under Harmonia


def test_a_completion_follows_the_commit_acks_and_single_replicas_answer():
    rack = Viewstamped(300, 300, harmonia=True, jitter=3.0).run(0.1)
    assert rack.completed() == 600
    rack.check()
    assert rack.counts["Served"] > 100
    assert len({address for _, address, event in rack.notes if type(event).__name__ == "Served"}) == 3


def test_the_completion_waits_for_a_majority_to_execute():
    lost = []

    def lose(source, to, message):
        if type(message).__name__ == "CommitAck":
            lost.append(message)
            return True
        return False

    rack = Viewstamped(write_then_read("x"), harmonia=True, lose=lose).run(5e-3)
    assert rack.completed() == 2
    assert lost
    assert not rack.nodes["s1"].data_plane.ready


def test_a_retry_gets_a_stamp_of_its_own_and_is_applied_once():
    rack = Viewstamped(writes("x", "x"), harmonia=True, lose=lose_first(is_reply)).run(0.01)
    assert rack.completed() == 2
    node = rack.nodes["r0"]
    assert [entry.request for entry in node.log] == [1, 1, 2]
    assert node.executed_upto == Stamp(1, 3)
    # every stamp was completed, so nothing is left dirty
    assert rack.nodes["s1"].data_plane.occupancy() == 0
    assert rack.nodes["s1"].data_plane.committed == 3


def test_writes_are_refused_out_of_order_and_from_another_switch():
    node = replica("r0")
    node.on_message(0, "s1", write(1, Stamp(1, 5)))
    assert node.on_message(0, "s1", write(2, Stamp(1, 4))) == [Note(Refused("out of order"))]
    assert node.on_message(0, "s1", write(2, Stamp(1, 5))) == [Note(Refused("out of order"))]
    assert node.on_message(0, "s2", write(2, Stamp(2, 1))) == [Note(Refused("not the active switch"))]
    node.on_message(0, "controller", Renew(2, "s2", 1.0))
    assert messages(node.on_message(0, "s2", write(2, Stamp(2, 1))), Prepare)
    assert node.on_message(0, "s1", write(3, Stamp(1, 6))) == [Note(Refused("not the active switch"))]


def test_a_single_read_needs_the_active_switch_a_lease_and_the_last_committed_write():
    node = replica("r1")
    node.on_message(0, "r0", Prepare(0, 1, write(1, Stamp(1, 1)), 0))
    read = Packet(Op.READ, 1, "c0", 2, committed=Stamp(1, 1), single=True, key="x")

    def answer(now=0.0):
        return [effect.to if isinstance(effect, Send) else effect.event for effect in node.on_message(now, "s1", read)]

    assert [str(what) for what in answer()] == ["Bounced(reason='check failed')", "r0"]
    node.on_message(0, "r0", Commit(0, 1))
    assert answer()[0] == "s1"
    node.on_message(0, "controller", Renew(2, "s2", 1.0))
    assert "not the active switch" in str(answer()[0])
    read = read._replace(committed=Stamp(2, 0))
    assert answer()[0].reason == "check failed"  # nothing of the new switch is executed here
    node.on_message(0, "r0", Prepare(0, 2, write(2, Stamp(2, 1)), 2))
    assert answer()[0] == "s2"
    assert answer(now=2.0)[0].reason == "lease ran out"


@pytest.mark.parametrize("seed", range(40))
def test_stress_under_harmonia(seed):
    rack = stressed(Viewstamped, seed, harmonia=True)
    assert rack.completed() == 4 * 60
    rack.check()
    agree(rack)
    assert rack.counts["Served"] > 0
