"""Is what clients saw so far linearizable? An answer after every event, for registers.

Where a checker takes a whole history, this keeps only what the future may depend on: the *ways* in which the operations
so far can have taken effect. So two histories after which the same may happen are the same value, and an explorer need
not tell them apart. Operations take effect as late as they may, when one that follows them returns (just-in-time
linearization; Lowe, "Testing for linearizability", 2017).

>>> now = answer(invoke(NEW, "a", ("write", 1)), "a", None)   # a wrote 1
>>> now = invoke(now, "b", READ)
>>> linearizable(answer(now, "b", 1)), linearizable(answer(now, "b", None))
(True, False)
"""

from collections.abc import Hashable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

#: A read; a write of a value is ("write", value).
READ = ("read", None)

Operation: TypeAlias = tuple[str, Hashable]


class Way(NamedTuple):
    """One way: the register's value, who has an operation open, and who has one that took effect, with its answer."""

    value: Hashable
    open: frozenset[tuple[Hashable, Operation]]
    done: frozenset[tuple[Hashable, Hashable]]


Ways: TypeAlias = frozenset[Way]

#: A register that holds None and that nobody uses.
NEW: Ways = frozenset([Way(None, frozenset(), frozenset())])


def linearizable(ways: Ways) -> bool:
    """Whether there is a way at all."""
    return bool(ways)


def invoke(ways: Ways, process: Hashable, operation: Operation) -> Ways:
    """`process`, which has no operation open, begins one."""
    return frozenset(way._replace(open=way.open | {(process, operation)}) for way in ways)


@lru_cache(maxsize=1 << 16)
def answer(ways: Ways, process: Hashable, value: Hashable) -> Ways:
    """`process` is answered: `value` is what it read, or None for a write. Empty if that cannot be."""
    found = set()
    reached, ahead = set(ways), list(ways)
    while ahead:
        way = ahead.pop()
        if (process, value) in way.done:
            found.add(way._replace(done=way.done - {(process, value)}))
            continue
        for other in way.open:
            then = _take_effect(way, *other)
            if then not in reached:
                reached.add(then)
                ahead.append(then)
    return frozenset(found)


def _take_effect(way: Way, process: Hashable, operation: Operation) -> Way:
    kind, written = operation
    still = way.open - {(process, operation)}
    if kind == "write":
        return Way(written, still, way.done | {(process, None)})
    return Way(way.value, still, way.done | {(process, way.value)})
