"""Innermost loops of a C source, described without compiling it: a walk over libclang's syntax tree.

Macros, conditions and headers on several lines are no obstacle, since the tree is walked and not the text. What a
loop is made of is taken as the compiler would lower it: arithmetic whose result is stored in a narrower type is done
in that type, a product and a sum of floating-point numbers become one operation, a choice becomes a comparison and a
blend, or a least or largest value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hardware_models.simd.description import INDIRECT, Access, LoopIR, Operation, Reduction
from hardware_models.simd.operations import OpClass
from sim.errors import UserError

_LOOPS = ("FOR_STMT", "WHILE_STMT", "DO_STMT")
_OBSTACLES = {"GOTO_STMT": "a goto", "SWITCH_STMT": "a switch", "BREAK_STMT": "an early exit",
              "RETURN_STMT": "a return", "ASM_STMT": "assembly"}  # fmt: skip
_MATH = {"sqrt": "fp_sqrt", "fabs": "logic", "fmin": "fp_minmax", "fmax": "fp_minmax", "abs": "int_add"}
_SOFT = frozenset(("+", "-", "*", "<<", "&", "|", "^"))


@dataclass(frozen=True)
class SourceLoop:
    """A loop where it stands: its cursor in the tree, the function around it, and what it is like."""

    cursor: Any
    function: str
    ir: LoopIR


def parse(text: str, name: str = "loop.c", arguments: tuple[str, ...] = ("-std=gnu11",)) -> Any:
    """The syntax tree of a C source. Raises `UserError` where it cannot be read."""
    from clang.cindex import Index, TranslationUnitLoadError

    try:
        return Index.create().parse(name, args=[*arguments, "-w"], unsaved_files=[(name, text)])
    except TranslationUnitLoadError as error:
        raise UserError(f"{name} cannot be read as C: {error}") from None


def loops(text: str, name: str = "loop.c", arguments: tuple[str, ...] = ("-std=gnu11",)) -> list[SourceLoop]:
    """All innermost loops of a source, in the order in which they stand.

    >>> found = loops("void f(float *a, int n) { for (int i = 0; i < n; i++) a[i] = a[i] * 2.0f + 1.0f; }")
    >>> [(o.kind, o.size) for o in found[0].ir.operations], found[0].ir.accesses[0].stride
    ([('fp_fma', 4)], 1)
    """
    found: list[SourceLoop] = []
    unit = parse(text, name, arguments)
    for function in unit.cursor.get_children():
        if function.kind.name == "FUNCTION_DECL" and function.is_definition() and _inside(function, name):
            found += [SourceLoop(c, function.spelling, describe(c, function.spelling)) for c in _innermost(function)]
    return found


def _inside(cursor: Any, name: str) -> bool:
    return cursor.location.file is not None and cursor.location.file.name == name


def _innermost(cursor: Any) -> Iterator[Any]:
    for child in cursor.get_children():
        below = list(_innermost(child))
        if child.kind.name in _LOOPS and not below:
            yield child
        yield from below


def describe(loop: Any, name: str) -> LoopIR:
    """The description of one innermost loop."""
    walk = _Walk(_counter(loop))
    children = list(loop.get_children())
    body = children[-1] if loop.kind.name != "DO_STMT" else children[0]
    walk.statement(body)
    obstacle = walk.obstacle or ("" if walk.counter else "no counter that can be followed")
    distance, chain = _carried(walk)
    _dot_products(walk)
    return LoopIR(
        name, tuple(walk.accesses), tuple(_fused(walk.operations)), tuple(walk.reductions), distance, chain,
        _trip(loop, walk.counter), walk.conditional, obstacle, loop.extent.start.line, loop.extent.start.offset,
    )  # fmt: skip


def _counter(loop: Any) -> str:
    """The variable that a `for` steps; the last one named in its header's step."""
    if loop.kind.name != "FOR_STMT":
        return ""
    children = list(loop.get_children())
    for part in reversed(children[:-1]):
        if part.kind.name in ("UNARY_OPERATOR", "COMPOUND_ASSIGNMENT_OPERATOR"):
            names = [c.spelling for c in part.walk_preorder() if c.kind.name == "DECL_REF_EXPR"]
            if names:
                return str(names[0])
    return ""


def _trip(loop: Any, counter: str) -> int | None:
    """Iterations, where bounds and step are numbers."""
    header = " ".join(t.spelling for t in loop.get_tokens())
    found = re.match(rf"for \( .*?\b{re.escape(counter)} = (\d+) ; {re.escape(counter)} (<=?) (\d+) ;", header)
    if counter and found:
        step = re.match(rf".*?;.*?; {re.escape(counter)} \+= (\d+) \)", header)
        last = int(found.group(3)) + (found.group(2) == "<=")
        return max(0, -(-(last - int(found.group(1))) // (int(step.group(1)) if step else 1)))
    return None


def _size(kind: Any) -> int:
    size = kind.get_canonical().get_size()
    return int(size) if size in (1, 2, 4, 8) else 4


def _floating(kind: Any) -> bool:
    return kind.get_canonical().kind.name in ("FLOAT", "DOUBLE")


def _strip(cursor: Any) -> Any:
    """The expression below parentheses and casts that are not written."""
    while cursor.kind.name in ("UNEXPOSED_EXPR", "PAREN_EXPR"):
        below = list(cursor.get_children())
        if len(below) != 1:
            break
        cursor = below[0]
    return cursor


def _operator(cursor: Any) -> str:
    """The operator between the two operands, or before or behind the one."""
    below = list(cursor.get_children())
    tokens = list(cursor.get_tokens())
    if len(below) == 2:
        end = below[0].extent.end.offset
        return next((t.spelling for t in tokens if t.extent.start.offset >= end and t.spelling not in ")("), "")
    if len(below) == 1:
        start, end = below[0].extent.start.offset, below[0].extent.end.offset
        return next((t.spelling for t in tokens if t.extent.start.offset < start or t.extent.start.offset >= end), "")
    return ""


@dataclass
class _Walk:
    """What has been seen of a body."""

    counter: str
    accesses: list[Access] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    locals: dict[str, Any] = field(default_factory=dict)
    conditional: bool = False
    obstacle: str = ""
    depth: int = 0

    def add(self, kind: OpClass, size: int) -> None:
        self.operations.append(Operation(kind, size, self.depth > 0))

    def statement(self, cursor: Any) -> None:
        kind = cursor.kind.name
        below = list(cursor.get_children())
        if kind in _OBSTACLES:
            self.obstacle = self.obstacle or _OBSTACLES[kind]
        elif kind == "IF_STMT":
            self.expression(below[0], 8)
            self.conditional = True
            self.depth += 1
            for part in below[1:]:
                self.statement(part)
            self.depth -= 1
        elif kind == "DECL_STMT":
            for declared in below:
                value = list(declared.get_children())
                if value and value[-1].kind.is_expression():
                    self.expression(value[-1], _size(declared.type))
                    self.locals[declared.spelling] = value[-1]
        elif kind in ("COMPOUND_STMT", "LABEL_STMT"):
            for part in below:
                self.statement(part)
        elif cursor.kind.is_expression():
            self.effect(cursor)
        elif kind not in ("NULL_STMT", "CONTINUE_STMT"):
            for part in below:
                self.statement(part)

    def effect(self, cursor: Any) -> None:
        """An expression for what it does."""
        cursor = _strip(cursor)
        kind, below = cursor.kind.name, list(cursor.get_children())
        if kind == "BINARY_OPERATOR" and _operator(cursor) == "=":
            target = _strip(below[0])
            size = _size(target.type)
            if self._reduced(target, below[1], size):
                return
            self.expression(below[1], size)
            self.store(target)
        elif kind == "COMPOUND_ASSIGNMENT_OPERATOR":
            target, symbol = _strip(below[0]), _operator(cursor)[:-1]
            size = _size(target.type)
            self.expression(below[1], size)
            if target.kind.name == "DECL_REF_EXPR" and target.spelling not in self.locals:
                product = self._last_product(size) if symbol in "+-" else False
                operation = self._arithmetic(symbol, size, _floating(target.type))
                self.reductions.append(Reduction("fp_fma" if product else operation, size, _floating(target.type)))
                return
            if target.kind.name != "DECL_REF_EXPR":
                self.load(target)
            self.add(self._arithmetic(symbol, size, _floating(target.type)), size)
            self.store(target)
        elif kind == "UNARY_OPERATOR" and _operator(cursor) in ("++", "--"):
            target = _strip(below[0])
            if target.kind.name == "DECL_REF_EXPR":
                if target.spelling not in self.locals and self.depth:
                    self.reductions.append(Reduction("int_add", _size(target.type), False))
            else:
                self.load(target)
                self.add("int_add", _size(target.type))
                self.store(target)
        else:
            self.expression(cursor, 8)

    def _last_product(self, size: int) -> bool:
        if self.operations and self.operations[-1].kind == "fp_mul" and self.operations[-1].size == size:
            self.operations.pop()
            return True
        return False

    def _reduced(self, target: Any, value: Any, size: int) -> bool:
        """S = s + x, s = x > s ? x : s: a reduction, if s is declared outside."""
        if target.kind.name != "DECL_REF_EXPR" or target.spelling in self.locals:
            return False
        inner = _strip(value)
        names = [c.spelling for c in inner.walk_preorder() if c.kind.name == "DECL_REF_EXPR"]
        floating = _floating(target.type)
        if target.spelling not in names:
            if self.depth:
                self.expression(value, size)
                self.reductions.append(Reduction("fp_minmax" if floating else "int_minmax", size, floating))
                return True
            return False
        if inner.kind.name == "CONDITIONAL_OPERATOR":
            for part in list(inner.get_children())[1:]:
                if _strip(part).spelling != target.spelling:
                    self.expression(part, size)
            self.reductions.append(Reduction("fp_minmax" if floating else "int_minmax", size, floating))
        elif inner.kind.name == "BINARY_OPERATOR":
            for part in inner.get_children():
                if _strip(part).spelling != target.spelling:
                    self.expression(part, size)
            product = self._last_product(size) if floating else False
            found = self._arithmetic(_operator(inner), size, floating)
            self.reductions.append(Reduction("fp_fma" if product else found, size, floating))
        else:
            self.expression(value, size)
        return True

    def expression(self, cursor: Any, demanded: int) -> int:
        """Adds what evaluating costs; returns the bytes in which the value was computed."""
        cursor = _strip(cursor)
        kind, below = cursor.kind.name, list(cursor.get_children())
        size, floating = _size(cursor.type), _floating(cursor.type)
        if kind == "ARRAY_SUBSCRIPT_EXPR" or (kind == "UNARY_OPERATOR" and _operator(cursor) == "*"):
            self.load(cursor)
            return size
        if kind == "BINARY_OPERATOR":
            return self._binary(cursor, below, demanded, size, floating)
        if kind == "CONDITIONAL_OPERATOR":
            return self._choice(below, demanded, size, floating)
        if kind == "UNARY_OPERATOR":
            inner = self.expression(below[0], demanded)
            if inner and _operator(cursor) in ("-", "~", "!"):
                self.add("logic" if floating or _operator(cursor) != "-" else "int_add", min(inner, size))
            return inner
        if kind in ("CSTYLE_CAST_EXPR",):
            source = below[-1]
            inner = self.expression(source, min(demanded, size) if not floating else 8)
            return self._convert(inner, _floating(_strip(source).type), size, floating)
        if kind == "CALL_EXPR":
            return self._call(cursor, below, size)
        if kind in ("DECL_REF_EXPR", "INTEGER_LITERAL", "FLOATING_LITERAL", "CHARACTER_LITERAL"):
            return size if kind == "DECL_REF_EXPR" and cursor.spelling in self.locals else 0
        for part in below:
            if part.kind.is_expression():
                self.expression(part, demanded)
        return size

    def _binary(self, cursor: Any, below: list[Any], demanded: int, size: int, floating: bool) -> int:
        symbol = _operator(cursor)
        if symbol in ("<", ">", "<=", ">=", "==", "!=", "&&", "||"):
            parts = [_strip(b) for b in below]
            within = max(self._side(part, 8, _floating(part.type)) for part in parts)
            anyfloat = any(_floating(part.type) for part in parts)
            self.add("mask" if symbol in ("&&", "||") else "fp_cmp" if anyfloat else "int_cmp", within or 4)
            return within or 4
        asked = demanded if not floating and symbol in _SOFT else 8
        sides = [self._side(b, asked, floating, size if floating else 0) for b in below]
        work = size if floating else min(size, max(demanded, 1)) if symbol in _SOFT else size
        if symbol == ">>":
            work = size
        if not floating:
            for side in sides:
                if 0 < side < work:
                    self.add("extend", work)
        self.add(self._arithmetic(symbol, work, floating), work)
        return work

    def _side(self, cursor: Any, demanded: int, floating: bool, size: int = 0) -> int:
        """An operand, converted to floating point where the other is."""
        inner = _strip(cursor)
        found = self.expression(inner, demanded)
        if floating and found and not _floating(inner.type):
            return self._convert(found, False, size or 4, True)
        if floating and found and size and found != size:
            return self._convert(found, True, size, True)
        return found

    def _choice(self, below: list[Any], demanded: int, size: int, floating: bool) -> int:
        condition, first, second = below
        texts = ["".join(t.spelling for t in c.get_tokens()) for c in (condition, first, second)]
        sides = re.split(r"[<>]=?", texts[0])
        if len(sides) == 2 and {s.strip("()") for s in sides} == {t.strip("()") for t in texts[1:]}:
            for part in (first, second):
                self.expression(part, demanded)
            self.add("fp_minmax" if floating else "int_minmax", size)
            return size
        self.expression(condition, 8)
        work = 0
        for part in (first, second):
            work = max(work, self.expression(part, demanded))
        self.add("blend", work or size)
        return work or size

    def _call(self, cursor: Any, below: list[Any], size: int) -> int:
        name = cursor.spelling.removeprefix("__builtin_")
        stem = name[:-1] if name.endswith(("f", "l")) and name[:-1] in _MATH else name
        for part in below[1:] if len(below) > 1 else below:
            if part.kind.is_expression():
                self.expression(part, 8)
        if stem not in _MATH:
            self.obstacle = self.obstacle or f"a call of {cursor.spelling or 'a function'}"
            return size
        kind = _MATH[stem]
        self.add(f"{kind}{8 * size}" if kind == "fp_sqrt" else kind, size)  # type: ignore[arg-type]
        return size

    def _convert(self, found: int, from_float: bool, size: int, to_float: bool) -> int:
        if not found:
            return 0
        if from_float != to_float:
            if found < 4 and not from_float:
                self.add("extend", 4)
            self.add("convert" if max(found, 4) == size else "convert_wide", max(found, size))
        elif from_float and found != size:
            self.add("convert_wide", max(found, size))
        elif found < size:
            self.add("extend", size)
        elif found > size:
            self.add("narrow", found)
        return size

    @staticmethod
    def _arithmetic(symbol: str, size: int, floating: bool) -> OpClass:
        if floating:
            table: dict[str, OpClass] = {"+": "fp_add", "-": "fp_add", "*": "fp_mul", "/": "fp_div32"}
            if symbol == "/" and size == 8:
                return "fp_div64"
            return table.get(symbol, "fp_add")
        if symbol == "*":
            return "int_mul16" if size <= 2 else "int_mul32" if size == 4 else "int_mul64"
        if symbol in ("/", "%"):
            return "div_int"
        return {"+": "int_add", "-": "int_add", "<<": "shift", ">>": "shift"}.get(symbol, "logic")  # type: ignore[return-value]

    def load(self, cursor: Any) -> None:
        self._access(cursor, False)

    def store(self, cursor: Any) -> None:
        if cursor.kind.name == "DECL_REF_EXPR":
            return
        size = _size(cursor.type)
        last = self.operations[-1] if self.operations else None
        if last is not None and last.size > size and last.kind not in ("narrow", "convert_wide", "fp_cmp", "int_cmp"):
            floating = _floating(cursor.type)
            self.add("convert_wide" if floating else "narrow", last.size)
        self._access(cursor, True)

    def _access(self, cursor: Any, store: bool) -> None:
        below = list(cursor.get_children())
        array = "".join(t.spelling for t in below[0].get_tokens()) if below else cursor.spelling
        if cursor.kind.name == "ARRAY_SUBSCRIPT_EXPR":
            slope, offset = self._linear(below[1])
            base = _strip(below[0])
            if base.kind.name == "ARRAY_SUBSCRIPT_EXPR" and self._linear(list(base.get_children())[1])[0]:
                slope = 64  # a column of rows
            if slope == INDIRECT:
                for part in below[1].walk_preorder():
                    if part.kind.name == "ARRAY_SUBSCRIPT_EXPR":
                        self.load(part)
                        break
        else:
            slope, offset = 1, 0
        one = Access(array, _size(cursor.type), slope, offset, store, self.depth > 0)
        same = [a for a in self.accesses if (*a.group, a.offset) == (*one.group, offset) and slope != INDIRECT]
        if not same:
            self.accesses.append(one)

    def _linear(self, cursor: Any) -> tuple[int, int]:
        """(coefficient of the counter, constant) of a subscript; symbols count as nothing."""
        cursor = _strip(cursor)
        kind, below = cursor.kind.name, list(cursor.get_children())
        if kind == "INTEGER_LITERAL":
            token = next(iter(cursor.get_tokens()), None)
            return 0, int(re.sub(r"[uUlL]+$", "", token.spelling), 0) if token else 0
        if kind == "DECL_REF_EXPR":
            if cursor.spelling in self.locals:
                return self._linear(self.locals[cursor.spelling])
            return (1, 0) if cursor.spelling == self.counter else (0, 0)
        if kind == "BINARY_OPERATOR":
            (a, x), (b, y), symbol = self._linear(below[0]), self._linear(below[1]), _operator(cursor)
            if INDIRECT in (a, b):
                return INDIRECT, 0
            if symbol in "+-":
                sign = 1 if symbol == "+" else -1
                return a + sign * b, x + sign * y
            if symbol == "*" and not (a and b):
                return a * (y or 1) + b * (x or 1), x * y
            if symbol == "<<" and not b:
                return a << y, x << y
            return (INDIRECT, 0) if a or b else (0, 0)
        if kind == "ARRAY_SUBSCRIPT_EXPR":
            return INDIRECT, 0
        if kind in ("CSTYLE_CAST_EXPR",) and below:
            return self._linear(below[-1])
        if kind == "UNARY_OPERATOR" and below and _operator(cursor) == "-":
            a, x = self._linear(below[0])
            return -a, -x
        return 0, 0


def _fused(operations: list[Operation]) -> list[Operation]:
    """Floating-point products that feed the next sum become one operation with it."""
    found: list[Operation] = []
    for one in operations:
        if one.kind == "fp_add" and found and found[-1].kind == "fp_mul" and found[-1].size == one.size:
            found[-1] = Operation("fp_fma", one.size, one.guarded)
        else:
            found.append(one)
    return found


def _dot_products(walk: _Walk) -> None:
    """Sums of products of 16-bit numbers are one operation on pairs."""
    kinds = [o.kind for o in walk.operations]
    sums = [r for r in walk.reductions if r.kind == "int_add" and r.size == 4]
    narrow = any(a.size == 2 for a in walk.accesses)
    if len(sums) == 1 and narrow and kinds[-3:] == ["extend", "extend", "int_mul32"]:
        del walk.operations[-1]
        walk.reductions[walk.reductions.index(sums[0])] = Reduction("int_dot", 4, False)


def _carried(walk: _Walk) -> tuple[int, tuple[Operation, ...]]:
    """The least distance between a store and a later iteration's load of the same place, and what lies between."""
    least = 0
    for write in (a for a in walk.accesses if a.store):
        for read in (a for a in walk.accesses if not a.store and a.array == write.array):
            if write.stride == read.stride and write.stride not in (0, INDIRECT):
                apart = write.offset - read.offset
                step = apart // write.stride if apart % write.stride == 0 else 0
                if step > 0 and (not least or step < least):
                    least = step
    return least, tuple(_fused(walk.operations)) if least else ()
