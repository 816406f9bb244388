import random

import numpy as np
import pytest

from hardware_models.tofino.batch import BatchEngine, Packets
from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.crc import crc
from hardware_models.tofino.expression import HI, LO
from hardware_models.tofino.interpreter import Interpreter
from hardware_models.tofino.placement import place
from hardware_models.tofino.program import UNSET_PORT
from hardware_models.tofino.report import report
from hardware_models.tofino.stateful import when
from scenarios.harmonia import dirty_set, switch_program
from scenarios.harmonia.detector import ABSORBED, GENERATORS, LAST_SEQUENCE, Detector
from scenarios.harmonia.packet import UNSTAMPED, Op, Packet, Stamp
from scenarios.harmonia.switch_control import SwitchControl
from scenarios.harmonia.switch_program import Plan, build
from scenarios.harmonia.wire import HEADER_BYTES, decode, encode
from sim.errors import UserError

CARD = TofinoCard.model_validate("tofino1")
WRITE, READ, CLIENT = 1, 2, 3
REPLICAS = (4, 5, 6)
SMALL = Plan(stages=3, slots=16)


@pytest.fixture(scope="module")
def program():
    return build(SMALL)


def running(engine, program, switch_id=1, pipe=0):
    made = engine(program, CARD)
    control = SwitchControl(made.state, switch_id, WRITE, READ, pipe)
    control.set_replicas(REPLICAS)
    control.add_client(7, CLIENT)
    return made, control


def choice(client, request):
    return crc(client.to_bytes(4, "big") + request.to_bytes(4, "big"), 0x04C11DB7) & 255


def expected(detector, packet, client):
    """What the pipeline should answer, by the detector: (port, packet), or the reason of a drop."""
    verdict = detector.process(packet, choice(client, packet.request))
    if verdict.target == "drop":
        return verdict.reason
    if verdict.target == "client":
        return (CLIENT, verdict.packet) if client == 7 else "no egress port"
    return {"write": WRITE, "read": READ}.get(verdict.target, verdict.replica), verdict.packet


def random_packets(count, seed):
    """Mostly what clients and servers would send, with losses and reordering; a tenth is forged."""
    draw = random.Random(seed)
    pending, issued = [], 0
    for request in range(count):
        kind, item, client = draw.random(), draw.randrange(1, 60), draw.choice((7, 7, 7, 8))
        if kind < 0.1:
            stamp = Stamp(draw.choice((0, 1, 2)), draw.choice((0, 1, issued, issued + 1, draw.randrange(2**32))))
            committed = Stamp(draw.randrange(2**16), draw.randrange(2**32))
            yield Packet(draw.choice(list(Op)), item, "c", request, stamp, committed, draw.random() < 0.5), client
        elif kind < 0.45:
            yield Packet(Op.READ, item, "c", request), client
        elif kind < 0.75 or not pending:
            issued += 1
            pending.append((item, Stamp(1, issued)))
            yield Packet(Op.WRITE, item, "c", request), client
        else:
            item, stamp = pending.pop(draw.randrange(min(len(pending), 4)))
            if draw.random() < 0.9:
                yield Packet(draw.choice((Op.WRITE_COMPLETION, Op.WRITE_REPLY)), item, "c", request, stamp), client


def test_the_pipeline_is_the_detector_packet_for_packet(program):
    exact, control = running(Interpreter, program)
    detector = Detector(1, SMALL.stages, SMALL.slots, REPLICAS)
    seen = set()
    for number, (packet, client) in enumerate(random_packets(15_000, seed=1)):
        if number % 500 == 499:
            control.sweep()
            detector.sweep()
        result = exact.process(encode(packet, client), port=0)
        told = program.reasons[result.drop - 1] if result.drop else (result.port, decode(result.data, "c"))
        wanted = expected(detector, packet, client)
        if not isinstance(wanted, str):
            wanted = wanted[0], wanted[1]._replace(client="c")
        assert told == wanted, (number, packet)
        seen.add(told if isinstance(told, str) else (told[0], told[1].single))
    assert (control.refused, control.occupancy()) == (detector.refused, detector.occupancy())
    assert detector.dropped == exact.state.dropped()["dirty set full"] > 0
    assert {(WRITE, False), (READ, False), (4, True), (5, True), (6, True), ABSORBED, (CLIENT, False)} <= seen


def test_both_engines_agree_bit_for_bit(program):
    exact, _ = running(Interpreter, program)
    batch, control = running(BatchEngine, program)
    draw = random.Random(2)
    packets = [
        encode(packet, client) + draw.randbytes(draw.choice((0, 0, 12))) for packet, client in random_packets(15_000, 3)
    ]
    packets = [one[: draw.randrange(HEADER_BYTES)] if draw.random() < 0.01 else one for one in packets]
    packets = [bytes([draw.randrange(256)]) + one[1:] if one and draw.random() < 0.02 else one for one in packets]
    ports = [draw.choice((0, 0, 0, 15, 16, 63, 500)) for _ in packets]
    answers = []
    for start in range(0, len(packets), 4000):  # in batches, with the control plane between them
        part = slice(start, start + 4000)
        answers += batch.process(Packets.of(packets[part], ports[part]))
        control.sweep()
    for number, (data, port) in enumerate(zip(packets, ports, strict=True)):
        assert answers[number] == exact.process(data, port), number
        if number % 4000 == 3999:
            SwitchControl.sweep(control_of(exact, control))
    for name, halves in exact.state.registers.items():
        assert all(np.array_equal(*pair) for pair in zip(halves, batch.state.registers[name], strict=True)), name
    assert exact.state.dropped() == batch.state.dropped()
    assert np.array_equal(exact.state.counters["refused_completions"], batch.state.counters["refused_completions"])
    for reason in ("truncated packet", "unknown op", "no egress port", "dirty set full"):
        assert exact.state.dropped()[reason] > 0, reason


def control_of(engine, like):
    """The control of another engine's state, without a restart."""
    control = object.__new__(SwitchControl)
    control.state, control.pipe = engine.state, like.pipe
    return control


def test_registers_are_per_pipe(program):
    """A group whose packets enter two pipes sees two dirty sets: the second never lets a single replica answer."""
    exact, _ = running(Interpreter, program)
    exact.process(encode(Packet(Op.WRITE, 9, "c", 1), 7), port=0)
    done = encode(Packet(Op.WRITE_COMPLETION, 9, "c", 1, Stamp(1, 1)), 7)
    exact.process(done, port=0)
    read = encode(Packet(Op.READ, 9, "c", 2), 7)
    assert exact.process(read, port=15).port in REPLICAS
    assert exact.process(read, port=16).port == READ
    exact.process(done, port=16)  # the other pipe never issued it
    assert exact.process(read, port=16).port == READ


def test_a_write_that_would_wrap_is_dropped_and_erases_nothing(program):
    exact, control = running(Interpreter, program)
    exact.state.registers["sequence"][0][0, 0] = LAST_SEQUENCE - 1
    last = decode(exact.process(encode(Packet(Op.WRITE, 9, "c", 1), 7)).data, "c")
    assert last.stamp == Stamp(1, LAST_SEQUENCE)
    for _ in range(2):
        assert program.reasons[exact.process(encode(Packet(Op.WRITE, 9, "c", 2), 7)).drop - 1] == "sequence exhausted"
    assert control.occupancy() == 1
    control.restart(2)
    assert decode(exact.process(encode(Packet(Op.WRITE, 9, "c", 3), 7)).data, "c").stamp == Stamp(2, 1)


@pytest.mark.parametrize("switch_id", [0, 2, 3, 2**16])
def test_an_id_that_does_not_grow_is_refused(program, switch_id):
    _, control = running(Interpreter, program, switch_id=3)
    with pytest.raises(UserError, match="switch_id"):
        control.restart(switch_id)
    assert control.switch_id == 3


def test_the_control_plane_refuses_what_cannot_be(program):
    exact, control = running(Interpreter, program)
    with pytest.raises(UserError, match="replicas is empty"):
        control.set_replicas(())
    with pytest.raises(UserError, match="pipe = 4"):
        SwitchControl(exact.state, 1, WRITE, READ, pipe=4)
    control.set_targets(8, 9)
    assert exact.process(encode(Packet(Op.READ, 9, "c", 2), 7)).port == 9
    assert exact.process(encode(Packet(Op.WRITE, 9, "c", 2), 7)).port == 8


def test_bad_packets_are_dropped_and_counted(program):
    exact, _ = running(Interpreter, program)
    good = encode(Packet(Op.READ, 9, "c", 2), 7)
    for data in (
        b"",
        good[:-1],
        bytes([0]) + good[1:],
        bytes([6]) + good[1:],
        encode(Packet(Op.READ, 9, "c", 2), 7, group=2),
    ):
        result = exact.process(data)
        assert (result.data, result.port) == (b"", UNSET_PORT)
    counted = {reason: count for reason, count in exact.state.dropped().items() if count}
    assert counted == {"truncated packet": 2, "unknown op": 2, "unknown group": 1}


def test_a_client_cannot_ask_for_a_single_replica_itself(program):
    exact, _ = running(Interpreter, program)
    forged = Packet(Op.READ, 9, "c", 2, single=True)
    assert decode(exact.process(encode(forged, 7)).data, "c").single is False


def test_three_stages_of_64k_slots_fit_tofino_1():
    """Stages: sequence, last committed, three of the dirty set, decision. Cycles: corner turn 4, five match-dependent
    stages with a stateful ALU 24 each, the decision 20 (match dependent; a counter is no stateful ALU), 6 empty ones 1.
    A dirty stage: 65,536 slots of 64 bits are 32 blocks of 1024 x 128 bits, one spare, map RAM beside each.
    """
    placed = place(build(Plan(stages=3, slots=65536)), CARD)
    assert placed.stages == 6
    assert [placed.stage_of(name) for name in ("sequence", "last_committed", "dirty_0", "dirty_1", "dirty_2")] == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert placed.latency.ingress == 4 + 5 * 24 + 20 + 6 == 150
    assert placed.latency.egress == 160
    assert [(use.sram, use.map_rams, use.stateful) for use in placed.uses[2:5]] == [(33, 33, 1)] * 3
    assert "6 of 12 stages" in report(placed)


def test_as_many_stages_as_the_pipe_leaves():
    assert place(build(Plan(stages=9)), CARD).stages == 12
    with pytest.raises(UserError, match="needs 13 dependent stages; tofino1 has 12"):
        place(build(Plan(stages=10)), CARD)
    assert place(build(Plan(stages=10)), TofinoCard.model_validate("tofino2")).stages == 13
    with pytest.raises(UserError, match="needs 6 dependent stages; tofino1 has 5"):
        place(build(Plan()), TofinoCard.model_validate({"card": "tofino1", "stages": 5}))


def test_an_insert_with_three_comparisons_is_refused(monkeypatch):
    plain = dirty_set._stage

    def naive(number, slots, words, bits):
        """Free, stray and mine as three tests, as if empty were not sequence 0."""
        stage = plain(number, slots, words, bits)
        three = (LO == 0) | (words.floor >= HI) | (words.object_id == LO)
        insert = stage.register.action("naive", when(three, lo=words.object_id, hi=words.sequence, output=1))
        stage.register.actions.remove(stage.insert)
        return dirty_set.Stage(stage.register, stage.index, insert, stage.lookup, stage.release)

    monkeypatch.setattr(dirty_set, "_stage", naive)
    with pytest.raises(UserError, match=r"makes 3 comparisons .* 2 comparators"):
        place(build(Plan()), CARD)
    place(build(Plan()), TofinoCard.model_validate("tofino2"))


def test_an_insert_that_reads_the_last_committed_point_is_refused(monkeypatch):
    """Object, sequence and last committed point are three words; a stateful ALU sees two. Hence `floor`."""
    plain = switch_program.stages

    def words(count, slots, given, bits):
        three = dirty_set.Words(given.object_id, given.sequence, given.committed, given.committed)
        return plain(count, slots, three, bits)

    monkeypatch.setattr(switch_program, "stages", words)
    with pytest.raises(UserError, match="reads 3 packet fields"):
        place(build(Plan()), CARD)


def test_a_slot_wider_than_the_alu_is_refused():
    with pytest.raises(UserError, match="unsupported type pair<bit<64>, bit<64>>"):
        place(build(Plan(bits=64)), CARD)


@pytest.mark.parametrize("slots", [0, 3, 64000])
def test_slots_that_are_no_power_of_two_are_refused(slots):
    with pytest.raises(UserError, match="not a power of two"):
        build(Plan(slots=slots))


def test_more_stages_than_hashes_are_refused():
    with pytest.raises(UserError, match=f"1 to {len(GENERATORS)} are allowed"):
        build(Plan(stages=len(GENERATORS) + 1))


def test_one_slot_needs_no_hash():
    exact, _ = running(Interpreter, build(Plan(stages=1, slots=1)))
    assert exact.process(encode(Packet(Op.WRITE, 9, "c", 1), 7)).port == WRITE
    assert exact.process(encode(Packet(Op.WRITE, 8, "c", 1), 7)).drop


def test_wire():
    packet = Packet(Op.WRITE_REPLY, 2**32 - 1, "c", 5, Stamp(2, 3), Stamp(4, 5), single=True)
    assert decode(encode(packet, 9), "c") == packet
    assert encode(Packet(Op.READ, 1, "c", 2), 7)[8:10] == bytes(2) == UNSTAMPED.switch.to_bytes(2, "big")
    assert switch_program.header().bytes == HEADER_BYTES
    with pytest.raises(UserError, match="truncated"):
        decode(encode(packet, 9)[:-1], "c")
    with pytest.raises(UserError, match="op 9 is unknown"):
        decode(b"\x09" + encode(packet, 9)[1:], "c")
