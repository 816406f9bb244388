"""The least cost of any schedule, by Dijkstra's algorithm over states: the oracle for graphs of a few operators.

A state is how many operators have run for the first time, what is resident, and how far the stage has come. A
step runs an operator and then keeps any subset of what is resident. It shares nothing with the solvers but the
problem, and its states grow as 2 to the number of values.
"""

import heapq
from itertools import combinations

from scenarios.checkmate.problem import Problem


def least_cost(problem: Problem, staged: bool = True) -> float | None:
    """Seconds of the cheapest schedule; None if none fits.

    Over staged schedules, or over all whose first runs follow the graph's order.

    >>> from scenarios.checkmate.synthetic import unit_chain
    >>> import numpy as np
    >>> [least_cost(Problem(unit_chain(3), np.ones(7), budget)) for budget in (2, 3, 4, 5)]
    [None, 10.0, 8.0, 7.0]
    """
    operators, values = problem.graph.operators, problem.graph.values
    count = len(operators)
    start = (0, frozenset[int](), -1)
    best = {start: 0.0}
    queue = [(0.0, 0, start)]
    pushed = 0
    while queue:
        spent, _, state = heapq.heappop(queue)
        if best[state] < spent:
            continue
        begun, resident, latest = state
        if begun == count and problem.graph.results <= resident:
            return spent
        for index in range(min(begun + 1, count)):
            operator = operators[index]
            if not set(operator.inputs) <= resident or (staged and index <= latest):
                continue
            here = resident | set(operator.outputs)
            if sum(values[value].bytes for value in here) + operator.workspace > problem.budget:
                continue
            first = index == begun
            for kept in _subsets(here):
                after = (begun + first, kept, -1 if first or not staged else index)
                total = spent + float(problem.costs[index])
                if total < best.get(after, float("inf")):
                    best[after] = total
                    pushed += 1
                    heapq.heappush(queue, (total, pushed, after))
    return None


def _subsets(items: frozenset[int]) -> list[frozenset[int]]:
    return [frozenset(chosen) for size in range(len(items) + 1) for chosen in combinations(sorted(items), size)]
