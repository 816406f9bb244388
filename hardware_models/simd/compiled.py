"""Cycles of a compiled function: disassembled, followed, and put through the pipeline, with data where it lies."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hardware_models.simd.card import SimdCard
from hardware_models.simd.disassembly import Instruction, disassemble
from hardware_models.simd.pipeline import cycles, encode
from hardware_models.simd.trace import Arguments, Trace, decode, run

Floats = NDArray[np.float64]


def traces(
    program: Path, symbols: Sequence[str], arguments: Arguments
) -> Mapping[str, tuple[tuple[Instruction, ...], Trace]]:
    """Body and trace of each function of a program."""
    bodies = disassemble(program, symbols)
    return {name: (bodies[name], run(decode(bodies[name]), arguments)) for name in symbols if name in bodies}


def call_cycles(body: Sequence[Instruction], trace: Trace, card: SimdCard) -> float:
    """Cycles per call, with what data behind the first cache level adds."""
    return cycles(encode(body, card), trace, card) + _transfers(body, trace, card) + copied(trace.moved, card)


def copied(count: int, card: SimdCard) -> float:
    """Cycles of the library's copy or fill of so many bytes: a register per cycle, and a start."""
    return 8.0 + 8.0 * count / card.vector_bits if count else 0.0


def _transfers(body: Sequence[Instruction], trace: Trace, card: SimdCard) -> float:
    """Cycles of moving the lines that do not fit the first level: all of them once per call, written ones twice."""
    touched = trace.address >= 4096
    if not touched.any():
        return 0.0
    lines = np.unique(trace.address[touched] // card.line)
    area = len(lines) * card.line
    memory = card.memory
    if area <= memory.l1:
        return 0.0
    rate = memory.from_l2 if area <= memory.l2 else memory.from_l3 if area <= memory.l3 else memory.from_dram
    writes = np.array([one.stores for one in body])[trace.index[touched]]
    written = len(np.unique(trace.address[touched][writes] // card.line))
    return (1.0 - memory.overlap) * (len(lines) + written) * card.line / rate
