"""A loop to be measured: a C function over arrays with a mark where the pragma goes.

Parameters say what they are: pointers are arrays, `n` is the trip count, other scalars get a fixed value. An array
called `idx` holds a permutation of 0 to n - 1; floating-point arrays hold values in [0.5, 1.5), integer ones in
[-50, 50], or [0, 100] if unsigned.
"""

import re
from dataclasses import dataclass
from functools import cached_property

#: Where the pragma of the loop goes, on a line of its own.
MARK = "LOOP"

_HEAD = re.compile(r"\bvoid\s+(\w+)\s*\(([^)]*)\)")
_QUALIFIERS = re.compile(r"\b(const|restrict|__restrict__|volatile)\b")
#: Bytes of an element of each type.
SIZES = {
    "char": 1, "signed char": 1, "unsigned char": 1, "short": 2, "unsigned short": 2, "int": 4, "unsigned": 4,
    "unsigned int": 4, "float": 4, "long": 8, "unsigned long": 8, "double": 8,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its type without qualifiers, and whether it is an array."""

    name: str
    type: str
    array: bool

    @property
    def floating(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return self.type in ("float", "double")


@dataclass(frozen=True)
class Kernel:
    """A C function `void NAME(...)` with one mark, run with `n` iterations and arrays of `reach * n + 256` elements.

    `family` names the template it was made from; `reorder` is whether a floating-point reduction may be reordered.
    Raises `ValueError` for a source without function or mark.
    """

    source: str
    n: int = 1000
    family: str = ""
    reach: int = 1
    reorder: bool = True

    def __post_init__(self) -> None:
        if not _HEAD.search(self.source) or len(re.findall(rf"\b{MARK}\b", self.source)) != 1:
            raise ValueError("a kernel is one function `void name(...)` with one LOOP mark")

    @cached_property
    def name(self) -> str:
        """The function's name."""
        return self._head.group(1)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in order."""
        found = []
        for text in filter(None, (part.strip() for part in self._head.group(2).split(","))):
            words = _QUALIFIERS.sub(" ", text).replace("*", " * ").split()
            kind = " ".join(word for word in words[:-1] if word != "*")
            if kind not in SIZES:
                raise ValueError(f"parameter '{text}' has a type that is not known: '{kind}'")
            found.append(Parameter(words[-1], kind, "*" in words))
        return tuple(found)

    @property
    def elements(self) -> int:
        """Elements of each array, the guard in front and behind not counted."""
        return self.reach * self.n + 256

    def with_pragma(self, pragma: str, name: str) -> str:
        """The function called `name`, with a pragma (or none) at its mark."""
        text = re.sub(rf"\b{self.name}\b(?=\s*\()", name, self.source, count=1)
        return re.sub(rf"\b{MARK}\b", f'_Pragma("{pragma}")' if pragma else "", text)

    @cached_property
    def _head(self) -> re.Match[str]:
        head = _HEAD.search(self.source)
        assert head is not None
        return head
