from pathlib import Path

import pytest
from command import Windtunnel

from scenarios.neurovectorizer.annotate import annotate
from sim.errors import UserError

SUM = "float f(const float *a, int n) {\n  float s = 0;\n  for (int i = 0; i < n; i++) s += a[i];\n  return s;\n}\n"


def test_a_sum_gets_its_pragma_only_with_permission() -> None:
    without, advice, _ = annotate(SUM, "sum.c", {})
    assert without == SUM
    assert "reordered" in advice[0].reason
    with_it, advice, _ = annotate(SUM, "sum.c", {"reorder": True})
    assert "  #pragma clang loop vectorize_width(" in with_it
    assert advice[0].speedup > 2


def test_lines_ends_and_pragmas_are_kept() -> None:
    text = SUM.replace("\n", "\r\n")
    made, _, _ = annotate(text, "sum.c", {"reorder": True})
    assert made.count("\r\n") == text.count("\r\n") + 1
    again, advice, _ = annotate(made, "sum.c", {"reorder": True})
    assert again == made
    assert "already" in advice[0].reason


def test_a_file_without_loops_is_refused() -> None:
    with pytest.raises(UserError, match="no loop"):
        annotate("int x;", "x.c", {})


def test_the_verb(windtunnel: Windtunnel, tmp_path: Path) -> None:
    (tmp_path / "a file.c").write_text(SUM)
    done = windtunnel("vectorize", "a file.c", "--set", "reorder=true", "--out", "new.c")
    assert done.returncode == 0, done.stderr
    assert "#pragma clang loop" in (tmp_path / "new.c").read_text()
    assert windtunnel("vectorize", "missing.c").returncode == 2
