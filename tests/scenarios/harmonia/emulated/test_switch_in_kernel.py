"""The switch program in the kernel is the pipeline model's, packet for packet; no network takes part."""

import random

import numpy as np
import pytest
from emulated_needs import emulated

from emulation.bpf import REDIRECT, SHOT
from hardware_models.tofino.batch import BatchEngine, Packets
from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.crc import POLYNOMIALS, crc
from scenarios.harmonia.detector import LAST_SEQUENCE, Detector
from scenarios.harmonia.emulated.datagrams import GROUP
from scenarios.harmonia.emulated.kernel import Endpoint, KernelSwitchProgram, Mode
from scenarios.harmonia.packet import Op, Packet, Stamp
from scenarios.harmonia.sequencer import OrderingDetector
from scenarios.harmonia.switch import Route
from scenarios.harmonia.switch_control import SwitchControl
from scenarios.harmonia.switch_program import Plan, build
from scenarios.harmonia.wire import HEADER_BYTES, decode, encode
from sim.errors import UserError

CARD = TofinoCard.model_validate("tofino1")
#: Ports of the pipeline; in the kernel the same number is the last byte of an address.
WRITE, READ, CLIENT, REPLICAS, SWITCH = 1, 2, 3, (4, 5, 6), 9
CLIENT_NUMBER, OTHER_CLIENT = 7, 8
BATCH = 5_000

pytestmark = emulated


def endpoint(number):
    return Endpoint(number, f"10.0.0.{number}", 7000 + number, f"02:00:00:00:00:{number:02x}")


NAMES = {WRITE: "w", READ: "r", CLIENT: "c", **{port: f"r{port}" for port in REPLICAS}, SWITCH: "s"}
ROUTE = Route(1, ("w",), ("r",), tuple(NAMES[port] for port in REPLICAS))


def kernel_switch(stages, slots, switch_id=1, route=ROUTE, **mode):
    endpoints = {name: endpoint(number) for number, name in NAMES.items()}
    made = KernelSwitchProgram(
        Mode(**({"detects": True} | mode), stages=stages, slots=slots), switch_id, "s", endpoints, {"c": CLIENT_NUMBER}
    )
    made.set_route(route)
    return made


def frame(payload, ip=SWITCH, udp_port=None):
    """A frame from the client to the switch."""
    size = len(payload)
    here, there = endpoint(CLIENT), endpoint(ip)
    ethernet = bytes.fromhex((there.mac + here.mac).replace(":", "")) + b"\x08\x00"
    packet = bytes((0x45, 0)) + (28 + size).to_bytes(2, "big") + bytes(4) + bytes((64, 17, 0, 0))
    packet += bytes(map(int, here.ip.split("."))) + bytes(map(int, there.ip.split(".")))
    udp = (here.udp_port).to_bytes(2, "big") + (udp_port or there.udp_port).to_bytes(2, "big")
    return ethernet + packet + udp + (8 + size).to_bytes(2, "big") + bytes(2) + payload


def answer(switch, payload):
    """(port, payload) that leaves the kernel's switch; None if the packet is dropped."""
    ran = switch.plane.program.test(frame(payload))
    assert ran.result in (REDIRECT, SHOT)
    if ran.result == SHOT:
        return None
    out = ran.packet
    assert sum(int.from_bytes(out[at : at + 2], "big") for at in range(14, 34, 2)) % 0xFFFF == 0  # IPv4's checksum
    port = out[33]
    assert out[:12] == bytes.fromhex((endpoint(port).mac + endpoint(SWITCH).mac).replace(":", ""))
    assert int.from_bytes(out[36:38], "big") == endpoint(port).udp_port
    return port, out[42:]


def adversarial(count, seed, first=0, objects=60):
    """What clients and servers send, with losses and reordering; a sixth is forged, malformed, stale or cut short."""
    draw = random.Random(seed)
    pending, issued = [], first
    for request in range(count):
        kind, item, client = (
            draw.random(),
            draw.randrange(1, objects),
            draw.choice((CLIENT_NUMBER,) * 3 + (OTHER_CLIENT,)),
        )
        if kind < 0.1:
            near = min(max(issued + draw.randrange(-3, 4), 0), LAST_SEQUENCE)
            stamp = Stamp(draw.choice((0, 1, 2)), draw.choice((0, 1, near, LAST_SEQUENCE, draw.randrange(2**32))))
            committed = Stamp(draw.randrange(2**16), draw.randrange(2**32))
            packet = Packet(draw.choice(list(Op)), item, "c", request, stamp, committed, draw.random() < 0.5)
        elif kind < 0.45:
            packet = Packet(Op.READ, item, "c", request)
        elif kind < 0.75 or not pending:
            issued = min(issued + 1, LAST_SEQUENCE)
            pending.append((item, Stamp(1, issued)))
            packet = Packet(Op.WRITE, item, "c", request)
        else:
            item, stamp = pending.pop(draw.randrange(min(len(pending), 4)))
            if draw.random() < 0.1:
                continue  # a lost completion leaves a stray
            packet = Packet(draw.choice((Op.WRITE_COMPLETION, Op.WRITE_REPLY)), item, "c", request, stamp)
        data = encode(packet, client, draw.choice((GROUP,) * 40 + (0, 2, 65535))) + draw.randbytes(
            draw.choice((0, 0, 9))
        )
        kind = draw.random()
        if kind < 0.01:
            data = data[: draw.randrange(HEADER_BYTES)]
        elif kind < 0.03:
            data = bytes([draw.randrange(256)]) + data[1:]
        elif kind < 0.04:
            data = draw.randbytes(len(data))
        yield data


def pipeline(stages, slots):
    engine = BatchEngine(build(Plan(stages=stages, slots=slots)), CARD)
    control = SwitchControl(engine.state, 1, WRITE, READ)
    control.set_replicas(REPLICAS)
    control.add_client(CLIENT_NUMBER, CLIENT)
    return engine, control


def same_registers(switch, engine, control, stages, slots):
    found = np.frombuffer(switch.dirty(), dtype=np.uint32).reshape(stages, slots, 2)
    for stage in range(stages):
        objects, sequences = (half[control.pipe] for half in engine.state.registers[f"dirty_{stage}"])
        assert np.array_equal(found[stage, :, 0], objects.astype(np.uint32)), stage
        assert np.array_equal(found[stage, :, 1], sequences.astype(np.uint32)), stage
    registers = switch.registers()
    assert registers.sequence == int(engine.state.registers["sequence"][0][control.pipe, 0]) & LAST_SEQUENCE
    assert registers.committed == int(engine.state.registers["last_committed"][0][control.pipe, 0]) & LAST_SEQUENCE
    assert registers.refused == control.refused
    assert registers.full == engine.state.dropped()["dirty set full"]
    assert registers.exhausted == engine.state.dropped()["sequence exhausted"]


@pytest.mark.parametrize(
    ("stages", "slots", "first", "count"),
    [(3, 16, 0, 40_000), (1, 4, 0, 20_000), (3, 4096, 0, 30_000), (2, 8, LAST_SEQUENCE - 4_000, 20_000)],
    ids=["collisions", "one stage", "large", "the sequence ends"],
)
@pytest.mark.no_cover  # a hundred thousand packets: tracing would take longer than they do
def test_the_kernel_is_the_pipeline_packet_for_packet_and_register_for_register(stages, slots, first, count):
    engine, control = pipeline(stages, slots)
    switch = kernel_switch(stages, slots)
    if first:
        engine.state.registers["sequence"][0][control.pipe, 0] = first
        switch.set_sequence(first)
    packets = list(adversarial(count, seed=stages * slots, first=first, objects=60 if slots < 1000 else 6000))
    told = set()
    for start in range(0, len(packets), BATCH):
        part = packets[start : start + BATCH]
        for data, wanted in zip(part, engine.process(Packets.of(part, [0] * len(part))), strict=True):
            expected = None if wanted.drop else (wanted.port, wanted.data)
            assert answer(switch, data) == expected, data.hex()
            told.add(wanted.drop)
        same_registers(switch, engine, control, stages, slots)
        control.sweep()
        switch.sweep()
    reasons = {engine.program.reasons[drop - 1] for drop in told if drop}
    assert {"truncated packet", "unknown op", "unknown group", "no egress port", "completion absorbed"} <= reasons
    assert slots > 1000 or "dirty set full" in reasons
    assert not first or "sequence exhausted" in reasons
    assert switch.registers().refused > count / 100


def choice_of(client, request):
    return crc(client.to_bytes(4, "big") + request.to_bytes(4, "big"), POLYNOMIALS["crc32"]) & 255


def by_detector(detector, data, client=CLIENT_NUMBER):
    """What the plain statement of the algorithm makes of a packet: (port, payload) or None."""
    packet = decode(data, "c")
    verdict = detector.process(packet, choice_of(client, packet.request))
    if verdict.target == "drop" or (verdict.target == "client" and client != CLIENT_NUMBER):
        return None
    ports = {"write": WRITE, "read": READ, "client": CLIENT}
    port = ports.get(verdict.target) or REPLICAS[detector.replicas.index(verdict.replica)]
    return port, encode(verdict.packet, client) + data[HEADER_BYTES:]


def well_formed(count, seed):
    """The part of the adversarial packets that a plain statement can take."""
    for data in adversarial(count, seed):
        if len(data) >= HEADER_BYTES and data[0] in {*Op} and data[1] < 2 and data[2:4] == GROUP.to_bytes(2, "big"):
            yield data


@pytest.mark.parametrize(("kind", "orders"), [(Detector, False), (OrderingDetector, True)])
def test_the_kernel_is_the_plain_detector_and_the_ordering_one(kind, orders):
    detector = kind(1, 3, 16, ROUTE.replicas)
    switch = kernel_switch(3, 16, orders=orders)
    for number, data in enumerate(well_formed(6_000, seed=5)):
        client = int.from_bytes(data[20:24], "big")
        wanted = by_detector(detector, data, client)
        assert answer(switch, data) == wanted, (number, data.hex())
        if number % 500 == 499:
            detector.sweep()
            switch.sweep()
    registers = switch.registers()
    assert (registers.sequence, registers.committed) == (detector.sequence, detector.committed)
    assert registers.refused == detector.refused
    assert registers.full + registers.exhausted == detector.dropped


def test_a_plain_switch_forwards_and_a_sequencer_numbers_what_it_forwards():
    plain, sequencer = (kernel_switch(1, 4, detects=False, orders=orders) for orders in (False, True))
    write, read = (encode(Packet(op, 5, "c", 1), CLIENT_NUMBER) for op in (Op.WRITE, Op.READ))
    reply = encode(Packet(Op.READ_REPLY, 5, "c", 1), CLIENT_NUMBER)
    assert answer(plain, write) == (WRITE, write)
    assert answer(plain, read) == (READ, read)
    assert answer(plain, reply) == (CLIENT, reply)
    for number, request in enumerate((write, read, read, write), start=1):
        port, data = answer(sequencer, request)
        assert (port, decode(data, "c").stamp) == (WRITE, Stamp(1, number))
    assert answer(sequencer, reply) == (CLIENT, reply)
    assert sequencer.registers().sequence == 4


def test_a_route_to_many_sends_to_each_and_chooses_among_readers():
    everyone = tuple(NAMES[port] for port in REPLICAS)
    switch = kernel_switch(1, 4, detects=False, route=Route(1, everyone, everyone, everyone))
    reads = [answer(switch, encode(Packet(Op.READ, 5, "c", request), CLIENT_NUMBER)) for request in range(60)]
    assert {port for port, _ in reads} == set(REPLICAS)
    write = encode(Packet(Op.WRITE, 5, "c", 1), CLIENT_NUMBER)
    assert answer(switch, write) == (REPLICAS[-1], write)  # the copies before the last one leave by other ways


def test_an_inactive_switch_and_strangers_get_nothing_and_control_messages_pass():
    endpoints = {name: endpoint(number) for number, name in NAMES.items()}
    idle = KernelSwitchProgram(Mode(True, False, 1, 4), 1, "s", endpoints, {"c": CLIENT_NUMBER})
    write = encode(Packet(Op.WRITE, 5, "c", 1), CLIENT_NUMBER)
    assert answer(idle, write) is None
    active = kernel_switch(1, 4)
    assert active.plane.program.test(frame(write, udp_port=9)).result == SHOT  # not the switch's port
    assert active.plane.program.test(frame(write, ip=200)).result == SHOT  # to nobody we know
    message = b"\x00" + write[1:]
    assert active.plane.program.test(frame(message)).result == SHOT
    active.plane.program.map("hosts").put(bytes((10, 0, 0, SWITCH)), (9).to_bytes(4, "little") + bytes(8))
    passed = active.plane.program.test(frame(message))
    assert passed.result == REDIRECT
    assert passed.packet[42:] == message


def test_sizes_and_ids_that_cannot_be_are_refused():
    for mode, said in (({"stages": 0}, "stages"), ({"slots": 12}, "power of two")):
        with pytest.raises(UserError, match=said):
            kernel_switch(**({"stages": 1, "slots": 4} | mode))
    with pytest.raises(UserError, match="switch_id"):
        kernel_switch(1, 4, switch_id=0)
