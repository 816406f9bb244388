"""Chain, primary-backup and CRAQ message by message."""

import pytest

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.craq import Asked, Craq, Query, Version
from scenarios.harmonia.packet import Op, Packet, Stamp, object_id
from scenarios.harmonia.primary_backup import Ask, PrimaryBackup, Report
from scenarios.harmonia.read_ahead import Ack, Configure, Configured, Copied, Fetch, Forward, Join, Snapshot
from scenarios.harmonia.replica import CHECK_FAILED, NOT_HERE, NOT_READY, OUT_OF_ORDER, Bounced, Item, Refused
from sim.protocol import Note, Send

NAMES = ("a", "b", "c")


def write(number, key="x", stamp=None, client="w"):
    packet = Packet(Op.WRITE, object_id(key), client, number, key=key, value=(client, number))
    return packet if stamp is None else packet._replace(stamp=stamp)


def stamped(number, key="x"):
    return write(number, key, Stamp(1, number))


def read(key="x", **rest):
    return Packet(Op.READ, object_id(key), "reader", 1, key=key, **rest)


def single(committed, key="x"):
    return read(key, single=True, committed=committed)


def reply(packet, value=None):
    op = Op.READ_REPLY if packet.op is Op.READ else Op.WRITE_REPLY
    return Send("s", packet._replace(op=op, value=value))


def tell(node, message, source="s", now=0.0):
    """Messages and events that follow."""
    return [effect for effect in node.on_message(now, source, message) if isinstance(effect, Send | Note)]


def filled(kind, name, count, members=NAMES, **rest):
    """A node that got stamped writes 1 to count from its predecessor, or from the switch."""
    node = kind(name, "s", members, **rest)
    for number in range(1, count + 1):
        if node.predecessor() is None:
            tell(node, stamped(number))
        else:
            tell(node, Forward(1, number, 0, stamped(number)), node.predecessor())
    return node


# Chain replication.


def test_a_write_goes_down_the_chain_and_its_acknowledgement_up():
    head, middle, tail = (Chain(name, "s", NAMES) for name in NAMES)
    forward = Forward(1, 1, 0, stamped(1))
    assert tell(head, stamped(1)) == [Send("b", forward)]
    assert tell(middle, forward, "a") == [Send("c", forward)]
    assert tell(tail, forward, "b") == [reply(stamped(1)), Send("b", Ack(1, 1))]
    assert tell(middle, Ack(1, 1), "c") == [Send("a", Ack(1, 1))]
    assert tell(head, Ack(1, 1), "b") == []
    assert [node.committed for node in (head, middle, tail)] == [1, 1, 1]
    assert str(forward).startswith("forward 1 in epoch 1: WRITE x")


def test_only_the_head_takes_writes_and_in_the_order_of_stamps():
    head, middle = filled(Chain, "a", 2), Chain("b", "s", NAMES)
    assert tell(middle, stamped(1)) == [Note(Refused(NOT_HERE))]
    for late in (Stamp(1, 1), Stamp(1, 2), Stamp(0, 9)):
        assert tell(head, write(9, stamp=late)) == [Note(Refused(OUT_OF_ORDER))]
    assert tell(head, write(9, stamp=Stamp(1, 7)))
    assert tell(head, write(10, stamp=Stamp(2, 1)))
    assert tell(head, write(11, stamp=Stamp(1, 8))) == [Note(Refused(OUT_OF_ORDER))]


def test_a_retry_takes_its_place_in_the_order_and_changes_nothing():
    tail = filled(Chain, "c", 2)
    again = stamped(1)._replace(stamp=Stamp(1, 3))
    assert tell(tail, Forward(1, 3, 0, again), "b") == [reply(again), Send("b", Ack(1, 3))]
    assert tail.store["x"] == Item(("w", 2), Stamp(1, 2))


def test_a_single_read_shows_nothing_uncommitted():
    head = filled(Chain, "a", 2)
    assert tell(head, single(Stamp(1, 2)))[0] == reply(single(Stamp(1, 2)), ("w", 2))
    assert tell(head, single(Stamp(1, 1))) == [Note(Bounced(CHECK_FAILED)), Send("c", read())]
    assert tell(head, single(Stamp(1, 1), "y"))[0] == reply(single(Stamp(1, 1), "y"))
    tail = filled(Chain, "c", 2)
    assert tell(tail, single(Stamp(1, 1))) == [Note(Bounced(CHECK_FAILED)), reply(read(), ("w", 2))]


def test_normal_reads_go_to_the_tail_once_and_need_a_lease():
    head, tail = filled(Chain, "a", 1), filled(Chain, "c", 1, lease=1.0)
    assert tell(head, read()) == [Send("c", read())]
    assert tell(head, read(), "c") == []
    assert tell(tail, read(), "a") == [reply(read(), ("w", 1))]
    assert tell(tail, read(), now=1.0) == []
    assert tell(tail, single(Stamp(1, 1)), now=1.0) == [Note(Bounced("lease ran out"))]


def test_writes_that_overtake_wait_and_those_that_come_again_are_acknowledged_again():
    tail = Chain("c", "s", NAMES, window=3)
    one, two, three, four = (Forward(1, number, 0, stamped(number)) for number in (1, 2, 3, 4))
    assert tell(tail, three, "b") == tell(tail, four, "b") == tell(tail, two, "b") == []
    answers = tell(tail, one, "b")
    assert [effect.message.request for effect in answers[:-1]] == [1, 2, 3]  # the fourth was beyond the window
    assert answers[-1] == Send("b", Ack(1, 3))
    assert tell(tail, two, "b") == [Send("b", Ack(1, 3))]


def test_what_is_not_acknowledged_is_forwarded_again():
    head = filled(Chain, "a", 40)
    tell(head, Ack(1, 3), "b")
    again = [effect.message.number for effect in head.on_timer(0.0, "resend") if isinstance(effect, Send)]
    assert again == list(range(4, 36))
    tell(head, Ack(1, 40), "b")
    assert head.on_timer(0.0, "resend") == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("c", Forward(1, 2, 0, stamped(2))),  # not the predecessor
        ("a", Forward(2, 2, 0, stamped(2))),  # another epoch
        ("c", Ack(2, 1)),
        ("a", Ack(1, 1)),  # not the successor
        ("c", Ack(1, 0)),
        ("s", write(1)._replace(op=Op.WRITE_COMPLETION)),
        ("s", write(1)._replace(op=77)),
        ("controller", Configure(0, ("b",))),
        ("controller", Join("a")),  # a member already
        ("c", Fetch(2, Stamp(0, 0), ())),
        ("a", Snapshot(1, 9, Stamp(1, 9), Stamp(1, 9), (), (), (), ())),  # nobody asked
        ("a", "what is this?"),
    ],
)
def test_what_is_out_of_place_is_ignored(source, message):
    node = filled(Chain, "b", 1)
    before = node.freeze()
    assert tell(node, message, source) == []
    assert node.freeze() == before


def test_the_head_fails():
    second = filled(Chain, "b", 2)
    assert tell(second, Configure(2, ("b", "c")), "controller") == [
        Send("c", Forward(2, 1, 0, stamped(1))),
        Send("c", Forward(2, 2, 0, stamped(2))),
        Send("controller", Configured(2)),
    ]
    assert tell(second, stamped(2)) == [Note(Refused(OUT_OF_ORDER))]
    assert tell(second, stamped(3)) == [Send("c", Forward(2, 3, 0, stamped(3)))]


def test_the_tail_fails_and_what_is_pending_at_the_one_before_is_committed():
    second = filled(Chain, "b", 2)
    assert tell(second, Configure(2, ("a", "b")), "controller") == [
        reply(stamped(1)),
        reply(stamped(2)),
        Send("a", Ack(2, 2)),
        Send("controller", Configured(2)),
    ]
    assert tell(second, read(), "s") == [reply(read(), ("w", 2))]


def test_one_in_between_fails():
    head = filled(Chain, "a", 2)
    tell(head, Ack(1, 1), "b")
    assert tell(head, Configure(2, ("a", "c")), "controller") == [
        Send("c", Forward(2, 2, 1, stamped(2))),
        Send("controller", Configured(2)),
    ]
    tail = filled(Chain, "c", 1)
    assert tell(tail, Configure(2, ("a", "c")), "controller") == [Send("controller", Configured(2))]
    assert tell(tail, Forward(2, 2, 1, stamped(2)), "a") == [reply(stamped(2)), Send("a", Ack(2, 2))]


def test_a_single_node_is_head_and_tail():
    node = Chain("a", "s", ("a",))
    assert tell(node, stamped(1)) == [reply(stamped(1))]
    assert tell(node, read()) == [reply(read(), ("w", 1))]


def test_a_server_joins_at_the_tail():
    tail, newcomer = filled(Chain, "c", 2), Chain("d", "s", NAMES)
    assert tell(newcomer, read()) == tell(newcomer, single(Stamp(1, 2))) == []
    assert tell(newcomer, Join("c"), "controller") == [Send("c", Fetch(0, Stamp(0, 0), ()))]
    ((_, snapshot),) = tell(tail, Fetch(0, Stamp(0, 0), ()), "d")
    assert tell(newcomer, snapshot, "c") == [Send("controller", Copied())]
    assert tell(newcomer, Join("c"), "controller") == [Send("controller", Copied())]
    tell(tail, Forward(1, 3, 0, stamped(3, "y")), "b")  # meanwhile
    four = (*NAMES, "d")
    assert tell(newcomer, Configure(2, four), "controller") == [Send("c", Fetch(2, Stamp(1, 2), ()))]
    assert tell(newcomer, Configure(2, four), "controller") == []  # not ready yet
    assert tell(newcomer, read(), "c") == []
    assert tell(newcomer, Forward(2, 3, 2, stamped(3)), "c") == []
    assert tell(newcomer, single(Stamp(1, 3))) == [Note(Bounced(NOT_READY))]
    assert newcomer.on_timer(0.0, "fetch")[0] == Send("c", Fetch(2, Stamp(1, 2), ()))
    assert tell(tail, Fetch(2, Stamp(1, 2), ()), "d") == []  # not in that epoch yet
    assert tell(tail, Configure(2, four), "controller") == [Send("controller", Configured(2))]
    assert tell(tail, read()) == [Send("d", read())]
    ((_, changed),) = tell(tail, Fetch(2, Stamp(1, 2), ()), "d")
    assert changed.store == (("y", ("w", 3), Stamp(1, 3)),)
    assert tell(newcomer, changed, "c") == [Send("controller", Configured(2))]
    assert newcomer.on_timer(0.0, "fetch") == []
    assert newcomer.store == tail.store
    assert tell(newcomer, Configure(2, four), "controller") == [Send("controller", Configured(2))]
    assert tell(newcomer, Forward(2, 4, 3, stamped(4)), "c") == [reply(stamped(4)), Send("c", Ack(2, 4))]
    assert tell(tail, Ack(2, 4), "d") == []  # it has not sent that yet
    assert tell(newcomer, read(), "c") == [reply(read(), ("w", 4))]


def test_a_copy_has_nothing_that_may_be_lost_and_names_what_it_lacks():
    primary, newcomer = filled(PrimaryBackup, "a", 1), PrimaryBackup("d", "s", NAMES)
    for backup in ("b", "c"):
        tell(primary, Ack(1, 1), backup)
    tell(primary, stamped(2))
    tell(primary, stamped(3, "y"))
    tell(newcomer, Join("a"), "controller")
    ((_, copy),) = tell(primary, Fetch(0, Stamp(0, 0), ()), "d")
    assert copy == Snapshot(0, 1, Stamp(1, 1), Stamp(1, 1), (), (), (), ("x", "y"))
    tell(newcomer, copy, "a")
    second = filled(PrimaryBackup, "b", 1, ("b", "c"))  # the others never heard of the second write
    tell(second, Ack(1, 1), "c")
    tell(second, Configure(2, ("b", "c", "d")), "controller")
    fetch = Fetch(2, Stamp(1, 1), ("x", "y"))
    assert tell(newcomer, Configure(2, ("b", "c", "d")), "controller")[-1] == Send("b", fetch)
    ((_, changed),) = tell(second, fetch, "d")
    tell(newcomer, changed, "b")
    assert newcomer.store == second.store == {"x": Item(("w", 1), Stamp(1, 1))}
    assert newcomer.sessions == {"w": 1}


def test_a_removed_server_forgets_all_and_says_so():
    node = filled(Chain, "b", 2)
    assert tell(node, Configure(2, ("a", "c")), "controller") == [Send("controller", Configured(2))]
    assert node.store == {}
    assert tell(node, single(Stamp(1, 2))) == tell(node, read()) == []
    assert tell(node, Configure(2, ("a", "c")), "controller") == [Send("controller", Configured(2))]


# Primary-backup.


def test_the_primary_answers_when_all_backups_have_it():
    primary, backup = PrimaryBackup("a", "s", NAMES), PrimaryBackup("b", "s", NAMES)
    forward = Forward(1, 1, 0, stamped(1))
    assert tell(primary, stamped(1)) == [Send("b", forward), Send("c", forward)]
    assert tell(backup, forward, "a") == [Send("a", Ack(1, 1))]
    assert tell(backup, forward, "a") == [Send("a", Ack(1, 1))]
    assert tell(primary, Ack(1, 1), "c") == []
    assert tell(primary, Ack(1, 1), "b") == [reply(stamped(1))]
    assert backup.committed == 0
    tell(backup, Forward(1, 2, 1, stamped(2)), "a")
    assert backup.committed == 1


def test_a_normal_read_waits_for_the_write_it_would_show():
    primary = filled(PrimaryBackup, "a", 2)
    assert tell(primary, read()) == []
    assert tell(primary, read("y")) == [reply(read("y"))]
    for backup in ("b", "c"):
        answers = tell(primary, Ack(1, 1), backup)
    assert answers == [reply(stamped(1))]
    for backup in ("b", "c"):
        answers = tell(primary, Ack(1, 2), backup)
    assert answers == [reply(stamped(2)), reply(read(), ("w", 2))]
    assert tell(primary, read()) == [reply(read(), ("w", 2))]


def test_a_backup_fails():
    primary = filled(PrimaryBackup, "a", 1)
    tell(primary, Ack(1, 1), "b")
    answers = tell(primary, Configure(2, ("a", "b")), "controller")
    assert answers == [reply(stamped(1)), Send("controller", Configured(2))]  # all that are left have it
    primary = filled(PrimaryBackup, "a", 1, ("a", "b"))
    answers = tell(primary, Configure(2, ("a",)), "controller")
    assert answers == [reply(stamped(1)), Send("controller", Configured(2))]


def test_the_primary_fails_and_the_next_one_takes_up_the_longest_report():
    second, third = filled(PrimaryBackup, "b", 1), filled(PrimaryBackup, "c", 3)
    assert tell(second, Configure(2, ("b", "c")), "controller") == []
    assert tell(second, stamped(9)) == [Note(Refused(NOT_READY))]
    assert tell(second, Configure(2, ("b", "c")), "controller") == [Send("c", Ask(2))]
    assert tell(third, Ask(2), "b") == []  # not in that epoch yet
    report = Report(2, 3, (stamped(1), stamped(2), stamped(3)))
    assert tell(third, Configure(2, ("b", "c")), "controller")[0] == Send("b", report)
    assert tell(third, Configure(2, ("b", "c")), "controller") == [Send("controller", Configured(2))]
    assert tell(third, Ask(2), "b") == [Send("b", report)]
    assert tell(third, Ask(2), "a") == []
    answers = tell(second, report, "c")
    assert [effect.message.request for effect in answers if effect.to == "s"] == [1, 2, 3]
    assert answers[-1] == Send("controller", Configured(2))
    assert tell(second, report, "c") == []
    assert second.store == third.store
    assert tell(second, stamped(9)) == [Send("c", Forward(2, 4, 3, stamped(9)))]


def test_reads_that_wait_are_dropped_with_the_epoch():
    primary = filled(PrimaryBackup, "a", 1)
    tell(primary, read())
    answers = tell(primary, Configure(2, ("a",)), "controller")
    assert answers == [reply(stamped(1)), Send("controller", Configured(2))]


# CRAQ.


def plain(name, count):
    node = Craq(name, "s", NAMES)
    for number in range(1, count + 1):
        tell(node, Forward(1, number, 0, write(number)), node.predecessor())
    return node


def test_a_clean_read_is_answered_anywhere_and_a_dirty_one_asks_the_tail():
    middle, tail = plain("b", 2), plain("c", 1)
    assert tell(middle, read("y")) == [reply(read("y"))]
    assert tell(middle, read()) == [Note(Asked()), Send("c", Query(1, read()))]
    assert tell(tail, Query(1, read()), "b") == [Send("b", Version(1, read(), Stamp(0, 1)))]
    assert tell(middle, Version(1, read(), Stamp(0, 1)), "c") == [reply(read(), ("w", 1))]
    assert tell(middle, Version(1, read(), Stamp(0, 0)), "c") == [reply(read(), None)]
    tell(middle, Ack(1, 1), "c")
    assert tell(middle, Version(1, read(), Stamp(0, 0)), "c") == [reply(read(), ("w", 1))]  # committed since
    tell(middle, Ack(1, 2), "c")
    assert tell(middle, Version(1, read(), Stamp(0, 1)), "c") == [reply(read(), ("w", 2))]
    assert tell(middle, read()) == [reply(read(), ("w", 2))]
    assert middle.versions == {}


def test_craq_without_a_lease_or_out_of_place_says_nothing():
    middle, tail = plain("b", 1), plain("c", 1)
    middle.lease = tail.lease = 1.0
    assert tell(middle, read(), now=1.0) == []
    assert tell(tail, Query(1, read()), "b", now=1.0) == []
    assert tell(tail, Query(2, read()), "b") == []
    assert tell(middle, Query(1, read()), "a") == []
    assert tell(middle, Version(2, read(), Stamp(0, 1)), "c") == []
    tell(middle, Configure(2, ("a", "c")), "controller")
    assert middle.versions == {}
