"""Data-plane programs of a few statements, for tests of the switch model."""

from hardware_models.tofino.expression import LO, NEW_LO
from hardware_models.tofino.program import EGRESS_PORT, Header, Metadata, Parser, Program, Set, State
from hardware_models.tofino.stateful import Register, always


def fields():
    """A header and scratch fields: h.a, h.b (8 bits), h.c (16), h.d, h.e (32), h.w, h.v (64); m.x to m.z, m.n (16)."""
    header = Header("h", a=8, b=8, c=16, d=32, e=32, w=64, v=64)
    scratch = Metadata("m", x=32, y=32, z=32, u=32, n=16, one=1, wide=64)
    return header, scratch


def program(header, scratch, ingress, egress=(), name="test", states=()):
    return Program(name, (header,), Parser(*(states or (State(header),))), ingress, egress, (scratch,))


def accumulator(name="r", slots=1024, **kinds):
    """A register that adds nothing yet hands out its value plus one; `accumulator().bump` is its only action."""
    register = Register(name, slots, **kinds)
    return register, register.action("bump", always(lo=LO + 1, output=NEW_LO))


def stateful_chain(header, scratch, length, index=None):
    """Accesses of `length` registers, each indexed by what the one before handed out."""
    statements, at = [], index if index is not None else header.c
    for number in range(length):
        _, bump = accumulator(f"r{number}")
        into = (scratch.n, header.c)[number % 2]
        statements.append(bump.run(at, into))
        at = into
    return statements


def to_port(number=1):
    return Set(EGRESS_PORT, number)
