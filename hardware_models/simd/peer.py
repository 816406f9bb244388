"""llvm-mca as a second opinion: its cycles of each basic block, times how often the block is executed."""

import json
import re
from collections.abc import Sequence

import numpy as np

from hardware_models.simd import clang
from hardware_models.simd.disassembly import Instruction
from hardware_models.simd.trace import Trace

_ITERATIONS = 100


def block_cycles(body: Sequence[Instruction], trace: Trace, cpu: str) -> float:
    """Estimated cycles per call. Blocks that are executed less than once in a hundred calls count as nothing."""
    starts = _starts(body)
    counts = np.bincount(trace.index, minlength=len(body))
    blocks = [(a, b) for a, b in zip(starts, [*starts[1:], len(body)], strict=True) if counts[a] > 0]
    text = []
    for number, (a, b) in enumerate(blocks):
        text += [f"# LLVM-MCA-BEGIN b{number}", *(_plain(one) for one in body[a:b]), "# LLVM-MCA-END"]
    command = [clang.need("llvm-mca"), f"-mcpu={cpu}", "-mtriple=x86_64-unknown-linux-gnu", "-x86-asm-syntax=intel",
               "--output-asm-variant=1", f"-iterations={_ITERATIONS}", "-json",
               "-skip-unsupported-instructions=any"]  # fmt: skip
    answer = json.loads(clang.run(command, 120.0, stdin=".intel_syntax noprefix\n" + "\n".join(text) + "\n"))
    regions = {region["Name"]: region["SummaryView"]["TotalCycles"] for region in answer["CodeRegions"]}
    per = [regions.get(f"b{number}", 0.0) / _ITERATIONS for number in range(len(blocks))]
    return float(sum(cycles * counts[a] for cycles, (a, _) in zip(per, blocks, strict=True)))


def _starts(body: Sequence[Instruction]) -> list[int]:
    where = {one.address: at for at, one in enumerate(body)}
    found = {0}
    for at, one in enumerate(body):
        if one.mnemonic.startswith("j") or one.mnemonic == "ret":
            found |= {at + 1, where.get(one.target, 0)}
    return sorted(at for at in found if at < len(body))


def _plain(one: Instruction) -> str:
    """The instruction as an assembler reads it: jumps to nowhere in particular, no comments of addresses."""
    if one.mnemonic.startswith("j") or one.mnemonic == "call":
        return f"{one.mnemonic} nowhere"
    return re.sub(r"<[^>]*>", "", one.text)
