"""Two engines, one meaning: whatever the exact one does, the batch one does to the last bit."""

import random
import subprocess
import sys

import numpy as np
import pytest
from small_programs import accumulator, fields, program, to_port

from hardware_models.tofino.batch import BatchEngine, Packets
from hardware_models.tofino.expression import (
    HI,
    LO,
    NEW_HI,
    NEW_LO,
    ActionParam,
    Hash,
    RegisterParam,
    largest,
    signed,
    smallest,
)
from hardware_models.tofino.interpreter import AccessError, Interpreter
from hardware_models.tofino.placement import place
from hardware_models.tofino.program import (
    EGRESS_PORT,
    INGRESS_PORT,
    MULTICAST,
    RECIRCULATE,
    UNSET_PORT,
    Action,
    Drop,
    Entry,
    Header,
    If,
    Metadata,
    Parser,
    Program,
    Set,
    State,
    Table,
)
from hardware_models.tofino.state import SwitchState
from hardware_models.tofino.stateful import Counter, Register, always, when
from hardware_models.tofino.trace import trace
from sim.errors import UserError


def everything():
    """A program that uses every kind of statement, table, expression and register action at least once."""
    first = Header("first", kind=4, flag=1, low=3, way=8, key=32, serial=16)
    second = Header("second", left=12, right=20, value=32)
    third = Header("third", wide=64, tail=8)
    m = Metadata("m", a=32, b=16, c=8, n=10, one=1, wide=64)
    states = (
        State(first, select=first.kind, to={1: second, 2: third, 3: None}, otherwise="reject"),
        State(second, select=second.left, to={7: third}),
        State(third),
    )
    port, mark = ActionParam("port", 9), ActionParam("mark", 8)
    go = Action("go", Set(EGRESS_PORT, port), Set(m.c, mark), params=(port, mark))
    away = Action("away", Drop("sent away"))
    exact = Table(
        "exact",
        ((first.way, "exact"), (first.flag, "exact")),
        (go, away),
        64,
        default=go,
        default_data=(3, 9),
        entries=(
            *(Entry((way, way % 2), go, (way, way + 1)) for way in range(20)),
            Entry((30, 0), away),
            Entry((30, 0), go, (1, 1)),
        ),
    )
    mask = Action("mask", Set(m.b, m.b ^ mark), params=(mark,))
    ternary = Table(
        "ternary",
        ((first.key, "ternary"), (first.low, "exact")),
        (mask,),
        16,
        entries=(
            Entry(((0x10, 0xF0), 1), mask, (1,)),
            Entry(((0x1, 0x1), 1), mask, (2,)),
            Entry(((0, 0), 2), mask, (4,)),
        ),
    )
    longest = Table(
        "longest",
        ((first.key, "lpm"),),
        (mask,),
        16,
        entries=tuple(Entry(((0xF0000000, bits),), mask, (8 * bits % 256,)) for bits in (0, 1, 3, 4)),
    )
    slots = Register("slots", 512, 32, 32)
    offset = RegisterParam("offset", 32, initial=5)
    swap = slots.action("swap", when(first.key >= HI, lo=m.a, hi=first.key, output=NEW_HI))
    fold = slots.action(
        "fold",
        when((LO + m.a < HI + 3) & ~(HI == 0), lo=LO + offset),
        when(~((LO + m.a < HI + 3) & ~(HI == 0)), hi=largest(HI, m.a)),
        always(output=LO),
    )
    levels = Register("levels", 200, 8)
    level = levels.action("level", when(signed(LO - first.low > -3), lo=LO - first.way, output=NEW_LO))
    bits = Register("bits", 1024, 1)
    seen = bits.action("seen", always(lo=1, output=LO))
    once, counted = Counter("once"), Counter("counted", 100)
    ingress = [
        Set(m.a, Hash((first.key, first.way), 32, "crc32c")),
        Set(m.n, Hash((first.key,), 10)),
        exact,
        Set(m.b, first.serial + m.c),
        ternary,
        Set(m.wide, third.wide),
        If(
            (first.flag == 1) | (first.way > 128),
            [swap.run(m.n, m.a), counted.count(first.way)],
            [fold.run(Hash((first.serial,), 9, "crc32k"), m.a), Set(m.b, m.b - 1)],
        ),
        level.run(first.way, first.way),
        seen.run(m.n, m.one),
        If(m.one == 1, [once.count(), Set(first.serial, smallest(first.serial, m.b)), Set(m.a, m.a >> 3)]),
        If(first.low == 7, [Set(RECIRCULATE, 1), Set(first.low, m.a)]),
        If((first.low == 5) & (first.flag == 1), [Set(MULTICAST, 77), Set(EGRESS_PORT, UNSET_PORT)]),
        If(first.way == 201, [Set(EGRESS_PORT, UNSET_PORT)]),
        If(second.left == 99, [Set(third.valid, 1), Set(third.tail, m.c << 2), Set(third.wide, m.wide)]),
        If(second.left == 98, [Set(second.valid, 0)]),
    ]
    egress = [
        longest,
        Set(second.right, m.b | 0x10000),
        Set(first.kind, INGRESS_PORT & 15),
        If(first.low == 3, [Drop("late")]),
    ]
    return Program("everything", (first, second, third), Parser(*states), ingress, egress, (m,))


def random_packets(count, seed):
    draw = random.Random(seed)
    packets = []
    for _ in range(count):
        kind = draw.choice((1, 1, 1, 2, 2, 3, 3, 4))
        low = draw.choice((0, 1, 2, 3, 4, 5, 6, 7))
        head = bytes([kind << 4 | draw.randrange(2) << 3 | low, draw.choice((draw.randrange(256), 9, 30, 200, 201))])
        key = draw.choice((draw.randrange(2**32), draw.randrange(64), 0xF0000000 | draw.randrange(64)))
        body = key.to_bytes(4, "big") + draw.randrange(2**16).to_bytes(2, "big")
        left = draw.choice((7, 98, 99, draw.randrange(4096))) << 20 | draw.randrange(2**20)
        rest = left.to_bytes(4, "big") + draw.randbytes(draw.choice((4, 4, 13, 13, 13, 20, 2)))
        packets.append(head + body + rest)
    return packets, [draw.randrange(80) for _ in packets]


def test_both_engines_do_the_same(one):
    """Parsing into sub-byte fields, three kinds of tables, ALU operations, recirculation, egress, header changes."""
    made = everything()
    exact, batch = Interpreter(made, one), BatchEngine(made, one)
    packets, ports = random_packets(12_000, 1)
    answers = list(batch.process(Packets.of(packets, ports)))
    for number, (data, port) in enumerate(zip(packets, ports, strict=True)):
        assert answers[number] == exact.process(data, port), (number, data.hex(), port)
    for engine in (exact, batch):
        engine.state.set_param("offset", 2**32 - 3)
        engine.state.tables["exact"].set_default(17, 200)
        engine.state.tables["longest"].add(Entry(((0xF0000020, 27),), made.tables()["longest"].actions[0], (255,)))
    answers = list(batch.process(Packets.of(packets, ports)))
    for number, (data, port) in enumerate(zip(packets, ports, strict=True)):
        assert answers[number] == exact.process(data, port), (number, data.hex(), port)
    for name, halves in exact.state.registers.items():
        assert all(np.array_equal(*pair) for pair in zip(halves, batch.state.registers[name], strict=True)), name
    for name, counter in exact.state.counters.items():
        assert np.array_equal(counter, batch.state.counters[name]), name
        assert counter.sum() > 0
    assert np.array_equal(exact.state.drops, batch.state.drops)
    assert np.array_equal(exact.state.recirculated, batch.state.recirculated)
    assert exact.state.recirculated.sum() > 0
    dropped = exact.state.dropped()
    reasons = ("no parser state takes it", "truncated packet", "no egress port", "recirculated too often", "late")
    assert all(dropped[reason] for reason in reasons), dropped
    assert {answer.multicast for answer in answers} == {0, 77}
    assert max(answer.passes for answer in answers) > 1


def test_conflicts_on_a_slot_are_resolved_in_packet_order(one):
    """A thousand packets of one batch count up one slot: each sees what the one before left."""
    h, m = fields()
    _, bump = accumulator(slots=1)
    made = program(h, m, [bump.run(0, h.d), to_port()])
    results = BatchEngine(made, one).process(Packets.of([bytes(h.bytes)] * 1000))
    assert [int.from_bytes(one.data[4:8], "big") for one in results] == list(range(1, 1001))


def test_a_second_access_raises(one):
    """`place` refuses the program; the exact engine finds the packet that proves it."""
    h, m = fields()
    _, bump = accumulator()
    made = program(h, m, [If(h.a == 1, [bump.run(0, m.x)]), If(h.b == 1, [bump.run(1, m.y)]), to_port()])
    engine = Interpreter(made, one)
    engine.process(bytes([1, 0]) + bytes(h.bytes - 2))
    engine.process(bytes([0, 1]) + bytes(h.bytes - 2))
    with pytest.raises(AccessError, match="accesses register r a second time, by bump"):
        engine.process(bytes([1, 1]) + bytes(h.bytes - 2))


def recirculating():
    """Sends a packet round until its field `a`, counted down each time, is 0."""
    h, m = fields()
    _, bump = accumulator(slots=4)
    again = If(h.a != 0, [Set(h.a, h.a - 1), Set(RECIRCULATE, 1)], [to_port(5)])
    return h, program(h, m, [bump.run(0, h.d), again])


@pytest.mark.parametrize("engine", [Interpreter, BatchEngine])
def test_recirculation_costs_a_pass_and_bandwidth(engine, one):
    """Three times round: four passes, four register accesses, three times the packet's bytes on the pipe's port."""
    h, made = recirculating()
    running = engine(made, one)
    data = bytes([3]) + bytes(h.bytes + 9)
    result = running.process(Packets.of([data], 17))[0] if engine is BatchEngine else running.process(data, 17)
    assert (result.port, result.passes, int.from_bytes(result.data[4:8], "big")) == (5, 4, 4)
    assert running.state.recirculated.tolist() == [0, 3 * len(data), 0, 0]


@pytest.mark.parametrize("engine", [Interpreter, BatchEngine])
def test_a_packet_that_recirculates_for_ever_is_dropped(engine, one):
    h, made = recirculating()
    running = engine(made, one)
    data = bytes([200]) + bytes(h.bytes)
    result = running.process(Packets.of([data]))[0] if engine is BatchEngine else running.process(data)
    assert (result.passes, result.data) == (one.recirculation.passes, b"")
    assert running.state.dropped()["recirculated too often"] == 1


@pytest.mark.parametrize("engine", [Interpreter, BatchEngine])
def test_registers_are_per_pipe(engine, one):
    """Ports 0 to 15 enter pipe 0, 16 to 31 pipe 1: each has its own copy."""
    h, m = fields()
    _, bump = accumulator()
    running = engine(program(h, m, [bump.run(0, h.d), to_port()]), one)
    ports = [0, 16, 15, 31, 47, 63]
    packets = [bytes(h.bytes)] * len(ports)
    if engine is BatchEngine:
        results = list(running.process(Packets.of(packets, ports)))
    else:
        results = [running.process(*one) for one in zip(packets, ports, strict=True)]
    assert [int.from_bytes(one.data[4:8], "big") for one in results] == [1, 1, 2, 2, 1, 1]


def test_an_access_beyond_the_last_slot_does_nothing(one):
    h, m = fields()
    _, bump = accumulator(slots=100)
    made = program(h, m, [bump.run(h.b, h.d), to_port()])
    data = [bytes([0, 100]) + bytes(h.bytes - 2), bytes([0, 99]) + bytes(h.bytes - 2)]
    exact = Interpreter(made, one)
    results = [exact.process(one) for one in data]
    assert [int.from_bytes(one.data[4:8], "big") for one in results] == [0, 1]
    assert results == list(BatchEngine(made, one).process(Packets.of(data)))


def test_compiled_code_is_kept_for_later_processes(tmp_path):
    """The second process finds the first one's code, and computes the same."""
    text = (
        "from small_programs import *; from hardware_models.tofino.batch import *\n"
        "from hardware_models.tofino.card import TofinoCard\n"
        "h, m = fields(); made = program(h, m, [accumulator()[1].run(0, h.d), to_port()])\n"
        "engine = BatchEngine(made, TofinoCard.model_validate('tofino1'))\n"
        "last = engine.process(Packets.of([bytes(h.bytes)] * 3))[2]\n"
        "print(last.data.hex(), sum(engine._kernel.stats.cache_hits.values()))"
    )
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": "tests", "PATH": ""}
    runs = [
        subprocess.run(
            [sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert [hits for _, hits in runs] == ["0", "1"]
    assert runs[0][0] == runs[1][0]


def test_bad_arguments(one):
    h, m = fields()
    engine = BatchEngine(program(h, m, [to_port()]), one)
    good = Packets.of([bytes(h.bytes)])
    with pytest.raises(UserError, match="lengths outside of 0 to"):
        engine.process(Packets(good.data, good.length + 1, good.port))
    with pytest.raises(UserError, match="port -1"):
        engine.process(Packets(good.data, good.length, good.port - 1))
    assert len(engine.process(Packets.of([]))) == 0


def test_the_control_plane_is_checked(one):
    made = everything()
    state = Interpreter(made, one).state
    with pytest.raises(UserError, match="did you mean offset"):
        state.set_param("ofset", 1)
    with pytest.raises(UserError, match="does not fit its 32 bits"):
        state.set_param("offset", 2**32)
    table = state.tables["ternary"]
    entry = table.entries[0]
    with pytest.raises(UserError, match="is full"):
        table.replace([entry] * 17)
    assert len(table.entries) == 3
    with pytest.raises(UserError, match="default data"):
        state.tables["exact"].set_default(1)


def test_a_trace_tells_what_a_packet_met(one):
    h, m = fields()
    _, bump = accumulator()
    made = program(h, m, [bump.run(h.b, m.x), If(m.x > 1, [Drop("again")], [Set(h.d, m.x), to_port(6)])])
    placement = place(made, one)
    state = SwitchState(made, one)
    data = bytes([0, 9]) + bytes(h.bytes - 2)
    first, second = trace(placement, state, data), trace(placement, state, data)
    assert first == [
        "stage  0  r[9].bump: (0,) -> (1,), output 1",
        "          m.x = 1",
        "stage  1  if m.x > 1: no",
        "          h.d = 1",
        "          intrinsic.egress_port = 6",
        f"{h.bytes} bytes to port 6",
    ]
    assert second[0] == "stage  0  r[9].bump: (1,) -> (2,), output 2"
    assert second[-2:] == ["          drop: again", "dropped: again"]
