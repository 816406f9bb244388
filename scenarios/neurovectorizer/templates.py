"""Training loops made from templates, in families, so that splits can hold out whole families.

The families follow the published generator's (element-wise, mixed widths, strides, misalignment, clamps, reductions,
filters, reversed access) and add what it lacks: gathers, dependences at a distance, floating-point work, division,
roots and conditional stores. Loops of one family differ in types, operators, constants and offsets.

>>> from sim.rng import Streams
>>> kernels = generate(Streams(1, "doctest", 0)("loops"), 60)
>>> len(kernels), len({k.family for k in kernels}) > 15
(60, True)
"""

from collections.abc import Callable
from typing import Literal

from scenarios.neurovectorizer.kernel import Kernel
from sim.rng import Stream

Split = Literal["train", "held_out"]

_INTEGERS = ("char", "unsigned char", "short", "unsigned short", "int", "unsigned", "long")
_REALS = ("float", "double")
#: Families that training never sees: other shapes of code, not other numbers in the same.
HELD_OUT = ("fir", "convert_stream", "complex", "clamp", "dot_short", "gather_scale", "guarded_store", "polynomial",
            "norm")  # fmt: skip


class _Draw:
    """Choices from one stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def of(self, *choices: str) -> str:
        return choices[self._stream.integer(0, len(choices))]

    def number(self, low: int, high: int) -> int:
        return self._stream.integer(low, high + 1)

    @property
    def any_type(self) -> str:
        return self.of(*_INTEGERS, *_REALS)


def _loop(name: str, parameters: str, body: str, before: str = "", after: str = "") -> str:
    return (
        f"void {name}({parameters}) {{\n  {before}\n  LOOP\n  for (int i = 0; i < n; i++) {{ {body} }}\n  {after}\n}}\n"
    )


def _arrays(kind: str, writes: str = "a", reads: str = "b") -> str:
    parts = [f"{kind} *restrict {w}" for w in writes] + [f"const {kind} *restrict {r}" for r in reads]
    return ", ".join([*parts, "int n"])


def _constant(draw: _Draw, kind: str) -> str:
    return f"{draw.number(1, 9)}.5{'f' if kind == 'float' else ''}" if kind in _REALS else str(draw.number(2, 9))


def _elementwise(name: str, d: _Draw) -> str:
    kind, op = d.any_type, d.of("+", "-", "*")
    return _loop(name, _arrays(kind, "a", "bc"), f"a[i] = b[i] {op} c[i];")


def _scaled(name: str, d: _Draw) -> str:
    kind = d.any_type
    return _loop(name, _arrays(kind, "a", "b"), f"a[i] = b[i] {d.of('+', '*', '-')} {_constant(d, kind)};")


def _update(name: str, d: _Draw) -> str:
    kind = d.any_type
    return _loop(name, _arrays(kind, "a", "b"), f"a[i] {d.of('+=', '-=')} {_constant(d, kind)} * b[i];")


def _fill(name: str, d: _Draw) -> str:
    kind = d.any_type
    return _loop(name, f"{kind} *restrict a, {kind} x, int n", "a[i] = x;" if d.number(0, 1) else "a[i] = a[i] + x;")


def _shifted(name: str, d: _Draw) -> str:
    kind = d.any_type
    return _loop(
        name, _arrays(kind, "a", "bc"), f"a[i] = b[i + {d.number(1, 5)}] {d.of('+', '*')} c[i + {d.number(1, 5)}];"
    )


def _stencil(name: str, d: _Draw) -> str:
    kind = d.of("float", "double", "int")
    c = _constant(d, kind)
    return _loop(name, _arrays(kind), f"a[i] = (b[i] + b[i + 1] + b[i + {d.number(2, 4)}]) * {c};")


def _two_streams(name: str, d: _Draw) -> str:
    kind = d.any_type
    body = f"a[i] = b[i] {d.of('+', '-')} c[i]; e[i] = b[i] {d.of('*', '+')} {_constant(d, kind)};"
    return _loop(name, _arrays(kind, "ae", "bc"), body)


def _widen(name: str, d: _Draw) -> str:
    narrow, wide = d.of("char short", "unsigned char unsigned short", "short int", "unsigned short unsigned",
                        "int long", "unsigned char int").rsplit(" ", 1)  # fmt: skip
    if narrow == "unsigned char unsigned":
        narrow, wide = "unsigned char", "unsigned short"
    return _loop(
        name,
        f"{wide} *restrict a, const {narrow} *restrict b, int n",
        f"a[i] = b[i] {d.of('+', '*')} {d.number(2, 7)};",
    )


def _narrow(name: str, d: _Draw) -> str:
    wide, narrow = d.of("int", "unsigned"), d.of("short", "char", "unsigned char")
    return _loop(
        name, f"{narrow} *restrict a, const {wide} *restrict b, int n", f"a[i] = ({narrow})(b[i] >> {d.number(1, 6)});"
    )


def _mixed(name: str, d: _Draw) -> str:
    real, whole = d.of("float", "double"), d.of("int", "short")
    return _loop(name, f"{real} *restrict a, const {whole} *restrict b, const {real} *restrict c, int n",
                 f"a[i] = c[i] * ({real})b[i];")  # fmt: skip


def _real_narrow(name: str, d: _Draw) -> str:
    return _loop(
        name, "float *restrict a, const double *restrict b, int n", f"a[i] = (float)(b[i] {d.of('+', '*')} 1.5);"
    )


def _sum(name: str, d: _Draw) -> str:
    kind = d.of("int", "long", "unsigned", "float", "double")
    return _loop(
        name,
        f"const {kind} *restrict a, {kind} *restrict out, int n",
        f"s += a[i]{d.of('', ' * 3')};",
        f"{kind} s = 0;",
        "out[0] = s;",
    )


def _product_sum(name: str, d: _Draw) -> str:
    kind = d.of("int", "float", "double")
    return _loop(name, f"const {kind} *restrict a, const {kind} *restrict b, {kind} *restrict out, int n",
                 f"s += a[i] {d.of('*', '-')} b[i];", f"{kind} s = 0;", "out[0] = s;")  # fmt: skip


def _extreme(name: str, d: _Draw) -> str:
    kind, sign = d.of("int", "short", "unsigned", "float"), d.of("<", ">")
    return _loop(
        name,
        f"const {kind} *restrict a, {kind} *restrict out, int n",
        f"s = a[i] {sign} s ? a[i] : s;",
        f"{kind} s = a[0];",
        "out[0] = s;",
    )


def _count(name: str, d: _Draw) -> str:
    kind = d.of("int", "float", "short")
    return _loop(
        name,
        f"const {kind} *restrict a, int *restrict out, int n",
        f"s += a[i] {d.of('<', '>')} {d.number(0, 9)};",
        "int s = 0;",
        "out[0] = s;",
    )


def _select(name: str, d: _Draw) -> str:
    kind = d.of("int", "float", "double", "short")
    return _loop(
        name, _arrays(kind, "a", "bc"), f"a[i] = b[i] {d.of('<', '>')} c[i] ? b[i] + c[i] : {_constant(d, kind)};"
    )


def _strided(name: str, d: _Draw) -> str:
    kind, stride = d.of("int", "float", "short", "double"), d.number(2, 4)
    return _loop(name, _arrays(kind), f"a[i] = b[{stride} * i] {d.of('+', '*')} {_constant(d, kind)};")


def _interleaved(name: str, d: _Draw) -> str:
    kind = d.of("int", "float", "short")
    return _loop(name, _arrays(kind), f"a[i] = b[2 * i] {d.of('+', '-', '*')} b[2 * i + 1];")


def _reversed(name: str, d: _Draw) -> str:
    kind = d.of("int", "float", "double", "short")
    return _loop(name, _arrays(kind), f"a[i] = b[n - 1 - i] {d.of('+', '*')} {_constant(d, kind)};")


def _gather(name: str, d: _Draw) -> str:
    kind = d.of("int", "float", "double")
    return _loop(
        name, f"{kind} *restrict a, const {kind} *restrict b, const int *restrict idx, int n", "a[i] = b[idx[i]];"
    )


def _divide(name: str, d: _Draw) -> str:
    kind = d.of("float", "double")
    return _loop(name, _arrays(kind, "a", "bc"), f"a[i] = b[i] / (c[i] {d.of('+', '*')} {_constant(d, kind)});")


def _root(name: str, d: _Draw) -> str:
    kind = d.of("float", "double")
    call = "__builtin_sqrtf" if kind == "float" else "__builtin_sqrt"
    return _loop(name, _arrays(kind), f"a[i] = {call}(b[i]) {d.of('+', '*')} {_constant(d, kind)};")


def _distant(name: str, d: _Draw) -> str:
    kind, apart = d.of("float", "int", "double"), d.of("1", "2", "4", "8", "16")
    return _loop(name, _arrays(kind), f"a[i + {apart}] = a[i] {d.of('+', '*')} b[i];")


def _bits(name: str, d: _Draw) -> str:
    kind = d.of("int", "unsigned", "long", "unsigned char")
    return _loop(
        name, _arrays(kind, "a", "bc"), f"a[i] = (b[i] {d.of('&', '|', '^')} c[i]) {d.of('<<', '>>')} {d.number(1, 5)};"
    )


def _work(name: str, d: _Draw) -> str:
    kind = d.of("float", "double")
    c = [_constant(d, kind) for _ in range(3)]
    return _loop(
        name, _arrays(kind, "a", "bc"), f"{kind} x = b[i] - c[i]; a[i] = x * x * {c[0]} + x * {c[1]} + {c[2]};"
    )


# held out
def _fir(name: str, d: _Draw) -> str:
    kind = d.of("float", "double", "int")
    taps = " + ".join(f"b[i + {k}] * {_constant(d, kind)}" for k in range(d.number(3, 6)))
    return _loop(name, _arrays(kind), f"a[i] = {taps};")


def _convert_stream(name: str, d: _Draw) -> str:
    body = "a[i] = (int)b[i]; e[i] = (int)c[i];"
    kind = d.of("short", "char")
    return _loop(
        name, f"int *restrict a, int *restrict e, const {kind} *restrict b, const {kind} *restrict c, int n", body
    )


def _complex(name: str, d: _Draw) -> str:
    kind = d.of("float", "double", "int")
    body = ("a[2 * i] = b[2 * i] * c[2 * i] - b[2 * i + 1] * c[2 * i + 1];"
            "a[2 * i + 1] = b[2 * i] * c[2 * i + 1] + b[2 * i + 1] * c[2 * i];")  # fmt: skip
    return _loop(name, _arrays(kind, "a", "bc"), body)


def _clamp(name: str, d: _Draw) -> str:
    kind, top = d.of("int", "short"), d.number(10, 40)
    return _loop(name, _arrays(kind), f"{kind} x = b[i]; a[i] = x > {top} ? {top} : (x < 0 ? 0 : x);")


def _dot_short(name: str, d: _Draw) -> str:
    return _loop(name, "const short *restrict a, const short *restrict b, int *restrict out, int n",
                 f"s += a[i] * b[i + {d.number(0, 2)}];", "int s = 0;", "out[0] = s;")  # fmt: skip


def _gather_scale(name: str, d: _Draw) -> str:
    kind = d.of("float", "double")
    return _loop(name, f"{kind} *restrict a, const {kind} *restrict b, const int *restrict idx, int n",
                 f"a[i] = a[i] + b[idx[i]] * {_constant(d, kind)};")  # fmt: skip


def _guarded_store(name: str, d: _Draw) -> str:
    kind = d.of("float", "int")
    return _loop(name, _arrays(kind, "a", "bc"), f"if (b[i] > {d.number(0, 1)}) a[i] = b[i] * c[i];")


def _polynomial(name: str, d: _Draw) -> str:
    kind = d.of("float", "double")
    body = "x"
    for _ in range(d.number(3, 7)):
        body = f"({body} * x + {_constant(d, kind)})"
    return _loop(name, _arrays(kind), f"{kind} x = b[i]; a[i] = {body};")


def _norm(name: str, d: _Draw) -> str:
    kind = d.of("float", "double")
    parameters = f"const {kind} *restrict a, const {kind} *restrict b, {kind} *restrict out, int n"
    body = f"{kind} e = a[i] - b[i] * {_constant(d, kind)}; s += e * e;"
    return _loop(name, parameters, body, f"{kind} s = 0;", "out[0] = s;")


#: Family -> what makes a source of it.
FAMILIES: dict[str, Callable[[str, _Draw], str]] = {
    "elementwise": _elementwise, "scaled": _scaled, "update": _update, "fill": _fill, "shifted": _shifted,
    "stencil": _stencil, "two_streams": _two_streams, "widen": _widen, "narrow": _narrow, "mixed": _mixed,
    "real_narrow": _real_narrow, "sum": _sum, "product_sum": _product_sum, "extreme": _extreme, "count": _count,
    "select": _select, "strided": _strided, "interleaved": _interleaved, "reversed": _reversed, "gather": _gather,
    "divide": _divide, "root": _root, "distant": _distant, "bits": _bits, "work": _work, "fir": _fir,
    "convert_stream": _convert_stream, "complex": _complex, "clamp": _clamp, "dot_short": _dot_short,
    "gather_scale": _gather_scale, "guarded_store": _guarded_store, "polynomial": _polynomial, "norm": _norm,
}  # fmt: skip
_TRIPS = (100, 256, 500, 1000, 1000, 1024, 2000, 4096)


def generate(stream: Stream, count: int, split: Split = "train") -> list[Kernel]:
    """`count` loops of the families of a split, in turns."""
    draw = _Draw(stream)
    families = [name for name in FAMILIES if (name in HELD_OUT) == (split == "held_out")]
    found = []
    for index in range(count):
        family = families[index % len(families)]
        source = FAMILIES[family](f"{family}_{index}", draw)
        n = _TRIPS[draw.number(0, len(_TRIPS) - 1)]
        found.append(Kernel(source, n, family, 4))
    return found
