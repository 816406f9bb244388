"""The sets of loops share none, mean what their names say, and Polly mends a bad order of loops."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from compilers import needs_clang

from hardware_models.simd.source import loops as described
from scenarios.neurovectorizer.actions import DEFAULT
from scenarios.neurovectorizer.harness import build, check
from scenarios.neurovectorizer.kernel import Kernel
from scenarios.neurovectorizer.measured import ALL, polly_speedup, truth
from scenarios.neurovectorizer.own_loops import judging, tuning, unseen
from scenarios.neurovectorizer.polybench import polybench

SETS = (tuning, judging, unseen, polybench)


def fresh(scenario, key, make):
    return make()


def test_no_loop_is_in_two_sets() -> None:
    bodies = [{kernel.source.partition("(")[2] for kernel in made()} for made in SETS]
    assert [len(found) for found in bodies] == [len(made()) for made in SETS]
    assert not any(first & second for first, second in combinations(bodies, 2))
    assert len(unseen()) >= 20
    assert len(polybench()) >= 12


def test_nests_are_described_by_their_innermost_loop() -> None:
    nests = {k.name: described(k.with_pragma("", k.name))[-1].ir for k in polybench()}
    assert {a.stride for a in nests["mvt"].accesses} == {1, 32}
    assert nests["seidel_2d"].distance == 1
    assert len(nests["gesummv"].reductions) == 2
    assert all(not ir.obstacle for ir in nests.values())
    assert {k.n for k in polybench(200)} == {200}


@needs_clang
@pytest.mark.parametrize("name", ["jacobi_2d", "syrk"])
def test_nests_stay_within_their_arrays(tmp_path: Path, name: str) -> None:
    """Address sanitising is no part of the harness; what lies behind an array is compared like the array."""
    kernel = next(k for k in polybench(64) if k.name == name)
    built = build(kernel, tmp_path, actions=(7, DEFAULT))
    verdicts = check(built)
    assert verdicts[DEFAULT] == "same"
    assert verdicts[7] in ("same", "reordered")


@needs_clang
def test_only_the_actions_asked_for_are_measured() -> None:
    found = truth(tuning(100)[0], fresh, processes=2, actions=(3, DEFAULT))
    assert np.flatnonzero(np.isfinite(found.judge)).tolist() == [3, DEFAULT]
    assert len(found.judge) == len(ALL)


@needs_clang
def test_polly_turns_a_column_walk_into_rows() -> None:
    """Summed down the columns of a large matrix, each element is on a line of its own."""
    column = Kernel(
        "void columns(double *restrict s, const double *restrict A, int n) {\n  for (int j = 0; j < 512; j++)\n"
        "    LOOP\n    for (int i = 0; i < n; i++) s[j] += A[i * 512 + j];\n}\n", 512, "columns", 512,
    )  # fmt: skip
    plain = truth(column, fresh, processes=2, actions=(DEFAULT,))
    assert polly_speedup(column, plain, fresh, 2) > 1.2


@needs_clang
def test_a_wrong_program_of_pollys_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = tuning(100)[0]
    plain = truth(kernel, fresh, processes=2, actions=(DEFAULT,))
    monkeypatch.setattr("scenarios.neurovectorizer.measured.check", lambda built: np.full(len(ALL), "wrong"))
    assert np.isnan(polly_speedup(kernel, plain, fresh, 2))
