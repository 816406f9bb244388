"""What a verdict costs: a million register operations by zones, and the search beside a plain Wing-Gong-Lowe.

    python benchmarks/linearizability.py [operations]

CPU seconds, each the median of three. The plain search is the published algorithm and no more: one memory of
(operations that took effect, state), call by call, keys in order; it gives up at 300,000 configurations. Exit
status 1 if a verdict is wrong or zones take more than two seconds for a million operations.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

import numpy as np
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from histories import registers, step, store

from sim.linearizability.check import check
from sim.linearizability.history import History, Operation
from sim.linearizability.models import MODELS
from sim.linearizability.zones import Column, check_columns

REPEATS, BAR, GIVE_UP = 3, 2.0, 300_000


def one_key(count: int, clients: int, stale: bool) -> tuple[Column, ...]:
    """Columns of `clients` that read and write one register in turn; a stale read returns the value of long ago."""
    draw = np.random.default_rng(1)
    moment = np.sort(draw.uniform(0.0, count, count))
    begin = moment - draw.exponential(clients / 2, count)
    end = moment + draw.exponential(clients / 2, count)
    is_write = draw.random(count) < 0.3
    value = np.maximum.accumulate(np.where(is_write, np.arange(1, count + 1), 0))
    if stale:
        late = np.flatnonzero(~is_write & (value > 0))[-1]
        value[late] = value[count // 2]
    names = np.append(0, 1 + draw.permutation(count))  # neither rows nor values come sorted; 0 is the initial value
    mixed = draw.permutation(count)
    return tuple(column[mixed] for column in (np.zeros(count, dtype=np.int64), names[value], is_write, begin, end))


def plain(history: History, model: str) -> bool | None:
    """Wing, Gong and Lowe as published, without any rule of ours."""
    verdicts = [_plain_key(part, MODELS[model].initial) for part in history.by_key().values()]
    return None if None in verdicts else all(verdicts)


def _plain_key(operations: list[Operation], initial: object) -> bool | None:
    called = sorted(operations, key=lambda one: one.invocation)
    needed = sum(1 << number for number, one in enumerate(called) if one.known)
    seen: set[tuple[int, object]] = set()
    stack: list[tuple[int, object]] = [(0, initial)]
    while stack:
        done, state = configuration = stack.pop()
        if configuration in seen:
            continue
        if len(seen) == GIVE_UP:
            return None
        seen.add(configuration)
        if done & needed == needed:
            return True
        horizon = float("inf")
        following = []
        first = (~done & (done + 1)).bit_length() - 1
        for number in range(first, len(called)):
            one = called[number]
            if one.invocation > horizon:
                break
            if not done >> number & 1:
                horizon = min(horizon, one.response)
                following.append(number)
        for number in reversed(following):
            if called[number].invocation <= horizon:
                possible, after = step(state, called[number])
                if possible:
                    stack.append((done | 1 << number, after))
    return False


def timed(run: Callable[[], bool | None]) -> tuple[float, bool | None]:
    """The median of CPU seconds, and the verdict."""
    spent = []
    for _ in range(REPEATS):
        begin = process_time()
        verdict = run()
        spent.append(process_time() - begin)
    return median(spent), verdict


def main(count: int) -> int:
    table = Table("history", "right verdict", "ours, s", "verdict", "plain search, s", "verdict")
    failed = False
    for stale in (False, True):
        columns = one_key(count, 10, stale)
        spent, verdict = timed(lambda columns=columns: check_columns(*columns, initial=0).linearizable)  # type: ignore[misc]
        failed |= verdict is stale or spent > BAR * max(1.0, count / 1e6)
        name = f"register, 1 key, {count:,} operations{', 1 stale read' * stale}: zones"
        table.add_row(name, str(not stale), f"{spent:.3f}", str(verdict), "", "")
    dice = random.Random(1)
    cases: list[tuple[str, History, str, bool]] = []
    for stale, seed in ((0, 0), (1, 0), (1, 1), (1, 2)):
        history = store(random.Random(seed), clients=50, each=100, keys=10, stale=stale, slow=0.05)
        name = f"kv, 50 clients, 10 keys, 5,000 operations, 5 % slow, seed {seed}{', 1 stale get' * stale}"
        cases.append((name, history, "kv", not stale))
    for lost in (0.0, 0.25):
        history = History.of(registers(dice, clients=5, count=85, lost=lost))
        cases.append((f"cas-register, 5 clients, 85 operations, {lost:.0%} lost", history, "cas-register", True))
    history = History.of(registers(dice, clients=10, count=20_000, lost=0.0))
    cases.append(("cas-register, 10 clients, 20,000 operations", history, "cas-register", True))
    for name, history, model, right in cases:
        ours, verdict = timed(lambda history=history, model=model: check(history, model).linearizable)  # type: ignore[misc]
        theirs, plainly = timed(lambda history=history, model=model: plain(history, model))  # type: ignore[misc]
        failed |= verdict is not right or plainly is (not right)
        table.add_row(name, str(right), f"{ours:.3f}", str(verdict), f"{theirs:.3f}", str(plainly))
    Console(width=140).print(table)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
