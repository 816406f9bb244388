"""DTR against a plain version of itself, and on cases worked out by hand."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lookalikes import lookalike

from scenarios.checkmate import dtr
from scenarios.checkmate.graph import Graph, Operator, Value
from scenarios.checkmate.greedy import arrays
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.interpreter import validate
from scenarios.checkmate.problem import Answer, Problem
from scenarios.checkmate.schedule import Schedule, all_once, cost, peak
from scenarios.checkmate.synthetic import layered_graph, random_graph, unit_chain


class OutOfMemoryError(Exception):
    """Nothing is left to evict."""


@dataclass
class Runtime:
    """DTR with sets and recursion, straight from the paper's description."""

    problem: Problem
    rule: dtr.Rule
    resident: set[int] = field(default_factory=set)
    made: set[int] = field(default_factory=set)
    locks: list[tuple[int, ...]] = field(default_factory=list)
    touched: dict[int, float] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    clock: float = 0.0

    def __post_init__(self) -> None:
        self.graph = self.problem.graph
        self.producer = self.graph.producers().tolist()
        self.users = self.graph.users()
        results = [1 if value in self.graph.results else 0 for value in range(len(self.graph.values))]
        self.left = [len(users) + more for users, more in zip(self.users, results, strict=True)]

    def run(self) -> list[int]:
        for index in range(len(self.graph.operators)):
            self.perform(index, True)
        self.locks.append(tuple(sorted(self.graph.results)))
        self.bring(self.locks[-1])
        return self.order

    def bring(self, values: tuple[int, ...]) -> None:
        while missing := [value for value in values if value not in self.resident]:
            self.perform(self.producer[missing[0]], False)

    def perform(self, index: int, program: bool) -> None:
        operator = self.graph.operators[index]
        self.locks.append(operator.inputs)
        self.bring(operator.inputs)
        self.make_room(index)
        self.order.append(index)
        self.clock += self.problem.costs[index]
        self.resident |= set(operator.outputs)
        self.made |= set(operator.outputs)
        self.locks.pop()
        for value in operator.inputs:
            self.left[value] -= program
        for value in (*operator.outputs, *operator.inputs):
            self.touched[value] = self.clock
            waits = any(value in each for each in self.locks)
            if self.rule.eager and self.left[value] == 0 and not waits:
                self.resident.discard(value)

    def make_room(self, index: int) -> None:
        operator = self.graph.operators[index]
        while True:
            there = self.resident | set(operator.outputs)
            if sum(self.graph.values[v].bytes for v in there) + operator.workspace <= self.problem.budget:
                return
            open_ = [
                v for v in sorted(self.resident - {*operator.inputs, *operator.outputs}) if self.graph.values[v].bytes
            ]
            unlocked = [v for v in open_ if not any(v in each for each in self.locks)]
            if not open_:
                raise OutOfMemoryError
            self.resident.discard(min(unlocked or open_, key=self.h))

    def h(self, value: int) -> float:
        around = {self.producer[value]}
        seconds = self.problem.costs[self.producer[value]]
        if self.rule.around >= dtr.BEFORE:
            seconds += sum(self.problem.costs[sorted(self.before(value) - around)])
        if self.rule.around >= dtr.WANTED:
            seconds += sum(self.problem.costs[sorted(self.after(value) - around)])
        stale = max(self.clock - self.touched[value], 1e-9 * self.clock)
        return float(
            seconds**self.rule.cost / (self.graph.values[value].bytes ** self.rule.size * stale**self.rule.staleness)
        )

    def before(self, value: int) -> set[int]:
        gone = [v for v in self.graph.operators[self.producer[value]].inputs if v not in self.resident]
        return {self.producer[v] for v in gone}.union(*(self.before(v) for v in gone))

    def after(self, value: int) -> set[int]:
        found: set[int] = set()
        for user in self.users[value]:
            for output in self.graph.operators[user].outputs:
                gone = output in self.made and output not in self.resident
                if gone and (self.rule.around == dtr.FULL or self.left[output]):
                    found |= {user} | self.after(output)
        return found


def compiled(problem: Problem, rule: dtr.Rule) -> list[int]:
    users = incidence(problem.graph).users
    a = dtr.with_end(arrays(problem), problem.graph)
    return dtr.run_online(a, users.start, users.items, rule, np.inf).tolist()  # type: ignore[no-any-return]


def plain(problem: Problem, rule: dtr.Rule) -> list[int]:
    try:
        return Runtime(problem, rule).run()
    except (OutOfMemoryError, RecursionError):
        return []


@given(st.integers(0, 10_000), st.sampled_from(sorted(dtr.RULES)), st.sampled_from([0.6, 0.75, 0.9]))
@settings(deadline=None, max_examples=150)
def test_the_compiled_runtime_is_the_plain_one(seed: int, name: str, fraction: float) -> None:
    graph, costs = random_graph(seed, 12, workspace=3)
    problem = Problem(graph, costs, int(peak(graph, all_once(graph)) * fraction))
    found = compiled(problem, dtr.RULES[name])
    if found:
        assert found == plain(problem, dtr.RULES[name])
        assert validate(problem, Schedule(tuple(found))).valid


@pytest.mark.parametrize("name", sorted(dtr.RULES))
@pytest.mark.parametrize("fraction", [0.8, 0.5])
def test_so_it_is_on_networks(name: str, fraction: float) -> None:
    for graph, costs in (lookalike("U-Net"), layered_graph(5, 20)):
        problem = Problem(graph, np.round(costs / costs.min()), int(peak(graph, all_once(graph)) * fraction))
        found = compiled(problem, dtr.RULES[name])
        if found:
            assert found == plain(problem, dtr.RULES[name])


def test_each_compiled_function_is_its_plain_version() -> None:
    graph, costs = layered_graph(2, 12)
    problem = Problem(graph, costs, int(peak(graph, all_once(graph)) * 0.7))
    a, users = dtr.with_end(arrays(problem), graph), incidence(graph).users
    for rule in dtr.RULES.values():
        arguments = (a, users.start, users.items, rule, np.inf)
        assert dtr.run_online(*arguments).tolist() == dtr.run_online.py_func(*arguments).tolist()


def test_the_stale_and_large_goes_first() -> None:
    """Three equally dear values; the oldest is evicted by the local rule, the largest by size alone."""
    graph = Graph(
        "three",
        (
            Operator("old", (), (0,)),
            Operator("large", (), (1,)),
            Operator("new", (), (2,)),
            Operator("big", (), (3,)),
            Operator("sum", (0, 1, 2), (4,)),
        ),
        (Value("old:out", 4), Value("large:out", 5), Value("new:out", 4), Value("big:out", 4), Value("sum:out", 1)),
        frozenset({4}),
    )
    problem = Problem(graph, np.ones(5), 14)
    assert compiled(problem, dtr.RULES["local"]) == [0, 1, 2, 3, 0, 4]
    assert compiled(problem, dtr.RULES["size"]) == [0, 1, 2, 3, 1, 4]


def test_a_result_is_evicted_and_made_again_at_the_end() -> None:
    graph = Graph(
        "late",
        (
            Operator("statistic", (), (0,)),
            Operator("wide", (), (1,)),
            Operator("narrow", (1,), (2,)),
        ),
        (Value("statistic:out", 3), Value("wide:out", 6), Value("narrow:out", 2)),
        frozenset({0, 2}),
    )
    found = dtr.solve_dtr(Problem(graph, np.ones(3), 8))
    assert found.schedule == Schedule((0, 1, 2, 0))


def test_a_dearer_rule_stops_early() -> None:
    problem = Problem(unit_chain(16), np.ones(33), 8)
    users, a = incidence(problem.graph).users, dtr.with_end(arrays(problem), problem.graph)
    assert len(dtr.run_online(a, users.start, users.items, dtr.RULES["local"], 40.0)) == 0


@pytest.mark.parametrize(("budget", "optimum"), [(8, 43), (6, 47), (5, 54)])
def test_unit_chains_near_the_proven_optimum(budget: int, optimum: int) -> None:
    found = dtr.solve_dtr(Problem(unit_chain(16), np.ones(33), budget))
    assert found.schedule is not None
    assert optimum <= cost(np.ones(33), found.schedule) <= 1.25 * optimum


def test_out_of_memory_is_a_sentence() -> None:
    found = dtr.solve_dtr(Problem(unit_chain(4), np.ones(9), 2))
    assert found.answer is Answer.NOT_FOUND
    assert found.reason == "all of DTR's rules run out of memory or thrash within 2 B"
