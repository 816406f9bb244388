"""Loops written for this testbed, in three sets that share no loop.

The models were adjusted on `tuning`; `judging` was kept from that, and figures of how well a model ranks are those over
it. `unseen` came later, when `judging` had been looked at: it judges policies, once.
"""

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


def tuning(n: int = 1000) -> tuple[Kernel, ...]:
    """28 loops of `n` iterations: element-wise, mixed widths, reductions, conditions, strides, gathers, recurrences."""
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


_D2 = "double *restrict a, const double *restrict b, int n"
_I3 = "int *restrict a, const int *restrict b, const int *restrict c, int n"
_S2 = "short *restrict a, const short *restrict b, int n"
_BYTES = "unsigned char *restrict a, const unsigned char *restrict b, const unsigned char *restrict c, int n"


def judging(n: int = 1000) -> tuple[Kernel, ...]:
    """32 loops of `n` iterations that nothing was adjusted on: filters, pixels, conversions, sums, strides, gathers."""
    return (
        _each("saxpby", _F2, "a[i] = 1.5f * b[i] - 0.5f * a[i];", n=n),
        _each("lerp", _D2.replace("b,", "b, const double *restrict c,"), "a[i] = b[i] + (c[i] - b[i]) * 0.3;", n=n),
        _each("average_bytes", _BYTES, "a[i] = (b[i] + c[i] + 1) >> 1;", n=n),
        _each("mix_bits", "long *restrict a, const long *restrict b, const long *restrict c, int n",
              "a[i] = (b[i] & c[i]) ^ (b[i] >> 3);", n=n),
        _each("mul_long", "long *restrict a, const long *restrict b, int n", "a[i] = b[i] * a[i];", n=n),
        _each("difference_of_squares", _I3, "a[i] = (b[i] + c[i]) * (b[i] - c[i]);", n=n),
        _each("iota", "int *restrict a, int n", "a[i] = 3 * i + 1;", n=n),
        _each("stencil_five", _D2, "a[i] = (b[i] + b[i + 1] + b[i + 2] + b[i + 3] + b[i + 4]) * 0.2;", n=n),
        _each("second_difference", _F2, "a[i] = b[i] - 2.0f * b[i + 1] + b[i + 2];", n=n),
        _each("moving_sum_short", _S2, "a[i] = b[i] + b[i + 1] + b[i + 2] + b[i + 3];", n=n),
        _each("odd_ones", _S2, "a[i] = b[2 * i + 1];", 2, n=n),
        _each("grey", "unsigned char *restrict a, const unsigned char *restrict b, int n",
              "a[i] = (77 * b[3 * i] + 150 * b[3 * i + 1] + 29 * b[3 * i + 2]) >> 8;", 3, n=n),
        _each("spread_out", "int *restrict a, const int *restrict b, int n", "a[2 * i] = b[i];", 2, n=n),
        _each("swap_pairs", _F2, "a[2 * i] = b[2 * i + 1]; a[2 * i + 1] = b[2 * i];", 2, n=n),
        _each("permuted_xor", _I3.replace("c, int n", "c, const int *restrict idx, int n"),
              "a[i] = b[idx[i]] ^ c[i];", n=n),
        _each("mirror_short", _S2, "a[i] = b[n - 1 - i] + 1;", n=n),
        _each("reciprocal", _D2, "a[i] = 1.0 / b[i];", n=n),
        _each("length", _F3, "a[i] = __builtin_sqrtf(b[i] * b[i] + c[i] * c[i]);", n=n),
        _each("gate", _F3, "a[i] = b[i] > 1.0f ? c[i] : 0.0f;", n=n),
        _each("add_where_more", _I3, "if (b[i] > c[i]) a[i] += b[i];", n=n),
        _each("saturate", "short *restrict a, const short *restrict b, const short *restrict c, int n",
              "int x = b[i] + c[i]; a[i] = x > 60 ? 60 : x;", n=n),
        _each("to_int", "int *restrict a, const double *restrict b, int n", "a[i] = (int)(b[i] * 3.0);", n=n),
        _each("to_double", "double *restrict a, const int *restrict b, int n", "a[i] = (double)b[i] + 0.5;", n=n),
        _each("shift_wide", "int *restrict a, const short *restrict b, int n", "a[i] = (int)b[i] << 7;", n=n),
        _each("lag_four", _F2, "a[i + 4] = a[i] * 0.9f + b[i];", n=n),
        _reduce("absolute_differences",
                "const unsigned char *restrict a, const unsigned char *restrict b, int *restrict out, int n",
                "int s = 0", "int d = a[i] - b[i]; s += d < 0 ? -d : d;", n=n),
        _reduce("sum_bytes", "const unsigned char *restrict a, int *restrict out, int n", "int s = 0", "s += a[i];",
                n=n),
        _reduce("sum_of_squares", "const float *restrict a, float *restrict out, int n", "float s = 0",
                "s += a[i] * a[i];", n=n),
        _reduce("least_short", "const short *restrict a, short *restrict out, int n", "short s = a[0]",
                "s = a[i] < s ? a[i] : s;", n=n),
        _reduce("weighted_sum", "const double *restrict a, const int *restrict b, double *restrict out, int n",
                "double s = 0", "s += a[i] * b[i];", n=n),
        _reduce("count_equal", "const int *restrict a, const int *restrict b, int *restrict out, int n", "int s = 0",
                "s += a[i] == b[i];", n=n),
        _reduce("gathered_sum", "const double *restrict a, const int *restrict idx, double *restrict out, int n",
                "double s = 0", "s += a[idx[i]];", n=n),
    )  # fmt: skip


_F4 = "float *restrict a, const float *restrict b, const float *restrict c, const float *restrict d, int n"
_L2 = "long *restrict a, const long *restrict b, int n"
_U3 = "unsigned *restrict a, const unsigned *restrict b, const unsigned *restrict c, int n"


def unseen(n: int = 1000) -> tuple[Kernel, ...]:
    """26 loops of `n` iterations, frozen before any policy or model was tried on one of them."""
    return (
        _each("cross_term", _F4, "a[i] = b[i] * c[i] - d[i] * 0.75f;", n=n),
        _each("blend_bytes", _BYTES, "a[i] = (3 * b[i] + c[i]) >> 2;", n=n),
        _each("and_not", _U3, "a[i] = b[i] & ~c[i];", n=n),
        _each("hash_step", _U3, "a[i] = (b[i] ^ (b[i] >> 7)) * 2654435761u + c[i];", n=n),
        _each("add_long_twice", _L2, "a[i] = a[i] + 2 * b[i];", n=n),
        _each("product_short", "short *restrict a, const short *restrict b, const short *restrict c, int n",
              "a[i] = b[i] * c[i];", n=n),
        _each("cube", _D2, "double x = b[i]; a[i] = x * x * x - x;", n=n),
        _each("rational", _F2, "float x = b[i]; a[i] = (x + 0.5f) / (x * x + 1.0f);", n=n),
        _each("inverse_root", _D2, "a[i] = 1.0 / __builtin_sqrt(b[i] + 1.0);", n=n),
        _each("forward_difference", "int *restrict a, const int *restrict b, int n", "a[i] = b[i + 1] - b[i];", n=n),
        _each("stencil_sides", _F2, "a[i] = 0.5f * (b[i] + b[i + 8]) - b[i + 4];", n=n),
        _each("widen_bytes", "short *restrict a, const unsigned char *restrict b, int n", "a[i] = b[i] - 16;", n=n),
        _each("pack_bytes", "unsigned char *restrict a, const short *restrict b, int n",
              "int x = b[i]; a[i] = x < 0 ? 0 : x;", n=n),
        _each("byte_to_float", "float *restrict a, const unsigned char *restrict b, int n",
              "a[i] = b[i] * 0.0039f;", n=n),
        _each("long_from_int", "long *restrict a, const int *restrict b, int n", "a[i] = (long)b[i] * 5;", n=n),
        _each("split_pairs", "float *restrict a, float *restrict c, const float *restrict b, int n",
              "a[i] = b[2 * i]; c[i] = b[2 * i + 1];", 2, n=n),
        _each("every_fourth", _D2, "a[i] = b[4 * i] * 0.5;", 4, n=n),
        _each("taken_backwards", _I3, "a[i] = b[n - 1 - i] - c[i];", n=n),
        _each("picked_product", _F3.replace("int n", "const int *restrict idx, int n"),
              "a[i] = b[idx[i]] * c[i];", n=n),
        _each("threshold", _F3, "a[i] = b[i] > c[i] ? 1.0f : b[i];", n=n),
        _each("down_where_positive", "int *restrict a, const int *restrict b, int n", "if (b[i] > 0) a[i] -= 1;", n=n),
        _each("lag_eight", "int *restrict a, const int *restrict b, int n", "a[i + 8] = a[i] + b[i];", n=n),
        _reduce("sum_of_products", "const int *restrict a, const int *restrict b, int *restrict out, int n",
                "int s = 1", "s += a[i] * b[i] + a[i];", n=n),
        _reduce("mean_of_doubles", "const double *restrict a, double *restrict out, int n", "double s = 0",
                "s += a[i] * 0.001;", n=n),
        _reduce("greatest_byte", "const unsigned char *restrict a, unsigned char *restrict out, int n",
                "unsigned char s = a[0]", "s = a[i] > s ? a[i] : s;", n=n),
        _reduce("all_bits", "const unsigned *restrict a, unsigned *restrict out, int n", "unsigned s = 0",
                "s ^= a[i];", n=n),
    )  # fmt: skip
