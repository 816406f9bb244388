"""Dynamic tensor rematerialization (Kirisame et al., arXiv:2006.09616): evict online, recompute on demand.

Operators run in the graph's order, as in an eager framework. Whoever does not fit evicts, one after the other,
the value with the least

    h = (cost + cost of the evicted neighbourhood) / (bytes * staleness)

(section 4.1), where staleness is the time since it was last touched and the neighbourhood is what must run
again before it, or again after it once it is back (`full`), or nothing (`local`). What a running operator reads
is locked; what is missing runs again first, as deep as it takes. The results are read at the end.

All of the paper's rules and a few exponents between them run, which takes milliseconds, and the cheapest
schedule that fits is the answer. Schedules free at least as early as the rule evicts (see `schedule`), so what
fits here fits there.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from scenarios.checkmate.eviction import Arrays, Floats, Ints
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.greedy import arrays
from scenarios.checkmate.incidence import incidence
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule
from sim.units import show

Bools = NDArray[np.bool_]
LOCAL, BEFORE, WANTED, FULL = range(4)
_MOST_RUNS = 60  # of an operator on average; beyond, a rule counts as thrashing


class Rule(NamedTuple):
    """How h weighs a value: the neighbourhood whose cost counts, the exponents, and what is known of the program.

    Neighbourhoods: LOCAL none, BEFORE evicted ancestors, WANTED also evicted descendants that the program still
    reads, FULL all. `eager` drops a value after its last reader in the program, as reference counts do.
    """

    around: int
    cost: float = 1.0
    size: float = 1.0
    staleness: float = 1.0
    eager: bool = True


#: The paper's rules (table 1: h_DTR, h_DTR-local, h_MSPS, h_LRU, h_size), then exponents between them.
RULES: dict[str, Rule] = {
    "full": Rule(FULL),
    "wanted": Rule(WANTED),
    "local": Rule(LOCAL),
    "msps": Rule(BEFORE, staleness=0.0),
    "lru": Rule(LOCAL, cost=0.0, size=0.0),
    "size": Rule(LOCAL, cost=0.0, staleness=0.0),
    "full-cost": Rule(WANTED, staleness=0.0),
    "full-stale": Rule(WANTED, staleness=0.5),
    "local-cost": Rule(LOCAL, staleness=0.0),
    "local-stale": Rule(LOCAL, staleness=0.5),
    "full-lazy": Rule(FULL, eager=False),
}


class State(NamedTuple):
    """What the runtime knows, per value: resident, made before, locks by waiting readers, program uses left, touched.

    `touched` is in seconds since the start.
    """

    resident: Bools
    made: Bools
    locks: Ints
    left: Ints
    touched: Floats


def solve_dtr(problem: Problem) -> Solution:
    """The cheapest schedule within the budget that a rule of `RULES` runs into."""
    a = with_end(arrays(problem), problem.graph)
    users = incidence(problem.graph).users
    best, cheapest = None, np.inf
    for rule in RULES.values():
        order = run_online(a, users.start, users.items, rule, cheapest)
        if len(order):
            best, cheapest = order, float(problem.costs[order].sum())
    bound = float(problem.costs.sum())
    if best is not None:
        return Solution(Answer.FEASIBLE, Schedule(tuple(best.tolist())), min(bound, cheapest))
    reason = f"all of DTR's rules run out of memory or thrash within {show(problem.budget, 'bytes')}"
    return Solution(Answer.NOT_FOUND, bound=bound, reason=reason)


def with_end(a: Arrays, graph: Graph) -> Arrays:
    """The problem with one more operator, free of cost, that reads the results and makes nothing."""
    results = np.array(sorted(graph.results), dtype=np.int64)
    return a._replace(
        in_start=np.append(a.in_start, a.in_start[-1] + len(results)),
        in_items=np.concatenate([a.in_items, results]),
        out_start=np.append(a.out_start, a.out_start[-1]),
        workspace=np.append(a.workspace, 0),
        costs=np.append(a.costs, 0.0),
    )


@njit(cache=True)
def run_online(a: Arrays, user_start: Ints, user_items: Ints, rule: Rule, cheapest: float) -> Ints:
    """The operators that a rule runs, the end apart; none when it runs out of memory, thrashes or costs `cheapest`."""
    operators, values = len(a.costs), len(a.bytes)
    state = State(
        np.zeros(values, np.bool_),
        np.zeros(values, np.bool_),
        np.zeros(values, np.int64),
        np.zeros(values, np.int64),
        np.zeros(values),
    )
    for value in a.in_items:
        state.left[value] += 1
    order = np.empty(_MOST_RUNS * operators, np.int64)
    waiting = np.empty(operators, np.int64)
    steps, used, clock = 0, 0, 0.0
    for first in range(operators):
        depth = _wait(a, state, waiting, 0, first)
        while depth:
            operator = waiting[depth - 1]
            missing = _missing(a, state, operator)
            if missing >= 0:
                depth = _wait(a, state, waiting, depth, a.producer[missing])
                continue
            used = _make_room(a, user_start, user_items, rule, state, operator, used, clock)
            if used < 0 or steps == len(order):
                return order[:0]
            order[steps] = operator
            steps, depth, clock = steps + 1, depth - 1, clock + a.costs[operator]
            used += _finish(a, rule, state, operator, clock, operator == first)
            if clock >= cheapest:
                return order[:0]
    return order[: steps - 1]


@njit(cache=True)
def _wait(a: Arrays, state: State, waiting: Ints, depth: int, operator: int) -> int:
    """Push an operator on the stack of those that wait to run, and lock what it reads."""
    waiting[depth] = operator
    for place in range(a.in_start[operator], a.in_start[operator + 1]):
        state.locks[a.in_items[place]] += 1
    return depth + 1


@njit(cache=True)
def _missing(a: Arrays, state: State, operator: int) -> int:
    """The first value that an operator reads and that is not resident, or -1."""
    for place in range(a.in_start[operator], a.in_start[operator + 1]):
        if not state.resident[a.in_items[place]]:
            return int(a.in_items[place])
    return -1


@njit(cache=True)
def _make_room(
    a: Arrays, user_start: Ints, user_items: Ints, rule: Rule, state: State, operator: int, used: int, clock: float
) -> int:
    """Evict until an operator's outputs and workspace fit beside what is resident; returns the bytes left, or -1.

    What operators below it on the stack read goes last: they will ask for it again.
    """
    needed = a.workspace[operator]
    for place in range(a.out_start[operator], a.out_start[operator + 1]):
        if not state.resident[a.out_items[place]]:
            needed += a.bytes[a.out_items[place]]
    while used + needed > a.budget:
        victim = _victim(a, user_start, user_items, rule, state, operator, clock)
        if victim < 0:
            return -1
        state.resident[victim] = False
        used -= a.bytes[victim]
    return int(used)


@njit(cache=True)
def _finish(a: Arrays, rule: Rule, state: State, operator: int, clock: float, first: bool) -> int:
    """Make an operator's outputs resident and drop what nobody reads any more; returns the change in bytes."""
    change = 0
    for place in range(a.out_start[operator], a.out_start[operator + 1]):
        value = a.out_items[place]
        if not state.resident[value]:
            change += a.bytes[value]
        state.resident[value] = state.made[value] = True
        change -= _touched(a, rule, state, value, clock)
    for place in range(a.in_start[operator], a.in_start[operator + 1]):
        value = a.in_items[place]
        state.locks[value] -= 1
        if first:
            state.left[value] -= 1
        change -= _touched(a, rule, state, value, clock)
    return change


@njit(cache=True)
def _touched(a: Arrays, rule: Rule, state: State, value: int, clock: float) -> int:
    """Note that a value was used; bytes freed if that was its last use."""
    state.touched[value] = clock
    if not rule.eager or not state.resident[value] or state.left[value] or state.locks[value]:
        return 0
    state.resident[value] = False
    return int(a.bytes[value])


@njit(cache=True)
def _victim(a: Arrays, user_start: Ints, user_items: Ints, rule: Rule, state: State, running: int, clock: float) -> int:
    """The resident value to evict: unlocked ones by the least h, then those that only waiting operators read; or -1."""
    fixed = np.zeros(len(a.bytes), np.bool_)
    fixed[a.in_items[a.in_start[running] : a.in_start[running + 1]]] = True
    fixed[a.out_items[a.out_start[running] : a.out_start[running + 1]]] = True
    seen = np.zeros(len(a.costs), np.int64)
    stack = np.empty(len(a.costs) + len(a.bytes), np.int64)
    best, least, locked = -1, np.inf, True
    for value in range(len(a.bytes)):
        waits = state.locks[value] > 0
        if not state.resident[value] or fixed[value] or a.bytes[value] == 0 or (waits and not locked):
            continue
        price = a.costs[a.producer[value]]
        if rule.around >= BEFORE:
            price += _before(a, state, value, seen, stack, 2 * value + 1)
        if rule.around >= WANTED:
            price += _after(a, user_start, user_items, state, value, seen, stack, 2 * value + 2, rule.around == FULL)
        stale = max(clock - state.touched[value], 1e-9 * clock)
        h = price**rule.cost / (a.bytes[value] ** rule.size * stale**rule.staleness) if stale > 0 else np.inf
        if (locked and not waits) or h < least:
            best, least, locked = value, h, waits
    return best


@njit(cache=True)
def _before(a: Arrays, state: State, value: int, seen: Ints, stack: Ints, mark: int) -> float:
    """Seconds of the evicted ancestors of a value: what must run again before it could."""
    total = 0.0
    stack[0] = a.producer[value]
    seen[stack[0]] = mark
    depth = 1
    while depth:
        depth -= 1
        operator = stack[depth]
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            source = a.producer[a.in_items[place]]
            if not state.resident[a.in_items[place]] and seen[source] != mark:
                seen[source] = mark
                total += a.costs[source]
                stack[depth] = source
                depth += 1
    return total


@njit(cache=True)
def _after(
    a: Arrays,
    user_start: Ints,
    user_items: Ints,
    state: State,
    value: int,
    seen: Ints,
    stack: Ints,
    mark: int,
    everything: bool,
) -> float:
    """Seconds of the evicted descendants of a value, reached through evicted values only."""
    total = 0.0
    stack[0] = value
    depth = 1
    while depth:
        depth -= 1
        source = stack[depth]
        for place in range(user_start[source], user_start[source + 1]):
            user = user_items[place]
            if seen[user] == mark:
                continue
            evicted = False
            for output in a.out_items[a.out_start[user] : a.out_start[user + 1]]:
                if state.made[output] and not state.resident[output] and (everything or state.left[output]):
                    evicted = True
                    stack[depth] = output
                    depth += 1
            if evicted:
                seen[user] = mark
                total += a.costs[user]
    return total
