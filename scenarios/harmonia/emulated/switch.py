"""The switch's control plane as a node: obeys the controller, and has the kernel do the forwarding."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from scenarios.harmonia.emulated.kernel import KernelSwitchProgram, Registers
from scenarios.harmonia.packet import Packet
from scenarios.harmonia.switch import Activate, Route, Switch
from sim.protocol import Address, Effect, Note, SetTimer

_SWEEP = "sweep"


class Counted(NamedTuple):
    """The switch's registers, when they differ from what was told last."""

    switch_id: int
    registers: Registers


class KernelSwitch(Switch):
    """A switch whose packets pass a kernel program: `install(switch_id)` puts an empty one on the ports.

    Every `sweep` seconds the slots of dead entries are freed. Only what is addressed to the control plane comes here.
    """

    def __init__(
        self,
        address: Address,
        install: Callable[[int], KernelSwitchProgram],
        active: Activate | None = None,
        sweep: float = 10e-3,
    ) -> None:
        self._install, self._sweep = install, sweep
        self.program: KernelSwitchProgram | None = None
        self._told: Registers | None = None
        super().__init__(address, lambda n: 0, active)

    def on_start(self, now: float) -> Sequence[Effect]:
        """Sweeps begin."""
        return [SetTimer(_SWEEP, self._sweep)]

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """A sweep."""
        again = SetTimer(_SWEEP, self._sweep)
        if self.program is None:
            return [again]
        self.program.sweep()
        registers = self.program.registers()
        if registers == self._told:
            return [again]
        self._told = registers
        return [again, Note(Counted(self.switch_id, registers))]

    def activate(self, message: Activate) -> None:
        """Begins to forward: a new program with empty registers."""
        self.program = self._install(message.switch_id)
        super().activate(message)

    def reroute(self, route: Route) -> None:
        """Forwards by this route from now on."""
        super().reroute(route)
        assert self.program is not None
        self.program.set_route(route)

    def follow(self, leader: Address, view: int) -> Sequence[Effect]:
        """The leader of the latest view gets writes and normal reads."""
        before = self.route
        super().follow(leader, view)
        if self.route != before and self.route is not None and self.program is not None:
            self.program.set_route(self.route)
        return ()

    def forward(self, packet: Packet) -> Sequence[Effect]:
        """A packet that came up here was on its way before the program was in place: lost."""
        return ()
