import pytest

from hardware_models.simd.description import INDIRECT
from hardware_models.simd.source import loops


def one(body: str, parameters: str = "float *restrict a, const float *restrict b, const int *idx, int n"):
    return loops(f"void f({parameters}) {{ {body} }}")[0].ir


@pytest.mark.parametrize(
    ("subscript", "stride"),
    [("i", 1), ("2 * i + 1", 2), ("n - 1 - i", -1), ("idx[i]", INDIRECT), ("i << 2", 4), ("3", 0)],
)
def test_strides(subscript: str, stride: int) -> None:
    found = one(f"for (int i = 0; i < n; i++) a[i] = b[{subscript}];")
    assert next(a.stride for a in found.accesses if a.array == "b") == stride


def test_a_distance_is_found_and_a_product_is_fused() -> None:
    found = one("for (int i = 0; i < n; i++) a[i + 8] = a[i] * 0.5f + b[i];")
    assert found.distance == 8
    assert [o.kind for o in found.operations] == ["fp_fma"]


@pytest.mark.parametrize(
    ("body", "obstacle"),
    [
        ("for (int i = 0; i < n; i++) if (a[i] > 1) break;", "an early exit"),
        ("for (int i = 0; i < n; i++) a[i] = g(b[i]);", "a call of g"),
        ("int i = 0; while (i < n) a[i++] = 1;", "no counter that can be followed"),
    ],
)
def test_obstacles_are_named(body: str, obstacle: str) -> None:
    assert loops(f"float g(float); void f(float *a, float *b, int n) {{ {body} }}")[0].ir.obstacle == obstacle


def test_loops_in_macros_strings_and_nests() -> None:
    text = """
    #define EACH(i, n) for (int i = 0; i < (n); i++)
    const char *s = "for (;;) {";
    void f(float *a, int n) { /* for (;;) { */ EACH(i, n) a[i] = 0; }
    void g(float a[64][64]) {
      for (int i = 0; i < 64; i++)
        for (int j = 0;
             j < 64; j++) { a[i][j] = 1; }
    }
    """
    found = loops(text)
    assert [x.function for x in found] == ["f", "g"]
    assert found[1].ir.trip == 64


def test_reductions() -> None:
    source = "float f(const float *a, const int *b, int n) {{ float s = 0; int c = 0; {} return s + c; }}"
    total = loops(source.format("for (int i = 0; i < n; i++) s += a[i] * a[i];"))[0].ir
    assert total.needs_permission
    assert [r.kind for r in total.reductions] == ["fp_fma"]
    largest = loops(source.format("for (int i = 0; i < n; i++) c = b[i] > c ? b[i] : c;"))[0].ir
    assert [r.kind for r in largest.reductions] == ["int_minmax"]
    assert not largest.needs_permission
