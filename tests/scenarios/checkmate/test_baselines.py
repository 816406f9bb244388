"""What every baseline owes: a schedule that the judge accepts, or a sentence, on graphs of every shape."""

import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalikes import LOOKALIKES, lookalike
from numpy.typing import NDArray

from scenarios.checkmate import chen, dtr, griewank
from scenarios.checkmate.graph import Graph, Operator, Value, working_set
from scenarios.checkmate.graph_file import check
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, all_once, cost, is_staged, memory, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph

Costs = NDArray[np.float64]
BASELINES: dict[str, Callable[[Problem], Solution]] = {
    "chen_sqrt": lambda problem: chen.solve_sqrt(problem, "linear"),
    "chen_greedy": lambda problem: chen.solve_greedy(problem, "linear"),
    "ap_sqrt": lambda problem: chen.solve_sqrt(problem, "articulation"),
    "ap_greedy": lambda problem: chen.solve_greedy(problem, "articulation"),
    "linearized_sqrt": lambda problem: chen.solve_sqrt(problem, "linearized"),
    "linearized_greedy": lambda problem: chen.solve_greedy(problem, "linearized"),
    "griewank": griewank.solve_griewank,
    "dtr": dtr.solve_dtr,
}
#: Rules with a parameter that can say "recompute nothing".
TUNED = ("ap_greedy", "linearized_greedy", "dtr")


def training_graph(seed: int, chain: bool) -> tuple[Graph, Costs]:
    """A random training graph: several outputs, workspaces, statistics and parameter gradients among the results."""
    rng = np.random.default_rng(seed)
    operators: list[Operator] = []
    values: list[Value] = []
    results: set[int] = set()

    def add(name: str, inputs: list[int], outputs: int, backward: bool) -> tuple[int, ...]:
        """The first output is large, the others are a mask, a statistic or a parameter's gradient."""
        made = tuple(range(len(values), len(values) + outputs))
        sizes = [int(rng.integers(5, 20)), *rng.integers(0, 3, outputs - 1).tolist()]
        values.extend(Value(f"value{value}", size) for value, size in zip(made, sizes, strict=True))
        operators.append(Operator(name, tuple(inputs), made, workspace=int(rng.integers(0, 6)), backward=backward))
        return made

    def some(among: list[int], least: int = 0) -> list[int]:
        return [int(value) for value in rng.choice(among, int(rng.integers(least, len(among) + 1)), replace=False)]

    forward: list[tuple[int, ...]] = []
    for index in range(int(rng.integers(5, 16))):
        near = [] if index == 0 else list(forward[-1])
        far = [] if chain or index == 0 else some([value for made in forward[:-1] for value in made])[:2]
        forward.append(add(f"forward{index}", [*near[:1], *far], int(rng.integers(1, 4)), False))
        results |= {value for value in forward[-1][1:] if rng.random() < 0.3}
    upstream = add("loss", [forward[-1][0]], 1, False)
    results.add(upstream[0])
    for index in reversed(range(len(forward))):
        saved = sorted({*forward[index], *operators[index].inputs})
        made = add(f"gradient{index}", [upstream[0], *some(saved, 1)], 2, True)
        results.add(made[1])
        upstream = made
    graph = Graph(f"training-{seed}", tuple(operators), tuple(values), frozenset(results))
    check(graph, has_costs=True)
    return graph, rng.integers(1, 10, len(operators)).astype(np.float64)


def between(graph: Graph, fraction: float) -> int:
    """A budget between what the largest operator needs (0) and what keeping everything does (1)."""
    least, most = working_set(graph)[0], peak(graph, all_once(graph))
    return least + int(fraction * (most - least))


def honest(problem: Problem, solution: Solution) -> None:
    """A schedule within the budget at its true cost, or a reason and nothing else."""
    if solution.schedule is None:
        assert solution.answer is Answer.NOT_FOUND
        assert solution.reason
        assert "\n" not in solution.reason
        return
    assert solution.answer is Answer.FEASIBLE
    seconds = cost(problem.costs, solution.schedule)
    verdict = validate(problem, solution.schedule, seconds)
    assert verdict.valid, verdict.reason
    assert verdict.peak <= problem.budget
    assert problem.costs.sum() * (1 - 1e-9) <= solution.bound <= seconds * (1 + 1e-9)


def simulated(graph: Graph, schedule: Schedule) -> list[int]:
    """Bytes at each step by looking ahead, value by value: is it still to be read before it is made again?"""
    use = []
    resident: set[int] = set()
    for step, index in enumerate(schedule.order):
        operator = graph.operators[index]
        resident |= set(operator.outputs)
        use.append(sum(graph.values[value].bytes for value in resident) + operator.workspace)
        resident = {value for value in resident if wanted(graph, schedule.order[step + 1 :], value)}
    return use


def wanted(graph: Graph, rest: tuple[int, ...], value: int) -> bool:
    for index in rest:
        if value in graph.operators[index].inputs:
            return True
        if value in graph.operators[index].outputs:
            return False
    return value in graph.results


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.2, 0.4, 0.6, 0.8]), st.sampled_from(sorted(BASELINES)))
@settings(deadline=None, max_examples=150)
def test_random_training_graphs(seed: int, chain: bool, fraction: float, name: str) -> None:
    graph, costs = training_graph(seed, chain)
    problem = Problem(graph, costs, between(graph, fraction))
    solution = BASELINES[name](problem)
    honest(problem, solution)
    if solution.schedule is not None:
        assert memory(graph, solution.schedule).tolist() == simulated(graph, solution.schedule)
        assert BASELINES[name](problem) == solution


@given(st.integers(0, 10_000), st.sampled_from([0.2, 0.5, 0.8]), st.sampled_from(sorted(BASELINES)))
@settings(deadline=None, max_examples=60)
def test_graphs_without_a_backward_pass(seed: int, fraction: float, name: str) -> None:
    graph, costs = random_graph(seed, 9, workspace=3)
    problem = Problem(graph, costs, between(graph, fraction))
    honest(problem, BASELINES[name](problem))


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(TUNED))
@settings(deadline=None, max_examples=60)
def test_enough_memory_costs_one_pass(seed: int, chain: bool, name: str) -> None:
    graph, costs = training_graph(seed, chain)
    solution = BASELINES[name](Problem(graph, costs, peak(graph, all_once(graph))))
    assert solution.schedule == all_once(graph)


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from(sorted(BASELINES)))
@settings(deadline=None, max_examples=60)
def test_nothing_fits_below_the_working_set(seed: int, chain: bool, name: str) -> None:
    graph, costs = training_graph(seed, chain)
    solution = BASELINES[name](Problem(graph, costs, working_set(graph)[0] - 1))
    assert solution.answer is Answer.NOT_FOUND


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=60)
def test_memory_is_what_a_step_by_step_simulation_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph, _ = random_graph(seed, 10, most_outputs=3, workspace=5)
    order: list[int] = []
    for index in range(10):
        order += [int(again) for again in rng.integers(0, index + 1, int(rng.integers(0, 4))) if again < index]
        order.append(index)
    assert memory(graph, Schedule(tuple(order))).tolist() == simulated(graph, Schedule(tuple(order)))


@pytest.mark.parametrize("fraction", [0.8, 0.5])
@pytest.mark.parametrize("network", LOOKALIKES)
def test_lookalikes(network: str, fraction: float) -> None:
    graph, costs = lookalike(network)
    problem = Problem(graph, costs, int(peak(graph, all_once(graph)) * fraction))
    for solve in BASELINES.values():
        honest(problem, solve(problem))


def test_a_thousand_operators() -> None:
    graph, costs = layered_graph(zlib.crc32(b"thousand") % 1000, 500)
    problem = Problem(graph, costs, int(peak(graph, all_once(graph)) * 0.8))
    for name in ("ap_sqrt", "linearized_sqrt", "dtr"):
        solution = BASELINES[name](problem)
        honest(problem, solution)
        assert name == "dtr" or solution.schedule is None or is_staged(solution.schedule)
