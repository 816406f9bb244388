"""The general decision for one key: a depth-first search over configurations with memory of those seen.

After Wing and Gong ("Testing and verifying concurrent objects", JPDC 1993) and Lowe ("Testing for linearizability",
CCPE 2017): an operation takes effect as late as possible, when one that has not yet done so is about to return
(just in time), and no configuration is visited twice. A configuration is a place in the order of returns, the
operations in flight that took effect (bits of slots that are used again, so it stays small however long the
history), and the state. Four rules keep the search narrow, none loses a linearization:

1. What only observes takes effect as soon as the state matches.
2. Of updates in flight with equal effect, the one that returns first goes first.
3. An update that every state admits may have come just before an overwriting one, unnoticed. So it need not be
   chosen when the overwriting one is; it is *hidden*, and may claim that place when it returns.
4. Hence an update goes ahead of the one that is about to return only if somebody notices: not if it is
   overwritten at once, nor if it leads to a state that nobody sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from sim.linearizability.history import Operation
from sim.linearizability.models import REFUSED, UNSEEN, Effect, Model, State

#: Place, bits that took effect, bits that may hide, state, whether the last update went unnoticed so far.
Configuration = tuple[int, int, int, State, bool]


@dataclass(slots=True)
class _Return:
    """One return: the operation's bit and effect (None: it observes), and what is in flight just before it."""

    operation: Operation
    bit: int
    effect: Effect | None
    updates: tuple[tuple[Effect, tuple[int, ...]], ...]
    hideable: int
    observers: tuple[tuple[int, Operation], ...]
    matched: dict[State, int] = field(default_factory=dict)


@dataclass(slots=True)
class Search:
    """The search over the operations of one key; runs in slices, so that many can share a processor."""

    model: Model
    returns: list[_Return]
    seen: set[Configuration] = field(default_factory=set)
    furthest: int = 0
    _stack: list[Configuration] = field(default_factory=list)

    @classmethod
    def of(cls, operations: Sequence[Operation], model: type[Model]) -> "Search":
        """A search that has not begun. All operations are of one key; kinds are the model's."""
        made = model(operations)
        return cls(made, _returns(operations, made), _stack=[(0, 0, 0, made.initial, False)])

    @property
    def stuck(self) -> Operation:
        """The operation at whose return no order was left; meaningful once `run` has returned False."""
        return self.returns[self.furthest].operation

    def run(self, steps: int) -> bool | None:
        """Whether linearizable; None if `steps` configurations did not suffice: then call it again."""
        stack, seen, returns = self._stack, self.seen, self.returns
        while stack:
            if steps <= 0:
                return None
            steps -= 1
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
            if configuration not in seen:
                seen.add(configuration)
                self.furthest = max(self.furthest, place)
                self._branch(now, *configuration)
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
    flight = _Flight()
    for _, returned, number in events:
        operation = operations[number]
        effect = None if model.observes(operation) else model.effect(operation)
        if not returned:
            flight.enter(number, operation, effect, effect is not None and model.always_possible(effect))
        else:
            found.append(_Return(operation, flight.bits[number], effect, *flight.now()))
            flight.leave(number, effect)
    return found


@dataclass(slots=True)
class _Flight:
    """What was called and has not returned; each has a bit, taken from the lowest that are free."""

    bits: dict[int, int] = field(default_factory=dict)
    _updates: dict[Effect, list[tuple[float, int, int]]] = field(default_factory=dict)
    _observers: dict[int, tuple[int, Operation]] = field(default_factory=dict)
    _hideable: int = 0
    _free: list[int] = field(default_factory=list)

    def enter(self, number: int, operation: Operation, effect: Effect | None, always: bool) -> None:
        bit = heappop(self._free) if self._free else 1 << len(self.bits)
        self.bits[number] = bit
        if effect is None:
            self._observers[number] = (bit, operation)
            return
        self._updates.setdefault(effect, []).append((operation.response, number, bit))
        self._updates[effect].sort()
        if always and operation.known:
            self._hideable |= bit

    def leave(self, number: int, effect: Effect | None) -> None:
        bit = self.bits.pop(number)
        heappush(self._free, bit)
        self._hideable &= ~bit
        if effect is None:
            del self._observers[number]
            return
        kept = [entry for entry in self._updates[effect] if entry[1] != number]
        if kept:
            self._updates[effect] = kept
        else:
            del self._updates[effect]

    def now(
        self,
    ) -> tuple[tuple[tuple[Effect, tuple[int, ...]], ...], int, tuple[tuple[int, Operation], ...]]:
        updates = tuple((effect, tuple(bit for _, _, bit in entries)) for effect, entries in self._updates.items())
        return updates, self._hideable, tuple(self._observers.values())
