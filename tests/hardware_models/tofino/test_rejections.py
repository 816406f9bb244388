"""What a chip cannot do is refused for the reason that its compiler gives."""

import pytest
from small_programs import accumulator, fields, program, stateful_chain, to_port

from hardware_models.tofino.expression import HI, LO, NEW_LO, ActionParam, Hash
from hardware_models.tofino.placement import place
from hardware_models.tofino.program import Action, Entry, Header, If, Metadata, Parser, Program, Set, State, Table
from hardware_models.tofino.stateful import Register, always, when
from sim.errors import UserError


def access(*clauses, slots=1024, lo=32, hi=0, index=None, into=None):
    """One access of a register with one action."""

    def build(h, m):
        made = clauses[0](h, m) if callable(clauses[0]) else clauses
        register = Register("r", slots, lo, hi)
        return [register.action("act", *made).run(index(h) if index else h.b, into(m) if into else None)]

    return build


def many_actions(h, m):
    register = Register("r", 16)
    runs = [register.action(f"a{n}", always(lo=LO + n)).run(h.b) for n in range(5)]
    tree = runs[0]
    for number, run in enumerate(runs[1:]):
        tree = If(h.a == number, [run], [tree])
    return [tree]


def pinned(h, m):
    return [accumulator(f"r{n}", stage=0)[1].run(h.c) for n in range(5)]


def pinned_too_early(h, m):
    late = Register("late", 16, stage=0)
    return [Set(m.x, h.d + 1), late.action("a", always(lo=LO + 1)).run(m.x)]


def pinned_tables(h, m):
    return [Table(f"t{n}", (), (), stage=2) for n in range(17)]


def twice(h, m):
    _, bump = accumulator()
    return [bump.run(0, m.x), Set(m.y, 1), bump.run(1, m.z)]


def twice_in_two_ifs(h, m):
    _, bump = accumulator()
    return [If(h.a == 1, [bump.run(0, m.x)]), If(h.a == 2, [bump.run(1, m.y)])]


def table_twice(h, m):
    once = Table("t", ((h.d, "exact"),), (), 16)
    return [once, If(h.a == 1, [once])]


def once(*statements, params=()):
    """A table whose action has these statements."""

    def build(h, m):
        act = Action("act", *statements[0](h, m), params=params)
        return [Table("t", ((h.d, "exact"),), (act,), 16)]

    return build


def wide_hash(h, m):
    return access(always(lo=LO + 1), index=lambda h: Hash((h.d,), 11))(h, m)


OK = Action("ok", to_port())
X = ActionParam("x", 32)
CASES = {
    "two accesses in one packet": (twice, "register r is accessed by .* a packet accesses a register once"),
    "two accesses whose conditions the compiler does not compare": (twice_in_two_ifs, "which one packet may both meet"),
    "three comparisons": (
        access(lambda h, m: [when((LO == 0) | (h.d == LO) | (h.e >= HI), lo=h.d)], hi=32),
        "makes 3 comparisons .* has 2 comparators",
    ),
    "three values": (
        access(lambda h, m: [always(lo=LO + 1, hi=HI + 1, output=LO + h.d)], hi=32, into=lambda m: m.x),
        "computes 3 values",
    ),
    "a field wider than the register": (
        access(lambda h, m: [always(lo=h.w)]),
        r"reads h.w of 64 bits; with elements of 32 bits its ALU sees fields of 32 at most",
    ),
    "a third word from the packet": (
        access(lambda h, m: [when(h.d == LO, lo=h.e, hi=h.c)], hi=32),
        "reads 3 packet fields",
    ),
    "a comparison outside a condition": (lambda h, m: [Set(m.one, h.a == h.b)], "stands where a value is needed"),
    "two assignments that do not exclude each other": (
        access(lambda h, m: [when(h.d == LO, lo=1), when(h.e > LO, lo=2)]),
        "two assignments of 'lo' are not mutually exclusive",
    ),
    "three updates of one half": (
        access(
            lambda h, m: [
                when((h.d == LO) & (LO < 4), lo=1),
                when((h.d == LO) & ~(LO < 4), lo=2),
                when(~(h.d == LO), lo=3),
            ]
        ),
        "gives 'lo' 3 different values",
    ),
    "an element type of 24 bits": (access(always(lo=LO + 1), lo=24), r"unsupported type bit<24>"),
    "a pair of two widths": (access(always(lo=LO + 1), lo=32, hi=16), r"unsupported type pair<bit<32>, bit<16>>"),
    "a slot wider than the ALU": (access(always(lo=LO + 1), lo=64, hi=64), r"unsupported type pair<bit<64>, bit<64>>"),
    "arithmetic wider than the ALU": (access(always(lo=LO + 1), lo=64), "64 bits wide; an ALU computes with 32"),
    "a comparison wider than the ALU": (access(when(LO == 1, lo=2), lo=64), "64 bits wide; an ALU computes with 32"),
    "a constant beyond 32 bits, signed": (
        access(when(LO < 2**31, lo=1)),
        "constant 2147483648 .* is outside of -2147483648 to 2147483647",
    ),
    "more constants than rows": (
        access(
            lambda h, m: [
                when((LO == 1000) & (HI < 2000), lo=LO + 3000, hi=HI + 5000),
                when(~(LO == 1000), lo=LO - 4000),
            ],
            hi=32,
        ),
        r"needs 5 constant rows \(5 constants outside -8 to 7 and 0 parameters\); its ALU has 4",
    ),
    "five register actions": (many_actions, r"has 5 actions \(a0, a1, a2, a3, a4\); its ALU holds 4 programs"),
    "two outputs": (
        access(lambda h, m: [when(h.d == LO, output=LO), when(~(h.d == LO), output=h.d)], into=lambda m: m.x),
        "incompatible outputs",
    ),
    "two operations in one value": (access(lambda h, m: [always(lo=LO + h.d + h.e)]), "more than one operation"),
    "a half that is not there": (access(always(lo=HI + 1)), "single-value slots do not have"),
    "a new value before it is known": (access(always(lo=NEW_LO + 1)), "outside its output"),
    "a conditional one-bit register": (access(when(LO == 1, lo=0), lo=1), "a one-bit register is set, cleared or read"),
    "a table with two registers": (
        once(lambda h, m: [accumulator("r1")[1].run(h.c), accumulator("r2")[1].run(h.c)]),
        "accesses the registers r1 and r2; a table has one stateful ALU attached",
    ),
    "two accesses in one action": (
        once(lambda h, m: [run := accumulator()[1].run(h.c), run]),
        "accesses register r twice",
    ),
    "a table applied twice": (table_twice, "table t is applied twice"),
    "thirteen dependent stages": (lambda h, m: stateful_chain(h, m, 13), "needs 13 dependent stages; tofino1 has 12"),
    "a hash that reaches past the register": (wide_hash, "reaches 2048 slots; r has 1024"),
    "five registers pinned to a stage": (pinned, r"is pinned to stage 0 of 12, .*5 stateful ALUs of 4"),
    "seventeen tables pinned to a stage": (pinned_tables, r"pinned to stage 2 .*17 logical tables of 16"),
    "a pin before what it waits for": (pinned_too_early, "'late.a' is pinned to stage 0"),
    "an order of two fields in a condition": (lambda h, m: [If(h.a < h.b, [Set(m.x, 1)])], "orders two fields"),
    "arithmetic in a condition": (lambda h, m: [If(h.a + 1 == h.b, [Set(m.x, 1)])], "a gateway compares fields"),
    "a condition over too many bits": (lambda h, m: [If(h.w == 1, [Set(m.x, 1)])], "reads 64 bits; a gateway sees 44"),
    "a condition of too many comparisons": (
        lambda h, m: [If((h.a == 1) | (h.a == 2) | (h.a == 3) | (h.a == 4) | (h.a == 5), [Set(m.x, 1)])],
        "5 comparisons; a gateway has 4 rows",
    ),
    "a value read after it is written": (once(lambda h, m: [Set(m.x, 1), Set(m.y, m.x)]), "reads m.x after writing it"),
    "a value written twice": (once(lambda h, m: [Set(m.x, 1), Set(m.x, 2)]), "writes m.x twice"),
    "a parameter of another action": (
        once(lambda h, m: [Set(m.x, X)]),
        "reads the parameter x, which it does not have",
    ),
    "a container computing with 64 bits": (lambda h, m: [Set(m.wide, h.w + 1)], "wider than 32 bits"),
    "a shift by a field": (lambda h, m: [Set(m.x, h.d << h.a)], "shifts by other than a constant"),
    "a table without room for its entries": (
        lambda h, m: [Table("t", ((h.a, "exact"),), (OK,), 1, entries=(Entry((1,), OK), Entry((2,), OK)))],
        "has 2 entries; its size is 1",
    ),
    "an entry that does not fit its key": (
        lambda h, m: [Table("t", ((h.a, "exact"),), (OK,), 4, entries=(Entry((256,), OK),))],
        "has 256 for h.a, exact and 8 bits",
    ),
    "a table larger than the chip": (
        lambda h, m: [Table("t", ((h.w, "exact"),), (OK,), 10_000_000)],
        "no stage of 12 has room for 't'",
    ),
    "a register larger than a stage": (access(always(lo=LO + 1), slots=300_000), "a register lives in one stage"),
}


@pytest.mark.parametrize("name", list(CASES))
def test_refused(name, one):
    build, says = CASES[name]
    h, m = fields()
    with pytest.raises(UserError, match=says):
        place(program(h, m, build(h, m)), one)


def test_there_are_enough_of_them():
    assert len(CASES) >= 15


def test_ingress_and_egress_do_not_share_a_register(one):
    h, m = fields()
    _, bump = accumulator()
    with pytest.raises(UserError, match="r is accessed from ingress and egress"):
        place(program(h, m, [to_port(), bump.run(0)], [bump.run(1)]), one)


def test_a_parser_that_loops(one):
    h, m = fields()
    loop = State(h, select=h.a, to={1: h})
    with pytest.raises(UserError, match="the parser loops: h -> h"):
        place(program(h, m, [to_port()], states=(loop,)), one)


def test_a_parser_that_selects_on_too_much(one):
    h, m = fields()
    with pytest.raises(UserError, match="selects on 64 bits; a parser matches 32"):
        place(program(h, m, [to_port()], states=(State(h, select=h.w, to={1: None}),)), one)


def test_a_parser_with_more_rows_than_there_are(one):
    h, m = fields()
    with pytest.raises(UserError, match="needs 257 rows; this one has 256"):
        place(program(h, m, [to_port()], states=(State(h, select=h.c, to=dict.fromkeys(range(256))),)), one)


def test_a_header_vector_that_is_too_small(one):
    h = Header("h", a=8)
    groups = [Metadata(f"m{n}", **{f"x{i}": 32 for i in range(35)}) for n in range(4)]
    with pytest.raises(UserError, match="bits of header vector"):
        place(Program("wide", (h,), Parser(State(h)), [to_port()], metadata=tuple(groups)), one)


def test_a_field_of_another_program(one):
    h, m = fields()
    other, _ = fields()
    with pytest.raises(UserError, match=r"uses h\.d, which is no field of program"):
        place(program(h, m, [Set(m.x, other.d)]), one)


def test_no_room_left(one):
    """Four ALUs in twelve stages: the 49th independent register finds none."""
    h, m = fields()
    with pytest.raises(UserError, match="no stage of 12 has room"):
        place(program(h, m, [accumulator(f"r{n}")[1].run(h.c) for n in range(49)]), one)


@pytest.mark.parametrize(
    ("comparisons", "card", "fits"), [(2, "one", True), (3, "one", False), (4, "two", True), (5, "two", False)]
)
def test_comparators_of_both_chips(comparisons, card, fits, request):
    h, m = fields()
    condition = LO == 0
    for number in range(1, comparisons):
        condition = condition | (number == LO)
    made = program(h, m, [Register("r", 16).action("act", when(condition, lo=1)).run(h.b)])
    chip = request.getfixturevalue(card)
    if fits:
        place(made, chip)
    else:
        with pytest.raises(UserError, match=f"makes {comparisons} comparisons"):
            place(made, chip)
