import pytest
from racks import detector

from scenarios.harmonia.detector import EXHAUSTED, FULL, LAST_SEQUENCE, Detector
from scenarios.harmonia.packet import Op, Packet, Stamp, object_id
from scenarios.harmonia.switch import Activate, Dropped, HarmoniaSwitch, Ping, Pong, Reroute, Route, Switch
from sim.errors import UserError
from sim.protocol import Note, Send

ROUTE = Route(1, ("head",), ("tail",), ("head", "tail"))


def packet(op, key="x", client="c", request=1, **rest):
    return Packet(op, object_id(key), client, request, key=key, **rest)


ACTIVE = Activate(1, ROUTE)


def harmonia(active=ACTIVE, choose=lambda n: n - 1, make=None):
    return HarmoniaSwitch("s", choose, make or detector(), active)


def sent(node, message, source="c"):
    return [(effect.to, effect.message) for effect in node.on_message(0.0, source, message) if type(effect) is Send]


def dropped(node, message):
    (note,) = node.on_message(0.0, "c", message)
    assert isinstance(note, Note)
    return note.event.reason


def complete(node, key="x"):
    ((_, write),) = sent(node, packet(Op.WRITE, key))
    return sent(node, write._replace(op=Op.WRITE_REPLY))


def test_a_plain_switch_forwards_by_its_route():
    node = Switch("s", lambda n: n - 1, Activate(1, ROUTE._replace(read_to=("r0", "r1"))))
    for request, to in [(Op.READ, "r1"), (Op.WRITE, "head"), (Op.READ_REPLY, "c"), (Op.WRITE_REPLY, "c")]:
        assert sent(node, packet(request)) == [(to, packet(request))]
    assert dropped(node, packet(Op.WRITE_COMPLETION)) == "unknown op"


def test_a_read_goes_to_any_replica_once_a_write_was_completed():
    node = harmonia()
    assert sent(node, packet(Op.READ)) == [("tail", packet(Op.READ))]
    assert complete(node) == [("c", packet(Op.WRITE_REPLY, stamp=Stamp(1, 1)))]
    single = packet(Op.READ, single=True, committed=Stamp(1, 1))
    assert sent(node, packet(Op.READ)) == [("tail", single)]
    node._choose = lambda n: 0
    assert sent(node, packet(Op.READ)) == [("head", single)]


def test_a_read_of_an_object_with_a_pending_write_goes_the_normal_way():
    node = harmonia()
    complete(node, "y")
    sent(node, packet(Op.WRITE))
    assert sent(node, packet(Op.READ)) == [("tail", packet(Op.READ))]


def test_a_completion_alone_is_taken_up_in_silence_and_a_forged_or_stale_one_changes_nothing():
    node = harmonia()
    sent(node, packet(Op.WRITE))
    for stamp in [Stamp(1, 2), Stamp(2, 1), Stamp(0, 1), Stamp(1, 0), Stamp(1, LAST_SEQUENCE + 1)]:
        before = node.freeze()
        node.on_message(0.0, "c", packet(Op.WRITE_COMPLETION, stamp=stamp))
        assert node.freeze() == before
    assert node.data_plane.refused == 5
    assert not node.on_message(0.0, "head", packet(Op.WRITE_COMPLETION, stamp=Stamp(1, 1)))
    assert node.data_plane.ready


def test_a_full_dirty_set_is_told():
    node = harmonia(make=detector(stages=1, slots=1))
    sent(node, packet(Op.WRITE, "x"))
    assert dropped(node, packet(Op.WRITE, "y")) == FULL


def test_a_switch_without_activation_forwards_nothing_and_loses_all_in_a_crash():
    node = harmonia(active=None)
    assert dropped(node, packet(Op.READ)) == "switch inactive"
    assert sent(node, Ping(), "controller") == [("controller", Pong(0, 0))]
    assert sent(node, Activate(3, ROUTE), "controller") == [("controller", Pong(3, 1))]
    assert complete(node)[0][1].stamp == Stamp(3, 1)
    node.on_crash()
    assert dropped(node, packet(Op.READ)) == "switch inactive"
    sent(node, Activate(4, ROUTE), "controller")
    assert not node.data_plane.ready


def test_an_id_that_goes_backwards_is_not_taken():
    node = harmonia(active=Activate(3, ROUTE))
    complete(node)
    for switch_id in (1, 2, 3):
        assert sent(node, Activate(switch_id, ROUTE), "controller") == [("controller", Pong(3, 1))]
    assert node.data_plane.ready


def test_a_removed_replica_gets_no_more_reads_and_an_older_route_is_ignored():
    node = harmonia()
    complete(node)
    sent(node, Reroute(ROUTE._replace(number=3, replicas=("head",))), "controller")
    assert sent(node, packet(Op.READ))[0][0] == "head"
    assert sent(node, Reroute(ROUTE._replace(number=2)), "controller") == [("controller", Pong(1, 3))]
    assert sent(node, packet(Op.READ))[0][0] == "head"


def test_an_exhausted_sequence_stops_the_switch():
    def near_the_end(switch_id, replicas):
        made = Detector(switch_id, 2, 4, replicas)
        made.sequence = LAST_SEQUENCE - 1
        return made

    node = harmonia(make=near_the_end)
    assert complete(node)[0][1].stamp == Stamp(1, LAST_SEQUENCE)
    assert node.on_message(0.0, "c", packet(Op.WRITE)) == [Note(Dropped(EXHAUSTED))]
    assert sent(node, Ping(), "controller") == [("controller", Pong(0, 0))]


def test_no_replicas_is_refused():
    with pytest.raises(UserError, match="replicas is empty"):
        harmonia(active=Activate(1, ROUTE._replace(replicas=())))


def test_a_snapshot_holds_the_dirty_set():
    node = harmonia()
    blank = node.freeze()
    complete(node)
    sent(node, packet(Op.WRITE))
    full = node.freeze()
    node.thaw(blank)
    assert not node.data_plane.ready
    other = harmonia(active=None)
    other.thaw(full)
    assert sent(other, packet(Op.READ)) == [("tail", packet(Op.READ))]
    other.on_crash()
    crashed = other.freeze()
    node.thaw(crashed)
    assert dropped(node, packet(Op.READ)) == "switch inactive"


def test_sweeps_free_slots():
    node = HarmoniaSwitch("s", lambda n: 0, detector(stages=1, slots=1), Activate(1, ROUTE), sweep=1.0)
    (timer,) = node.on_start(0.0)
    complete(node)
    assert node.on_timer(1.0, timer.timer) == [timer]
    assert complete(node, "y")
    node.on_crash()
    assert node.on_timer(2.0, timer.timer) == [timer]
