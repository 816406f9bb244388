"""Which instructions a compiled function executes, and the addresses they touch, without executing them.

General registers, flags, memory and scalar floating point are interpreted; vectors are not, since what a vectorised
loop does next does not depend on them. A branch on something that was not interpreted is taken or not by a fixed
pseudo-random rule and counted in `guesses`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hardware_models.simd.disassembly import REGISTERS, Instruction
from sim.errors import UserError

Ints = NDArray[np.int64]

#: Where the image of memory starts, and the bytes of stack behind the arrays.
BASE, STACK = 1 << 20, 1 << 14
#: Address of an instruction that touches memory in no place that is known (a gather), or none at all.
SCATTERED, NOWHERE = -2, -1
#: Address of all constants of the program, whose values stand in the instructions.
_PROGRAM = 64

_CONDITIONS = {
    "o": 0, "no": 1, "b": 2, "c": 2, "nae": 2, "ae": 3, "nb": 3, "nc": 3, "e": 4, "z": 4, "ne": 5, "nz": 5, "be": 6,
    "na": 6, "a": 7, "nbe": 7, "s": 8, "ns": 9, "p": 10, "np": 11, "l": 12, "nge": 12, "ge": 13, "nl": 13, "le": 14,
    "ng": 14, "g": 15, "nle": 15,
}  # fmt: skip
_TWO = {"mov": 1, "movabs": 1, "movzx": 1, "movsx": 2, "movsxd": 2, "add": 3, "sub": 4, "and": 5, "or": 6, "xor": 7,
        "cmp": 8, "test": 9, "shl": 10, "sal": 10, "shr": 11, "sar": 12, "imul": 13}  # fmt: skip
_ONE = {"inc": 14, "dec": 15, "neg": 16, "not": 17, "push": 18, "pop": 19}
_THREE = {"bextr": 20, "shlx": 21, "shrx": 22, "sarx": 23, "andn": 24, "bzhi": 25, "rorx": 26}
_LEA, _JCC, _JMP, _RET, _CMOV, _SETCC, _VECTOR, _UNKNOWN, _NOTHING, _CDQE, _BITS, _FLAGS, _LOST = range(30, 43)
_FLOAT = {"mov": 50, "add": 51, "sub": 52, "mul": 53, "div": 54, "max": 55, "min": 56, "ucomi": 57, "comi": 57,
          "fmadd213": 58, "fmadd231": 59, "fmadd132": 60}  # fmt: skip
#: Columns of a decoded instruction.
(_OP, _SIZE, _DKIND, _DREG, _SKIND, _SREG, _IMM, _THIRD, _BASEREG, _INDEX, _SCALE, _DISP, _TARGET, _COND, _SSIZE,
 _MSIZE, _XMM, _CONSTANT) = range(18)  # fmt: skip
_NONE, _REG, _VALUE, _MEM = range(4)
#: In the column of conditions of a return: it goes to another function.
_OUTSIDE = 99


@dataclass(frozen=True, slots=True)
class Trace:
    """Executed instructions in order: `index` into the function's body and `address` of the memory operand.

    `moved` are the bytes that a function outside was asked to copy or fill in the place of the loop.
    """

    index: Ints
    address: Ints
    guesses: int
    moved: int = 0

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a function is called with: the image of memory, general registers in the order of the ABI, xmm values."""

    image: NDArray[np.uint8]
    general: Sequence[int]
    floating: Sequence[float] = ()


def decode(body: Sequence[Instruction]) -> Ints:
    """The interpreter's table, one row per instruction."""
    where = {one.address: position for position, one in enumerate(body)}
    rows = np.zeros((len(body), 18), dtype=np.int64)
    for position, one in enumerate(body):
        _decode_one(one, rows[position], where)
    return rows


def _decode_one(one: Instruction, row: Ints, where: Mapping[int, int]) -> None:
    row[_BASEREG] = row[_INDEX] = row[_DREG] = row[_SREG] = row[_THIRD] = -1
    row[_TARGET] = where.get(one.target, -1)
    memory = one.memory
    if memory is not None:
        row[_BASEREG] = 99 if memory.base == "rip" else REGISTERS[memory.base][1] if memory.base else -1
        if memory.index:
            family, number, _ = REGISTERS[memory.index]
            row[_INDEX] = number if family == "g" else 98
        row[_SCALE], row[_DISP], row[_MSIZE] = memory.scale, memory.displacement, memory.size
        row[_CONSTANT] = one.constant
    name, operands = one.mnemonic, one.operands
    sizes = [REGISTERS[o.register][2] if o.register else o.memory.size if o.memory else 0 for o in operands]
    kinds = [_REG if o.register else _MEM if o.memory is not None else _VALUE for o in operands]
    numbers = [REGISTERS[o.register][1] if o.register else -1 for o in operands]
    families = [REGISTERS[o.register][0] if o.register else "" for o in operands]
    row[_SIZE] = sizes[0] if operands else 0
    if operands:
        row[_DKIND], row[_DREG] = kinds[0], numbers[0]
    if len(operands) > 1:
        row[_SKIND], row[_SREG], row[_IMM], row[_SSIZE] = kinds[1], numbers[1], operands[1].value, sizes[1]
    if name.startswith("j") and row[_TARGET] >= 0:
        row[_OP] = _JMP if name == "jmp" else _JCC
        row[_COND] = _CONDITIONS.get(name[1:], 4)
    elif name == "ret" or (name == "jmp" and row[_TARGET] < 0):
        row[_OP] = _RET  # a jump out of the function is a call in the place of its return
        row[_COND] = _OUTSIDE if name == "jmp" else 0
    elif name == "call" or name in ("nop", "vzeroupper", "endbr64"):
        row[_OP] = _NOTHING
    elif "v" in families or "k" in families or name.startswith(("v", "k")):
        _decode_vector(one, row, families, numbers)
    elif name in _TWO:
        row[_OP] = _TWO[name]
        if name == "imul" and len(operands) == 3:
            row[_THIRD], row[_IMM] = 1, operands[2].value
        elif len(operands) == 1:
            row[_SKIND], row[_IMM] = (_VALUE, 1) if name != "imul" else (_VALUE, 0)
            row[_OP] = _TWO[name] if name != "imul" else _UNKNOWN
    elif name in _ONE:
        row[_OP] = _ONE[name]
    elif name in _THREE:
        row[_OP], row[_THIRD] = _THREE[name], numbers[2]
        row[_IMM] = operands[2].value
    elif name == "lea":
        row[_OP] = _LEA
    elif name.startswith("cmov"):
        row[_OP], row[_COND] = _CMOV, _CONDITIONS[name[4:]]
    elif name.startswith("set"):
        row[_OP], row[_COND] = _SETCC, _CONDITIONS[name[3:]]
    elif name == "cdqe":
        row[_OP] = _CDQE
    else:
        row[_OP] = _UNKNOWN


def _decode_vector(one: Instruction, row: Ints, families: Sequence[str], numbers: Sequence[int]) -> None:
    row[_OP] = _VECTOR
    name = one.mnemonic.removeprefix("v")
    stem, kind = name[:-2], name[-2:]
    if kind in ("ss", "sd") and stem in _FLOAT and not one.masked:
        row[_OP] = _FLOAT[stem]
        row[_XMM] = 4 if kind == "ss" else 8
        if len(one.operands) == 3:
            last = one.operands[2]
            row[_THIRD] = numbers[2]
            row[_SKIND] = _REG
            if last.memory is not None:
                row[_THIRD] = -1
        elif stem == "mov" and one.memory is None:
            row[_OP] = _VECTOR
    elif families and families[0] == "g":
        row[_OP] = _LOST  # the register's value is lost, the flags are not
    elif (one.mnemonic.startswith(("k", "vptest", "vtest")) and "ortest" in one.mnemonic) or one.mnemonic in (
        "vptest",
        "vtestps",
        "vtestpd",
    ):
        row[_OP] = _FLAGS


def trace(body: Sequence[Instruction], arguments: Arguments, limit: int = 4_000_000) -> Trace:
    """Interpret a call. Raises `UserError` if it is not done within `limit` instructions or leaves the function."""
    return run(decode(body), arguments, limit)


def run(table: Ints, arguments: Arguments, limit: int = 4_000_000) -> Trace:
    """`trace` of a function decoded already."""
    general = np.zeros(16, dtype=np.int64)
    slots = (7, 6, 2, 1, 8, 9)
    memory = np.concatenate([arguments.image, np.zeros(STACK, dtype=np.uint8)])
    top = BASE + len(memory) - 4096
    general[4] = top
    for position, value in enumerate(arguments.general):
        if position < 6:
            general[slots[position]] = value
        else:
            at = top + 8 * (position - 5) - BASE
            memory[at : at + 8] = np.frombuffer(np.int64(value).tobytes(), dtype=np.uint8)
    floats = np.full(32, np.nan)
    floats[: len(arguments.floating)] = arguments.floating
    size = 1 << 14
    while True:
        index, address = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
        registers = general.copy()
        length, guesses, state = _interpret(table, registers, floats.copy(), memory.copy(), index, address)
        moved = registers[2]
        if state == 0:
            outside = table[index[length - 1], _OP] == _RET and table[index[length - 1], _COND] == _OUTSIDE
            return Trace(index[:length], address[:length], guesses, int(moved) if outside else 0)
        if state == 2:
            raise UserError("the loop calls another function or jumps by a table; such code is not followed")
        if size >= limit:
            raise UserError(f"the loop is not done after {limit} instructions")
        size = min(limit, size * 8)


@njit(cache=True)
def _load(memory, address, size):  # type: ignore[no-untyped-def]
    """(known, value) of `size` bytes, unsigned."""
    at = address - BASE
    if at < 0 or at + size > len(memory):
        return False, np.int64(0)
    value = np.int64(0)
    for k in range(size):
        value |= np.int64(memory[at + k]) << (8 * k)
    return True, value


@njit(cache=True)
def _store(memory, address, size, value):  # type: ignore[no-untyped-def]
    at = address - BASE
    if at < 0 or at + size > len(memory):
        return
    for k in range(size):
        memory[at + k] = (value >> (8 * k)) & 255


@njit(cache=True)
def _cut(value, size):  # type: ignore[no-untyped-def]
    """The low bytes, unsigned; eight bytes stay as they are."""
    if size >= 8 or size == 0:
        return value
    return value & ((np.int64(1) << (8 * size)) - 1)


@njit(cache=True)
def _signed(value, size):  # type: ignore[no-untyped-def]
    if size >= 8 or size == 0:
        return value
    value = _cut(value, size)
    top = np.int64(1) << (8 * size - 1)
    return value - (top << 1) if value & top else value


@njit(cache=True)
def _load_float(memory, address, size, constant):  # type: ignore[no-untyped-def]
    known, bits = _load(memory, address, size) if address != _PROGRAM else (True, constant)
    if not known:
        return np.nan
    if size == 4:
        one = np.empty(1, dtype=np.uint32)
        one[0] = np.uint32(bits & 0xFFFFFFFF)
        return np.float64(one.view(np.float32)[0])
    two = np.empty(1, dtype=np.int64)
    two[0] = bits
    return two.view(np.float64)[0]


@njit(cache=True)
def _store_float(memory, address, size, value):  # type: ignore[no-untyped-def]
    if np.isnan(value):
        return
    if size == 4:
        one = np.empty(1, dtype=np.float32)
        one[0] = value
        _store(memory, address, 4, np.int64(one.view(np.uint32)[0]))
    else:
        two = np.empty(1, dtype=np.float64)
        two[0] = value
        _store(memory, address, 8, two.view(np.int64)[0])


@njit(cache=True)
def _holds(condition, zero, carry, sign, overflow):  # type: ignore[no-untyped-def]
    kind = condition >> 1
    if kind == 0:
        value = overflow
    elif kind == 1:
        value = carry
    elif kind == 2:
        value = zero
    elif kind == 3:
        value = zero or carry
    elif kind == 4:
        value = sign
    elif kind == 5:
        value = False
    elif kind == 6:
        value = sign != overflow
    else:
        value = zero or sign != overflow
    return value != bool(condition & 1)


@njit(cache=True)
def _interpret(table, general, floats, memory, index, address):  # type: ignore[no-untyped-def]
    """(length, guesses, state); state 0 returned, 1 ran out of room, 2 left the function."""
    known = np.ones(16, dtype=np.bool_)
    zero = carry = sign = overflow = False
    flags = True
    guesses = 0
    at = 0
    count = 0
    state = np.uint64(88172645463325252)
    while True:
        if count >= len(index):
            return count, guesses, 1
        if at < 0 or at >= len(table):
            return count, guesses, 2
        row = table[at]
        op = row[0]
        where = np.int64(-1)
        located = True
        if row[15] > 0 or op == 30:
            base, register = row[8], row[9]
            if register == 98:
                where = np.int64(-2)
            elif base == 99:
                where = np.int64(_PROGRAM)
            else:
                where = row[11]
                if base >= 0:
                    where += general[base]
                    located = located and known[base]
                if register >= 0:
                    where += general[register] * row[10]
                    located = located and known[register]
                if not located and op != 30:
                    where = np.int64(-2)
        index[count] = at
        address[count] = where if op != 30 else -1
        count += 1
        following = at + 1
        size = row[1]
        if op >= 50:
            # scalar floating point
            width = row[16]
            if op == 50:
                if row[2] == 3:
                    _store_float(memory, where, width, floats[row[5]])
                elif row[4] == 3:
                    floats[row[3]] = _load_float(memory, where, width, row[17])
                else:
                    floats[row[3]] = floats[row[7]] if row[7] >= 0 else np.nan
            elif op == 57:
                left = floats[row[3]]
                right = _load_float(memory, where, width, row[17]) if row[4] == 3 else floats[row[5]]
                flags = not (np.isnan(left) or np.isnan(right))
                zero, carry, sign, overflow = left == right, left < right, False, False
            else:
                right = floats[row[7]] if row[7] >= 0 else _load_float(memory, where, width, row[17])
                left = floats[row[5]]
                mine = floats[row[3]]
                if op == 51:
                    value = left + right
                elif op == 52:
                    value = left - right
                elif op == 53:
                    value = left * right
                elif op == 54:
                    value = left / right if right != 0.0 else np.nan
                elif op == 55:
                    value = max(left, right)
                elif op == 56:
                    value = min(left, right)
                elif op == 58:
                    value = left * mine + right
                elif op == 59:
                    value = left * right + mine
                else:
                    value = mine * right + left
                if width == 4:
                    value = np.float64(np.float32(value))
                floats[row[3]] = value
        elif op == 36:
            if row[2] == 1 and row[3] >= 0 and row[3] < 32:
                floats[row[3]] = np.nan
        elif op == 38:
            pass
        elif op == 33:
            return count, guesses, 0
        elif op == 32:
            following = row[12]
        elif op == 31:
            if flags:
                taken = _holds(row[13], zero, carry, sign, overflow)
            else:
                state ^= state << np.uint64(13)
                state ^= state >> np.uint64(7)
                state ^= state << np.uint64(17)
                taken = bool((state >> np.uint64(20)) & np.uint64(1))
                guesses += 1
            if taken:
                following = row[12]
        elif op == 37:
            if row[2] == 1 and row[3] >= 0 and row[3] < 16:
                known[row[3]] = False
            flags = False
        elif op == 42:
            known[row[3]] = False
        elif op == 41:
            flags = False
        else:
            # general registers
            source = np.int64(0)
            fine = True
            if row[4] == 1:
                source, fine = general[row[5]], known[row[5]]
            elif row[4] == 2:
                source = row[6]
            elif row[4] == 3:
                if where == _PROGRAM:
                    fine, source = True, _cut(row[17], row[14])
                elif where >= 0:
                    fine, source = _load(memory, where, row[14])
                else:
                    fine = False
            target = np.int64(0)
            sure = True
            if row[2] == 1:
                target, sure = general[row[3]], known[row[3]]
            elif row[2] == 3 and op != 1:
                sure, target = _load(memory, where, size) if where >= 0 else (False, np.int64(0))
            write = True
            value = target
            if op == 1:
                value, sure = _cut(source, row[14]) if row[4] != 2 else source, fine
            elif op == 2:
                value, sure = _signed(source, row[14]), fine
            elif op == 30:
                value, sure = where, located
            elif op in (3, 4, 8, 14, 15, 16):
                right = source
                if op == 14 or op == 15:
                    right, fine = np.int64(1), True
                left = target
                if op == 16:
                    left, right, fine = np.int64(0), target, True
                a, b = _cut(left, size), _cut(right, size)
                adding = op == 3 or op == 14
                value = a + b if adding else a - b
                result = _cut(value, size)
                sure = sure and fine
                flags = sure
                zero = bool(result == 0)
                sign = _signed(result, size) < 0
                sa, sb = _signed(a, size) < 0, _signed(b, size) < 0
                if adding:
                    overflow = sa == sb and sign != sa
                    if op == 3:
                        carry = bool(np.uint64(result) < np.uint64(a))
                else:
                    overflow = sa != sb and sign != sa
                    if op != 15:
                        carry = bool(np.uint64(a) < np.uint64(b))
                write = op != 8
            elif op in (5, 6, 7, 9):
                if op == 5 or op == 9:
                    value = target & source
                elif op == 6:
                    value = target | source
                else:
                    value = target ^ source
                sure = sure and fine
                if op == 7 and row[4] == 1 and row[5] == row[3] and row[2] == 1:
                    sure = True
                result = _cut(value, size)
                flags, zero, carry, overflow = sure, bool(result == 0), False, False
                sign = _signed(result, size) < 0
                write = op != 9
            elif op in (10, 11, 12, 21, 22, 23):
                if op >= 21:
                    amount = general[row[7]] if row[7] >= 0 else row[6]
                    left, sure = source, fine and known[row[7]]
                else:
                    amount, left, sure = source, target, sure and fine
                amount &= 63 if size == 8 else 31
                if op == 10 or op == 21:
                    value = left << amount
                elif op == 11 or op == 22:
                    value = np.int64(np.uint64(_cut(left, size)) >> np.uint64(amount))
                else:
                    value = _signed(left, size) >> amount
                if op < 21:
                    result = _cut(value, size)
                    flags, zero, sign = sure, result == 0, _signed(result, size) < 0
                    carry = overflow = False
            elif op == 13:
                value = source * row[6] if row[7] == 1 else target * source
                sure = fine if row[7] == 1 else sure and fine
                flags = sure
            elif op == 17:
                value = ~target
            elif op == 18:
                general[4] -= 8
                _store(memory, general[4], 8, target)
                write = False
            elif op == 19:
                sure, value = _load(memory, general[4], 8)
                general[4] += 8
            elif op == 20:
                control = general[row[7]]
                begin, length = control & 255, (control >> 8) & 255
                value = np.int64(np.uint64(_cut(source, size)) >> np.uint64(begin)) if begin < 64 else np.int64(0)
                if length < 63:
                    value &= (np.int64(1) << length) - 1
                sure = fine and known[row[7]]
                flags, zero, carry, overflow = sure, _cut(value, size) == 0, False, False
            elif op == 24:
                value = ~source & (general[row[7]] if row[7] >= 0 else 0)
                sure = fine and row[7] >= 0 and known[row[7]]
                flags, zero, sign = sure, _cut(value, size) == 0, _signed(value, size) < 0
                carry = overflow = False
            elif op == 25:
                length = general[row[7]] & 255
                value = source & ((np.int64(1) << length) - 1) if length < 63 else source
                sure = fine and known[row[7]]
                flags, zero = sure, _cut(value, size) == 0
            elif op == 26:
                amount = row[6] & (63 if size == 8 else 31)
                left = np.uint64(_cut(source, size))
                value = np.int64((left >> np.uint64(amount)) | (left << np.uint64(8 * size - amount)))
                sure = fine
            elif op == 34:
                hold = _holds(row[13], zero, carry, sign, overflow)
                value, sure = (source, fine and flags) if hold else (target, sure and flags)
            elif op == 35:
                value, sure = np.int64(_holds(row[13], zero, carry, sign, overflow)), flags
            elif op == 39:
                value, sure = _signed(general[0], 4), known[0]
                general[0], known[0] = value, sure
                write = False
            if write:
                if row[2] == 1:
                    if size == 4:
                        value = _cut(value, 4)
                    elif size < 4:
                        keep = ~((np.int64(1) << (8 * size)) - 1)
                        value = (general[row[3]] & keep) | _cut(value, size)
                    general[row[3]], known[row[3]] = value, sure
                elif row[2] == 3 and where >= 0:
                    _store(memory, where, size, value)
        at = following
