"""Stages, blocks and cycles of small programs against the rules, by hand.

Latency of Tofino 1: corner turn 4; a match-dependent stage 20, + 2 with TCAM, + 4 with a stateful ALU (also of
stages chained behind it); an action-dependent stage 2; any other, also an empty one, 1; egress at least 160. 12 stages.
Blocks: SRAM 1024 x 128 bit, TCAM 512 x 44 bit. An exact entry is key + 4 bits of version + action number + up to 32
bits of data; a register or counter has one spare block and as many map RAMs as blocks.
"""

import pytest
from small_programs import accumulator, fields, program, stateful_chain, to_port

from hardware_models.tofino.expression import LO, ActionParam, Hash
from hardware_models.tofino.latency import recirculated_time
from hardware_models.tofino.placement import place
from hardware_models.tofino.program import EGRESS_PORT, Action, If, Set, Table
from hardware_models.tofino.stateful import Counter, Register, always
from sim.errors import UserError


def placed(card, ingress, egress=(), header=None, scratch=None):
    return place(program(header, scratch, ingress, egress), card)


def table(keys, size, param_bits=(), actions=1, kind="exact", name="t"):
    """A table whose actions each set the egress port, with parameters of these widths beside it."""
    params = tuple(ActionParam(f"p{number}", bits) for number, bits in enumerate(param_bits))
    made = tuple(Action(f"act{number}", to_port(), params=params) for number in range(actions))
    data = (0,) * len(params)
    return Table(name, tuple((key, kind) for key in keys), made, size, default=made[0], default_data=data)


def test_exact_table_of_one_block(one):
    """32 + 4 = 36 bits, 3 entries in 128: 3072 in a block. One stage: 4 + 20 + 11 x 1 = 35 cycles."""
    h, m = fields()
    p = placed(one, [table([h.d], 3072)], header=h, scratch=m)
    assert (p.stages, p.totals.sram, p.totals.logical, p.latency.ingress, p.latency.egress) == (1, 1, 1, 35, 160)
    assert (p.totals.exact_bytes, p.totals.hash_groups) == (4, 1)
    assert placed(one, [table([h.d], 3073)], header=h, scratch=m).totals.sram == 2


def test_exact_table_with_actions_and_immediate_data(one):
    """16 + 4 + 2 (three actions) + 9 = 31 bits, 4 in a row: 8192 entries are 2 rows of blocks, 2 ways of 1."""
    h, m = fields()
    p = placed(one, [table([h.c], 8192, [9], actions=3)], header=h, scratch=m)
    assert (p.stages, p.totals.sram, p.latency.ingress) == (1, 2, 35)


def test_wide_exact_key(one):
    """64 + 64 + 4 = 132 bits are two blocks wide; 4096 entries are 4 ways of 1: 8 blocks."""
    h, m = fields()
    p = placed(one, [table([h.w, h.v], 4096)], header=h, scratch=m)
    assert (p.stages, p.totals.sram, p.totals.exact_bytes) == (1, 8, 16)


def test_action_data_beside_the_entries(one):
    """48 bits of data do not fit an entry: 64 bits each apart, 4096 x 64 / 131072 = 2, and 4096 / 3072 = 2 of match."""
    h, m = fields()
    assert placed(one, [table([h.d], 4096, [32, 16])], header=h, scratch=m).totals.sram == 2 + 2


def test_ternary_table(one):
    """48 bits of key are two columns of 44, 1024 entries two rows of 512: 4 TCAM blocks. 1 + 9 bits of indirection are
    padded to 16: 1024 x 16 / 131072 = 1 SRAM block. 4 + 22 + 11 = 37 cycles.
    """
    h, m = fields()
    p = placed(one, [table([h.c, h.d], 1024, [9], actions=2, kind="ternary")], header=h, scratch=m)
    assert (p.totals.tcam, p.totals.sram, p.totals.ternary, p.totals.ternary_bytes) == (4, 1, 1, 6)
    assert (p.stages, p.latency.ingress, p.totals.hash_groups) == (1, 37, 0)


def test_pair_register_of_64k_slots(one):
    """65,536 x 64 bits = 32 blocks, one spare: 33 SRAM, 33 map RAM, 1 ALU; 4 + 24 + 11 = 39 cycles; an index of 16 bits
    is one slice.
    """
    h, m = fields()
    register = Register("pairs", 65536, 32, 32)
    p = placed(one, [register.action("read", always(output=LO)).run(h.c, m.x)], header=h, scratch=m)
    assert (p.totals.sram, p.totals.map_rams, p.totals.stateful, p.totals.hash_slices) == (33, 33, 1, 1)
    assert (p.stages, p.latency.ingress) == (1, 39)


@pytest.mark.parametrize(("bits", "slots", "blocks"), [(1, 131072, 1), (8, 131072, 8), (16, 65536, 8), (32, 1024, 1)])
def test_blocks_of_single_registers(one, bits, slots, blocks):
    """slots x bits / 131,072, and one spare."""
    h, m = fields()
    register = Register("r", slots, bits)
    p = placed(one, [register.action("read", always(output=LO)).run(h.c, m.x)], header=h, scratch=m)
    assert p.totals.sram == p.totals.map_rams == blocks + 1


def test_the_largest_register_of_a_stage(one):
    """35 data blocks hold 71,680 slots of 64 bits; one more slot is a 36th block."""
    h, m = fields()

    def of(slots):
        register = Register("r", slots, 32, 32)
        return placed(one, [register.action("read", always(output=LO)).run(h.c, m.x)], header=h, scratch=m)

    assert of(71_680).totals.sram == 36
    with pytest.raises(UserError, match="needs 36 SRAM blocks; a register lives in one stage, which gives it 35"):
        of(71_681)


def test_counter(one):
    """2048 counters of 64 bits are one block and a spare; a statistics ALU; not a stateful one: 35 cycles."""
    h, m = fields()
    p = placed(one, [Counter("seen", 2048).count(h.b)], header=h, scratch=m)
    assert (p.totals.sram, p.totals.map_rams, p.totals.statistics, p.totals.stateful) == (2, 2, 1, 0)
    assert p.latency.ingress == 35


def test_twelve_match_dependent_stateful_stages(one):
    """4 + 12 x 24 = 292, more than the 249 from which the deparser throttles."""
    h, m = fields()
    p = placed(one, stateful_chain(h, m, 12), header=h, scratch=m)
    assert (p.stages, p.latency.ingress, p.latency.throttled) == (12, 292, True)
    assert round(p.latency.ingress_time * 1e9) == 239


def test_six_stateful_stages_and_six_empty_ones(one):
    """4 + 6 x 24 + 6 x 1 = 154 cycles = 126 ns at 1.22 GHz."""
    h, m = fields()
    p = placed(one, stateful_chain(h, m, 6), header=h, scratch=m)
    assert (p.stages, p.latency.ingress, round(p.latency.ingress_time * 1e9)) == (6, 154, 126)


def test_six_stateful_stages_of_tofino_2(two):
    """No corner turn, concurrent stages cost 2: 6 x 24 + 14 x 2 = 172; no floor under egress: 20 + 19 x 2 = 58."""
    h, m = fields()
    p = placed(two, stateful_chain(h, m, 6), header=h, scratch=m)
    assert (p.stages, p.latency.ingress, p.latency.egress) == (6, 172, 58)


def test_a_corner_stage_waits_for_a_match(one):
    """With the corner turn of stage 6 always match dependent: 4 + 6 x 24 + 20 + 5."""
    h, m = fields()
    card = one.model_copy(update={"latency": one.latency.model_copy(update={"corner_stage": 6})})
    assert placed(card, stateful_chain(h, m, 6), header=h, scratch=m).latency.ingress == 173


def test_recirculation_costs_time(one):
    """A second pass of 125 bytes: (35 + 160) cycles at 1.22 GHz and 1000 bits at 100 Gbit/s."""
    h, m = fields()
    p = placed(one, [to_port()], header=h, scratch=m)
    extra = recirculated_time(p.latency, one, 2, 125) - recirculated_time(p.latency, one, 1, 125)
    assert extra == pytest.approx(195 / 1.22e9 + 10e-9)
    assert recirculated_time(p.latency, one, 1, 125) == p.latency.port_to_port == pytest.approx(195 / 1.22e9 + 300e-9)


def test_twelve_match_dependent_tables(one):
    """4 + 12 x 20 = 244 cycles = 200 ns: each table's key is what the one before wrote."""
    h, m = fields()
    keys, tables = [m.x, m.y], []
    for number in range(12):
        act = Action("act", Set(keys[(number + 1) % 2], number))
        tables.append(Table(f"t{number}", ((keys[number % 2], "exact"),), (act,), 16))
    p = placed(one, tables, header=h, scratch=m)
    assert (p.stages, p.latency.ingress, round(p.latency.ingress_time * 1e9)) == (12, 244, 200)


def test_action_dependent_stages(one):
    """x = d + 1; y = x + 1; z = y + 1: three stages, the later two waiting for actions: 4 + 20 + 2 x 2 + 9 = 37."""
    h, m = fields()
    p = placed(one, [Set(m.x, h.d + 1), Set(m.y, m.x + 1), Set(m.z, m.y + 1)], header=h, scratch=m)
    assert (p.stages, p.latency.ingress) == (3, 37)
    assert p.latency.ingress_waits[:4] == ("match", "action", "action", "concurrent")


def test_a_stateful_alu_chained_behind_counts_for_the_match_before(one):
    """x = d + 1, then an access that overwrites x: stage 1 waits for an action; 4 + (20 + 4) + 2 + 10 = 40."""
    h, m = fields()
    _, bump = accumulator()
    p = placed(one, [Set(m.x, h.d + 1), bump.run(0, m.x)], header=h, scratch=m)
    assert (p.stages, p.latency.ingress) == (2, 40)


def test_a_match_two_stages_back_is_still_waited_for(one):
    """x is set in stage 0, stage 1 waits for the action of x, stage 2 matches y: 4 + 20 + 2 + 20 + 9 = 55."""
    h, m = fields()
    p = placed(one, [Set(m.x, h.d + 1), Set(m.y, m.x + 1), Set(m.z, m.y + 1), table([m.y], 16)], header=h, scratch=m)
    assert p.stage_of("t") == 2
    assert p.latency.ingress_waits[:3] == ("match", "action", "match")
    assert p.latency.ingress == 4 + 20 + 2 + 20 + 9


def test_egress_above_its_floor(one):
    """Seven stateful stages of egress: 4 + 7 x 24 + 5 = 177. Ingress: 4 + 20 + 11."""
    h, m = fields()
    p = placed(one, [to_port()], stateful_chain(h, m, 7), header=h, scratch=m)
    assert (p.stages, p.latency.ingress, p.latency.egress) == (7, 35, 177)


def test_ingress_and_egress_share_a_stage(one):
    """A 64 K pair register each: 33 + 33 map RAMs are more than 48, so egress's moves to stage 1 without waiting."""
    h, m = fields()
    first, second = Register("first", 65536, 32, 32), Register("second", 65536, 32, 32)
    p = placed(
        one,
        [to_port(), first.action("read", always(output=LO)).run(h.c, m.x)],
        [second.action("read", always(output=LO)).run(h.c, m.y)],
        header=h,
        scratch=m,
    )
    assert (p.stage_of("first"), p.stage_of("second"), p.stages) == (0, 1, 2)
    assert (p.uses[0].map_rams, p.uses[1].map_rams) == (33, 33)


def test_the_fifth_register_finds_no_alu(one):
    """Four stateful ALUs in a stage: of five registers one stands in stage 1: 4 + (20 + 4) + 1 + 10 = 39."""
    h, m = fields()
    p = placed(one, [accumulator(f"r{n}")[1].run(h.c) for n in range(5)], header=h, scratch=m)
    assert [use.stateful for use in p.uses[:3]] == [4, 1, 0]
    assert (p.stages, p.latency.ingress) == (2, 39)


def test_exclusive_branches_share_a_register(one):
    """Two actions in two blocks of one `If`: one register, one ALU, one gateway, which joins one of two tables."""
    h, m = fields()
    register = Register("r", 1024)
    up, down = register.action("up", always(lo=LO + 1)), register.action("down", always(lo=LO - 1))
    p = placed(one, [If(h.a == 1, [up.run(h.b)], [down.run(h.b)])], header=h, scratch=m)
    assert (p.stages, p.totals.stateful, p.totals.gateways, p.totals.logical) == (1, 1, 1, 2)


def test_a_gateway_that_no_table_joins_takes_a_logical_table(one):
    """The outer `If` holds only another `If`: 2 gateways, 1 action, and 1 logical table for the outer one."""
    h, m = fields()
    p = placed(one, [If(h.a == 1, [If(h.b == 2, [Set(m.x, 1)])])], header=h, scratch=m)
    assert (p.totals.gateways, p.totals.logical) == (2, 2)


def test_a_table_larger_than_a_stage_is_split(one):
    """600,000 entries, 3072 a block, 4 ways: two stages give 80 blocks = 245,760 entries each, 108,480 are left, which
    are 36 blocks (35.3, in ways of 9). The table that reads what it sets comes after the last part: stage 3.
    """
    h, m = fields()
    big = Table(
        "big", ((h.d, "exact"),), (Action("set", Set(m.x, 1)),), 600_000, default=Action("set_too", Set(m.x, 2))
    )
    big = Table("big", big.keys, big.actions, big.size, default=big.actions[0])
    p = placed(one, [big, table([m.x], 16, name="after")], header=h, scratch=m)
    assert [use.sram for use in p.uses[:4]] == [80, 80, 36, 1]
    assert [part.entries for stage in p.parts[:3] for part in stage] == [245_760, 245_760, 108_480]
    assert p.stage_of("after") == 3


def test_pins(one):
    h, m = fields()
    register = Register("r", 1024, stage=7)
    p = placed(one, [register.action("read", always(output=LO)).run(h.c, m.x)], header=h, scratch=m)
    assert (p.stage_of("r"), p.stages) == (7, 8)


def test_hashes_and_their_slices(one):
    """An index of 17 hash bits takes two slices of 16, and a hash group."""
    h, m = fields()
    register = Register("r", 131072, 8)
    p = placed(one, [register.action("read", always(output=LO)).run(Hash((h.d,), 17), m.x)], header=h, scratch=m)
    assert (p.totals.hash_groups, p.totals.hash_slices, p.totals.exact_bytes) == (1, 2, 4)


def test_containers(one):
    """Header: 8, 8 | 16 | 32, 32, 64 = 2 x 32, 64 = 2 x 32. Scratch: 4 x 32, 16, 1 -> 8, 64 = 2 x 32. Intrinsic: ports
    of 9 bits -> 16 twice, multicast 16, drop 8, recirculate 1 -> 8; validity bits -> 8.
    """
    h, m = fields()
    p = placed(one, [to_port()], header=h, scratch=m)
    assert (p.containers.taken_8, p.containers.taken_16, p.containers.taken_32) == (2 + 1 + 2 + 1, 1 + 1 + 3, 6 + 4 + 2)
    assert EGRESS_PORT.width == 9
