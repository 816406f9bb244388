"""What a chip remembers between packets: registers and counters of every pipe, tables, parameters, counts of drops.

Both engines work on a `SwitchState`, and so does the control plane; a state may pass from one engine to the other.
"""

import numpy as np
from numpy.typing import NDArray

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.check import check_entry
from hardware_models.tofino.expression import RegisterParam
from hardware_models.tofino.program import Entry, Program, Table
from sim.errors import UserError, did_you_mean

Words = NDArray[np.uint64]


class TableState:
    """A table's entries and default data; `version` grows with every change."""

    def __init__(self, table: Table) -> None:
        self.table, self.entries, self.default_data = table, list(table.entries), table.default_data
        self.version = 0
        self._indexed = -1
        self._exact: dict[tuple[int, ...], Entry] = {}

    def exact(self, key: tuple[int, ...]) -> Entry | None:
        """The first entry with this key, for a table whose keys are all exact."""
        if self._indexed != self.version:
            self._exact = {entry.key: entry for entry in reversed(self.entries)}  # type: ignore[misc]
            self._indexed = self.version
        return self._exact.get(key)

    def add(self, entry: Entry) -> None:
        """One more entry, behind the others. Raises `UserError` if it does not fit the table or the table is full."""
        check_entry(self.table, entry)
        if len(self.entries) >= self.table.size:
            raise UserError(f"table {self.table.name} is full: its size is {self.table.size}")
        self.entries.append(entry)
        self.version += 1

    def replace(self, entries: list[Entry]) -> None:
        """These entries instead of the present ones. Raises `UserError` as `add` does."""
        before, self.entries = self.entries, []
        try:
            for entry in entries:
                self.add(entry)
        except UserError:
            self.entries = before
            raise
        self.version += 1

    def set_default(self, *data: int) -> None:
        """New data for the default action. Raises `UserError` if their number or width is wrong."""
        params = self.table.default.params
        if len(data) != len(params) or any(
            not 0 <= one < 2**param.width for one, param in zip(data, params, strict=False)
        ):
            names = ", ".join(f"{param.name} of {param.width} bits" for param in params)
            raise UserError(f"default data {data} of table {self.table.name} are not {names}")
        self.default_data = data
        self.version += 1


class SwitchState:
    """The memory of a chip that runs `program`: everything zero, tables as the program has them.

    `registers[name]` is a pair of arrays (pipes, slots) of the slots' halves, `counters[name]` an array (pipes, slots),
    `params[name]` the constant rows (pipes), `drops` an array (pipes, reasons) with reason k in column k - 1, and
    `recirculated` the bytes that went through each pipe's recirculation port.
    """

    def __init__(self, program: Program, card: TofinoCard) -> None:
        self.program, self.card = program, card
        self.registers: dict[str, tuple[Words, Words]] = {
            name: (_zeros(card, one.slots), _zeros(card, one.slots if one.hi else 1))
            for name, one in program.registers().items()
        }
        self.counters = {name: _zeros(card, one.slots) for name, one in program.counters().items()}
        self.tables = {name: TableState(table) for name, table in program.tables().items()}
        params = [param for one in program.registers().values() for param in one.params().values()]
        self.params = {param.name: np.full(card.pipes, param.initial, dtype=np.uint64) for param in params}
        self._widths = {param.name: param.width for param in params}
        self.drops = _zeros(card, len(program.reasons))
        self.recirculated = np.zeros(card.pipes, dtype=np.uint64)

    def set_param(self, param: RegisterParam | str, value: int, pipe: int | None = None) -> None:
        """Writes a constant row of a stateful ALU, in one pipe or in all.

        Raises `UserError` for an unknown parameter, or for a value that does not fit it.
        """
        name = param if isinstance(param, str) else param.name
        if name not in self.params:
            raise UserError(f"no parameter is called '{name}'; {did_you_mean(name, self.params)}")
        if not 0 <= value < 2 ** self._widths[name]:
            raise UserError(f"parameter {name} = {value} does not fit its {self._widths[name]} bits")
        self.params[name][slice(None) if pipe is None else pipe] = value

    def dropped(self) -> dict[str, int]:
        """Packets dropped by reason, all pipes."""
        return dict(zip(self.program.reasons, map(int, self.drops.sum(axis=0)), strict=True))


def _zeros(card: TofinoCard, slots: int) -> Words:
    return np.zeros((card.pipes, slots), dtype=np.uint64)
