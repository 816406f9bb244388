"""Searches every interleaving of a few nodes, breadth first, for a state that must not be.

A *world* is the state of every node, the messages in flight, the timers that are set, and a *ghost*: whatever an
observer keeps that no node knows (what clients were told so far, say). From each world every possible step is taken:

- any message in flight is delivered, so messages overtake each other; one that is never delivered was lost;
- a delivered message stays in flight, to come again (at most `Bounds.duplicates` times in all);
- any timer that is set goes off (at most `Bounds.timers` times in all);
- a node that may crash does, and starts again (at most `Bounds.crashes` and `Bounds.restarts` times in all);
- a node that draws a number (`Choose`) gets each number there is.

Worlds that are equal are visited once. Time stands still at 0: what a node decides by its clock is not explored,
only what it decides by timers. The messages in flight are a set: two equal ones between the same nodes are one, and
`Bounds.duplicates` stands for the second. A step that changes nothing but to use a message up is not taken, since the
world it leads to can do less than the one it comes from.

Two clients that read a counter, then write what they read plus one, lose an update:

>>> from sim.protocol import Node, Note, Send
>>> class Counter(Node):
...     STATE = ("value",)
...     def __init__(self): self.address, self.value = "counter", 0
...     def on_message(self, now, source, message):
...         if message == "read":
...             return [Send(source, self.value)]
...         self.value = message
...         return [Send(source, "done")]
>>> class Adder(Node):
...     def __init__(self, address): self.address = address
...     def on_start(self, now): return [Send("counter", "read")]
...     def on_message(self, now, source, message):
...         return [Note("added")] if message == "done" else [Send("counter", message + 1)]
>>> def count(added, address, event, look):
...     if look("counter").value < added + 1:
...         raise Violation(f"{added + 1} were added, the counter is {look('counter').value}")
...     return added + 1
>>> found = explore(lambda choose: [Counter(), Adder("a"), Adder("b")], observe=count, ghost=0)
>>> print(found)
violation: 2 were added, the counter is 1
1. a -> counter: read
2. b -> counter: read
3. counter -> a: 0
4. counter -> b: 0
5. a -> counter: 1
6. b -> counter: 1
7. counter -> a: done [a: added]
8. counter -> b: done [b: added]
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from sim.protocol import Address, CancelTimer, Choose, Effect, Node, Note, Send, SetTimer

#: Gives a node as it is in the world that is looked at, to be read only; None if it is down or unknown.
Look = Callable[[Address], Any]
#: The ghost after a note: `observe(ghost, address, event, look)`. Raises `Violation`.
Observe = Callable[[Any, Address, Any, Look], Hashable]
#: Messages, and to whom, from a node that crashes.
Obituary = Callable[[Address], Iterable[tuple[Address, Hashable]]]
#: Says what is wrong with a world, or "": `invariant(look, ghost)`.
Invariant = Callable[[Look, Any], str]


class Violation(Exception):  # noqa: N818 - it is what the search is for, not an error of ours
    """Something happened that must not; its text says what."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may go wrong in one history, and when the search ends."""

    timers: int = 0
    duplicates: int = 0
    crashes: int = 0
    restarts: int = 0
    #: ends the search, unfinished, at this many worlds; None: when there are no more
    states: int | None = None


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a search found: how many different worlds, whether these are all, and the first violation.

    `steps` lead to the violation; there is no shorter way. `depth` is how many steps the farthest world is away.
    """

    states: int
    exhausted: bool
    depth: int
    violation: str = ""
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.violation:
            return f"no violation in {self.states:,} states{'' if self.exhausted else ' (there are more)'}"
        return "\n".join(
            [f"violation: {self.violation}", *(f"{i}. {step}" for i, step in enumerate(self.steps, start=1))]
        )


def explore(
    build: Callable[[Choose], Sequence[Node]],
    *,
    bounds: Bounds = Bounds(),
    observe: Observe | None = None,
    ghost: Hashable = None,
    invariants: Sequence[Invariant] = (),
    crashable: Iterable[Address] = (),
    obituary: Obituary = lambda address: (),
    fires: Callable[[Address, Hashable], bool] = lambda address, timer: True,
    progress: Callable[[int], None] = lambda states: None,
) -> Exploration:
    """Searches all worlds that the nodes made by `build` can reach, until the first violation.

    `observe` folds every `Note` into the ghost; `invariants` are asked about every world. `crashable` nodes may crash,
    and `obituary` says who gets which message from a node that does (a perfect failure detector);
    timers for which `fires` says no never go off. `progress` is told the number of states now and then.
    """
    return _Search(build, bounds, observe, invariants, crashable, obituary, fires).run(ghost, progress)


class _Local(NamedTuple):
    """A node's state, with the timers that are set; `steps` remembers what became of it, by message or timer."""

    node: int
    state: tuple[Hashable, ...]
    timers: frozenset[Hashable]
    up: bool
    steps: dict[Hashable, "tuple[_Outcome, ...]"]


class _Outcome(NamedTuple):
    local: int
    sends: tuple[int, ...]
    events: tuple[Hashable, ...]


#: A world as numbers: the local state of each node, the ghost, what is left of each bound, the messages in flight.
_World = tuple[int, ...]
#: What a step was: its kind, the node, and the message's number or the timer.
_Step = tuple[str, int, Any, tuple[Hashable, ...]]

_TIMERS, _DUPLICATES, _CRASHES, _RESTARTS = 1, 2, 3, 4  # places after the nodes; the ghost is at 0
_HEADER = 5


class _Choices:
    """A `Choose` that follows a script, takes 0 beyond its end, and remembers the roads not taken."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.others: list[tuple[int, ...]] = []
        self._script: tuple[int, ...] = ()

    def begin(self, script: tuple[int, ...]) -> None:
        self._script, self.taken = script, []

    def __call__(self, n: int) -> int:
        at = len(self.taken)
        if at < len(self._script):
            self.taken.append(self._script[at])
        else:
            self.others.extend((*self.taken, other) for other in range(1, n))
            self.taken.append(0)
        return self.taken[-1]


class _Search:
    """Every distinct thing gets a number once; a world is a tuple of numbers, and most steps are look-ups."""

    def __init__(
        self,
        build: Callable[[Choose], Sequence[Node]],
        bounds: Bounds,
        observe: Observe | None,
        invariants: Sequence[Invariant],
        crashable: Iterable[Address],
        obituary: Obituary,
        fires: Callable[[Address, Hashable], bool],
    ) -> None:
        self._choices = _Choices()
        self._nodes = tuple(build(self._choices))
        self._index = {node.address: i for i, node in enumerate(self._nodes)}
        self._bounds, self._observe, self._invariants, self._fires = bounds, observe, tuple(invariants), fires
        self._obituary = obituary
        self._crashable = frozenset(self._index[address] for address in crashable)
        self._locals: list[_Local] = []
        self._local_numbers: dict[Hashable, int] = {}
        self._views: dict[int, Any] = {}
        self._messages: list[tuple[int, int, Hashable]] = []  # from, to, message
        self._message_numbers: dict[Hashable, int] = {}
        self._ghosts: list[Hashable] = []
        self._ghost_numbers: dict[Hashable, int] = {}

    def run(self, ghost: Hashable, progress: Callable[[int], None]) -> Exploration:
        limit = self._bounds.states
        try:
            worlds = list(dict.fromkeys(self._beginnings(ghost)))
        except Violation as violation:
            return Exploration(0, False, 0, str(violation))
        parents = array("q", [-1] * len(worlds))
        seen = set(worlds)
        depth, level_ends = 0, len(worlds)
        at = 0
        while at < len(worlds):
            if at == level_ends:
                depth, level_ends = depth + 1, len(worlds)
            world = worlds[at]
            try:
                for successor, step in self._steps(world):
                    if successor in seen:
                        continue
                    seen.add(successor)
                    worlds.append(successor)
                    parents.append(at)
                    if self._invariants and (wrong := self._wrong(successor)):
                        raise _Found(wrong, step)
            except _Found as found:
                steps = (*self._trace(worlds, parents, at), self._text(found.step))
                return Exploration(len(worlds), False, len(steps), found.text, steps)
            if limit is not None and len(worlds) >= limit:
                return Exploration(len(worlds), False, depth + 1)
            at += 1
            if not at & 0x3FFF:
                progress(len(worlds))
        return Exploration(len(worlds), True, depth)

    def _beginnings(self, ghost: Hashable) -> Iterator[_World]:
        """The worlds after every node started, in order: one for each way of drawing."""
        n, bounds = len(self._nodes), self._bounds
        header = (0, bounds.timers, bounds.duplicates, bounds.crashes, bounds.restarts)
        blanks = [self._local(i, node.freeze(), frozenset(), True) for i, node in enumerate(self._nodes)]
        starts = [self._outcomes(blank, "start", lambda node: node.on_start(0.0)) for blank in blanks]
        for outcomes in product(*starts):
            messages = sorted({sent for outcome in outcomes for sent in outcome.sends})
            world = (*(outcome.local for outcome in outcomes), *header, *messages)
            now = ghost
            for node, outcome in zip(self._nodes, outcomes, strict=True):
                for event in outcome.events if self._observe is not None else ():
                    now = self._observe(now, node.address, event, self._look(world))  # type: ignore[misc]
            world = (*world[:n], self._ghost(now), *world[n + 1 :])
            if wrong := self._wrong(world):
                raise Violation(wrong)
            yield world

    def _steps(self, world: _World) -> Iterator[tuple[_World, _Step]]:
        """All worlds one step away."""
        n = len(self._nodes)
        header = n + _HEADER
        messages = world[header:]
        locals_, bounds = self._locals, world[n:header]
        for at, number in enumerate(messages):
            to = self._messages[number][1]
            local = world[to]
            known = locals_[local]
            if not known.up:
                continue
            outcomes = known.steps.get(number)
            if outcomes is None:
                outcomes = self._deliver(local, number)
            for outcome in outcomes:
                if outcome.local == local and not outcome.events and all(sent in messages for sent in outcome.sends):
                    continue
                step = ("message", to, number, outcome.events)
                rest = messages[:at] + messages[at + 1 :]
                yield self._successor(world, to, outcome, bounds, rest, step), step
                if bounds[_DUPLICATES]:
                    fewer = _less(bounds, _DUPLICATES)
                    yield self._successor(world, to, outcome, fewer, messages, step), step
        if bounds[_TIMERS]:
            yield from self._timers(world, _less(bounds, _TIMERS), messages)
        if self._crashable:
            yield from self._crashes(world, bounds, messages)

    def _timers(self, world: _World, bounds: _World, messages: _World) -> Iterator[tuple[_World, _Step]]:
        for i in range(len(self._nodes)):
            local = self._locals[world[i]]
            for timer in sorted(local.timers, key=repr):
                outcomes = local.steps.get(("timer", timer))
                if outcomes is None:
                    outcomes = self._fire(world[i], timer)
                for outcome in outcomes:
                    step = ("timer", i, timer, outcome.events)
                    yield self._successor(world, i, outcome, bounds, messages, step), step

    def _crashes(self, world: _World, bounds: _World, messages: _World) -> Iterator[tuple[_World, _Step]]:
        for i in sorted(self._crashable):
            local = self._locals[world[i]]
            if local.up and bounds[_CRASHES]:
                step: _Step = ("crash", i, None, ())
                outcome = self._crash(world[i])
                yield self._successor(world, i, outcome, _less(bounds, _CRASHES), messages, step), step
            elif not local.up and bounds[_RESTARTS]:
                for outcome in self._restart(world[i]):
                    step = ("restart", i, None, outcome.events)
                    yield self._successor(world, i, outcome, _less(bounds, _RESTARTS), messages, step), step

    def _successor(
        self, world: _World, node: int, outcome: _Outcome, bounds: _World, messages: _World, step: _Step
    ) -> _World:
        n = len(self._nodes)
        if outcome.sends:
            messages = tuple(sorted({*messages, *outcome.sends}))
        new = (*world[:node], outcome.local, *world[node + 1 : n], *bounds)
        if outcome.events and self._observe is not None:
            ghost, look = self._ghosts[bounds[0]], self._look(new)
            try:
                for event in outcome.events:
                    ghost = self._observe(ghost, self._nodes[node].address, event, look)
            except Violation as violation:
                raise _Found(str(violation), step) from None
            new = (*new[:n], self._ghost(ghost), *bounds[1:])
        if self._crashable and not bounds[_RESTARTS]:
            messages = tuple(number for number in messages if self._locals[new[self._messages[number][1]]].up)
        return new + messages

    def _wrong(self, world: _World) -> str:
        look, ghost = self._look(world), self._ghosts[world[len(self._nodes)]]
        return next(filter(None, (invariant(look, ghost) for invariant in self._invariants)), "")

    def _look(self, world: _World) -> Look:
        def look(address: Address) -> Any:
            at = self._index.get(address)
            if at is None:
                return None
            number = world[at]
            if number not in self._views:
                local = self._locals[number]
                view = copy(self._nodes[local.node])
                view.thaw(local.state)
                self._views[number] = view if local.up else None
            return self._views[number]

        return look

    # What becomes of one node, each worked out once.

    def _deliver(self, local: int, number: int) -> tuple[_Outcome, ...]:
        source, _, message = self._messages[number]
        address = self._nodes[source].address
        return self._outcomes(local, number, lambda node: node.on_message(0.0, address, message))

    def _fire(self, local: int, timer: Hashable) -> tuple[_Outcome, ...]:
        if not self._fires(self._nodes[self._locals[local].node].address, timer):
            outcomes = self._locals[local].steps[("timer", timer)] = ()
            return outcomes
        return self._outcomes(local, ("timer", timer), lambda node: node.on_timer(0.0, timer), gone=timer)

    def _crash(self, local: int) -> _Outcome:
        i, state, *_ = self._locals[local]
        node = self._nodes[i]
        node.thaw(state)
        node.on_crash()
        sends = [(self._index[to], message) for to, message in self._obituary(node.address)]
        down = self._local(i, node.freeze(), frozenset(), False)
        return _Outcome(down, tuple(self._message(i, to, message) for to, message in sends), ())

    def _restart(self, local: int) -> tuple[_Outcome, ...]:
        known = self._locals[local].steps.get("restart")
        if known is not None:
            return known
        i, state, *_ = self._locals[local]
        blank = self._local(i, state, frozenset(), True)
        outcomes = self._outcomes(blank, "restart", lambda node: node.on_start(0.0))
        self._locals[local].steps["restart"] = outcomes
        return outcomes

    def _outcomes(
        self, local: int, event: Hashable, act: Callable[[Node], Sequence[Effect]], gone: Hashable = None
    ) -> tuple[_Outcome, ...]:
        i, state, timers, *_ = self._locals[local]
        node, choices = self._nodes[i], self._choices
        outcomes: dict[_Outcome, None] = {}
        choices.others = [()]
        while choices.others:
            choices.begin(choices.others.pop())
            node.thaw(state)
            outcomes[self._outcome(i, timers - {gone} if gone is not None else timers, act(node))] = None
        self._locals[local].steps[event] = tuple(outcomes)
        return self._locals[local].steps[event]

    def _outcome(self, i: int, timers: frozenset[Hashable], effects: Sequence[Effect]) -> _Outcome:
        sends, events = [], []
        for effect in effects:
            kind = effect.__class__
            if kind is Send:
                assert isinstance(effect, Send)
                if effect.to in self._index:
                    sends.append(self._message(i, self._index[effect.to], effect.message))
            elif kind is SetTimer:
                assert isinstance(effect, SetTimer)
                timers |= {effect.timer}
            elif kind is CancelTimer:
                assert isinstance(effect, CancelTimer)
                timers -= {effect.timer}
            else:
                assert isinstance(effect, Note)
                events.append(effect.event)
        return _Outcome(self._local(i, self._nodes[i].freeze(), timers, True), tuple(sends), tuple(events))

    # Numbers for things.

    def _local(self, node: int, state: tuple[Hashable, ...], timers: frozenset[Hashable], up: bool) -> int:
        key = (node, state, timers, up)
        number = self._local_numbers.setdefault(key, len(self._locals))
        if number == len(self._locals):
            self._locals.append(_Local(node, state, timers, up, {}))
        return number

    def _message(self, source: int, to: int, message: Hashable) -> int:
        # equal tuples of different classes are different messages
        number = self._message_numbers.setdefault((source, to, message.__class__, message), len(self._messages))
        if number == len(self._messages):
            self._messages.append((source, to, message))
        return number

    def _ghost(self, ghost: Hashable) -> int:
        number = self._ghost_numbers.setdefault(ghost, len(self._ghosts))
        if number == len(self._ghosts):
            self._ghosts.append(ghost)
        return number

    # Telling what happened.

    def _trace(self, worlds: list[_World], parents: "array[int]", at: int) -> list[str]:
        steps: list[str] = []
        while parents[at] >= 0:
            parent = parents[at]
            steps.append(next(self._text(step) for world, step in self._steps(worlds[parent]) if world == worlds[at]))
            at = parent
        return steps[::-1]

    def _text(self, step: _Step) -> str:
        kind, i, what, events = step
        name = self._nodes[i].address
        if kind == "message":
            source, _, message = self._messages[what]
            said = f"{self._nodes[source].address} -> {name}: {_shown(message)}"
        else:
            said = name + {"timer": f": timer {what}", "crash": " crashes", "restart": " starts again"}[kind]
        return said + "".join(f" [{name}: {event}]" for event in events)


def _shown(value: Any) -> str:
    """A message as it says itself, or by the names of its fields; and so its fields."""
    kind = value.__class__
    if not isinstance(value, tuple) or kind.__str__ is not object.__str__:
        return str(value)
    if not hasattr(kind, "_fields"):
        return f"({', '.join(map(_shown, value))})"
    fields = (f"{name} {_shown(field)}" for name, field in zip(kind._fields, value, strict=True))
    return f"{kind.__name__}({', '.join(fields)})"


class _Found(Exception):  # noqa: N818
    """A violation, and the step that led to it."""

    def __init__(self, text: str, step: _Step) -> None:
        self.text, self.step = text, step


def _less(bounds: _World, place: int) -> _World:
    return (*bounds[:place], bounds[place] - 1, *bounds[place + 1 :])
