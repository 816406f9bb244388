"""Few operations that show a violation.

Minimal here means: no order explains the operations of the witness at their times even if every other update took
effect at any moment or never, and every other read is forgotten; and giving up the times of one more in this way
would leave an order (as far as a search of bounded length tells). Relaxing only ever admits more orders, so what
contradicts itself in the witness contradicts itself in the history.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from sim.linearizability.history import Operation
from sim.linearizability.models import Model
from sim.linearizability.search import Search
from sim.linearizability.verdict import Verdict

#: Configurations for one attempt, and for all of them.
_ATTEMPT, _ALL = 10_000, 300_000


def smallest(operations: Sequence[Operation], stuck: Operation, model: type[Model]) -> Verdict:
    """The verdict for one key's operations, of which no order is left when `stuck` returns."""
    before = sorted(_until(operations, stuck.response), key=lambda one: (one.response, one.invocation))
    timed = [one for one in before if one.known]
    loose = [one for one in before if not one.known]
    budget = _Budget(model)
    tail = 4
    while tail < len(timed) and not budget.violated(timed[-tail:], loose + timed[:-tail]):
        tail *= 2
    loose, timed = loose + timed[:-tail], timed[-tail:]
    size = max(1, len(timed) // 2)
    while True:
        place, found = 0, False
        while place < len(timed):
            kept, dropped = timed[:place] + timed[place + size :], timed[place : place + size]
            if budget.violated(kept, loose + dropped):
                timed, loose, found = kept, loose + dropped, True
            else:
                place += size
        if size == 1 and not found:
            break
        size = max(1, size // 2)
    return Verdict(False, tuple(sorted(timed, key=lambda one: one.invocation)), "no order explains")


def _until(operations: Sequence[Operation], time: float) -> list[Operation]:
    """What had begun by then; what had not returned is open."""
    begun = [one for one in operations if one.invocation <= time]
    return [one if one.response <= time else replace(one, response=inf) for one in begun]


class _Budget:
    """Searches until the configurations are used up; an attempt that finds out nothing counts as not violated."""

    def __init__(self, model: type[Model]) -> None:
        self._model, self._left = model, _ALL

    def violated(self, timed: Sequence[Operation], loose: Sequence[Operation]) -> bool:
        """Whether no order explains the timed operations, whatever the loose ones did."""
        if not timed or self._left <= 0:
            return False
        free = [replace(one, invocation=-inf, response=inf) for one in loose]
        search = Search.of([*timed, *free], self._model)
        verdict = search.run(min(_ATTEMPT, self._left))
        self._left -= len(search.seen)
        return verdict is False
