from random import Random

from quorum import NOPaxos
from racks import random_operations

from scenarios.harmonia.detector import EXHAUSTED, LAST_SEQUENCE
from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from scenarios.harmonia.quorum_client import OpenQuorumClient
from scenarios.harmonia.sequencer import OrderingDetector, Sequencer
from scenarios.harmonia.switch import Activate, Dropped, Route
from sim.protocol import Note, Send

ALL = ("r0", "r1", "r2")
ROUTE = Route(1, ALL, ALL, ALL)


def packet(op, stamp=UNSTAMPED):
    return Packet(op, 1, "c0", 1, stamp, key="x")


def test_reads_and_writes_go_to_all_with_the_next_number():
    switch = Sequencer("s1", Random(0).randrange, Activate(3, ROUTE))
    for number, op in enumerate((Op.READ, Op.WRITE), start=1):
        assert switch.on_message(0, "c0", packet(op)) == [Send(r, packet(op, Stamp(3, number))) for r in ALL]
    assert switch.on_message(0, "r0", packet(Op.READ_REPLY)) == [Send("c0", packet(Op.READ_REPLY))]
    assert switch.on_message(0, "r0", packet(Op.WRITE_COMPLETION)) == ()


def test_a_new_session_counts_from_one():
    switch = Sequencer("s1", Random(0).randrange, Activate(1, ROUTE))
    switch.on_message(0, "c0", packet(Op.WRITE))
    switch.on_message(0, "controller", Activate(2, ROUTE._replace(number=2)))
    assert switch.on_message(0, "c0", packet(Op.WRITE))[0].message.stamp == Stamp(2, 1)


def test_no_number_is_given_twice():
    switch = Sequencer("s1", Random(0).randrange, Activate(1, ROUTE))
    switch.issued = LAST_SEQUENCE - 1
    assert len(switch.on_message(0, "c0", packet(Op.WRITE))) == 3
    assert switch.on_message(0, "c0", packet(Op.READ)) == [Note(Dropped(EXHAUSTED))]
    detector = OrderingDetector(1, 1, 4, ALL)
    detector.sequence = LAST_SEQUENCE
    assert detector.process(packet(Op.READ)).reason == EXHAUSTED
    assert detector.process(packet(Op.WRITE)).reason == EXHAUSTED


def test_reads_of_dirty_objects_take_numbers_between_those_of_writes():
    detector = OrderingDetector(1, 1, 4, ALL)
    write = detector.process(packet(Op.WRITE)).packet
    assert detector.process(packet(Op.READ)).packet.stamp == Stamp(1, 2)
    assert detector.process(packet(Op.READ)).target == "write"
    assert detector.process(packet(Op.WRITE)).packet.stamp == Stamp(1, 4)
    detector.process(write._replace(op=Op.WRITE_COMPLETION))
    assert detector.process(packet(Op.READ)).packet.stamp == Stamp(1, 5)  # the other write is pending
    detector.process(write._replace(op=Op.WRITE_COMPLETION, stamp=Stamp(1, 4)))
    verdict = detector.process(packet(Op.READ))
    assert (verdict.target, verdict.packet.committed) == ("replica", Stamp(1, 4))


def test_a_write_that_finds_no_slot_leaves_a_gap_that_becomes_a_no_op():
    rack = NOPaxos(*[100] * 12, harmonia=True, keys=40, writes=0.8, switches=("s1",)).run(0.3)
    assert rack.completed() == 1200
    rack.check()
    full = [event for event in rack.events(Dropped) if event.reason == "dirty set full"]
    assert full
    assert 0 < rack.nodes["r0"].log.count(None) <= len(full)


def test_an_open_loop_of_clients_that_count_votes():
    rack = NOPaxos()
    rack.add(OpenQuorumClient("c0", ("s1",), random_operations(1, 100), ALL, gap=lambda i: 20e-6))
    rack.run(0.05)
    assert rack.completed() == 100
    rack.check()
