"""How many instructions of a function a program really executes, counted by single steps."""

import re
from functools import cache
from pathlib import Path

from hardware_models.simd import clang


def stepper(folder: Path) -> Path:
    """The compiled stepper, made in `folder` if it is not there."""
    program = folder / "stepping"
    if not program.exists():
        source = Path(__file__).parent / "stepping.c"
        clang.run([clang.need("clang"), "-O2", str(source), "-o", str(program)])
    return program


@cache
def symbols(program: Path) -> dict[str, tuple[int, int]]:
    """First address and end of each function of a linked program."""
    text = clang.run([clang.need("llvm-nm"), "--defined-only", "--numeric-sort", str(program)])
    found = [(int(a, 16), n) for a, n in re.findall(r"^([0-9a-f]+) [Tt] (\S+)$", text, re.M)]
    ends = [address for address, _ in found[1:]] + [1 << 62]
    return {name: (address, end) for (address, name), end in zip(found, ends, strict=True)}


def counted(program: Path, arguments: list[str], function: str, folder: Path) -> int:
    """Instructions of `function` between the program's calls of `mark_begin` and `mark_end`."""
    table = symbols(program)
    places = [table["mark_begin"][0], table["mark_end"][0], *table[function]]
    answer = clang.run([str(stepper(folder)), *(f"{place:x}" for place in places), str(program), *arguments])
    return int(answer)
