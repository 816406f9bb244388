"""Harmonia's data plane on a Tofino: `build` gives the program, `SwitchProgram` runs it with its control plane.

Three stages and one per array of the dirty set, each match dependent on the one before:

    0      sequence        writes take the next number; completions ask whether theirs was issued by this switch
    1      last_committed  completions move it; reads see it
    2..    dirty_0 ...     insert, lookup or release (`dirty_set`)
    last   decide          drop, stamp, replica or normal target

Tables beside them: `identity` (this switch's id and the ports of normal targets), `replicas` (a hash of the request
picks a port), `clients` (ports of replies). The switch's id lies in the upper half of the sequence register, so one
access checks a completion's whole stamp.

Sequence numbers do not wrap: the write after 2**32 - 1 is dropped and counted, and the control plane must restart the
switch under a larger id before. A completion of another switch, or of a number never issued, is counted and has no
effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hardware_models.tofino.expression import HI, LO, NEW_LO, ActionParam, Hash, RegisterParam, signed
from hardware_models.tofino.program import (
    EGRESS_PORT,
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
    Statement,
    Table,
    choose,
)
from hardware_models.tofino.stateful import Counter, Register, always, when
from scenarios.harmonia.detector import ABSORBED, EXHAUSTED, FULL
from scenarios.harmonia.dirty_set import Stage, Words, stages
from scenarios.harmonia.packet import Op

UNKNOWN_OP, UNKNOWN_GROUP = "unknown op", "unknown group"
#: The flag that lets one replica answer.
SINGLE = 1
#: Bits that choose among replicas.
CHOICE_BITS = 8


def header() -> Header:
    """Harmonia's header on the wire, 28 bytes (`wire`), between the transport's header and the payload."""
    return Header(
        "harmonia",
        op=8,
        flags=8,
        group=16,
        object_id=32,
        switch_id=16,
        committed_switch=16,
        sequence=32,
        committed=32,
        client=32,
        request=32,
    )


@dataclass(frozen=True)
class Plan:
    """What is compiled in: `stages` arrays of `slots` slots of two `bits`-bit words, the `group` that is served."""

    stages: int = 3
    slots: int = 65536
    group: int = 1
    bits: int = 32


def build(plan: Plan) -> Program:
    """The program. Raises `UserError` for sizes that cannot be; whether it fits a chip is for `place` to say."""
    h = header()
    meta = Metadata("meta", issued=1, found=1, choice=CHOICE_BITS, committed=32, replica_port=9, switch_id=16)
    ports = Metadata("port", write=9, read=9, client=9)
    words = Words(h.object_id, h.sequence, meta.committed, RegisterParam("floor", 32))
    arrays = stages(plan.stages, plan.slots, words, plan.bits)
    served: list[Statement] = [
        _identity(meta, ports),
        _clients(h, ports),
        Set(meta.choice, Hash((h.client, h.request), CHOICE_BITS)),
        _replicas(meta),
        *_ordering(h, meta),
        *(_dirty(h, meta, array) for array in arrays),
        _decide(h, meta, ports),
    ]
    known = (h.op >= int(Op.READ)) & (h.op <= int(Op.WRITE_REPLY))
    ingress = choose((h.group != plan.group, [Drop(UNKNOWN_GROUP)]), (known, served), otherwise=[Drop(UNKNOWN_OP)])
    return Program("harmonia", (h,), Parser(State(h)), [ingress], metadata=(meta, ports))


def _identity(meta: Metadata, ports: Metadata) -> Table:
    switch_id, write, read = ActionParam("switch_id", 16), ActionParam("write_port", 9), ActionParam("read_port", 9)
    are = Action(
        "are",
        Set(meta.switch_id, switch_id),
        Set(ports.write, write),
        Set(ports.read, read),
        params=(switch_id, write, read),
    )
    return Table("identity", (), (are,), default=are, default_data=(1, 0, 0))


def _replicas(meta: Metadata) -> Table:
    port = ActionParam("port", 9)
    choose_one = Action("choose", Set(meta.replica_port, port), params=(port,))
    entries = tuple(Entry((choice,), choose_one, (0,)) for choice in range(2**CHOICE_BITS))
    return Table("replicas", ((meta.choice, "exact"),), (choose_one,), 2**CHOICE_BITS, entries=entries)


def _clients(h: Header, ports: Metadata) -> Table:
    port = ActionParam("port", 9)
    to = Action("to", Set(ports.client, port), params=(port,))
    return Table("clients", ((h.client, "exact"),), (to,), 4096, default=to, default_data=(UNSET_PORT,))


def _ordering(h: Header, meta: Metadata) -> Sequence[Statement]:
    """Sequence and last committed point: one access of each for every packet that needs it."""
    sequence = Register("sequence", 1, lo=32, hi=32)  # the last number issued, this switch's id
    next_one = sequence.action("next", when(signed(LO != -1), lo=LO + 1, output=NEW_LO))
    issued = sequence.action("issued", when((h.sequence <= LO) & (h.switch_id == HI), output=1))
    last = Register("last_committed", 1)
    advance = last.action("advance", when(h.sequence > LO, lo=h.sequence), always(output=NEW_LO))
    peek = last.action("peek", always(output=LO))
    completes = ((h.op == Op.WRITE_COMPLETION) | (h.op == Op.WRITE_REPLY)) & (h.sequence != 0)
    return (
        choose(
            (h.op == Op.WRITE, [next_one.run(0, h.sequence)]),
            (completes, [issued.run(0, meta.issued)]),
        ),
        choose(
            (meta.issued == 1, [advance.run(0, meta.committed)]),
            (h.op == Op.READ, [peek.run(0, meta.committed)]),
        ),
    )


def _dirty(h: Header, meta: Metadata, stage: Stage) -> If:
    return choose(
        ((h.op == Op.WRITE) & (meta.found == 0) & (h.sequence != 0), [stage.insert.run(stage.index, meta.found)]),
        ((h.op == Op.READ) & (meta.found == 0), [stage.lookup.run(stage.index, meta.found)]),
        (meta.issued == 1, [stage.release.run(stage.index)]),
    )


def _decide(h: Header, meta: Metadata, ports: Metadata) -> If:
    refused = Counter("refused_completions")
    forged = (meta.issued == 0) & (h.sequence != 0)
    single = [
        Set(h.flags, h.flags | SINGLE),
        Set(h.committed_switch, meta.switch_id),
        Set(h.committed, meta.committed),
        Set(EGRESS_PORT, meta.replica_port),
    ]
    return choose(
        (
            (h.op == Op.WRITE) & (meta.found == 1),
            [Set(h.switch_id, meta.switch_id), Set(EGRESS_PORT, ports.write)],
        ),
        ((h.op == Op.WRITE) & (h.sequence == 0), [Drop(EXHAUSTED)]),
        (h.op == Op.WRITE, [Drop(FULL)]),
        ((h.op == Op.READ) & (meta.found == 0) & (meta.committed != 0), single),
        (h.op == Op.READ, [Set(h.flags, h.flags & (255 - SINGLE)), Set(EGRESS_PORT, ports.read)]),
        ((h.op == Op.WRITE_COMPLETION) & (meta.issued == 0), [refused.count(), Drop(ABSORBED)]),
        (h.op == Op.WRITE_COMPLETION, [Drop(ABSORBED)]),
        ((h.op == Op.WRITE_REPLY) & forged, [refused.count(), Set(EGRESS_PORT, ports.client)]),
        otherwise=[Set(EGRESS_PORT, ports.client)],
    )
