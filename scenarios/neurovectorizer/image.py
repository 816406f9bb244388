"""The driver's arrays as the interpreter sees them: same values, same places within a page."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from hardware_models.simd.trace import BASE, Arguments
from scenarios.neurovectorizer.kernel import SIZES, Kernel

#: What the driver adds to the elements of an array, and the values of scalars that are not the trip count.
_GUARD, _SCALAR, _REAL = 256, 3, 0.75


@njit(cache=True)
def _bits(state: int, count: int):  # type: ignore[no-untyped-def]
    out = np.empty(count, dtype=np.int64)
    for k in range(count):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        out[k] = state >> 16
    return out, state


def arguments(kernel: Kernel, n: int | None = None) -> Arguments:
    """What the driver calls the loop with, for `n` iterations (the kernel's own if left out)."""
    n = kernel.n if n is None else n
    count = kernel.elements + _GUARD
    state, parts, general, floating, top, number = 12345, list[NDArray[np.uint8]](), list[int](), list[float](), 0, 0
    for parameter in kernel.parameters:
        if not parameter.array:
            if parameter.floating:
                floating.append(_REAL)
            else:
                general.append(n if parameter.name == "n" else _SCALAR)
            continue
        bits, state = _bits(state, count)
        values = _values(parameter.name, parameter.type, bits, kernel.n)
        front = 64 * (7 * number % 32)
        start = top + front
        room = (count * SIZES[parameter.type] + front + 4095) // 4096 * 4096
        part = np.zeros(room, dtype=np.uint8)
        part[front : front + len(values)] = values
        parts.append(part)
        general.append(BASE + start)
        top, number = top + room, number + 1
    return Arguments(np.concatenate(parts) if parts else np.zeros(64, dtype=np.uint8), general, floating)


def _values(name: str, ctype: str, bits: NDArray[np.int64], n: int) -> NDArray[np.uint8]:
    if name == "idx":
        made: NDArray[np.generic] = ((np.arange(len(bits)) * 7919) % max(n, 1)).astype(np.int32)
    elif ctype in ("float", "double"):
        made = (0.5 + (bits % 4096) / 4099.0).astype(np.float32 if ctype == "float" else np.float64)
    else:
        whole = bits % 101 if ctype.startswith("unsigned") else bits % 101 - 50
        made = whole.astype(f"i{SIZES[ctype]}")
    return np.frombuffer(made.tobytes(), dtype=np.uint8)
