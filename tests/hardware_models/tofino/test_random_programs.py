"""What must hold for every program: it is refused, or its placement keeps its meaning and the chip's limits."""

from dataclasses import fields as names

import pytest
from random_programs import RandomProgram

from hardware_models.tofino.batch import BatchEngine, Packets
from hardware_models.tofino.interpreter import Interpreter
from hardware_models.tofino.placement import place
from hardware_models.tofino.resources import limits
from hardware_models.tofino.units import dependency, units_of
from sim.errors import UserError

SEEDS = range(300)


class Staged(Interpreter):
    """Runs a placement as a chip does: stage by stage, everything in a stage on what the stage before left.

    Gateways of a stage are known before what they guard; results of a stage appear together at its end.
    """

    def __init__(self, placement):
        super().__init__(placement.program, placement.card)
        self.parts = placement.parts

    def _block(self, block, packet):
        gress = "ingress" if block is self.program.ingress else "egress"
        truths, values = {}, packet.values
        for parts in self.parts:
            before, after = packet.values, dict(packet.values)
            for unit in sorted((part.unit for part in parts if part.unit.gress == gress), key=lambda unit: unit.order):
                if any(truths.get(id(gate)) is not side for gate, side in unit.guards):
                    continue
                packet.values = dict(before)
                if unit.condition is not None:
                    truths[id(unit)] = self._holds(unit.condition, packet)
                    continue
                body = [unit.table] if unit.table is not None else unit.actions[0].statements
                super()._block(body, packet)
                after.update({name: packet.values[name] for name in unit.writes if packet.values[name] != before[name]})
            packet.values = after
        values.update(packet.values)
        packet.values = values


def placed(seed, card):
    made = RandomProgram(seed)
    try:
        return made, place(made.program, card)
    except UserError:
        return made, None


def test_placements_keep_dependencies_and_limits(one):
    """Later stages for what waits, one stage for a register, no more of anything than a stage has, nothing left out."""
    accepted = 0
    for seed in SEEDS:
        made, placement = placed(seed, one)
        if placement is None:
            continue
        accepted += 1
        where = {part.unit.name: stage for stage, parts in enumerate(placement.parts) for part in parts}
        units = [part.unit for parts in placement.parts for part in parts]
        assert len(units) == len(units_of(made.program)), seed
        stage = {id(part.unit): number for number, parts in enumerate(placement.parts) for part in parts}
        for unit in units:
            for other in units:
                kind = dependency(other, unit) if other.order < unit.order else None
                if kind is not None:
                    assert stage[id(unit)] >= stage[id(other)] + (kind in ("match", "action")), (seed, where)
        for use in placement.uses:
            assert all(getattr(use, each.name) <= getattr(limits(one), each.name) for each in names(use)), seed
    assert accepted > len(SEEDS) / 3


def test_placements_keep_the_meaning(one):
    """Stage by stage, in parallel within a stage, a placement does to packets what the program says in its order."""
    compared = 0
    for seed in SEEDS:
        made, placement = placed(seed, one)
        if placement is None:
            continue
        plain, staged = Interpreter(made.program, one), Staged(placement)
        for data in made.packets(40):
            assert staged.process(data) == plain.process(data), seed
            compared += 1
    assert compared > 3000


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_both_engines_run_random_programs_alike(seed, one):
    made = RandomProgram(seed)
    exact, batch = Interpreter(made.program, one), BatchEngine(made.program, one)
    packets = made.packets(3000)
    answers = list(batch.process(Packets.of(packets, 20)))
    assert answers == [exact.process(data, 20) for data in packets]
    assert len(set(answers)) > 100
    for name, halves in exact.state.registers.items():
        assert all((mine == other).all() for mine, other in zip(halves, batch.state.registers[name], strict=True)), name
