"""Loops written for this testbed, which nothing is calibrated on: what the models are judged by."""

from scenarios.neurovectorizer.kernel import Kernel

_F2 = "float *restrict a, const float *restrict b, int n"
_F3 = "float *restrict a, const float *restrict b, const float *restrict c, int n"
_FLOAT_SUM = "const float *restrict a, const float *restrict b, float *restrict out, int n"


def _each(name: str, parameters: str, body: str, reach: int = 1, n: int = 1000) -> Kernel:
    return Kernel(
        f"void {name}({parameters}) {{\n  LOOP\n  for (int i = 0; i < n; i++) {{ {body} }}\n}}\n", n, name, reach
    )


def _reduce(name: str, parameters: str, start: str, body: str, n: int = 1000, reach: int = 1) -> Kernel:
    source = (
        f"void {name}({parameters}) {{\n  {start};\n  LOOP\n  for (int i = 0; i < n; i++) {{ {body} }}\n"
        "  out[0] = s;\n}\n"
    )
    return Kernel(source, n, name, reach)


def loops(n: int = 1000) -> tuple[Kernel, ...]:
    """26 loops of `n` iterations: element-wise, mixed widths, reductions, conditions, strides, gathers, recurrences."""
    return (
        _each("triad", _F3, "a[i] = b[i] + 0.25f * c[i];", n=n),
        _each("axpy_double", "double *restrict a, const double *restrict b, int n", "a[i] += 0.001 * b[i];", n=n),
        _each("add_bytes", "unsigned char *restrict a, const unsigned char *restrict b, int n",
              "a[i] = a[i] + b[i];", n=n),
        _each("copy_short", "short *restrict a, const short *restrict b, int n", "a[i] = b[i];", n=n),
        _each("mul_int", "int *restrict a, const int *restrict b, const int *restrict c, int n",
              "a[i] = b[i] * c[i];", n=n),
        _each("widen", "int *restrict a, const short *restrict b, int n", "a[i] = b[i] * 3 + 7;", n=n),
        _each("narrow", "short *restrict a, const int *restrict b, int n", "a[i] = (short)(b[i] >> 2);", n=n),
        _each("to_float", "float *restrict a, const int *restrict b, int n", "a[i] = (float)b[i] * 0.5f;", n=n),
        _each("halve", "float *restrict a, const double *restrict b, int n", "a[i] = (float)(b[i] * 0.5);", n=n),
        _each("quotient", _F3, "a[i] = b[i] / (c[i] + 1.0f);", n=n),
        _each("root", _F2, "a[i] = __builtin_sqrtf(b[i]) + 1.0f;", n=n),
        _each("clamp", "int *restrict a, const int *restrict b, int n",
              "int x = b[i]; a[i] = x > 20 ? 20 : (x < -20 ? -20 : x);", n=n),
        _each("guarded", _F3, "if (b[i] > 1.0f) a[i] = c[i] * b[i];", n=n),
        _each("choose", _F3, "a[i] = b[i] > c[i] ? b[i] - c[i] : c[i] * 0.5f;", n=n),
        _each("smooth", _F2, "a[i] = 0.25f * b[i] + 0.5f * b[i + 1] + 0.25f * b[i + 2];", n=n),
        _each("horner", _F2,
              "float x = b[i]; a[i] = ((((x * 0.1f + 0.2f) * x + 0.3f) * x + 0.4f) * x + 0.5f) * x + 0.6f;", n=n),
        _each("pairs", _F2, "a[i] = b[2 * i] - b[2 * i + 1];", 2, n=n),
        _each("every_third", "int *restrict a, const int *restrict b, int n", "a[i] = b[3 * i] + 1;", 3, n=n),
        _each("look_up", "float *restrict a, const float *restrict b, const int *restrict idx, int n",
              "a[i] = b[idx[i]] + 1.0f;", n=n),
        _each("backwards", _F2, "a[i] = b[n - 1 - i] * 2.0f;", n=n),
        _each("complex_mul", _F3,
              "a[2 * i] = b[2 * i] * c[2 * i] - b[2 * i + 1] * c[2 * i + 1];"
              " a[2 * i + 1] = b[2 * i] * c[2 * i + 1] + b[2 * i + 1] * c[2 * i];", 2, n=n),
        _reduce("dot", _FLOAT_SUM, "float s = 0", "s += a[i] * b[i];", n=n),
        _reduce("dot_short", "const short *restrict a, const short *restrict b, int *restrict out, int n",
                "int s = 0", "s += a[i] * b[i];", n=n),
        _reduce("sum_long", "const long *restrict a, long *restrict out, int n", "long s = 0", "s += a[i];", n=n),
        _reduce("largest", "const int *restrict a, int *restrict out, int n", "int s = a[0]",
                "s = a[i] > s ? a[i] : s;", n=n),
        _reduce("count_above", "const float *restrict a, int *restrict out, int n", "int s = 0",
                "s += a[i] > 1.0f;", n=n),
        _reduce("distance", _FLOAT_SUM.replace("float", "double"), "double s = 0",
                "double d = a[i] - b[i]; s += d * d;", n=n),
        _each("chain", _F2, "a[i + 1] = a[i] * 0.5f + b[i];", n=n),
    )  # fmt: skip
