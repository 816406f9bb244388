"""What of a loop decides its cost: operations with their types, accesses with their strides, what it carries."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardware_models.simd.operations import OpClass

#: Stride of an access whose place is read from another array, or not a linear function of the loop's counter.
INDIRECT = 1 << 20


@dataclass(frozen=True, slots=True)
class Access:
    """An array access of each iteration.

    `size` bytes of an element, `stride` in elements per iteration (0: the same place; `INDIRECT`), `group` the array
    with its stride, `guarded` whether under a condition.
    """

    array: str
    size: int
    stride: int
    offset: int = 0
    store: bool = False
    guarded: bool = False

    @property
    def group(self) -> tuple[str, int, bool]:
        """Accesses of one group lie between each other."""
        return (self.array, self.stride, self.store)


@dataclass(frozen=True, slots=True)
class Operation:
    """An arithmetic operation of each iteration on elements of `size` bytes."""

    kind: OpClass
    size: int
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Reduction:
    """A sum, product, least or largest over all iterations; `floating` ones may not be reordered unasked."""

    kind: OpClass
    size: int
    floating: bool


@dataclass(frozen=True, slots=True)
class LoopIR:
    """An innermost loop.

    `distance` is the least distance over which an iteration needs an earlier one's result through memory (0: none),
    `trip` the number of iterations (None: known at run time only), `guarded` whether the body has a condition.
    `obstacle` says why the loop cannot be vectorised, "" if it can.
    """

    name: str
    accesses: tuple[Access, ...]
    operations: tuple[Operation, ...]
    reductions: tuple[Reduction, ...] = ()
    distance: int = 0
    chain: tuple[Operation, ...] = ()
    trip: int | None = None
    guarded: bool = False
    obstacle: str = ""
    line: int = 0
    offset: int = 0

    @property
    def widest(self) -> int:
        """Bytes of the widest element that is computed or moved."""
        return max(self._sizes, default=4)

    @property
    def narrowest(self) -> int:
        """Bytes of the narrowest element."""
        return min(self._sizes, default=4)

    @property
    def needs_permission(self) -> bool:
        """Whether vectorising reorders a floating-point reduction."""
        return any(r.floating for r in self.reductions)

    @property
    def _sizes(self) -> Sequence[int]:
        return [a.size for a in self.accesses if a.stride] + [r.size for r in self.reductions]
