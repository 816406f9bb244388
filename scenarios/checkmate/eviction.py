"""The compiled heart of the greedy policy: sequences of operators, what they hold, and what evicting would change.

Everything here works on flat arrays and is compiled by Numba; `f.py_func` is the plain version of each function,
and tests hold the two equal. A sequence is an array of operators in running order (see `schedule`).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: How many of the highest steps are tried before eviction gives up.
_PEAKS = 4

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Arrays(NamedTuple):
    """A problem as flat arrays (see `incidence.Incidence`); a named tuple, because Numba takes it as it is."""

    in_start: Ints
    in_items: Ints
    out_start: Ints
    out_items: Ints
    bytes: Ints
    producer: Ints
    workspace: Ints
    result: NDArray[np.bool_]
    costs: Floats
    budget: int


@njit(cache=True)
def held(a: Arrays, order: Ints) -> Ints:
    """Bytes resident while each step of a sequence runs, shape (steps,)."""
    needed = a.result.copy()
    now = 0
    for value in range(len(needed)):
        if needed[value]:
            now += a.bytes[value]
    use = np.empty(len(order), np.int64)
    for step in range(len(order) - 1, -1, -1):
        operator = order[step]
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            value = a.out_items[place]
            if not needed[value]:
                now += a.bytes[value]
            needed[value] = True
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            value = a.in_items[place]
            if not needed[value]:
                now += a.bytes[value]
                needed[value] = True
        use[step] = now + a.workspace[operator]
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            value = a.out_items[place]
            needed[value] = False
            now -= a.bytes[value]
    return use


@njit(cache=True)
def excess(a: Arrays, order: Ints) -> float:
    """Bytes over the budget, summed over the steps of a sequence: 0 means that it fits."""
    total = 0.0
    for use in held(a, order):
        if use > a.budget:
            total += float(use - a.budget)
    return total


@njit(cache=True)
def total_cost(a: Arrays, order: Ints) -> float:
    """Seconds of a sequence."""
    seconds = 0.0
    for operator in order:
        seconds += a.costs[operator]
    return seconds


@njit(cache=True)
def idle(a: Arrays, order: Ints, step: int) -> tuple[Ints, Ints, Ints]:
    """(values, last touch, next use) of what is resident at `step` but not touched there: it could be evicted.

    A result that nobody reads again is next used at the end, one past the last step.
    """
    count = len(a.bytes)
    state = np.zeros(count, np.int64)  # 1: made before and idle so far; 2: decided
    touched = np.zeros(count, np.int64)
    for before in range(step):
        operator = order[before]
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            touched[a.in_items[place]] = before
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            state[a.out_items[place]] = 1
            touched[a.out_items[place]] = before
    operator = order[step]
    for place in range(a.in_start[operator], a.in_start[operator + 1]):
        state[a.in_items[place]] = 2
    for place in range(a.out_start[operator], a.out_start[operator + 1]):
        state[a.out_items[place]] = 2
    values = np.empty(count, np.int64)
    uses = np.empty(count, np.int64)
    found = 0
    for after in range(step + 1, len(order)):
        operator = order[after]
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            value = a.in_items[place]
            if state[value] == 1:
                values[found] = value
                uses[found] = after
                found += 1
            state[value] = 2
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            state[a.out_items[place]] = 2
    for value in range(count):
        if state[value] == 1 and a.result[value]:
            values[found] = value
            uses[found] = len(order)
            found += 1
    return values[:found], touched[values[:found]], uses[:found]


@njit(cache=True)
def recomputed(a: Arrays, order: Ints, value: int, peak: int, use: int, tiny: float) -> Ints:
    """The sequence in which `value` is dropped before step `peak` and made again just before step `use`.

    What making it needs and is gone by then is made again too, unless it was still there after the peak or is
    smaller than `tiny` times the value: then it is kept until `use` instead.
    """
    alive = _alive(a, order, use)
    last = np.full(len(a.bytes), -1, np.int64)
    for step in range(use):
        operator = order[step]
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            last[a.in_items[place]] = step
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            last[a.out_items[place]] = step
    again = np.zeros(len(a.costs), np.bool_)
    stack = np.empty(len(a.costs), np.int64)
    stack[0] = a.producer[value]
    again[a.producer[value]] = True
    depth = 1
    while depth:
        depth -= 1
        operator = stack[depth]
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            needed = a.in_items[place]
            source = a.producer[needed]
            kept = alive[needed] or last[needed] > peak or a.bytes[needed] <= tiny * a.bytes[value]
            if kept or again[source]:
                continue
            again[source] = True
            stack[depth] = source
            depth += 1
    extra = np.flatnonzero(again)
    return np.concatenate((order[:use], extra, order[use:]))


@njit(cache=True)
def _alive(a: Arrays, order: Ints, use: int) -> NDArray[np.bool_]:
    """Which values made before step `use` are read at or after it without being made again."""
    made = np.zeros(len(a.bytes), np.bool_)
    for step in range(use):
        operator = order[step]
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            made[a.out_items[place]] = True
    alive = np.zeros(len(a.bytes), np.bool_)
    open_ = a.result & made
    for step in range(len(order) - 1, use - 1, -1):
        operator = order[step]
        for place in range(a.out_start[operator], a.out_start[operator + 1]):
            open_[a.out_items[place]] = False
        for place in range(a.in_start[operator], a.in_start[operator + 1]):
            open_[a.in_items[place]] = True
    alive[:] = open_ & made
    return alive


@njit(cache=True)
def evict(a: Arrays, order: Ints, weights: Floats, tiny: float, power: float) -> Ints:
    """Evict until the sequence fits or nothing helps: always the least added cost per byte of excess removed.

    `weights` multiply the operators' costs in the choice (ones for the plain rule); `power` is the exponent of
    the bytes removed.
    """
    over = excess(a, order)
    while over > 0.0:
        use = held(a, order)
        hopeful = use.copy()
        best, left = order, over
        for _ in range(_PEAKS):
            step = int(np.argmax(hopeful))
            if hopeful[step] <= a.budget:
                break
            best, left = _best_at(a, order, use, step, over, weights, tiny, power)
            if left < over:
                break
            hopeful[step] = 0
        if left >= over:
            return order
        order, over = best, left
    return order


@njit(cache=True)
def _best_at(
    a: Arrays, order: Ints, use: Ints, step: int, over: float, weights: Floats, tiny: float, power: float
) -> tuple[Ints, float]:
    """The best eviction at one step: (sequence after it, its excess); the sequence itself if none helps.

    Candidates are tried from the most promising on, by what they would add and remove at best, until none can
    beat the best one found.
    """
    values, touched, uses = idle(a, order, step)
    promise = np.empty(len(values))
    for index in range(len(values)):
        removed = 0.0
        for place in range(touched[index] + 1, uses[index]):
            removed += max(0, min(use[place] - a.budget, a.bytes[values[index]]))
        source = a.producer[values[index]]
        promise[index] = a.costs[source] * weights[source] / max(removed, 1.0) ** power
    best, best_score, best_over = order, np.inf, over
    for index in np.argsort(promise, kind="mergesort"):
        if promise[index] >= best_score:
            break
        tried = recomputed(a, order, values[index], step, uses[index], tiny)
        left = excess(a, tried)
        if left >= over:
            continue
        added = 0.0
        for place in range(uses[index], uses[index] + len(tried) - len(order)):
            added += a.costs[tried[place]] * weights[tried[place]]
        score = added / (over - left) ** power
        if score < best_score:
            best, best_score, best_over = tried, score, left
    return best, best_over


@njit(cache=True)
def thinned(a: Arrays, order: Ints) -> Ints:
    """The sequence without the recomputations that it fits without, the most expensive ones first."""
    over = excess(a, order)
    while True:
        runs = np.zeros(len(a.costs), np.int64)
        for operator in order:
            runs[operator] += 1
        repeated = np.zeros(len(order), np.bool_)
        seen = np.zeros(len(a.costs), np.bool_)
        price = np.zeros(len(order))
        for step in range(len(order)):
            repeated[step] = seen[order[step]]
            seen[order[step]] = True
            price[step] = a.costs[order[step]] if repeated[step] else -1.0
        improved = False
        for step in np.argsort(-price, kind="mergesort"):
            if not repeated[step]:
                break
            tried = np.concatenate((order[:step], order[step + 1 :]))
            if excess(a, tried) <= over:
                order = tried
                improved = True
                break
        if not improved:
            return order


@njit(cache=True)
def _random(state: Ints) -> float:
    """A uniform draw from [0, 1), 31 bits of a linear congruential generator (Knuth's MMIX constants)."""
    state[0] = state[0] * 6364136223846793005 + 1442695040888963407
    return float((state[0] >> 33) & 0x7FFFFFFF) / 2147483648.0


@njit(cache=True)
def improve(a: Arrays, order: Ints, rounds: int, seed: int) -> Ints:
    """Large-neighbourhood search: drop some recomputations, evict again with costs blurred, keep what is better.

    Better is less excess, then less cost. Deterministic: the draws depend on `seed` alone.
    """
    state = np.array([seed * 2 + 1], np.int64)
    best = thinned(a, order)
    best_over, best_cost = excess(a, best), total_cost(a, best)
    least = a.costs.sum()
    weights = np.empty(len(a.costs))
    for _ in range(rounds):
        if best_over == 0.0 and best_cost <= least * (1.0 + 1e-12):
            break
        blur = _random(state) ** 2 * 2.0
        for operator in range(len(weights)):
            weights[operator] = np.exp(blur * (2.0 * _random(state) - 1.0))
        keep = _kept(best, state, len(a.costs))
        if _random(state) < 0.7:
            banned = _expensive(a, best, state)
            weights[banned] = 1e3
            keep &= _first_runs(best, len(a.costs)) | (best != banned)
        power = 0.5 + _random(state)
        tiny = 0.01 if _random(state) < 0.5 else _random(state)
        tried = evict(a, best[keep], weights, tiny, power)
        over = excess(a, tried)
        if over > best_over:
            continue
        tried = thinned(a, tried)
        cost = total_cost(a, tried)
        if over < best_over or cost < best_cost * (1.0 - 1e-12):
            best, best_over, best_cost = tried, over, cost
    return best


@njit(cache=True)
def _first_runs(order: Ints, operators: int) -> NDArray[np.bool_]:
    """Which steps run their operator for the first time."""
    first = np.zeros(len(order), np.bool_)
    seen = np.zeros(operators, np.bool_)
    for step in range(len(order)):
        first[step] = not seen[order[step]]
        seen[order[step]] = True
    return first


@njit(cache=True)
def _expensive(a: Arrays, order: Ints, state: Ints) -> int:
    """An operator that is recomputed, drawn with the share it has in the cost of all recomputations."""
    first = _first_runs(order, len(a.costs))
    left = _random(state) * (total_cost(a, order) - a.costs.sum())
    chosen = int(order[0])
    for step in range(len(order)):
        if not first[step]:
            chosen = int(order[step])
            left -= a.costs[chosen]
            if left < 0.0:
                break
    return chosen


@njit(cache=True)
def _kept(order: Ints, state: Ints, operators: int) -> NDArray[np.bool_]:
    """Which steps stay: all first runs, and the recomputations that a draw spares, in one window or anywhere."""
    keep = np.ones(len(order), np.bool_)
    seen = np.zeros(operators, np.bool_)
    share = 0.1 + 0.9 * _random(state) ** 2
    begin, end = 0, len(order)
    if _random(state) < 0.5:
        begin = int(_random(state) * len(order))
        end = begin + int(_random(state) * len(order))
    for step in range(len(order)):
        operator = order[step]
        if seen[operator] and begin <= step < end and _random(state) < share:
            keep[step] = False
        seen[operator] = True
    return keep
