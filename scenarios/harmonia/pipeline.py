"""What the switch program of a run costs on its chip: stages, and the time a packet spends in it."""

from dataclasses import dataclass
from functools import cache

from hardware_models.tofino.card import TofinoCard
from hardware_models.tofino.expression import ActionParam
from hardware_models.tofino.placement import Placement, place
from hardware_models.tofino.program import EGRESS_PORT, UNSET_PORT, Action, Header, Parser, Program, Set, State, Table
from scenarios.harmonia.switch_program import Plan, build


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`stages` of the chip that the program takes, seconds in them, and seconds from port to port."""

    stages: int
    time: float
    port_to_port: float


def detecting(stages: int, slots: int, chip: TofinoCard) -> Pipeline:
    """Harmonia's program with that dirty set. Raises `UserError` if the chip has no room for it."""
    return _pipeline(_placed(stages, slots, chip))


def forwarding(chip: TofinoCard) -> Pipeline:
    """A program that only forwards: one table from destination to port."""
    return _pipeline(place(_forwarder(), chip))


@cache
def _placed(stages: int, slots: int, chip: TofinoCard) -> Placement:
    return place(build(Plan(stages, slots)), chip)


def _pipeline(placement: Placement) -> Pipeline:
    latency = placement.latency
    return Pipeline(placement.stages, latency.ingress_time + latency.egress_time, latency.port_to_port)


def _forwarder() -> Program:
    ip = Header("ip", destination=32)
    port = ActionParam("port", 9)
    to = Action("to", Set(EGRESS_PORT, port), params=(port,))
    table = Table("forward", ((ip.destination, "exact"),), (to,), 4096, default=to, default_data=(UNSET_PORT,))
    return Program("forward", (ip,), Parser(State(ip)), [table])
