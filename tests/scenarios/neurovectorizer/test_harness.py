"""What is compiled is honoured or said not to be, checked, and counted: on the real compiler."""

from pathlib import Path

import numpy as np
import pytest
from compilers import needs_clang

from hardware_models.simd import clang
from hardware_models.simd.disassembly import disassemble
from hardware_models.simd.stepping import counted
from hardware_models.simd.trace import decode, run
from scenarios.neurovectorizer.actions import ACTIONS, DEFAULT, index_of
from scenarios.neurovectorizer.dependence import suite
from scenarios.neurovectorizer.harness import Times, build, check, measure, tau
from scenarios.neurovectorizer.image import arguments
from scenarios.neurovectorizer.kernel import Kernel
from scenarios.neurovectorizer.own_loops import tuning
from scenarios.neurovectorizer.problem_set import legal
from sim.errors import UserError

pytestmark = needs_clang
OWN = {kernel.name: kernel for kernel in tuning()}


def test_all_actions_are_honoured_right_and_timed(tmp_path: Path) -> None:
    built = build(OWN["triad"], tmp_path)
    assert built.compiled.all()
    assert built.honoured.all()
    assert set(check(built)) == {"same"}
    times = measure(built, processes=2, rounds=3)
    assert times.samples.shape == (2, len(ACTIONS))
    assert times.seconds[index_of(64, 16)] > 2 * times.seconds[DEFAULT]


def test_reordered_sums_are_told_from_wrong_ones(tmp_path: Path) -> None:
    verdicts = check(build(OWN["dot"], tmp_path))
    assert verdicts[DEFAULT] == "same"
    assert verdicts[index_of(8, 2)] == "reordered"


def test_a_dependence_that_interleaving_breaks_is_found(tmp_path: Path) -> None:
    from hardware_models.simd.source import loops as described

    kernel = next(k for k in suite() if k.name == "carried_float_8")
    verdicts = check(build(kernel, tmp_path))
    allowed = legal(described(kernel.with_pragma("", kernel.name))[0].ir)
    assert (verdicts[allowed] == "same").all()
    assert (verdicts == "wrong").sum() > 10 or "clang version 19" not in clang.release()


@pytest.mark.parametrize("name", ["guarded", "every_third", "dot_short"])
def test_executed_instructions_are_those_of_single_steps(tmp_path: Path, name: str) -> None:
    built = build(OWN[name], tmp_path)
    for k in (0, 2, index_of(8, 2), index_of(64, 16), DEFAULT):
        symbol = f"variant_{k}"
        body = disassemble(built.program, [symbol])[symbol]
        stepped = counted(built.program, ["count", str(k)], symbol, tmp_path)
        assert len(run(decode(body), arguments(OWN[name]))) == stepped


def test_a_bomb_is_stopped() -> None:
    with pytest.raises(clang.TooSlowError):
        clang.run(["sleep", "20"], limit=0.3)


def test_a_source_that_does_not_compile_says_why(tmp_path: Path) -> None:
    kernel = Kernel("void f(float *a, int n) {\n LOOP\n for (int i = 0; i < n; i++) a[i] = nonsense;\n}")
    with pytest.raises(UserError, match="does not compile"):
        build(kernel, tmp_path)


def test_retest_of_noise_is_low_and_of_order_high() -> None:
    noise = np.random.default_rng(1).random((6, 36))
    assert Times(noise, 1e-9).retest < 0.5
    assert Times(np.arange(1, 37) + 0.1 * noise, 1e-9).retest == 1.0
    assert tau(np.array([1.0, 2.0]), np.array([1.0, 1.0])) == 1.0
