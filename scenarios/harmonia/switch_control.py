"""The control plane of Harmonia's switch program: switch id, ports, replicas, sweep, counts.

Registers are per pipe, so all packets of a group must enter through ports of one pipe; `SwitchControl` is that pipe's.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from hardware_models.tofino.program import Entry
from hardware_models.tofino.state import SwitchState
from scenarios.harmonia.detector import check_switch_id
from scenarios.harmonia.switch_program import CHOICE_BITS
from sim.errors import UserError


class SwitchControl:
    """Controls the program that runs on `state` for the group whose packets enter `pipe`.

    `write_port` and `read_port` lead to the protocol's targets of writes and of normal reads.
    """

    def __init__(self, state: SwitchState, switch_id: int, write_port: int, read_port: int, pipe: int = 0) -> None:
        check_switch_id(switch_id)
        if not 0 <= pipe < state.card.pipes:
            raise UserError(f"pipe = {pipe} is not one of the {state.card.pipes} pipes of {state.card.card}")
        self.state, self.pipe = state, pipe
        self._choose = state.tables["replicas"].table.actions[0]
        self._start(switch_id, write_port, read_port)

    @property
    def switch_id(self) -> int:
        """The id under which writes are stamped."""
        return self.state.tables["identity"].default_data[0]

    def restart(self, switch_id: int) -> None:
        """Goes on under a larger id as an empty switch. Raises `UserError` if the id does not grow."""
        check_switch_id(switch_id)
        if switch_id <= self.switch_id:
            raise UserError(f"switch_id = {switch_id} goes backwards; more than {self.switch_id} is needed")
        self._start(switch_id, *self.state.tables["identity"].default_data[1:])

    def _start(self, switch_id: int, write_port: int, read_port: int) -> None:
        for low, high in self.state.registers.values():
            low[self.pipe], high[self.pipe] = 0, 0
        self.state.registers["sequence"][1][self.pipe, 0] = switch_id
        self.state.set_param("floor", 0, self.pipe)
        self.state.tables["identity"].set_default(switch_id, write_port, read_port)

    def set_targets(self, write_port: int, read_port: int) -> None:
        """New targets of writes and of normal reads, as when a protocol changes its leader."""
        self.state.tables["identity"].set_default(self.switch_id, write_port, read_port)

    def set_replicas(self, ports: Sequence[int]) -> None:
        """The ports of replicas that may answer alone; choices are spread over them. Raises `UserError` for none."""
        if not ports:
            raise UserError("replicas is empty; a switch needs one replica or more to choose from")
        choices = range(2**CHOICE_BITS)
        self.state.tables["replicas"].replace(
            [Entry((choice,), self._choose, (ports[choice % len(ports)],)) for choice in choices]
        )

    def add_client(self, client: int, port: int) -> None:
        """Replies to `client` leave by `port`."""
        clients = self.state.tables["clients"]
        clients.add(Entry((client,), clients.table.actions[0], (port,)))

    def sweep(self) -> None:
        """Lets writes take every slot that is dead now: one write of a constant row."""
        self.state.set_param("floor", int(self.state.registers["last_committed"][0][self.pipe, 0]), self.pipe)

    def freeze(self) -> tuple[Hashable, ...]:
        """What the group's next packets will meet: identity, constant rows and registers, as a value."""
        state, pipe = self.state, self.pipe
        rows = tuple(int(row[pipe]) for row in state.params.values())
        halves = tuple(half[pipe].tobytes() for pair in state.registers.values() for half in pair)
        return state.tables["identity"].default_data, rows, halves

    def thaw(self, snapshot: tuple[Hashable, ...]) -> None:
        """Goes back to a snapshot of this program."""
        state, pipe = self.state, self.pipe
        identity, rows, halves = snapshot
        state.tables["identity"].set_default(*identity)  # type: ignore[misc]
        for name, row in zip(state.params, rows, strict=True):  # type: ignore[call-overload]
            state.set_param(name, row, pipe)
        kept = (half for pair in state.registers.values() for half in pair)
        for half, data in zip(kept, halves, strict=True):  # type: ignore[call-overload]
            half[pipe] = np.frombuffer(data, dtype=half.dtype)

    def occupancy(self) -> int:
        """Slots of the dirty set that a write of another object could not take."""
        floor = self.state.params["floor"][self.pipe]
        arrays = [high for name, (_, high) in self.state.registers.items() if name.startswith("dirty_")]
        return sum(int((high[self.pipe] > floor).sum()) for high in arrays)

    @property
    def refused(self) -> int:
        """Completions of another switch, or of a sequence that was never issued."""
        return int(self.state.counters["refused_completions"][self.pipe, 0])
