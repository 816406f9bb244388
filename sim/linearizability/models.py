"""What the operations of one key mean: register, cas-register, and a string with put, append and get.

A model is made from the operations of one key, because what nobody ever observes need not be told apart: all
values that no read returns and no cas expects are one state, `UNSEEN`.
"""

from bisect import bisect_left
from collections.abc import Hashable, Sequence
from enum import Enum
from typing import ClassVar, Protocol

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
    initial: State

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


class CasRegister:
    """One value; read, write, and compare-and-set, which takes place if and only if the value is the expected one."""

    kinds = frozenset({"read", "write", "cas"})
    initial: State = None

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._seen = {one.argument[0] if one.kind == "cas" else one.result for one in operations if one.kind != "write"}  # type: ignore[index]

    def observes(self, operation: Operation) -> bool:
        """Reads, a cas that was refused, and one from a value to itself."""
        if operation.kind == "cas":
            expected, new = operation.argument  # type: ignore[misc]
            return bool(operation.result is False or expected == new)
        return operation.kind == "read"

    def matches(self, state: State, operation: Operation) -> bool:
        """A refused cas saw any other value than the expected one."""
        if operation.kind == "read":
            return state == operation.result
        same = state == operation.argument[0]  # type: ignore[index]
        return same is not (operation.result is False)

    def effect(self, operation: Operation) -> Effect:
        """To write, or to replace the expected value."""
        expected, new = operation.argument if operation.kind == "cas" else (None, operation.argument)  # type: ignore[misc]
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

    kinds = frozenset({"read", "write"})


class AppendStore:
    """A string, at first empty; get, put, and append at its end."""

    kinds = frozenset({"get", "put", "append"})
    initial: State = ""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._gets = sorted({str(one.result) for one in operations if one.kind == "get"})
        following = [*self._gets[1:], None]
        self._longest = [one for one, after in zip(self._gets, following) if after is None or not after.startswith(one)]
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
