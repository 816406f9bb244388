import pytest

from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp, object_id
from scenarios.harmonia.replica import NO_LEASE, OLD_SWITCH, Bounced, Item, Renew, Renewed, Replica, Served
from sim.protocol import Note, Send


class Bare(Replica):
    """What all replicas share, and nothing else."""

    def on_packet(self, now, source, packet):
        return ()


def packet(op, request=1, client="c", **rest):
    return Packet(op, object_id("x"), client, request, key="x", **rest)


def test_a_stamp_reads_as_two_numbers_and_a_packet_as_a_sentence():
    write = packet(Op.WRITE, stamp=Stamp(1, 2), value=7)
    assert str(write) == "WRITE x = 7 of c's request 1 stamped 1.2"
    read = packet(Op.READ, single=True, committed=Stamp(1, 2))
    assert str(read) == "READ x of c's request 1 (single, committed 1.2)"


def test_a_write_is_applied_once_whatever_its_stamp():
    replica = Bare("r", "s")
    assert replica.apply(packet(Op.WRITE, value=7), Stamp(1, 1))
    assert not replica.apply(packet(Op.WRITE, value=7), Stamp(1, 2))
    assert replica.store == {"x": Item(7, Stamp(1, 1))}
    assert replica.apply(packet(Op.WRITE, 2, value=8), Stamp(1, 3))
    assert not replica.apply(packet(Op.WRITE, 1, value=7), Stamp(1, 4))
    assert replica.store == {"x": Item(8, Stamp(1, 3))}


def test_writes_are_accepted_in_the_order_of_stamps_also_across_switches():
    replica = Bare("r", "s")
    replica.last = Stamp(1, 9)
    assert [replica.in_order(stamp) for stamp in (Stamp(1, 8), Stamp(1, 9), Stamp(1, 10), Stamp(2, 1), UNSTAMPED)] == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_the_first_renewal_of_a_new_switch_is_the_fence():
    replica = Bare("r", "s1", lease=1.0)
    old = packet(Op.READ, single=True, committed=Stamp(1, 5))
    new = packet(Op.READ, single=True, committed=Stamp(2, 1))
    assert (replica.untrusted(0.5, old), replica.untrusted(0.5, new)) == ("", OLD_SWITCH)
    assert replica.on_renew(0.0, "controller", Renew(2, "s2", 3.0)) == [Send("controller", Renewed(2))]
    assert (replica.untrusted(0.5, old), replica.untrusted(0.5, new)) == (OLD_SWITCH, "")
    assert replica.on_renew(0.0, "controller", Renew(1, "s1", 9.0)) == ()
    assert (replica.switch, replica.lease) == ("s2", 3.0)
    replica.on_renew(0.0, "controller", Renew(2, "s2", 2.0))  # overtaken by a later one
    assert replica.lease == 3.0


@pytest.mark.parametrize(("now", "reason"), [(0.0, ""), (0.89, ""), (0.9, NO_LEASE), (2.0, NO_LEASE)])
def test_a_lease_ends_early_by_the_bound_on_skew(now, reason):
    replica = Bare("r", "s1", lease=1.0, skew=0.1)
    assert replica.untrusted(now, packet(Op.READ, single=True, committed=Stamp(1, 1))) == reason


def test_answers_go_through_the_switch_and_bounced_reads_become_normal_ones():
    replica = Bare("r", "s")
    replica.apply(packet(Op.WRITE, value=7), Stamp(1, 1))
    single = packet(Op.READ, 2, single=True, committed=Stamp(1, 1))
    assert replica.read_reply(single) == [
        Send("s", single._replace(op=Op.READ_REPLY, value=7)),
        Note(Served("c", 2, "x", 7, Stamp(1, 1))),
    ]
    assert replica.bounce(single, "tail", "why") == [Note(Bounced("why")), Send("tail", packet(Op.READ, 2))]
    assert str(replica.read_reply(single)[1].event) == "serves the single read of x: 7 written at 1.1"
