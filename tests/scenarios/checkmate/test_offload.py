"""Paging: what it promises on 200 random cases, three accounts of its time and memory, and what it refuses."""

from dataclasses import replace
from itertools import pairwise
from math import inf

import numpy as np
import pytest

from hardware_models.gpu.allocator import ExactAllocator
from hardware_models.gpu.device import replay
from hardware_models.gpu.layout import lay_out, of_program
from scenarios.checkmate import greedy, offload, paging
from scenarios.checkmate.graph import working_set
from scenarios.checkmate.interpreter import Leave, Return, execute, lower, validate
from scenarios.checkmate.on_device import Costs, program
from scenarios.checkmate.problem import Answer, Link, Problem
from scenarios.checkmate.schedule import Schedule, Trip, all_once, cost, memory, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain

SPEEDS = (0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 10.0, 100.0, 1e4, inf)


def posed(case: int) -> Problem:
    graph, costs = layered_graph(case, 6 + case % 7) if case % 2 else random_graph(case, 16, workspace=3)
    final = graph.operators[-1]
    end = sum(graph.values[value].bytes for value in {*graph.results, *final.inputs, *final.outputs}) + final.workspace
    least, most = max(working_set(graph)[0], end), peak(graph, all_once(graph))
    return Problem(graph, costs, int(least + (0.1 + 0.2 * (case % 5)) * (most - least)))


def over(problem: Problem, speed: float, latency: float = 0.0) -> Problem:
    """The problem with a link of `speed` bytes per second of a mean operator."""
    return replace(
        problem, link=Link(speed * float(problem.graph.value_bytes().mean() / problem.costs.mean()), latency)
    )


@pytest.mark.parametrize("case", range(200))
def test_promises(case: int) -> None:
    problem = posed(case)
    once = float(problem.costs.sum())
    recomputing = greedy.search(problem)
    alone = inf if recomputing.schedule is None else cost(problem.costs, recomputing.schedule)
    spent: list[float] = []
    for speed in SPEEDS:
        linked = over(problem, speed)
        mixed, paged = offload.solve_mixed(linked), offload.solve_offload(linked)
        spent.append(paging.makespan(linked, mixed.schedule) if mixed.schedule else inf)
        pure = paging.makespan(linked, paged.schedule) if paged.schedule else inf
        assert spent[-1] <= min(alone, pure) * (1 + 1e-12)
        for found in (mixed, paged):
            if found.schedule:
                assert validate(linked, found.schedule).valid
    assert spent[0] == pytest.approx(alone, rel=1e-12)
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(spent))
    assert spent[-1] == pytest.approx(once)


@pytest.mark.parametrize("case", range(24))
def test_the_device_takes_the_time_that_the_policy_claims(case: int) -> None:
    problem = over(posed(case), (0.3, 2.0, 20.0)[case % 3], latency=0.1)
    solve = offload.solve_offload if case % 2 else offload.solve_mixed
    found = solve(problem).schedule
    assert found is not None
    costs = Costs(problem.costs, problem.costs, problem.costs)
    asks = program(problem.graph, found, costs, "sgd", problem.link)
    ran = replay(asks, ExactAllocator(1 << 40))
    assert ran.out_of_memory is None
    assert ran.seconds == pytest.approx(paging.makespan(problem, found))
    assert ran.peak_live == peak(problem.graph, found) == validate(problem, found).peak <= problem.budget
    static = lay_out(of_program(asks), rounds=50)
    assert static.buffers.bound <= static.height


def test_a_trip_by_hand() -> None:
    # a chain of three layers, unit costs: forward0 (1 byte) is with the host from step 2 on
    graph = unit_chain(3)
    problem = Problem(graph, np.ones(7), 4, Link(bandwidth=0.5))
    schedule = Schedule(tuple(range(7)), (Trip(0, 2, 6),))
    assert memory(graph, schedule).tolist() == [1, 2, 2, 3, 4, 3, 3]
    (journey,) = paging.journeys(graph, schedule)
    assert (journey.made, journey.used) == (0, 6)
    # out from 1 to 3: step 2 waits from 2 to 3; in from 7 to 9, which step 6 waits for, and ends at 10
    assert paging.makespan(problem, schedule) == 10.0
    assert paging.makespan(replace(problem, link=Link()), schedule) == inf
    early = Schedule(tuple(range(7)), (Trip(0, 2, 4),))
    assert paging.makespan(problem, early) == 8.0
    plan = lower(graph, schedule)
    assert plan.index(Leave(0)) < plan.index(Return(0))
    assert validate(problem, schedule, 7.0).valid


def test_the_judge_refuses_impossible_trips() -> None:
    graph = unit_chain(3)
    problem = Problem(graph, np.ones(7), 9)
    away = Schedule(tuple(range(7)), (Trip(0, 1, 6),))
    assert "without its input" in validate(problem, away).reason
    with pytest.raises(ValueError, match="cannot be away"):
        memory(graph, away)
    assert "cannot return" in execute(problem, (Return(0),)).reason
    assert "not resident" in execute(problem, (Leave(0),)).reason


def test_without_a_link_paging_alone_finds_nothing_and_says_why() -> None:
    problem = posed(3)
    found = offload.solve_offload(problem)
    assert found.answer is Answer.NOT_FOUND
    assert "host_link.bandwidth is 0" in found.reason
    tiny = replace(problem, budget=1, link=Link(1.0))
    assert "no schedule was found" in offload.solve_offload(tiny).reason


def test_what_fits_stays() -> None:
    problem = over(posed(1), 1.0)
    roomy = replace(problem, budget=peak(problem.graph, all_once(problem.graph)))
    found = offload.solve_mixed(roomy)
    assert found.schedule == all_once(problem.graph)
