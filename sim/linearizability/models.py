"""What the operations of one key mean: register, cas-register, and a string with put, append and get.

A model is made from the operations of one key, because what nobody ever observes need not be told apart: all
values that no read returns and no cas expects are one state, `UNSEEN`.
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from enum import Enum
from itertools import pairwise
from typing import ClassVar, Protocol, cast

from sim.linearizability.history import Operation

State = Hashable
#: What an update does; equal effects are interchangeable.
Effect = tuple[str, Hashable, Hashable]


class _Special(Enum):
    UNSEEN = "unseen"
    REFUSED = "refused"


UNSEEN, REFUSED = _Special.UNSEEN, _Special.REFUSED


class Model(Protocol):
    """The sequential behaviour of one key."""

    kinds: ClassVar[frozenset[str]]
    initial: ClassVar[State]

    def __init__(self, operations: Sequence[Operation]) -> None:
        """From all operations of the key."""

    def observes(self, operation: Operation) -> bool:
        """Whether it leaves every state as it is."""

    def matches(self, state: State, operation: Operation) -> bool:
        """Whether an operation that observes could have had its result in this state."""

    def effect(self, operation: Operation) -> Effect:
        """What an update does."""

    def after(self, state: State, effect: Effect) -> State:
        """The state after an update, or REFUSED."""

    def overwrites(self, effect: Effect) -> bool:
        """Whether the state afterwards is the same whatever it was before."""

    def always_possible(self, effect: Effect) -> bool:
        """Whether no state refuses it."""


def _expected(cas: Operation) -> State:
    expected, _ = cast(tuple[State, State], cas.argument)
    return expected


def _new(update: Operation) -> State:
    return cast(tuple[State, State], update.argument)[1] if update.kind == "cas" else update.argument


class CasRegister:
    """One value; read, write, and compare-and-set, which takes place if and only if the value is the expected one."""

    kinds: ClassVar[frozenset[str]] = frozenset({"read", "write", "cas"})
    initial: ClassVar[State] = None

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._seen = {_expected(one) if one.kind == "cas" else one.result for one in operations if one.kind != "write"}

    def observes(self, operation: Operation) -> bool:
        """Reads, a cas that was refused, and one from a value to itself."""
        if operation.kind == "cas":
            return operation.result is False or _expected(operation) == _new(operation)
        return operation.kind == "read"

    def matches(self, state: State, operation: Operation) -> bool:
        """A refused cas saw any other value than the expected one."""
        if operation.kind == "read":
            return state == operation.result
        return (state == _expected(operation)) is not (operation.result is False)

    def effect(self, operation: Operation) -> Effect:
        """To write, or to replace the expected value."""
        new = _new(operation)
        expected = _expected(operation) if operation.kind == "cas" else None
        return operation.kind, expected, new if new in self._seen else UNSEEN

    def after(self, state: State, effect: Effect) -> State:
        """The new value, if a cas finds the expected one."""
        kind, expected, new = effect
        return new if kind == "write" or state == expected else REFUSED

    def overwrites(self, effect: Effect) -> bool:
        """A write does."""
        return effect[0] == "write"

    always_possible = overwrites


class Register(CasRegister):
    """One value; read and write. At first None."""

    kinds: ClassVar[frozenset[str]] = frozenset({"read", "write"})


class AppendStore:
    """A string, at first empty; get, put, and append at its end."""

    kinds: ClassVar[frozenset[str]] = frozenset({"get", "put", "append"})
    initial: ClassVar[State] = ""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._gets = sorted({str(one.result) for one in operations if one.kind == "get"})
        extended = {one for one, after in pairwise(self._gets) if after.startswith(one)}
        self._longest = [one for one in self._gets if one not in extended]
        self._after: dict[tuple[State, Effect], State] = {}

    def observes(self, operation: Operation) -> bool:
        """Gets do."""
        return operation.kind == "get"

    def matches(self, state: State, operation: Operation) -> bool:
        """A get returns the whole string."""
        return state == operation.result

    def effect(self, operation: Operation) -> Effect:
        """To put or append the argument, if it occurs in what a get returned."""
        text = str(operation.argument)
        return operation.kind, None, text if any(text in one for one in self._longest) else UNSEEN

    def after(self, state: State, effect: Effect) -> State:
        """The new string; UNSEEN if no get returned it or anything that begins with it, so until the next put."""
        found = self._after.get((state, effect))
        if found is None:
            found = self._after[state, effect] = self._told_apart(state, effect)
        return found

    def _told_apart(self, state: State, effect: Effect) -> State:
        kind, _, text = effect
        if text is UNSEEN or (kind == "append" and state is UNSEEN):
            return UNSEEN
        new = str(text) if kind == "put" else f"{state}{text}"
        place = bisect_left(self._gets, new)
        return new if place < len(self._gets) and self._gets[place].startswith(new) else UNSEEN

    def overwrites(self, effect: Effect) -> bool:
        """A put does."""
        return effect[0] == "put"

    def always_possible(self, effect: Effect) -> bool:
        """Both are."""
        return True


MODELS: dict[str, type[Model]] = {"register": Register, "cas-register": CasRegister, "kv": AppendStore}
