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


def per_pass(body: list[str], passes: int = 400, card: SimdCard = CARD) -> float:
    instructions = looped(body, passes)
    found = trace(instructions, Arguments(np.zeros(1 << 16, dtype=np.uint8), [BASE, BASE + (1 << 15)]))
    return cycles(encode(instructions, card), found, card) / passes


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


def test_stores_are_gathered_by_line() -> None:
    two = CARD.model_copy(update={"stores_per_line": 2, "ports": {**CARD.ports, "store": "4 9"},
                                  "rate_narrow": {**CARD.rate_narrow, "store": 2.0}})  # fmt: skip
    near = ["mov qword ptr [rdi], rdx", "mov qword ptr [rdi + 0x40], rdx"] * 4
    apart = [f"mov qword ptr [rdi + {64 * k:#x}], rdx" for k in range(8)]
    assert per_pass(near, card=two) == pytest.approx(4.0, rel=0.1)  # two lines stay open
    assert per_pass(apart, card=two) == pytest.approx(8.0, rel=0.1)  # eight do not


def test_a_scheduler_is_not_blocked_by_one_that_waits_long() -> None:
    slow = ["vdivps ymm0, ymm0, ymm1"]
    quick = [f"vmulps ymm{k}, ymm14, ymm15" for k in range(2, 10)]
    few = CARD.model_copy(update={"scheduler": 24})
    assert per_pass(slow + quick, card=few) == pytest.approx(CARD.latency["fp_div32"], rel=0.15)


def test_a_loop_over_two_lines_of_code_is_fetched_slower_after_an_end_that_was_not_foreseen() -> None:
    body = ["nop"] * 15  # the loop's end lies beyond byte 64
    learning = CARD.model_copy(update={"relearned": 1000, "history": 8, "fetch_width": 64, "issue_width": 32,
                                       "retire_width": 32})  # fmt: skip
    ready = learning.model_copy(update={"relearned": 0})
    assert per_pass(body, 200, learning) == pytest.approx(1.0 + per_pass(body, 200, ready), rel=0.1)


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
