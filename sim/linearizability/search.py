"""The general decision for one key: a depth-first search over configurations with memory of those seen.

After Wing and Gong ("Testing and verifying concurrent objects", JPDC 1993) and Lowe ("Testing for linearizability",
CCPE 2017): an operation takes effect as late as possible, when one that has not yet done so is about to return
(just in time), and no configuration is visited twice. A configuration is a place in the order of returns, the
operations in flight that took effect (bits of slots that are used again, so it stays small however long the
history), and the state. Five rules keep the search narrow, none loses a linearization:

1. What only observes takes effect as soon as the state matches.
2. Of updates in flight with equal effect, the one that returns first goes first.
3. An update that every state admits may have come just before an overwriting one, unnoticed. So it need not be
   chosen when the overwriting one is; it is *hidden*, and may claim that place when it returns.
4. Hence an update goes ahead of the one that is about to return only if somebody notices: not if it is
   overwritten at once, nor if it leads to a state that nobody sees.
5. A configuration is left out when another one like it can do the same: an update that is free to hide, or that
   never returns, is worth more not done than done.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from sim.linearizability.history import Operation
from sim.linearizability.models import REFUSED, UNSEEN, Effect, Model, State

#: Place, bits that took effect, bits that may hide, state, whether the last update went unnoticed so far.
Configuration = tuple[int, int, int, State, bool]

#: How many configurations a new one is held against by rule 5; more find little and cost much.
_RECENT = 24


@dataclass(slots=True)
class _Return:
    """One return, and what is in flight just before it: updates by effect, and bits."""

    operation: Operation
    bit: int
    updates: tuple[tuple[Effect, tuple[int, ...]], ...]
    hideable: int
    updating: int
    never_returns: int
    observers: tuple[tuple[int, Operation], ...]
    matched: dict[State, int] = field(default_factory=dict)


@dataclass(slots=True)
class Search:
    """The search over the operations of one key; runs in slices, so that many can share a processor.

    `looked_at` counts configurations, also those seen before; `furthest` is the latest return that one came to.
    """

    model: Model
    returns: list[_Return]
    seen: set[Configuration] = field(default_factory=set)
    furthest: int = 0
    looked_at: int = 0
    _recent: dict[tuple[int, State, bool], list[tuple[int, int]]] = field(default_factory=dict)
    _stack: list[Configuration] = field(default_factory=list)

    @classmethod
    def of(cls, operations: Sequence[Operation], model: type[Model]) -> "Search":
        """A search that has not begun. All operations are of one key; kinds are the model's."""
        made = model(operations)
        return cls(made, _returns(operations, made), _stack=[(0, 0, 0, made.initial, False)])

    def up_to_violation(self) -> list[Operation]:
        """Operations in the order of their returns, up to the first at whose return no order is left.

        Meaningful once `run` has returned False.
        """
        return [one.operation for one in self.returns[: self.furthest + 1]]

    def run(self, steps: int) -> bool | None:
        """Whether linearizable; None if `steps` configurations did not suffice: then call it again."""
        stack, seen, returns = self._stack, self.seen, self.returns
        limit = self.looked_at + steps
        while stack:
            if self.looked_at >= limit:
                return None
            self.looked_at += 1
            place, done, hidden, state, idle = stack.pop()
            while place < len(returns):
                now = returns[place]
                if now.observers:
                    done |= self._matched(now, state)
                if not done & now.bit:
                    break
                done ^= now.bit
                hidden &= ~now.bit
                idle = False
                place += 1
            else:
                return True
            configuration = (place, done, hidden, state, idle)
            if configuration not in seen and not self._covered(now, configuration):
                seen.add(configuration)
                self.furthest = max(self.furthest, place)
                self._branch(now, *configuration)
        return False

    def _covered(self, now: _Return, configuration: Configuration) -> bool:
        """Whether one of the last that differ only in what took effect can do all that this one can."""
        place, done, hidden, state, idle = configuration
        recent = self._recent.setdefault((place, state, idle), [])
        for other, may_hide in recent:
            spent = other & ~done & now.updating
            if not (spent or hidden & ~may_hide or done & ~other & ~(may_hide | now.never_returns)):
                return True
        recent.append((done, hidden))
        if len(recent) > _RECENT:
            del recent[0]
        return False

    def _matched(self, now: _Return, state: State) -> int:
        found = now.matched.get(state)
        if found is None:
            found = 0
            for bit, operation in now.observers:
                if self.model.matches(state, operation):
                    found |= bit
            now.matched[state] = found
        return found

    def _branch(self, now: _Return, place: int, done: int, hidden: int, state: State, idle: bool) -> None:
        """Push what can come next; the likeliest last."""
        model, stack = self.model, self._stack
        for effect, bits in now.updates:
            bit = next((bit for bit in bits if not done & bit), 0)
            overwrites = model.overwrites(effect)
            if not bit or (idle and overwrites):
                continue
            after = model.after(state, effect)
            if after is REFUSED:
                continue
            unnoticed = bit != now.bit and model.always_possible(effect) and not self._matched(now, after) & ~done
            if unnoticed and after is UNSEEN:
                continue
            reach = now.hideable & ~(done | bit) if overwrites else hidden & ~bit
            stack.append((place, done | bit, reach & ~now.bit, after, unnoticed))
        if hidden & now.bit:
            stack.append((place, done | now.bit, hidden & ~now.bit, state, False))


def _returns(operations: Sequence[Operation], model: Model) -> list[_Return]:
    """The returns in order, each with what is in flight. A call at the time of a return comes before it."""
    events: list[tuple[float, bool, int]] = []
    for number, operation in enumerate(operations):
        if operation.known or not model.observes(operation):
            events.append((operation.invocation, False, number))
        if operation.known:
            events.append((operation.response, True, number))
    events.sort()
    found: list[_Return] = []
    flight = _Flight(model)
    for _, returned, number in events:
        if returned:
            found.append(flight.before_return(number, operations[number]))
            flight.leave(number)
        else:
            flight.enter(number, operations[number])
    return found


@dataclass(slots=True)
class _Flight:
    """What was called and has not returned; each has a bit, the lowest that is free."""

    model: Model
    bits: dict[int, int] = field(default_factory=dict)
    _effects: dict[int, Effect] = field(default_factory=dict)
    _updates: dict[Effect, list[tuple[float, int, int]]] = field(default_factory=dict)
    _observers: dict[int, tuple[int, Operation]] = field(default_factory=dict)
    _hideable: int = 0
    _never: int = 0
    _free: list[int] = field(default_factory=list)

    def enter(self, number: int, operation: Operation) -> None:
        bit = self.bits[number] = heappop(self._free) if self._free else 1 << len(self.bits)
        if self.model.observes(operation):
            self._observers[number] = (bit, operation)
            return
        effect = self._effects[number] = self.model.effect(operation)
        insort(self._updates.setdefault(effect, []), (operation.response, number, bit))
        if not operation.known:
            self._never |= bit
        elif self.model.always_possible(effect):
            self._hideable |= bit

    def before_return(self, number: int, operation: Operation) -> _Return:
        updates = tuple((effect, tuple(bit for *_, bit in entries)) for effect, entries in self._updates.items())
        updating = sum(bit for _, bits in updates for bit in bits)
        observers = tuple(self._observers.values())
        return _Return(operation, self.bits[number], updates, self._hideable, updating, self._never, observers)

    def leave(self, number: int) -> None:
        bit = self.bits.pop(number)
        heappush(self._free, bit)
        self._hideable &= ~bit
        if self._observers.pop(number, None) is None:
            entries = self._updates[self._effects[number]]
            entries.remove(next(entry for entry in entries if entry[1] == number))
            if not entries:
                del self._updates[self._effects[number]]
