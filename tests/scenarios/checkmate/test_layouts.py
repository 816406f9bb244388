"""Static offsets for the schedules that the policies make."""

import numpy as np
import pytest

from hardware_models.gpu.layout import lay_out, of_program
from scenarios.checkmate import portfolio
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.on_device import Costs, program
from scenarios.checkmate.paper_graphs import paper_graph
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import all_once, peak


@pytest.mark.parametrize("network", ["vgg16", "mobilenet", "unet", "fcn8", "segnet"])
def test_static_offsets_are_near_the_liveness_bound(network: str) -> None:
    graph = paper_graph(network, 16)
    costs = np.array([operator.traffic for operator in graph.operators])
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    for policy in ("checkpoint_all", "ap_sqrt", "linearized_greedy", "dtr", "greedy", "portfolio"):
        for share in (0.05, 0.2, 0.5, 0.8) if policy != "checkpoint_all" else (1.0,):
            problem = Problem(graph, costs, int(least + share * (most - least)))
            found = portfolio.quick(problem) if policy == "portfolio" else portfolio.POLICIES[policy](problem)
            if found.schedule is not None:
                asks = program(graph, found.schedule, Costs(costs, costs, costs), "sgd")
                static = lay_out(of_program(asks))
                assert static.height <= 1.03 * static.buffers.bound
