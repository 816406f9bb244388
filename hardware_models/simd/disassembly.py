"""Instructions of a compiled function: what `llvm-objdump` prints, decoded into operands.

>>> one = parse_line("  401d30:       vaddps  ymm1 {k1}, ymm2, ymmword ptr [rsi + 4*rcx + 0x40]")
>>> one.mnemonic, one.operands[0].register, one.operands[2].memory.displacement, one.width, one.masked
('vaddps', 'ymm1', 64, 256, True)
"""

import re
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardware_models.simd import clang
from hardware_models.simd.operations import OpClass, classify

_LINE = re.compile(r"^\s*([0-9a-f]+):\s+(?:\{\w+\}\s+)?(?:(lock|rep|repne|data16|notrack)\s+)?(\w+)\s*([^#]*)")
_POINTER = re.compile(r"(byte|word|dword|qword|xmmword|ymmword|zmmword|tbyte) ptr")
_BYTES = {"byte": 1, "word": 2, "dword": 4, "qword": 8, "xmmword": 16, "ymmword": 32, "zmmword": 64, "tbyte": 10}
_GENERAL = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
#: Register name -> (family, number, bytes); families: g general, v vector, k mask.
REGISTERS: dict[str, tuple[str, int, int]] = {}
for _number, _name in enumerate(_GENERAL):
    REGISTERS |= {f"r{_name}": ("g", _number, 8), f"e{_name}": ("g", _number, 4), _name: ("g", _number, 2)}
    REGISTERS[(_name[0] + "l") if _name[1] == "x" else _name + "l"] = ("g", _number, 1)
for _number in range(8, 16):
    for _suffix, _size in (("", 8), ("d", 4), ("w", 2), ("b", 1)):
        REGISTERS[f"r{_number}{_suffix}"] = ("g", _number, _size)
for _number in range(32):
    REGISTERS |= {f"{_x}mm{_number}": ("v", _number, _size) for _x, _size in (("x", 16), ("y", 32), ("z", 64))}
REGISTERS |= {f"k{_number}": ("k", _number, 8) for _number in range(8)}


@dataclass(frozen=True, slots=True)
class Memory:
    """An address: base + scale * index + displacement; `absolute` where it is relative to the program counter."""

    base: str = ""
    index: str = ""
    scale: int = 1
    displacement: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """A register, a number or an address."""

    register: str = ""
    value: int = 0
    memory: Memory | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One decoded instruction; `target` is the address of a jump, `constant` eight bytes of the program it reads."""

    address: int
    mnemonic: str
    operands: tuple[Operand, ...]
    op_class: OpClass
    width: int
    mask: str = ""
    zeroing: bool = False
    target: int = -1
    constant: int = 0
    text: str = field(default="", compare=False)

    @property
    def masked(self) -> bool:
        """Whether only some lanes are written."""
        return bool(self.mask)

    @property
    def memory(self) -> Memory | None:
        """Its memory operand, if it has one."""
        return next((o.memory for o in self.operands if o.memory is not None), None)

    @property
    def loads(self) -> bool:
        """Whether it reads memory."""
        if self.memory is None or self.mnemonic in ("lea", "nop") or self.mnemonic.startswith("prefetch"):
            return False
        if self.operands[0].memory is None or self.mnemonic in ("cmp", "test", "bt", "push"):
            return True
        return not self.mnemonic.startswith(("mov", "vmov", "vpmov", "vextract", "set", "pextr", "vpextr", "vcompress",
                                             "vpcompress", "vscatter", "vpscatter", "vcvtps2ph"))  # fmt: skip

    @property
    def stores(self) -> bool:
        """Whether it writes memory."""
        if self.mnemonic == "push":
            return True
        if self.memory is None or self.operands[0].memory is None:
            return False
        return self.mnemonic not in ("cmp", "test", "bt", "nop", "call", "jmp") and not self.mnemonic.startswith(
            ("prefetch", "vucom", "vcom")
        )


def _integer(text: str) -> int:
    return int(text.replace(" ", ""), 0)


def _address(text: str, size: int) -> Memory:
    base, index, scale, displacement = "", "", 1, 0
    for sign, term in re.findall(r"([+-]?)\s*([^+\-\s][^+\-]*)", text):
        term = term.strip()
        if "*" in term:
            left, right = term.split("*")
            scale, index = int(left, 0), right.strip()
        elif term in REGISTERS or term == "rip":
            if base:
                index = term
            else:
                base = term
        else:
            displacement += int(term, 0) * (-1 if sign == "-" else 1)
    return Memory(base, index, scale, displacement, size)


def _operand(text: str) -> Operand:
    text = text.strip()
    pointer = _POINTER.search(text)
    if "[" in text:
        inside = text[text.index("[") + 1 : text.index("]")]
        return Operand(memory=_address(inside, _BYTES[pointer.group(1)] if pointer else 0))
    bare = text.split("{")[0].strip().split(" ")[0]
    if bare in REGISTERS:
        return Operand(register=bare)
    try:
        return Operand(value=_integer(bare))
    except ValueError:
        return Operand()


def parse_line(line: str) -> Instruction | None:
    """The instruction on a line of a disassembly in Intel syntax; None where there is none."""
    found = _LINE.match(line)
    if found is None:
        return None
    address, _, mnemonic, rest = found.groups()
    rest = rest.strip()
    mask = re.search(r"\{(k[1-7])\}", rest)
    target = -1
    if mnemonic.startswith("j") or mnemonic == "call":
        jump = re.match(r"(0x[0-9a-f]+)", rest)
        target = int(jump.group(1), 16) if jump else -1
        operands: tuple[Operand, ...] = ()
    else:
        operands = tuple(_operand(part) for part in _split(rest)) if rest else ()
    return Instruction(
        int(address, 16), mnemonic, operands, _class_of(mnemonic, operands), _width(operands),
        mask.group(1) if mask else "", "{z}" in rest, target, 0, f"{mnemonic} {rest}".strip(),
    )  # fmt: skip


def _split(text: str) -> list[str]:
    """Operands by their commas, those inside brackets not counted."""
    return re.split(r",\s*(?![^\[]*\])", text)


def _class_of(mnemonic: str, operands: Sequence[Operand]) -> OpClass:
    found = classify(mnemonic)
    registers = [o.register for o in operands if o.register]
    if found == "to_vec" and mnemonic in ("vmovd", "vmovq", "movd", "movq") and registers:
        if len(registers) == len(operands) == 2:
            families = [REGISTERS[r][0] for r in registers]
            return "from_vec" if families == ["g", "v"] else "to_vec" if families == ["v", "g"] else "shuffle"
        return "move"
    if found == "permute" and "broadcast" in mnemonic and registers and REGISTERS[registers[-1]][0] == "g":
        return "to_vec"
    if found == "blend" and mnemonic in ("vmovss", "vmovsd") and any(o.memory for o in operands):
        return "move"
    if found == "alu" and mnemonic.startswith("mov"):
        return "alu" if mnemonic not in ("mov",) else "move"
    if found == "alu" and mnemonic in ("vmovlps", "vmovhps", "vmovlpd", "vmovhpd", "vmovddup", "vmovshdup", "vmovsldup",
                                       "vmovlhps", "vmovhlps"):  # fmt: skip
        stored = bool(operands) and operands[0].memory is not None
        return "move" if stored else "shuffle"
    return found


def _width(operands: Sequence[Operand]) -> int:
    """Bits of the widest vector operand; 0 without any."""
    sizes = [REGISTERS[o.register][2] for o in operands if o.register and REGISTERS[o.register][0] == "v"]
    sizes += [o.memory.size for o in operands if o.memory is not None and o.memory.size >= 16]
    return 8 * max(sizes) if sizes else 0


def disassemble(program: Path, symbols: Sequence[str]) -> dict[str, tuple[Instruction, ...]]:
    """Instructions of each named function of a linked program."""
    text = clang.run(
        [clang.need("llvm-objdump"), "-d", "-M", "intel", "--no-show-raw-insn",
         f"--disassemble-symbols={','.join(symbols)}", str(program)],
    )  # fmt: skip
    found: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    word = _words(program)
    for line in text.splitlines():
        head = re.match(r"^[0-9a-f]+ <(.+)>:$", line)
        if head:
            current = found.setdefault(head.group(1), [])
        elif (one := parse_line(line)) is not None:
            place = re.search(r"# 0x([0-9a-f]+)", line) if "rip" in line else None
            current.append(replace(one, constant=word(int(place.group(1), 16))) if place else one)
    return {name: tuple(body) for name, body in found.items()}


def _words(program: Path) -> Callable[[int], int]:
    """Address -> the eight bytes there of the loaded program, as a signed number; 0 outside."""
    data = program.read_bytes()
    start, size, number = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    segments = [struct.unpack_from("<IIQQQQ", data, start + size * k) for k in range(number)]

    def word(address: int) -> int:
        for kind, _, offset, virtual, _, length in segments:
            if kind == 1 and virtual <= address < virtual + length:
                at = offset + address - virtual
                return int.from_bytes(data[at : at + 8].ljust(8, b"\0"), "little", signed=True)
        return 0

    return word
