"""How many bytes a step really takes, counted in three places.

`LiveTensors` adds up storages while they live: what the model calls live bytes. `ProcessMemory` is what the kernel
had to give the process (Linux, a step on the CPU). `CudaMemory` is what PyTorch's allocator handed out or reserved.
All count from `start` on, so what was resident before is not in it, and `lap` says the most since the last lap.
"""

import ctypes
import gc
import weakref
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

#: Parameters of glibc's mallopt (malloc.h) and two settings of them. With the first, every block above 64 KiB gets
#: pages of its own, which go back to the kernel when it is freed; with the second no page ever goes back.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -2, -3, -4
_RETURNING = {_MMAP_THRESHOLD: 1 << 16, _TRIM_THRESHOLD: 1 << 16, _TOP_PAD: 0}
_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 1 << 20}


def return_memory() -> None:
    """From now on the process gives memory back to the kernel when it is freed, so that its pages are what is in use.

    Without it the pages of a process show next to nothing of its tensors. To be called before anything large is
    allocated: room in the heap is used first, and kept. Allocations are slower meanwhile.
    """
    _tune(_RETURNING)


def keep_memory() -> None:
    """From now on the process keeps what it frees for later, as PyTorch's allocator does on a GPU.

    Otherwise the kernel clears the same pages again in every iteration, the more of them the less is recomputed.
    """
    _tune(_KEEPING)


def _tune(settings: Mapping[int, int]) -> None:
    with suppress(AttributeError):  # another C library than glibc
        for parameter, value in settings.items():
            ctypes.CDLL(None).mallopt(parameter, value)


class Gauge(Protocol):
    """Something that counts bytes."""

    def start(self) -> None:
        """Count from here."""
        ...

    def lap(self) -> int:
        """The most bytes since the last lap or start, over those at the start."""
        ...


class LiveTensors(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Bytes of all storages that operators have made since `start` and somebody still holds.

    To be entered as a context. Storages of `resident` tensors are not counted.

    >>> with LiveTensors([]) as gauge:
    ...     gauge.start()
    ...     row = torch.zeros(256) + 1.0
    ...     both, left = gauge.lap(), gauge.live
    >>> both, left
    (2048, 1024)
    """

    def __init__(self, resident: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self._most = 0
        self._known = weakref.WeakSet(tensor.untyped_storage() for tensor in resident)

    def start(self) -> None:
        """Count from here."""
        self.live = self._most = 0

    def lap(self) -> int:
        """The most live bytes since the last lap."""
        most, self._most = self._most, self.live
        return most

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operator and count the storages it made."""
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._see(tensor.untyped_storage())
        return made

    def _see(self, storage: torch.UntypedStorage) -> None:
        if storage not in self._known:
            self._known.add(storage)
            size = storage.nbytes()
            self.live += size
            self._most = max(self._most, self.live)
            weakref.finalize(storage, self._gone, size)

    def _gone(self, size: int) -> None:
        self.live -= size


class ProcessMemory:
    """Pages of this process: VmRSS, and its high-water mark VmHWM, which writing 5 to clear_refs resets."""

    def __init__(self) -> None:
        self._base = 0

    def start(self) -> None:
        """Count from here."""
        gc.collect()
        _trim()
        self._base = _status("VmRSS")
        _reset()

    def lap(self) -> int:
        """The most bytes since the last lap, over those at the start."""
        most = _status("VmHWM") - self._base
        _reset()
        return most


class CudaMemory:
    """Bytes that PyTorch's allocator has handed out ("allocated") or taken from the device ("reserved")."""

    def __init__(self, device: torch.device, level: Literal["allocated", "reserved"] = "allocated") -> None:
        self._device, self._level, self._base = device, level, 0

    def start(self) -> None:
        """Count from here."""
        gc.collect()
        torch.cuda.empty_cache()
        self._base = self._read("current")
        torch.cuda.reset_peak_memory_stats(self._device)

    def lap(self) -> int:
        """The most bytes since the last lap, over those at the start."""
        most = self._read("peak") - self._base
        torch.cuda.reset_peak_memory_stats(self._device)
        return most

    def _read(self, what: str) -> int:
        return int(torch.cuda.memory_stats(self._device)[f"{self._level}_bytes.all.{what}"])


def gauge_of(device: torch.device) -> Gauge:
    """What really was taken on `device`."""
    return CudaMemory(device) if device.type == "cuda" else ProcessMemory()


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def _reset() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _trim() -> None:
    """Have glibc give back free pages in the middle of its heap; without glibc nothing is done."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
