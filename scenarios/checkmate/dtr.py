"""Dynamic tensor rematerialization (arXiv:2006.09616): decide what to evict while the program runs.

Operators run in the graph's order. When memory is short, the resident value with the least

    h(v) = (cost of recomputing v) / (bytes of v * time since its last use)

is evicted; what is missing is recomputed on demand. The local rule takes the cost of v's own operator; the
full rule adds the operators of evicted values around it: those that v needs, and those that need v. Nothing
is known about the future, except that a value whose uses have all run is dropped.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.checkmate.eviction import Arrays, Ints
from scenarios.checkmate.greedy import arrays
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule, cost

LOCAL, FULL = 0, 1
_MOST_STEPS = 30  # runs per operator, on average, after which the program counts as thrashing


def solve_dtr(problem: Problem) -> Solution:
    """The cheaper of DTR's full and local rule."""
    found = online_schedules(problem)
    if not found:
        return Solution(Answer.NOT_FOUND, reason=f"DTR ran out of memory or thrashed in {problem.budget} bytes")
    return Solution(Answer.FEASIBLE, min(found, key=lambda each: cost(problem.costs, each)))


def online_schedules(problem: Problem) -> tuple[Schedule, ...]:
    """What the full and the local rule run, where they get through."""
    orders = [run_online(arrays(problem), rule) for rule in (FULL, LOCAL)]
    return tuple(Schedule(tuple(order.tolist())) for order in orders if len(order))


@njit(cache=True)
def run_online(a: Arrays, rule: int) -> Ints:
    """The sequence of operators that DTR runs, or an empty one when it runs out of memory or thrashes."""
    operators, values = len(a.costs), len(a.bytes)
    resident = np.zeros(values, np.bool_)
    made = np.zeros(values, np.bool_)
    locks = np.zeros(values, np.int64)
    left = np.zeros(values, np.int64)  # uses by operators that have not run yet
    for value in a.in_items:
        left[value] += 1
    touched = np.zeros(values)
    order = np.empty(_MOST_STEPS * operators, np.int64)
    stack = np.empty(operators + 1, np.int64)
    steps, held, clock = 0, 0, 0.0
    for first in range(operators):
        stack[0] = first
        depth = 1
        _lock(a, locks, first, 1)
        while depth:
            operator = stack[depth - 1]
            missing = -1
            for place in range(a.in_start[operator], a.in_start[operator + 1]):
                if not resident[a.in_items[place]]:
                    missing = a.in_items[place]
                    break
            if missing >= 0:
                stack[depth] = a.producer[missing]
                depth += 1
                _lock(a, locks, a.producer[missing], 1)
                continue
            need = a.workspace[operator]
            for place in range(a.out_start[operator], a.out_start[operator + 1]):
                if not resident[a.out_items[place]]:
                    need += a.bytes[a.out_items[place]]
            while held + need > a.budget:
                victim = _victim(a, resident, made, left, locks, touched, clock, rule, operator)
                if victim < 0:
                    return order[:0]
                resident[victim] = False
                held -= a.bytes[victim]
            if steps == len(order):
                return order[:0]
            order[steps] = operator
            steps += 1
            depth -= 1
            clock += a.costs[operator]
            _lock(a, locks, operator, -1)
            for place in range(a.out_start[operator], a.out_start[operator + 1]):
                value = a.out_items[place]
                held += 0 if resident[value] else a.bytes[value]
                resident[value] = made[value] = True
                touched[value] = clock
            for place in range(a.in_start[operator], a.in_start[operator + 1]):
                value = a.in_items[place]
                touched[value] = clock
                left[value] -= 1 if operator == first else 0
            held -= _drop(a, resident, locks, left, operator)
    return order[:steps]


@njit(cache=True)
def _lock(a: Arrays, locks: Ints, operator: int, change: int) -> None:
    """Inputs of an operator that waits to run are not evicted."""
    for place in range(a.in_start[operator], a.in_start[operator + 1]):
        locks[a.in_items[place]] += change


@njit(cache=True)
def _drop(a: Arrays, resident: NDArray[np.bool_], locks: Ints, left: Ints, operator: int) -> int:
    """Drop what an operator touched and the program needs no more; returns the bytes."""
    freed = 0
    for place in range(a.in_start[operator], a.in_start[operator + 1]):
        value = a.in_items[place]
        if resident[value] and left[value] == 0 and locks[value] == 0 and not a.result[value]:
            resident[value] = False
            freed += a.bytes[value]
    for place in range(a.out_start[operator], a.out_start[operator + 1]):
        value = a.out_items[place]
        if resident[value] and left[value] == 0 and locks[value] == 0 and not a.result[value]:
            resident[value] = False
            freed += a.bytes[value]
    return freed


@njit(cache=True)
def _victim(
    a: Arrays,
    resident: NDArray[np.bool_],
    made: NDArray[np.bool_],
    left: Ints,
    locks: Ints,
    touched: NDArray[np.float64],
    clock: float,
    rule: int,
    running: int,
) -> int:
    """The resident value with the least h, or -1; results and what a waiting operator reads stay."""
    best, least = -1, np.inf
    for value in range(len(resident)):
        if not resident[value] or locks[value] or a.result[value] or a.producer[value] == running:
            continue
        price = a.costs[a.producer[value]]
        if rule == FULL:
            price += _evicted_around(a, resident, made, left, value)
        score = price / (max(a.bytes[value], 1) * (clock - touched[value] + 1e-9 * clock + 1e-30))
        if score < least:
            best, least = value, score
    return best


@njit(cache=True)
def _evicted_around(a: Arrays, resident: NDArray[np.bool_], made: NDArray[np.bool_], left: Ints, value: int) -> float:
    """Cost of the evicted values that recomputing `value` needs, and of those whose recomputation needs it."""
    operators = len(a.costs)
    seen = np.zeros(operators, np.bool_)
    seen[a.producer[value]] = True
    total = 0.0
    stack = np.empty(operators + 1, np.int64)
    stack[0] = a.producer[value]
    depth = 1
    while depth:
        depth -= 1
        operator = stack[depth]
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            needed = a.in_items[place]
            source = a.producer[needed]
            if not resident[needed] and not seen[source]:
                seen[source] = True
                total += a.costs[source]
                stack[depth] = source
                depth += 1
    return total + _evicted_after(a, resident, made, left, value)


@njit(cache=True)
def _evicted_after(a: Arrays, resident: NDArray[np.bool_], made: NDArray[np.bool_], left: Ints, value: int) -> float:
    """Cost of the evicted operators downstream of `value`, reached through evicted values only."""
    gone = np.zeros(len(a.bytes), np.bool_)
    gone[value] = True
    total = 0.0
    for operator in range(a.producer[value] + 1, len(a.costs)):
        needs = False
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            needs = needs or gone[a.in_items[place]]
        if not needs:
            continue
        evicted = False
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            after = a.out_items[place]
            if made[after] and left[after] and not resident[after]:
                gone[after] = True
                evicted = True
        if evicted:
            total += a.costs[operator]
    return total
