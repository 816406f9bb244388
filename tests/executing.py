"""What the tests of execution share: schedules for a memory, without asking what operators really cost."""

from torch import Tensor, nn

from hardware_models.gpu.card import GpuCard
from scenarios.checkmate.capture import Capture, capture
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.executable import fine_schedule
from scenarios.checkmate.graph import Graph, working_set
from scenarios.checkmate.on_device import kernel_costs, merged
from scenarios.checkmate.portfolio import heuristics
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import Schedule, all_once, peak


def between(graph: Graph, shares: tuple[float, ...]) -> list[Schedule]:
    """Schedules for memories between the least (0) and keeping everything (1)."""
    coarse = coarsen(graph)
    costs = merged(kernel_costs(graph, GpuCard.model_validate("v100"), "fp32", "roofline"), coarse.parts).solver
    results = sum(graph.values[value].bytes for value in graph.results)
    least, most = max(working_set(coarse.graph)[0], results), peak(coarse.graph, all_once(coarse.graph))
    found = [heuristics(Problem(coarse.graph, costs, int(least + share * (most - least)))) for share in shares]
    return [fine_schedule(coarse, one.schedule) for one in found if one.schedule is not None]


def recorded(case: tuple[nn.Module, tuple[Tensor, ...]]) -> Capture:
    """The captured step."""
    return capture(*case, "test")


def everything_twice(graph: Graph) -> Schedule:
    """Each operator run, and the whole forward run again before the backward begins."""
    forward = [index for index, operator in enumerate(graph.operators) if not operator.backward]
    backward = [index for index, operator in enumerate(graph.operators) if operator.backward]
    return Schedule((*forward, *forward, *backward))
