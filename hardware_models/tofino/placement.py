"""Where a program's tables stand: stage by stage, as early as dependencies and room allow.

    placement = place(program, TofinoCard.model_validate("tofino1"))
    placement.stages, placement.latency.ingress, placement.totals.sram

Units that share a register or counter stand in one stage together. A gateway stands with the first unit of its blocks.
Among units that are ready, the one with the longest chain of dependents behind it comes first. Ingress and egress
share every stage's resources. Only tables that would not fit an empty stage are split over several.

Raises `UserError` with the compiler's reason if the program cannot be: first for what no stage could do (`check`), then
for chains longer than the pipe, then for want of room.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.check import check
from hardware_models.tofino.latency import Latencies, latencies
from hardware_models.tofino.phv import Containers, containers
from hardware_models.tofino.program import Program
from hardware_models.tofino.resources import Part, Use, data_blocks, lacking, stage_use
from hardware_models.tofino.units import Unit, dependency, units_of
from sim.errors import UserError


@dataclass(frozen=True)
class Placement:
    """A program on a chip: the parts in each stage, the containers of its header vector."""

    program: Program
    card: TofinoCard
    parts: tuple[tuple[Part, ...], ...]
    containers: Containers

    @cached_property
    def uses(self) -> tuple[Use, ...]:
        """What is taken of each stage of the pipe."""
        return tuple(stage_use(parts, self.card) for parts in self.parts)

    @cached_property
    def totals(self) -> Use:
        """What is taken of all stages together."""
        return sum(self.uses, Use())

    @property
    def stages(self) -> int:
        """Stages up to the last one in which something stands."""
        return max((stage + 1 for stage, parts in enumerate(self.parts) if parts), default=0)

    @cached_property
    def latency(self) -> Latencies:
        """Cycles of ingress and egress."""
        return latencies(self.parts, self.card)

    def stage_of(self, name: str) -> int:
        """The first stage of the table, register, counter or unit called `name`. Raises `KeyError`."""
        for stage, parts in enumerate(self.parts):
            for part in parts:
                if name in (part.unit.name, *part.unit.registers, *part.unit.counters):
                    return stage
        raise KeyError(name)


def place(program: Program, card: TofinoCard) -> Placement:
    """The program's placement on `card`. Raises `UserError` with the first reason why there is none."""
    units = units_of(program)
    check(program, units, card)
    _check_arrays(program, card)
    used = containers(program, card)
    return Placement(program, card, _Placer(program, units, card).run(), used)


def _check_arrays(program: Program, card: TofinoCard) -> None:
    for register in program.registers().values():
        blocks = data_blocks(register.slots, register.bits, card.memory)
        if blocks > card.alu.blocks:
            raise UserError(
                f"register {register.name} of {register.slots} slots of {register.bits} bits needs {blocks} SRAM "
                f"blocks; a register lives in one stage, which gives it {card.alu.blocks}"
            )


@dataclass(eq=False)
class _Cluster:
    """Units that stand in one stage together, and the gateways above them."""

    units: list[Unit]
    pins: list[int] = field(default_factory=list)
    rank: int = 0


class _Placer:
    def __init__(self, program: Program, units: Sequence[Unit], card: TofinoCard) -> None:
        self.program, self.units, self.card = program, units, card
        # before[v] = units that v depends on, and whether v must come in a later stage
        self.before: Mapping[int, list[tuple[Unit, bool]]] = {id(unit): _before(unit, units) for unit in units}
        self.clusters = _clusters(units)
        self.parts: list[list[Part]] = [[] for _ in range(card.stages)]
        self.last: dict[int, int] = {}  # the last stage of a placed unit
        self.left: dict[int, int] = {}  # entries of a table that is being split
        self.reasons: dict[int, str] = {}

    def run(self) -> tuple[tuple[Part, ...], ...]:
        self._check_depth()
        self._rank()
        waiting = sorted(self.clusters, key=lambda cluster: (-cluster.rank, cluster.units[0].order))
        for stage in range(self.card.stages):
            moved = True
            while moved:
                moved = False
                for cluster in list(waiting):
                    if self._try(cluster, stage):
                        waiting.remove(cluster)
                        moved = True
        if waiting:
            self._refuse(waiting[0])
        return tuple(map(tuple, self.parts))

    def _check_depth(self) -> None:
        """Refuses chains that are longer than the pipe, whatever the room."""
        level, behind = self._levels()
        deepest = max(self.units, key=lambda unit: level[id(unit)], default=None)
        if deepest is not None and level[id(deepest)] >= self.card.stages:
            raise UserError(
                f"program {self.program.name} needs {level[id(deepest)] + 1} dependent stages; {self.card.card} has "
                f"{self.card.stages} (the chain: {_chain(deepest, behind, level)})"
            )

    def _levels(self) -> tuple[dict[int, int], dict[int, Unit]]:
        """The first stage that dependencies leave each unit, and the unit that it waits for there."""
        level = {id(unit): 0 for unit in self.units}
        behind: dict[int, Unit] = {}
        for _ in range(len(self.units) + 1):
            before = dict(level)
            for unit in self.units:
                for other, later in self.before[id(unit)]:
                    if level[id(other)] + later > level[id(unit)]:
                        level[id(unit)], behind[id(unit)] = level[id(other)] + later, other
            for cluster in self.clusters:
                last = max(cluster.units, key=lambda unit: level[id(unit)])
                for unit in cluster.units:
                    if level[id(unit)] < level[id(last)]:
                        level[id(unit)], behind[id(unit)] = level[id(last)], behind[id(last)]
            if level == before:
                return level, behind
        shared = next(
            name for cluster in self.clusters if len(cluster.units) > 1 for name in cluster.units[0].registers
        )
        raise UserError(f"program {self.program.name} needs register {shared} in two stages; a register lives in one")

    def _rank(self) -> None:
        """The longest chain behind each cluster."""
        rank = {id(unit): 0 for unit in self.units}
        for unit in reversed(self.units):
            for other, later in self.before[id(unit)]:
                rank[id(other)] = max(rank[id(other)], rank[id(unit)] + later)
        for cluster in self.clusters:
            cluster.rank = max(rank[id(unit)] for unit in cluster.units)

    def _try(self, cluster: _Cluster, stage: int) -> bool:
        """Places the cluster, with the gateways above it that stand nowhere yet, if it may stand here and fits."""
        if any(pin != stage for pin in cluster.pins):
            return False
        above = {id(gate): gate for unit in cluster.units for gate, _ in unit.guards if id(gate) not in self.last}
        new = [*above.values(), *cluster.units]
        if not all(self._ready(unit, stage, new) for unit in new):
            return False
        parts = [Part(unit, self._entries(unit)) for unit in new]
        short = lacking(stage_use([*self.parts[stage], *parts], self.card), self.card)
        if short is None:
            self._put(parts, stage)
            return True
        self.reasons[id(cluster)] = short
        table = cluster.units[0].table
        if table is not None and len(cluster.units) == 1 and lacking(stage_use(parts, self.card), self.card):
            self._split(cluster.units[0], [Part(unit) for unit in above.values()], stage)
        return False

    def _entries(self, unit: Unit) -> int:
        return self.left.get(id(unit), unit.table.size) if unit.table is not None else 0

    def _ready(self, unit: Unit, stage: int, with_it: Sequence[Unit]) -> bool:
        together = set(map(id, with_it))
        for other, later in self.before[id(unit)]:
            if id(other) in together and not later:
                continue
            if id(other) not in self.last or self.last[id(other)] + later > stage:
                return False
        return True

    def _put(self, parts: Sequence[Part], stage: int) -> None:
        self.parts[stage].extend(parts)
        self.last.update({id(part.unit): stage for part in parts})

    def _split(self, unit: Unit, gates: Sequence[Part], stage: int) -> None:
        """As many entries as this stage has room for; the rest waits for the next."""
        if any(part.unit is unit for part in self.parts[stage]):
            return
        low, high = 0, self._entries(unit)
        while low < high:
            middle = (low + high + 1) // 2
            trial = stage_use([*self.parts[stage], *gates, Part(unit, middle)], self.card)
            low, high = (middle, high) if lacking(trial, self.card) is None else (low, middle - 1)
        if low:
            self.parts[stage].extend([*gates, Part(unit, low)])
            self.last.update({id(gate.unit): stage for gate in gates})
            self.left[id(unit)] = self._entries(unit) - low

    def _refuse(self, cluster: _Cluster) -> None:
        name = cluster.units[0].name
        if cluster.pins:
            pins = " and ".join(str(pin) for pin in dict.fromkeys(cluster.pins))
            why = self.reasons.get(id(cluster), "what it depends on does not stand before it")
            raise UserError(f"'{name}' is pinned to stage {pins} of {self.card.stages}, where it cannot stand: {why}")
        parts = [Part(unit, self._entries(unit)) for unit in cluster.units]
        alone = lacking(stage_use(parts, self.card), self.card)
        if alone is not None and cluster.units[0].table is None:
            raise UserError(f"'{name}' needs {alone} that a stage has")
        why = self.reasons.get(id(cluster), "what it depends on takes them all")
        raise UserError(
            f"program {self.program.name} does not fit {self.card.card}: no stage of {self.card.stages} has room for "
            f"'{name}' after what it depends on ({why})"
        )


def _before(unit: Unit, units: Sequence[Unit]) -> list[tuple[Unit, bool]]:
    found = []
    for other in units[: unit.order]:
        kind = dependency(other, unit)
        if kind is not None:
            found.append((other, kind in ("match", "action")))
    return found


def _clusters(units: Sequence[Unit]) -> list[_Cluster]:
    """Units that are no gateways, joined where they share a register or counter."""
    owner: dict[str, _Cluster] = {}
    clusters: list[_Cluster] = []
    for unit in units:
        if unit.condition is not None:
            continue
        cluster = _Cluster([unit])
        for name in (*unit.registers, *unit.counters):
            other = owner.get(name)
            if other is not None and other is not cluster:
                cluster.units = [*other.units, *cluster.units]
                clusters.remove(other)
                owner = {key: cluster if value is other else value for key, value in owner.items()}
            owner[name] = cluster
        clusters.append(cluster)
    for cluster in clusters:
        for unit in cluster.units:
            stages = [unit.table.stage if unit.table else None, *(one.stage for one in unit.registers.values())]
            cluster.pins += [stage for stage in stages if stage is not None]
    return clusters


def _chain(unit: Unit, behind: Mapping[int, Unit], level: Mapping[int, int]) -> str:
    names = [unit.name]
    at = unit
    while id(at) in behind:
        if level[id(behind[id(at)])] < level[id(at)]:
            names.append(behind[id(at)].name)
        at = behind[id(at)]
    shown = names[::-1]
    return " -> ".join(shown if len(shown) <= 4 else [*shown[:2], "...", *shown[-2:]])
