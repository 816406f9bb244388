"""The pipeline against closed forms, on code written by hand."""

import numpy as np
import pytest

from hardware_models.simd.card import SimdCard
from hardware_models.simd.disassembly import Instruction, parse_line
from hardware_models.simd.pipeline import cycles, encode
from hardware_models.simd.trace import BASE, Arguments, trace

CARD = SimdCard.model_validate("skylake-x")


def code(*lines: str) -> tuple[Instruction, ...]:
    """Instructions of four bytes each from address 0 on."""
    parsed = [parse_line(f"  {4 * k:x}:  {line}") for k, line in enumerate(lines)]
    return tuple(one for one in parsed if one is not None)


def looped(body: list[str], passes: int) -> tuple[Instruction, ...]:
    end = len(body) + 2
    return code(f"mov ecx, {passes}", *body, "dec ecx", f"jne 0x{4:x} <f+0x4>", "ret")[: end + 2]


def per_pass(body: list[str], passes: int = 400) -> float:
    instructions = looped(body, passes)
    found = trace(instructions, Arguments(np.zeros(4096, dtype=np.uint8), [BASE, BASE + 1024]))
    return cycles(encode(instructions, CARD), found, CARD) / passes


def test_a_chain_takes_its_latency() -> None:
    assert per_pass(["vaddps ymm0, ymm0, ymm1"]) == pytest.approx(CARD.latency["fp_add"], rel=0.1)


def test_independent_work_takes_its_ports() -> None:
    body = [f"vmulps ymm{k}, ymm14, ymm15" for k in range(8)]
    assert per_pass(body) == pytest.approx(8 / CARD.rate["fp_mul"], rel=0.1)


def test_issue_bounds_what_nothing_else_does() -> None:
    body = [f"mov r{8 + k % 6}, rsi" for k in range(16)]
    assert per_pass(body) == pytest.approx(18 / CARD.issue_width, rel=0.15)


def test_a_load_waits_for_the_store_before() -> None:
    apart = per_pass(["vmovups ymm1, ymmword ptr [rdi]", "vaddps ymm1, ymm1, ymm2", "vmovups ymmword ptr [rsi], ymm1"])
    through = per_pass(
        ["vmovups ymm1, ymmword ptr [rdi]", "vaddps ymm1, ymm1, ymm2", "vmovups ymmword ptr [rdi], ymm1"]
    )
    assert through > 3 * apart


def test_interpreter_follows_flags_memory_and_floats() -> None:
    image = np.zeros(256, dtype=np.uint8)
    image[:16] = np.frombuffer(np.array([1.0, 3.0, 2.0, 5.0], dtype=np.float32).tobytes(), dtype=np.uint8)
    body = code(
        "xor eax, eax", "vmovss xmm0, dword ptr [rdi + 4*rax]", "vucomiss xmm0, dword ptr [rdi + 4]",
        "jb 0x14 <f+0x14>", "nop", "inc rax", "cmp eax, 0x4", "jne 0x4 <f+0x4>", "ret",
    )  # fmt: skip
    found = trace(body, Arguments(image, [BASE]))
    assert found.guesses == 0
    assert int((found.index == 4).sum()) == 2  # 3.0 and 5.0 are not below 3.0
    assert len(found) == 1 + 4 * 6 + 2 + 1
