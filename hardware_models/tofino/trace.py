"""What one packet met on its way: conditions, tables, accesses and drops, each with its stage.

for line in trace(placement, state, data, port):
    print(line)
"""

from collections.abc import Sequence

from hardware_models.tofino.expression import Condition
from hardware_models.tofino.interpreter import InFlight, Interpreter, Result
from hardware_models.tofino.placement import Placement
from hardware_models.tofino.program import Action, Drop, If, Set, Statement, Table
from hardware_models.tofino.state import SwitchState
from hardware_models.tofino.stateful import Access, RegisterAction


def trace(placement: Placement, state: SwitchState, data: bytes, port: int = 0) -> list[str]:
    """Lines about a packet that is sent through `state`, which changes as by any packet; the last one is the result."""
    engine = _Tracing(placement, state)
    result = engine.process(data, port)
    return [*engine.lines, _summary(result, engine.program.reasons)]


class _Tracing(Interpreter):
    def __init__(self, placement: Placement, state: SwitchState) -> None:
        super().__init__(placement.program, placement.card, state)
        self.placement = placement
        self.lines: list[str] = []

    def _tell(self, name: str, what: str) -> None:
        self.lines.append(f"stage {self.placement.stage_of(name):>2}  {what}")

    def _block(self, block: Sequence[Statement], packet: InFlight) -> None:
        for one in block:
            if isinstance(one, If):
                held = self._holds(one.condition, packet)
                self._tell_condition(one.condition, held)
                self._block(one.then if held else one.otherwise, packet)
            else:
                super()._block([one], packet)

    def _tell_condition(self, condition: Condition, held: bool) -> None:
        name = f"if {condition}"
        known = any(part.unit.name == name for parts in self.placement.parts for part in parts)
        self.lines.append(
            f"stage {self.placement.stage_of(name) if known else '-':>2}  {name}: {'yes' if held else 'no'}"
        )

    def _look_up(self, table: Table, packet: InFlight) -> tuple[Action, tuple[int, ...]]:
        action, data = super()._look_up(table, packet)
        keys = ", ".join(f"{field} = {packet.values[field.name]}" for field, _ in table.keys)
        self._tell(table.name, f"table {table.name}({keys}) -> {action.name}{data if data else '()'}")
        return action, data

    def _run(self, one: Statement, packet: InFlight, params: dict[int, int]) -> None:
        super()._run(one, packet, params)
        if isinstance(one, Set):
            self.lines.append(f"          {one.field} = {packet.values[one.field.name]}")
        elif isinstance(one, Drop):
            self.lines.append(f"          drop: {one.reason}")
        elif isinstance(one, Access) and one.output is not None:
            self.lines.append(f"          {one.output} = {packet.values[one.output.name]}")

    def _access(self, action: RegisterAction, index: int, packet: InFlight) -> int:
        register = action.register
        before = self._slot(register.name, packet.pipe, index)
        output = super()._access(action, index, packet)
        after = self._slot(register.name, packet.pipe, index)
        self._tell(register.name, f"{register.name}[{index}].{action.name}: {before} -> {after}, output {output}")
        return output

    def _slot(self, name: str, pipe: int, index: int) -> tuple[int, ...]:
        register = self.program.registers()[name]
        if index >= register.slots:
            return ()
        low, high = self.state.registers[name]
        return (int(low[pipe, index]), int(high[pipe, index])) if register.hi else (int(low[pipe, index]),)


def _summary(result: Result, reasons: Sequence[str]) -> str:
    if result.drop:
        return f"dropped: {reasons[result.drop - 1]}"
    to = f"multicast group {result.multicast}" if result.multicast else f"port {result.port}"
    again = f" after {result.passes} passes" if result.passes > 1 else ""
    return f"{len(result.data)} bytes to {to}{again}"
