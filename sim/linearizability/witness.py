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
    *returned, stuck = search.up_to_violation()
    past = set(map(id, (*returned, stuck)))
    begun = [one for one in operations if one.invocation <= stuck.response and id(one) not in past]
    in_flight = [replace(one, response=inf) for one in begun if not search.model.observes(one)]
    attempts = _Attempts(model, [*returned, stuck, *in_flight])
    chosen = _few(attempts, stuck, [*reversed(returned), *in_flight])  # what is latest is likeliest
    if not chosen:
        return Verdict(False, (stuck,), "no order is left when this returns; no small witness was found")
    whole = {(one.process, one.invocation): one for one in begun}
    told = [one if one.known else whole[one.process, one.invocation] for one in chosen]
    return Verdict(False, tuple(sorted(told, key=lambda one: one.invocation)), "no order explains")


def _few(attempts: "_Attempts", stuck: Operation, others: Sequence[Operation]) -> list[Operation]:
    """`stuck` and as few others as show the violation; none if the attempts do not suffice."""
    if attempts.violated([stuck]):
        return [stuck]
    for one in others[:_PARTNERS]:
        if attempts.violated([stuck, one]):
            return [stuck, one]
    chosen = [stuck]
    while others and not attempts.violated(chosen):
        # the shortest run of the others that completes the set ends with one that it needs
        low, high = 1, 1
        while high < len(others) and not attempts.violated([*chosen, *others[:high]]):
            low, high = high + 1, 2 * high
        high = min(high, len(others))
        while low < high:
            middle = (low + high) // 2
            if attempts.violated([*chosen, *others[:middle]]):
                high = middle
            else:
                low = middle + 1
        chosen.append(others[high - 1])
        others = others[: high - 1]
    return chosen if attempts.left > 0 else []


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
        plain = self.model(timed)
        others = [one for one in self.operations if id(one) not in kept and not plain.observes(one)]
        sees = self.model([*timed, *others])
        for one in others:
            effect = sees.effect(one)
            copies[effect] = copies.get(effect, 0) + 1
            forgets = sees.overwrites(effect) or effect[-1] is UNSEEN
            if not forgets or copies[effect] <= len(timed):  # more find no use between so few operations
                free.append(replace(one, invocation=-inf, response=inf))
        search = Search.of([*timed, *free], self.model)
        verdict = search.run(int(min(_ATTEMPT, self.left)))
        self.left -= len(search.seen) + len(self.operations) / 100
        return verdict is False
