"""The exact engine: one packet at a time, straight from the program's objects, with every access accounted for.

    engine = Interpreter(program, card)
    result = engine.process(b"...", port=3)

What it does is what a program means; the batch engine is held equal to it. A packet that accesses a register twice in a
pass raises `AccessError`: `place` refuses such programs, but this engine also runs programs that were never placed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.crc import crc
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
    Action,
    Drop,
    Entry,
    Header,
    If,
    Program,
    Set,
    Statement,
    Table,
)
from hardware_models.tofino.state import SwitchState
from hardware_models.tofino.stateful import Access, Count, RegisterAction

_WORD = 2**64 - 1


class AccessError(Exception):
    """A packet accessed a register twice in one pass, which no stateful ALU can do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a packet: its bytes when it left, the port (511 for none) or multicast group (0 for none).

    `drop` is 0 or the number of the reason (from 1) in `Program.reasons`; a dropped packet has no bytes. `passes`
    counts the times it went through the pipe.
    """

    data: bytes
    port: int
    multicast: int
    drop: int
    passes: int


@dataclass(slots=True)
class InFlight:
    """A packet between parser and deparser: its fields, its pipe, the registers it has accessed in this pass."""

    values: dict[str, int]
    pipe: int
    accessed: set[str]


class Interpreter:
    """Runs `program` on the pipes of `card`, on `state` if one is given, else on a new one."""

    def __init__(self, program: Program, card: TofinoCard, state: SwitchState | None = None) -> None:
        self.program, self.card = program, card
        self.state = state if state is not None else SwitchState(program, card)
        self._reasons = {reason: number for number, reason in enumerate(program.reasons, start=1)}
        self._blank = dict.fromkeys(program.fields, 0)

    def process(self, data: bytes, port: int = 0) -> Result:
        """What becomes of a packet that enters at `port`."""
        pipe = self.card.pipe_of(port)
        passes = 0
        for _ in range(self.card.recirculation.passes):
            passes += 1
            packet = InFlight(dict(self._blank), pipe, set())
            packet.values |= {INGRESS_PORT.name: port, EGRESS_PORT.name: UNSET_PORT}
            out = self._pass(packet, data)
            again = packet.values[RECIRCULATE.name]
            if packet.values[DROP.name] or not again:
                break
            self.state.recirculated[pipe] += len(out)
            data = out
        else:
            packet.values[DROP.name] = LOOPED
        drop = packet.values[DROP.name]
        if drop:
            self.state.drops[pipe, drop - 1] += 1
            return Result(b"", UNSET_PORT, 0, drop, passes)
        return Result(out, packet.values[EGRESS_PORT.name], packet.values[MULTICAST.name], 0, passes)

    def _pass(self, packet: InFlight, data: bytes) -> bytes:
        values = packet.values
        payload = self._parse(values, data)
        if not values[DROP.name]:
            self._block(self.program.ingress, packet)
        routed = values[EGRESS_PORT.name] != UNSET_PORT or values[MULTICAST.name] or values[RECIRCULATE.name]
        if not values[DROP.name] and not routed:
            values[DROP.name] = UNROUTED
        if not values[DROP.name]:
            self._block(self.program.egress, packet)
        return b"" if values[DROP.name] else self._deparse(values) + payload

    def _parse(self, values: dict[str, int], data: bytes) -> bytes:
        """Fills header fields; returns what no header took."""
        at = 0
        state = self.program.parser.start
        while True:
            header = state.header
            if at + header.bytes > len(data):
                values[DROP.name] = TRUNCATED
                return b""
            whole, left = int.from_bytes(data[at : at + header.bytes], "big"), header.bits
            for one in header.fields:
                left -= one.width
                values[one.name] = (whole >> left) & (2**one.width - 1)
            values[header.valid.name] = 1
            at += header.bytes
            following = self.program.parser.next(state, values[state.select.name] if state.select is not None else 0)
            if following is None:
                return data[at:]
            if isinstance(following, str):
                values[DROP.name] = UNPARSED
                return b""
            state = following

    def _deparse(self, values: dict[str, int]) -> bytes:
        return b"".join(_emit(header, values) for header in self.program.headers if values[header.valid.name])

    def _block(self, block: Sequence[Statement], packet: InFlight) -> None:
        for one in block:
            if isinstance(one, If):
                self._block(one.then if self._holds(one.condition, packet) else one.otherwise, packet)
            elif isinstance(one, Table):
                action, data = self._look_up(one, packet)
                for statement in action.statements:
                    self._run(statement, packet, dict(zip(map(id, action.params), data, strict=True)))
            else:
                self._run(one, packet, {})

    def _look_up(self, table: Table, packet: InFlight) -> tuple[Action, tuple[int, ...]]:
        state = self.state.tables[table.name]
        if not table.ternary():
            best = state.exact(tuple(packet.values[field.name] for field, _ in table.keys)) if table.keys else None
        else:
            hits = [entry for entry in state.entries if _matches(table, entry, packet.values)]
            best = max(hits, key=lambda entry: prefix_length(table, entry), default=None)  # the first of equals
        return (best.action, best.data) if best is not None else (table.default, state.default_data)

    def _run(self, one: Statement, packet: InFlight, params: dict[int, int]) -> None:
        values = packet.values
        if isinstance(one, Set):
            values[one.field.name] = self._value(one.value, packet, params) & (2**one.field.width - 1)
        elif isinstance(one, Drop):
            values[DROP.name] = self._reasons[one.reason]
        elif isinstance(one, Count):
            array, index = self.state.counters[one.counter.name], self._value(one.index, packet, params)
            if index < one.counter.slots:
                array[packet.pipe, index] += 1
        elif isinstance(one, Access):
            output = self._access(one.action, self._value(one.index, packet, params), packet)
            if one.output is not None:
                values[one.output.name] = output & (2**one.output.width - 1)

    def _access(self, action: RegisterAction, index: int, packet: InFlight) -> int:
        register = action.register
        if register.name in packet.accessed:
            raise AccessError(f"a packet accesses register {register.name} a second time, by {action.name}")
        packet.accessed.add(register.name)
        if index >= register.slots:
            return 0
        lows, highs = self.state.registers[register.name]
        slot = {"lo": int(lows[packet.pipe, index])}
        slot["hi"] = int(highs[packet.pipe, index]) if register.hi else 0
        new, output = dict(slot), None
        for clause in action.clauses:
            if clause.condition is not None and not self._holds(clause.condition, packet, slot, register.lo):
                continue
            for half, value, width in (("lo", clause.lo, register.lo), ("hi", clause.hi, register.hi)):
                if value is not None:
                    new[half] = self._value(value, packet, {}, slot) & (2**width - 1)
            output = clause.output if clause.output is not None else output
        lows[packet.pipe, index] = new["lo"]
        if register.hi:
            highs[packet.pipe, index] = new["hi"]
        return 0 if output is None else self._value(output, packet, {}, slot, new)

    def _value(
        self,
        of: Expression,
        packet: InFlight,
        params: dict[int, int],
        slot: dict[str, int] | None = None,
        new: dict[str, int] | None = None,
    ) -> int:
        """An expression's value, 0 to 2**64 - 1; arithmetic wraps there and is cut where it is stored."""
        if isinstance(of, Field):
            return packet.values[of.name]
        if isinstance(of, Constant):
            return of.value & _WORD
        if isinstance(of, ActionParam):
            return params[id(of)]
        if isinstance(of, RegisterParam):
            return int(self.state.params[of.name][packet.pipe])
        if isinstance(of, Memory):
            found = new if of.new else slot
            assert found is not None
            return found[of.half]
        if isinstance(of, Hash):
            return self._hash(of, packet)
        assert isinstance(of, Arithmetic)
        left = self._value(of.left, packet, params, slot, new)
        return _WORD & _computed(of.operator, left, self._value(of.right, packet, params, slot, new))

    def _hash(self, of: Hash, packet: InFlight) -> int:
        data = b"".join(packet.values[one.name].to_bytes((one.width + 7) // 8, "big") for one in of.fields)
        return crc(data, of.generator) & ((1 << of.width) - 1)

    def _holds(self, of: Condition, packet: InFlight, slot: dict[str, int] | None = None, width: int = 0) -> bool:
        if isinstance(of, Logic):
            parts = (self._holds(part, packet, slot, width) for part in of.parts)
            return not next(parts) if of.operator == "~" else all(parts) if of.operator == "&" else any(parts)
        assert isinstance(of, Compare)
        left = self._side(of.left, of.signed, packet, slot, width)
        right = self._side(of.right, of.signed, packet, slot, width)
        return _RELATIONS[of.relation](left, right)

    def _side(self, of: Expression, signed: bool, packet: InFlight, slot: dict[str, int] | None, width: int) -> int:
        """A side of a comparison: a whole number that does not wrap, negative where it is signed."""
        if isinstance(of, Constant):
            return of.value
        if isinstance(of, Arithmetic):
            left = self._side(of.left, signed, packet, slot, width)
            right = self._side(of.right, signed, packet, slot, width)
            return left + right if of.operator == "+" else left - right
        value = self._value(of, packet, {}, slot)
        bits = width if isinstance(of, Memory) else of.width
        return value - (1 << bits) if signed and value >> (bits - 1) else value


_RELATIONS = {
    "==": int.__eq__,
    "!=": int.__ne__,
    "<": int.__lt__,
    "<=": int.__le__,
    ">": int.__gt__,
    ">=": int.__ge__,
}


def _computed(operator: str, left: int, right: int) -> int:
    if operator in ("<<", ">>"):
        return left << right if operator == "<<" else left >> right
    if operator in ("min", "max"):
        return min(left, right) if operator == "min" else max(left, right)
    if operator in ("+", "-"):
        return left + right if operator == "+" else left - right
    return left & right if operator == "&" else left | right if operator == "|" else left ^ right


def _emit(header: Header, values: dict[str, int]) -> bytes:
    whole = 0
    for one in header.fields:
        whole = (whole << one.width) | values[one.name]
    return whole.to_bytes(header.bytes, "big")


def _matches(table: Table, entry: Entry, values: dict[str, int]) -> bool:
    return all(
        (values[field.name] ^ value) & mask == 0
        for (field, _), (value, mask) in zip(table.keys, masks(table, entry), strict=True)
    )


def masks(table: Table, entry: Entry) -> list[tuple[int, int]]:
    """An entry's keys as values and the masks under which a packet must equal them."""
    found = []
    for (field, kind), key in zip(table.keys, entry.key, strict=True):
        value, second = key if isinstance(key, tuple) else (key, 0)
        ones = 2**field.width - 1
        mask = {"exact": ones, "ternary": second, "lpm": ones ^ (ones >> second)}[kind]
        found.append((value, mask))
    return found


def prefix_length(table: Table, entry: Entry) -> int:
    """The length of an entry's prefix, 0 without one: of those that match, the longest wins."""
    pairs = zip(table.keys, entry.key, strict=True)
    return next((key[1] for (_, kind), key in pairs if kind == "lpm" and isinstance(key, tuple)), 0)
