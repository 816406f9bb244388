"""What a GPU is asked to do in one iteration: kernels in order, and the buffers that come and go between them.

A buffer is allocated once, before one kernel, and freed at most once, after that kernel or a later one; a value
that is computed twice is two buffers. A kernel's workspace lives while it runs. What is resident from beginning
to end (parameters, optimizer state, inputs) stands apart in `resident`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: The category under which workspaces are counted; it is always the last.
WORKSPACE = "workspace"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CopyOut:
    """A copy of a buffer to the host, queued when kernel `after` has ended.

    The buffer's memory is free when kernel `before` is launched, which waits for the copy.
    """

    buffer: int
    after: int
    before: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CopyIn:
    """A copy of a buffer from the host, queued when kernel `at` is launched and has its memory.

    Kernel `before` (or `at` itself) waits for it.
    """

    buffer: int
    at: int
    before: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """One iteration as arrays. K kernels, B buffers, C categories.

    `allocated[allocated_at[k] : allocated_at[k + 1]]` are the buffers allocated before kernel k, in that order;
    `freed` likewise names those freed after it. `resident` are pairs (category, bytes), one allocation each.
    `copies_out` and `copies_in` run beside the kernels, each kind one after the other in the order queued.
    """

    categories: tuple[str, ...]
    buffer_names: tuple[str, ...]
    buffer_bytes: Ints
    buffer_category: Ints
    kernel_names: tuple[str, ...]
    kernel_seconds: Floats
    kernel_energy: Floats
    kernel_workspace: Ints
    allocated_at: Ints
    allocated: Ints
    freed_at: Ints
    freed: Ints
    resident: tuple[tuple[str, int], ...] = ()
    copies_out: tuple[CopyOut, ...] = ()
    copies_in: tuple[CopyIn, ...] = ()

    @classmethod
    def from_lifetimes(
        cls,
        *,
        kernel_names: Sequence[str],
        kernel_seconds: ArrayLike,
        buffer_bytes: ArrayLike,
        first: ArrayLike,
        last: ArrayLike,
        buffer_category: Sequence[str] | None = None,
        buffer_names: Sequence[str] | None = None,
        kernel_workspace: ArrayLike | None = None,
        kernel_energy: ArrayLike | None = None,
        resident: Sequence[tuple[str, int]] = (),
        copies_out: Sequence[CopyOut] = (),
        copies_in: Sequence[CopyIn] = (),
    ) -> Self:
        """The program whose buffer b is allocated before kernel `first[b]` and freed after kernel `last[b]`.

        `last[b]` = K or more means never freed. Bytes and seconds are not negative, `first` <= `last`; a
        `ValueError` names the first buffer or kernel that breaks a rule.
        """
        kernels = len(kernel_names)
        sizes = np.asarray(buffer_bytes, dtype=np.int64)
        begin, end = np.asarray(first, dtype=np.int64), np.asarray(last, dtype=np.int64)
        of = list(buffer_category) if buffer_category is not None else ["activation"] * len(sizes)
        names = list(dict.fromkeys([*(name for name, _ in resident), *of]))
        categories = (*(name for name in names if name != WORKSPACE), WORKSPACE)
        place = {name: position for position, name in enumerate(categories)}
        zeros = np.zeros(kernels)
        allocated_at, allocated = _grouped(begin, kernels)
        freed_at, freed = _grouped(end, kernels)
        program = cls(
            categories=categories,
            buffer_names=tuple(buffer_names) if buffer_names is not None else _numbered(len(sizes)),
            buffer_bytes=sizes,
            buffer_category=np.array([place[name] for name in of], dtype=np.int64),
            kernel_names=tuple(kernel_names),
            kernel_seconds=np.asarray(kernel_seconds, dtype=np.float64),
            kernel_energy=np.asarray(zeros if kernel_energy is None else kernel_energy, dtype=np.float64),
            kernel_workspace=np.asarray(zeros if kernel_workspace is None else kernel_workspace, dtype=np.int64),
            allocated_at=allocated_at,
            allocated=allocated,
            freed_at=freed_at,
            freed=freed,
            resident=tuple((name, int(size)) for name, size in resident),
            copies_out=tuple(copies_out),
            copies_in=tuple(copies_in),
        )
        _check_lifetimes(program, begin, end)
        return program

    @property
    def kernels(self) -> int:
        """How many kernels run."""
        return len(self.kernel_names)

    def resident_bytes(self) -> Ints:
        """Bytes that are resident throughout, per category, shape (C,)."""
        total = np.zeros(len(self.categories), dtype=np.int64)
        for name, size in self.resident:
            total[self.categories.index(name)] += size
        return total

    def allocated_before(self) -> Ints:
        """For each entry of `allocated` the kernel it is allocated before."""
        return np.repeat(np.arange(self.kernels, dtype=np.int64), np.diff(self.allocated_at))

    def freed_after(self) -> Ints:
        """For each entry of `freed` the kernel it is freed after."""
        return np.repeat(np.arange(self.kernels, dtype=np.int64), np.diff(self.freed_at))


def _grouped(kernel: Ints, kernels: int) -> tuple[Ints, Ints]:
    """Compressed rows: offsets, shape (kernels + 1,), and buffers by kernel; kernels out of range are left out."""
    inside = np.flatnonzero((kernel >= 0) & (kernel < kernels))
    order = inside[np.argsort(kernel[inside], kind="stable")]
    counts = np.bincount(kernel[order], minlength=kernels)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int64), order.astype(np.int64)


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"buffer {index}" for index in range(count))


def _check_lifetimes(program: Program, begin: Ints, end: Ints) -> None:
    buffers, kernels = len(program.buffer_bytes), program.kernels
    for name, column, length in (
        ("first", begin, buffers),
        ("last", end, buffers),
        ("buffer_names", program.buffer_names, buffers),
        ("buffer_category", program.buffer_category, buffers),
        ("kernel_seconds", program.kernel_seconds, kernels),
        ("kernel_energy", program.kernel_energy, kernels),
        ("kernel_workspace", program.kernel_workspace, kernels),
    ):
        if len(column) != length:
            raise ValueError(f"{name} has {len(column)} entries, {length} are needed")
    for rule, holds in (
        ("a buffer's bytes are not negative", program.buffer_bytes >= 0),
        (f"a buffer's first kernel is one of the {kernels}", (begin >= 0) & (begin < kernels)),
        ("a buffer's last kernel is not before its first", end >= begin),
        ("a kernel's seconds are finite and not negative", _sane(program.kernel_seconds)),
        ("a kernel's energy is finite and not negative", _sane(program.kernel_energy)),
        ("a kernel's workspace is not negative", program.kernel_workspace >= 0),
        ("resident bytes are not negative", np.array([size >= 0 for _, size in program.resident], dtype=bool)),
    ):
        if not holds.all():
            raise ValueError(f"{rule}, broken at index {int(np.argmin(holds))}")


def _sane(column: Floats) -> NDArray[np.bool_]:
    return np.isfinite(column) & (column >= 0)
