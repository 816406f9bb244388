"""The batch engine: arrays of packets through one compiled loop, bit for bit what the exact engine does.

    engine = BatchEngine(program, card)
    results = engine.process(Packets.of([b"...", b"..."], ports=[0, 1]))

The first program of its kind takes seconds to compile; the compiled code is kept for later processes in the user's
cache folder (`XDG_CACHE_HOME`), by its source.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.crc import byte_table
from hardware_models.tofino.interpreter import Result, masks, prefix_length
from hardware_models.tofino.kernel import MIX, generators, kernel_source, parameters
from hardware_models.tofino.program import RECIRCULATE, Program, Set
from hardware_models.tofino.state import SwitchState, TableState
from sim.errors import UserError

_WORD = 2**64 - 1


@dataclass(frozen=True)
class Packets:
    """n packets: `data` (n, bytes) uint8, of which row i has `length[i]`; `port[i]` is where it enters."""

    data: NDArray[np.uint8]
    length: NDArray[np.int64]
    port: NDArray[np.int64]

    @classmethod
    def of(cls, packets: Sequence[bytes], ports: Sequence[int] | int = 0) -> "Packets":
        """Packets from bytes; one port for all, or one for each."""
        length = np.array([len(one) for one in packets], dtype=np.int64)
        data = np.zeros((len(packets), int(length.max(initial=0))), dtype=np.uint8)
        for row, one in zip(data, packets, strict=True):
            row[: len(one)] = np.frombuffer(one, dtype=np.uint8)
        return cls(data, length, np.broadcast_to(np.array(ports, dtype=np.int64), length.shape).copy())


@dataclass(frozen=True)
class Results:
    """What became of n packets: arrays of the fields of `interpreter.Result`; `data` has `length[i]` bytes in row i."""

    data: NDArray[np.uint8]
    length: NDArray[np.int64]
    port: NDArray[np.int64]
    multicast: NDArray[np.int64]
    drop: NDArray[np.int64]
    passes: NDArray[np.int64]

    def __len__(self) -> int:
        return self.length.size

    def __getitem__(self, row: int) -> Result:
        return Result(
            self.data[row, : self.length[row]].tobytes(),
            int(self.port[row]),
            int(self.multicast[row]),
            int(self.drop[row]),
            int(self.passes[row]),
        )

    def __iter__(self) -> Iterator[Result]:
        return (self[row] for row in range(len(self)))


class BatchEngine:
    """Runs `program` on the pipes of `card`, on `state` if one is given, else on a new one."""

    def __init__(self, program: Program, card: TofinoCard, state: SwitchState | None = None) -> None:
        self.program, self.card = program, card
        self.state = state if state is not None else SwitchState(program, card)
        source, self._arguments = kernel_source(program)
        self._kernel = _compiled(source)
        self._remainders = np.array([byte_table(one) for one in generators(program)] or [(0,)], dtype=np.uint64)
        self._tables: dict[str, tuple[int, dict[str, Any]]] = {}
        again = any(isinstance(one, Set) and one.field is RECIRCULATE for one in program.primitives())
        grows = card.recirculation.passes if again else 1
        self._room = grows * sum(header.bytes for header in program.headers)

    def process(self, packets: Packets) -> Results:
        """What becomes of the packets, in their order."""
        count, width = packets.data.shape
        if packets.length.max(initial=0) > width or packets.length.min(initial=0) < 0:
            raise UserError(f"packets have lengths outside of 0 to {width}, the bytes that are there")
        if packets.port.min(initial=0) < 0:
            raise UserError(f"port {packets.port.min()} of a packet is negative")
        out = np.zeros((count, width + self._room), dtype=np.uint8)
        length, port, multicast, drop, passes = np.zeros((5, count), dtype=np.int64)
        given = {
            "data": packets.data,
            "length": packets.length,
            "port": packets.port,
            "out": out,
            "out_length": length,
            "out_port": port,
            "multicast": multicast,
            "drop": drop,
            "passes": passes,
            "row": np.zeros(width + self._room, dtype=np.uint8),
        } | self._memory()
        self._kernel(*(given[name] for name in self._arguments))
        return Results(out, length, port, multicast, drop, passes)

    def _memory(self) -> dict[str, Any]:
        state = self.state
        found: dict[str, Any] = {
            "ports_per_pipe": self.card.ports_per_pipe,
            "pipes": self.card.pipes,
            "limit": self.card.recirculation.passes,
            "remainders": self._remainders,
            "params": np.array([*(state.params[name] for name in parameters(self.program)), state.recirculated]),
            "drops": state.drops,
            "recirculated": state.recirculated,
        }
        for number, (low, high) in enumerate(state.registers.values()):
            found |= {f"r{number}_lo": low, f"r{number}_hi": high}
        for number, counter in enumerate(state.counters.values()):
            found[f"c{number}"] = counter
        for number, (name, table) in enumerate(state.tables.items()):
            if self._tables.get(name, (-1, {}))[0] != table.version:
                self._tables[name] = table.version, _arrays(table)
            found |= {f"t{number}_{part}": array for part, array in self._tables[name][1].items()}
        return found


def _arrays(state: TableState) -> dict[str, Any]:
    """A table for the kernel: entries in the order in which they win, the default last, and a probe for exact keys."""
    table, columns = state.table, max(1, len(state.table.keys))
    entries = sorted(state.entries, key=lambda entry: -prefix_length(table, entry))
    actions = {id(action): number for number, action in enumerate(table.all_actions)}
    params = max(1, *(len(action.params) for action in table.all_actions))
    keys = np.zeros((len(entries) + 1, columns), dtype=np.uint64)
    mask = np.zeros_like(keys)
    data = np.zeros((len(entries) + 1, params), dtype=np.uint64)
    action = np.zeros(len(entries) + 1, dtype=np.int64)
    probe = np.full(1 << (2 * len(entries)).bit_length(), -1, dtype=np.int64)
    for row, entry in enumerate(entries):
        pairs = masks(table, entry)
        keys[row, : len(pairs)] = [value for value, _ in pairs]
        mask[row, : len(pairs)] = [one for _, one in pairs]
        data[row, : len(entry.data)] = entry.data
        action[row] = actions[id(entry.action)]
        if not table.ternary():
            _remember(probe, keys, row)
    data[-1, : len(state.default_data)] = state.default_data
    action[-1] = actions[id(table.default)]
    return {"probe": probe, "keys": keys, "masks": mask, "action": action, "data": data}


def _remember(probe: NDArray[np.int64], keys: NDArray[np.uint64], row: int) -> None:
    place = 0
    for key in map(int, keys[row]):
        place = ((place ^ key) * MIX) & _WORD
        place ^= place >> 32
    place &= probe.size - 1
    while probe[place] >= 0:
        if (keys[probe[place]] == keys[row]).all():
            return  # the first of equal entries wins
        place = (place + 1) & (probe.size - 1)
    probe[place] = row


@cache
def _compiled(source: str) -> Callable[..., None]:
    """The kernel in `source`, as a module of its own: Numba keeps the compiled code of modules that lie in files."""
    name = f"_tofino_{blake2b(source.encode(), digest_size=12).hexdigest()}"
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "windtunnel" / "kernels"
    path = folder / f"{name}.py"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}")
        if not path.exists():
            temporary.write_text(source, encoding="utf-8")
            temporary.replace(path)
    except OSError:  # a full or read-only home: compile for this process alone
        source = source.replace("cache=True, ", "")
    module = sys.modules[name] = ModuleType(name)  # where Numba looks for it again
    module.__file__ = str(path)
    exec(compile(source, str(path), "exec"), module.__dict__)
    kernel: Callable[..., None] = module.__dict__["kernel"]
    return kernel
