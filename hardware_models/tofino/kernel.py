"""A program as one compiled loop over packets: the source text that Numba compiles for the batch engine.

`kernel_source` walks the program's objects once and writes, for one packet, what `interpreter` would do: fields are
local variables, a table's match is a probe or a scan of arrays, an access is a few lines on the register's arrays.
Packets go through the loop in their order, so conflicts on a slot resolve themselves.

Every value is an unsigned 64-bit word (`U`), cut to its width where it is stored; comparisons that add, subtract or are
signed are made in signed 64-bit words (`I`), in which operands of 32 bits cannot wrap.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from hardware_models.tofino.crc import ONES
from hardware_models.tofino.expression import (
    ActionParam,
    Arithmetic,
    Compare,
    Condition,
    Constant,
    Expression,
    Field,
    Hash,
    Logic,
    Memory,
    RegisterParam,
)
from hardware_models.tofino.program import (
    DROP,
    EGRESS_PORT,
    INGRESS_PORT,
    LOOPED,
    MULTICAST,
    RECIRCULATE,
    TRUNCATED,
    UNPARSED,
    UNROUTED,
    UNSET_PORT,
    Drop,
    Header,
    If,
    Primitive,
    Program,
    Set,
    State,
    Statement,
    Table,
)
from hardware_models.tofino.stateful import Access, Count, Register, RegisterAction
from sim.errors import UserError

_WORD = 2**64 - 1
#: Multiplies keys into a table's probe; the golden ratio's fraction, as in SplitMix64.
MIX = 0x9E3779B97F4A7C15


def kernel_source(program: Program) -> tuple[str, tuple[str, ...]]:
    """The text of a module with a function `kernel`, and the names of its arguments in order."""
    return _Writer(program).module()


class _Writer:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[str] = []
        self.depth = 0
        self.fields = {name: f"f{number}" for number, name in enumerate(program.fields)}
        self.registers = {name: f"r{number}" for number, name in enumerate(program.registers())}
        self.counters = {name: f"c{number}" for number, name in enumerate(program.counters())}
        self.tables = {name: f"t{number}" for number, name in enumerate(program.tables())}
        self.generators = {value: number for number, value in enumerate(generators(program))}
        self.params = {name: number for number, name in enumerate(parameters(program))}
        self.reasons = {reason: number for number, reason in enumerate(program.reasons, start=1)}
        self.made = 0

    def module(self) -> tuple[str, tuple[str, ...]]:
        arguments = (
            *("data", "length", "port", "out", "out_length", "out_port", "multicast", "drop", "passes", "row"),
            *("ports_per_pipe", "pipes", "limit", "remainders", "params", "drops", "recirculated"),
            *(f"{name}_{half}" for name in self.registers.values() for half in ("lo", "hi")),
            *self.counters.values(),
            *(f"{t}_{part}" for t in self.tables.values() for part in ("probe", "keys", "masks", "action", "data")),
        )
        self.write("import numpy as np", "from numba import njit", "", "U, I, B = np.uint64, np.int64, np.uint8", "")
        self.write('@njit(cache=True, error_model="numpy")', f"def kernel({', '.join(arguments)}):")
        with self.block("    for i in range(length.size):", deeper=2):
            self.packet()
        return "\n".join(self.lines) + "\n", arguments

    def write(self, *lines: str) -> None:
        self.lines += ["    " * self.depth + line for line in lines]

    @contextmanager
    def block(self, head: str, deeper: int = 1) -> Iterator[None]:
        self.write(head)
        self.depth += deeper
        mark = len(self.lines)
        yield
        if len(self.lines) == mark:
            self.write("pass")
        self.depth -= deeper

    def name(self, stem: str) -> str:
        self.made += 1
        return f"{stem}{self.made}"

    def packet(self) -> None:
        drop, egress, group, again = (self.fields[one.name] for one in (DROP, EGRESS_PORT, MULTICAST, RECIRCULATE))
        self.write("pipe = min(port[i] // ports_per_pipe, pipes - 1)", "size, number = length[i], 0")
        self.write("for k in range(size):", "    row[k] = data[i, k]")
        with self.block("while True:"):
            self.write("number += 1", f"{' = '.join(self.fields.values())} = U(0)")
            self.write(f"{self.fields[INGRESS_PORT.name]} = U(port[i])", f"{egress} = U({UNSET_PORT})")
            self.parse()
            with self.block(f"if {drop} == 0:"):
                self.statements(self.program.ingress)
            unrouted = f"{egress} == {UNSET_PORT} and {group} == 0 and {again} == 0"
            self.write(f"if {drop} == 0 and {unrouted}:", f"    {drop} = U({UNROUTED})")
            if self.program.egress:
                with self.block(f"if {drop} == 0:"):
                    self.statements(self.program.egress)
            self.write(f"if {drop} != 0:", "    break", "o = 0")
            self.deparse()
            self.write("for k in range(at, size):", "    out[i, o] = row[k]", "    o += 1")
            self.write(f"if {again} == 0:", "    break", "recirculated[pipe] += U(o)")
            self.write("if number == limit:", f"    {drop} = U({LOOPED})", "    break")
            self.write("for k in range(o):", "    row[k] = out[i, k]", "size = o")
        self.write(f"drop[i] = {drop}", "passes[i] = number")
        self.write(f"if {drop} != 0:", f"    drops[pipe, I({drop}) - 1] += U(1)")
        self.write(f"    out_length[i], out_port[i], multicast[i] = 0, {UNSET_PORT}, 0")
        self.write("else:", f"    out_length[i], out_port[i], multicast[i] = o, I({egress}), I({group})")

    def parse(self) -> None:
        states = list(self.program.parser.states.values())
        numbers = {state.header.name: number for number, state in enumerate(states)}
        drop = self.fields[DROP.name]
        self.write("at, state = 0, 0")
        with self.block("while state >= 0:"):
            for number, state in enumerate(states):
                with self.block(f"{'if' if number == 0 else 'elif'} state == {number}:"):
                    bytes_ = state.header.bytes
                    self.write(f"if at + {bytes_} > size:", f"    {drop} = U({TRUNCATED})", "    break")
                    self.extract(state.header)
                    self.write(f"at += {bytes_}")
                    self.follow(state, numbers)

    def extract(self, header: Header) -> None:
        start = 0
        for one in header.fields:
            first, last = start // 8, (start + one.width - 1) // 8
            if last - first > 7:
                raise UserError(f"field {one} of {one.width} bits spans nine bytes; the batch engine reads eight")
            pieces = [f"(U(row[at + {byte}]) << U({8 * (last - byte)}))" for byte in range(first, last + 1)]
            shift, start = 8 * (last + 1) - (start + one.width), start + one.width
            self.write(f"{self.fields[one.name]} = (({' | '.join(pieces)}) >> U({shift})) & U({2**one.width - 1})")
        self.write(f"{self.fields[header.valid.name]} = U(1)")

    def follow(self, state: State, numbers: Mapping[str, int]) -> None:
        def go(target: Header | str | None) -> str:
            if isinstance(target, Header):
                return f"state = {numbers[target.name]}"
            return "state = -1" if target is None else f"{self.fields[DROP.name]}, state = U({UNPARSED}), -1"

        if state.select is None:
            self.write("state = -1")
            return
        for number, (value, target) in enumerate(state.to.items()):
            self.write(f"{'elif' if number else 'if'} {self.fields[state.select.name]} == U({value}):")
            self.write(f"    {go(target)}")
        self.write(*(["else:", f"    {go(state.otherwise)}"] if state.to else [go(state.otherwise)]))

    def deparse(self) -> None:
        for header in self.program.headers:
            with self.block(f"if {self.fields[header.valid.name]} != 0:"):
                for byte in range(header.bytes):
                    self.write(f"out[i, o + {byte}] = B(({self.emitted(header, byte)}) & U(255))")
                self.write(f"o += {header.bytes}")

    def emitted(self, header: Header, byte: int) -> str:
        pieces, start = [], 0
        for one in header.fields:
            end = start + one.width
            if start < 8 * byte + 8 and end > 8 * byte:
                shift = end - 8 * byte - 8
                by = f">> U({shift})" if shift >= 0 else f"<< U({-shift})"
                pieces.append(f"({self.fields[one.name]} {by})")
            start = end
        return " | ".join(pieces)

    def statements(self, block: Sequence[Statement]) -> None:
        for one in block:
            if isinstance(one, If):
                with self.block(f"if {self.condition(one.condition)}:"):
                    self.statements(one.then)
                if one.otherwise:
                    with self.block("else:"):
                        self.statements(one.otherwise)
            elif isinstance(one, Table):
                self.table(one)
            else:
                self.primitive(one, {})

    def table(self, table: Table) -> None:
        t, entry, action = self.tables[table.name], self.name("e"), self.name("a")
        keys = [self.fields[field.name] for field, _ in table.keys]
        if not keys:
            self.write(f"{entry} = {t}_action.size - 1")
        elif table.ternary():
            self.write(f"{entry} = 0")
            misses = " or ".join(
                f"(({key} ^ {t}_keys[{entry}, {n}]) & {t}_masks[{entry}, {n}]) != 0" for n, key in enumerate(keys)
            )
            self.write(f"while {entry} < {t}_action.size - 1 and ({misses}):", f"    {entry} += 1")
        else:
            self.probe(t, entry, keys)
        self.write(f"{action} = {t}_action[{entry}]")
        for number, one in enumerate(table.all_actions):
            with self.block(f"{'elif' if number else 'if'} {action} == {number}:"):
                params = {id(param): f"{t}_data[{entry}, {column}]" for column, param in enumerate(one.params)}
                for statement in one.statements:
                    self.primitive(statement, params)

    def probe(self, t: str, entry: str, keys: Sequence[str]) -> None:
        place = self.name("h")
        self.write(f"{place} = U(0)")
        for key in keys:
            self.write(f"{place} = ({place} ^ {key}) * U({MIX})", f"{place} = {place} ^ ({place} >> U(32))")
        self.write(f"{place} = I({place} & U({t}_probe.size - 1))")
        equal = " and ".join(f"{t}_keys[{entry}, {number}] == {key}" for number, key in enumerate(keys))
        self.write(f"{entry} = {t}_probe[{place}]")
        with self.block(f"while {entry} >= 0 and not ({equal}):"):
            self.write(f"{place} = ({place} + 1) & ({t}_probe.size - 1)", f"{entry} = {t}_probe[{place}]")
        self.write(f"if {entry} < 0:", f"    {entry} = {t}_action.size - 1")

    def primitive(self, one: Primitive, params: Mapping[int, str]) -> None:
        if isinstance(one, Drop):
            self.write(f"{self.fields[DROP.name]} = U({self.reasons[one.reason]})")
        elif isinstance(one, Set):
            self.write(f"{self.fields[one.field.name]} = {self.value(one.value, params)} & U({2**one.field.width - 1})")
        elif isinstance(one, Count):
            index = self.name("k")
            self.write(f"{index} = {self.value(one.index, params)}")
            self.write(f"if {index} < U({one.counter.slots}):")
            self.write(f"    {self.counters[one.counter.name]}[pipe, I({index})] += U(1)")
        else:
            self.access(one)

    def access(self, one: Access) -> None:
        register, index, output = one.action.register, self.name("k"), self.name("w")
        self.write(f"{index} = {self.value(one.index, {})}", f"{output} = U(0)")
        with self.block(f"if {index} < U({register.slots}):"):
            self.slot(one.action, register, f"pipe, I({index})", output)
        if one.output is not None:
            self.write(f"{self.fields[one.output.name]} = {output} & U({2**one.output.width - 1})")

    def slot(self, action: RegisterAction, register: Register, at: str, output: str) -> None:
        """Reads the slot, tests every clause on it, then writes what holds."""
        array = self.registers[register.name]
        halves = ("lo", "hi") if register.hi else ("lo",)
        self.write(*(f"{half} = {array}_{half}[{at}]" for half in halves))
        self.write(*(f"new_{half} = {half}" for half in halves))
        tests = [self.name("p") for _ in action.clauses]
        for test, clause in zip(tests, action.clauses, strict=True):
            held = "True" if clause.condition is None else self.condition(clause.condition, register.lo)
            self.write(f"{test} = {held}")
        for test, clause in zip(tests, action.clauses, strict=True):
            for half, value in (("lo", clause.lo), ("hi", clause.hi)):
                if value is not None:
                    ones = 2 ** getattr(register, half) - 1
                    self.write(f"if {test}:", f"    new_{half} = {self.value(value, {})} & U({ones})")
        for test, clause in zip(tests, action.clauses, strict=True):
            if clause.output is not None:
                self.write(f"if {test}:", f"    {output} = {self.value(clause.output, {})}")
        self.write(*(f"{array}_{half}[{at}] = new_{half}" for half in halves))

    def value(self, of: Expression, params: Mapping[int, str]) -> str:
        """The text of a value; writes the lines that a hash needs first."""
        if isinstance(of, Constant):
            return f"U({of.value & _WORD})"
        if isinstance(of, Field):
            return self.fields[of.name]
        if isinstance(of, ActionParam):
            return params[id(of)]
        if isinstance(of, RegisterParam):
            return f"params[{self.params[of.name]}, pipe]"
        if isinstance(of, Memory):
            return f"new_{of.half}" if of.new else of.half
        if isinstance(of, Hash):
            return self.hash(of)
        assert isinstance(of, Arithmetic)
        left, right = self.value(of.left, params), self.value(of.right, params)
        if of.operator in ("min", "max"):
            return f"{of.operator}({left}, {right})"
        return f"({left} {of.operator} {right})"

    def hash(self, of: Hash) -> str:
        rest, table = self.name("x"), self.generators[of.generator]
        self.write(f"{rest} = U({ONES})")
        for one in of.fields:
            for byte in reversed(range((one.width + 7) // 8)):
                at = f"(({rest} >> U(24)) ^ ({self.fields[one.name]} >> U({8 * byte}))) & U(255)"
                self.write(f"{rest} = (({rest} << U(8)) & U({ONES})) ^ remainders[{table}, I({at})]")
        return f"(({rest} ^ U({ONES})) & U({2**of.width - 1}))"

    def condition(self, of: Condition, width: int = 0) -> str:
        if isinstance(of, Logic):
            parts = [self.condition(part, width) for part in of.parts]
            return f"(not {parts[0]})" if of.operator == "~" else f"({_JOINED[of.operator].join(parts)})"
        assert isinstance(of, Compare)
        sides = (of.left, of.right)
        if of.signed or any(isinstance(one, Arithmetic) or _negative(one) for one in sides):
            left, right = (self.side(one, of.signed, width) for one in sides)
        else:
            left, right = (self.value(one, {}) for one in sides)
        return f"({left} {of.relation} {right})"

    def side(self, of: Expression, signed: bool, width: int) -> str:
        if isinstance(of, Constant):
            return f"I({of.value})"
        if isinstance(of, Arithmetic):
            return f"({self.side(of.left, signed, width)} {of.operator} {self.side(of.right, signed, width)})"
        bits = width if isinstance(of, Memory) else of.width
        value = f"I({self.value(of, {})})"
        return f"(({value} ^ I({1 << (bits - 1)})) - I({1 << (bits - 1)}))" if signed and bits < 64 else value


_JOINED = {"&": " and ", "|": " or "}


def _negative(of: Expression) -> bool:
    return isinstance(of, Constant) and of.value < 0


def generators(program: Program) -> tuple[int, ...]:
    """The polynomials of the program's hashes, each once."""
    found: dict[int, None] = {}
    for one in program.primitives():
        value = one.value if isinstance(one, Set) else one.index if isinstance(one, (Access, Count)) else None
        if isinstance(value, Hash):
            found[value.generator] = None
    return tuple(found)


def parameters(program: Program) -> tuple[str, ...]:
    """The names of the parameters of all registers."""
    return tuple(dict.fromkeys(name for one in program.registers().values() for name in one.params()))
