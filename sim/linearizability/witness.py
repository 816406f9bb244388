"""Few operations that show a violation.

Minimal here means: no order explains the operations of the witness at their times even if every other update that
had begun before the last of them returned took effect at any moment or never, and every other read is forgotten;
and giving up the times of one more in this way would leave an order (or leaves the question open, as each attempt
is bounded). Relaxing only ever admits more orders, so what contradicts itself in the witness contradicts itself in
the history. Where that takes too long, the operation at whose return no order is left stands alone, and the reason
says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from sim.linearizability.history import Operation
from sim.linearizability.models import UNSEEN, Model
from sim.linearizability.search import Search
from sim.linearizability.verdict import Verdict

#: Configurations for one attempt, and for all of them; a hundred operations set up count as one configuration.
_ATTEMPT, _ALL = 1_000, 60_000
#: How many operations are tried as the only other one.
_PARTNERS = 400


def smallest(operations: Sequence[Operation], search: Search, model: type[Model]) -> Verdict:
    """The verdict for one key's operations, for which `search` found no order."""
    *timed, stuck = search.up_to_violation()
    timed.reverse()  # the latest is the likeliest
    attempts = _Attempts(model, [one for one in operations if one.invocation <= stuck.response])
    chosen = _partners(attempts, stuck, timed) or _irreducible(attempts, stuck, timed)
    if attempts.left <= 0:
        return Verdict(False, (stuck,), "no order is left when this returns; no small witness was found")
    return Verdict(False, tuple(sorted(chosen, key=lambda one: one.invocation)), "no order explains")


def _partners(attempts: "_Attempts", stuck: Operation, timed: Sequence[Operation]) -> list[Operation]:
    """`stuck` alone, or with one other, if that shows it."""
    if attempts.violated([stuck]):
        return [stuck]
    return next(([stuck, one] for one in timed[:_PARTNERS] if attempts.violated([stuck, one])), [])


def _irreducible(attempts: "_Attempts", stuck: Operation, timed: Sequence[Operation]) -> list[Operation]:
    """Grow a set: the shortest run of `timed` that completes it ends in an operation it needs."""
    chosen = [stuck]
    while attempts.left > 0 and timed and not attempts.violated(chosen):
        low, high = 1, 1
        while high < len(timed) and not attempts.violated([*chosen, *timed[:high]]):
            low, high = high + 1, 2 * high
        high = min(high, len(timed))
        while low < high:
            middle = (low + high) // 2
            if attempts.violated([*chosen, *timed[:middle]]):
                high = middle
            else:
                low = middle + 1
        chosen.append(timed[high - 1])
        timed = timed[: high - 1]
    return chosen


@dataclass(slots=True)
class _Attempts:
    """Short searches until the configurations are used up; one that finds out nothing counts as not violated."""

    model: type[Model]
    operations: Sequence[Operation]
    left: float = _ALL

    def violated(self, timed: Sequence[Operation]) -> bool:
        """Whether no order explains the timed operations, whatever the others did."""
        if self.left <= 0:
            return False
        kept = set(map(id, timed))
        copies: dict[object, int] = {}
        free: list[Operation] = []
        sees = self.model(timed)
        for one in self.operations:
            if id(one) in kept or sees.observes(one):
                continue
            effect = sees.effect(one)
            copies[effect] = copies.get(effect, 0) + 1
            forgets = sees.overwrites(effect) or effect[-1] is UNSEEN
            if not forgets or copies[effect] <= len(timed):  # more find no use between so few operations
                free.append(replace(one, invocation=-inf, response=inf))
        search = Search.of([*timed, *free], self.model)
        verdict = search.run(int(min(_ATTEMPT, self.left)))
        self.left -= len(search.seen) + len(self.operations) / 100
        return verdict is False
