"""The paper's own graphs, and the largest batches that follow from them."""

import numpy as np
import pytest

from scenarios.checkmate import goals, portfolio
from scenarios.checkmate.batches import at_batch
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.paper_graphs import PAPER_NETWORKS, layers, paper_graph
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.synthetic import random_graph, unit_chain
from sim.errors import UserError

#: Operators, edges and (where published) the bytes of keeping everything at the paper's batch.
PUBLISHED = {
    "vgg16": (256, 45, 87, 15_825_108_992),
    "vgg19": (256, 51, 99, None),
    "unet": (32, 71, 148, 20_959_461_376),
    "fcn8": (32, 73, 149, 13_484_795_520),
    "segnet": (32, 77, 151, None),
    "mobilenet": (512, 185, 367, None),
    "resnet50": (256, 353, 751, 38_059_356_160),
}
CAPACITY = 16_000_000_000


@pytest.mark.parametrize("network", PAPER_NETWORKS)
def test_the_papers_graphs_are_the_papers(network: str) -> None:
    batch, operators, edges, most = PUBLISHED[network]
    graph = paper_graph(network, batch)
    assert len(graph.operators) == operators
    assert sum(len(operator.inputs) for operator in graph.operators) == edges
    if most is not None:
        assert peak(graph, all_once(graph)) == most


def test_parameters_are_counted() -> None:
    # Keras' own counts
    expected = {"vgg16": 138_357_544, "vgg19": 143_667_240, "resnet50": 25_636_712, "mobilenet": 4_253_864}
    for network, parameters in expected.items():
        assert sum(layer.parameters for layer in layers(network)) == pytest.approx(parameters, rel=0.002)


def posed(network: str, batch: int) -> Problem:
    graph = paper_graph(network, batch)
    costs = np.array([operator.flops for operator in graph.operators])
    return Problem(graph, costs, CAPACITY - graph.fixed.parameters - graph.fixed.gradients)


@pytest.mark.parametrize(
    ("network", "largest"), [("vgg19", 289), ("unet", 61), ("fcn8", 57), ("segnet", 61), ("mobilenet", 1231)]
)
def test_the_largest_batch_is_the_bound(network: str, largest: int) -> None:
    found = goals.largest_batch(lambda batch: posed(network, batch), portfolio.quick)
    assert found == goals.Largest(largest, largest)
    assert not goals.affordable(posed(network, largest + 1), portfolio.quick)


def test_one_more_forward_pass_is_the_papers_limit() -> None:
    problem = Problem(unit_chain(4), np.ones(9), 9)
    assert goals.one_more_forward(problem) == pytest.approx(5 / 9)
    schedule = portfolio.quick(Problem(unit_chain(4), np.ones(9), 4)).schedule
    assert schedule is not None
    paid = cost(np.ones(9), schedule) / 9 - 1
    tight = Problem(unit_chain(4), np.ones(9), 4)
    assert goals.affordable(tight, portfolio.quick, paid)
    assert not goals.affordable(tight, portfolio.quick, paid - 0.05)


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_budget_is_between_its_bounds(seed: int) -> None:
    graph, costs = random_graph(seed, 12)
    problem = Problem(graph, costs, 1)
    most = peak(graph, all_once(graph))
    without = goals.smallest_budget(problem, portfolio.quick, 0.0)
    some = goals.smallest_budget(problem, portfolio.quick, 0.3)
    any_ = goals.smallest_budget(problem, portfolio.quick, 100.0)
    assert working_set(graph)[0] <= any_ <= some <= without <= most
    assert goals.affordable(Problem(graph, costs, some), portfolio.quick, 0.3)


def test_no_batch_at_all_is_nought() -> None:
    found = goals.largest_batch(lambda batch: Problem(unit_chain(3), np.ones(7), 1), portfolio.quick)
    assert found == goals.Largest(0, 0)


def test_networks_that_change_with_the_batch_are_refused() -> None:
    with pytest.raises(UserError, match="other operators"):
        at_batch(unit_chain(3), unit_chain(4), (1, 2), 3)
