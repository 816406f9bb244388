"""What clients did and saw: operations with two times, and the history they make."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from math import inf, isnan

from sim.errors import UserError

#: Kinds that leave the state as it is.
READS = frozenset({"read", "get"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of one client.

    `argument` is the value of a write, put or append, the pair (expected, new) of a cas, None of a read or get.
    `result` is what a read or get returned, and whether a cas took place. `response` is infinite when the
    result is not known: an update may then have taken effect at any moment after its invocation, or never.
    Both times are on one clock, in any unit.

    >>> print(Operation(3, "write", "x", 7, None, 1.0, 4.5))
    3: write x 7 [1, 4.5]
    """

    process: Hashable
    kind: str
    key: Hashable
    argument: Hashable
    result: Hashable
    invocation: float
    response: float = inf

    @property
    def known(self) -> bool:
        """Whether it returned."""
        return self.response != inf

    def __str__(self) -> str:
        key = "" if self.key is None else f" {self.key}"
        if self.kind in READS:
            told = f" -> {shown(self.result)}"
        elif self.kind == "cas":
            told = f" {shown(self.argument)}" + {True: " -> done", False: " -> refused"}.get(self.result, "")  # type: ignore[call-overload]
        else:
            told = f" {shown(self.argument)}"
        until = f"{self.response:.12g}" if self.known else "?"
        return f"{self.process}: {self.kind}{key}{told} [{self.invocation:.12g}, {until}]"


def shown(value: object) -> str:
    """A value as an operation shows it: long strings shortened, None as nil."""
    if isinstance(value, tuple):
        return "(" + ", ".join(shown(part) for part in value) + ")"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:18]} .. {value[-18:]}"'
    return "nil" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class History:
    """Operations that were checked to make sense together. Reads without a result are left out: they say nothing."""

    operations: tuple[Operation, ...]

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> "History":
        """A history of these operations, in any order.

        Raises UserError if there is none, if a time is not a number, if a response comes before its invocation,
        or if a client began an operation before its previous one returned.
        """
        given = tuple(operations)
        if not given:
            raise UserError("the history is empty; at least one operation is needed")
        for operation in given:
            _require_times(operation)
        _require_sequential_clients(given)
        return cls(tuple(operation for operation in given if operation.known or operation.kind not in READS))

    def by_key(self) -> dict[Hashable, list[Operation]]:
        """The operations of each key; all are linearizable if and only if each key's are (Herlihy and Wing 1990)."""
        parts: dict[Hashable, list[Operation]] = {}
        for operation in self.operations:
            parts.setdefault(operation.key, []).append(operation)
        return parts


def _require_times(operation: Operation) -> None:
    if isnan(operation.invocation) or isnan(operation.response) or abs(operation.invocation) == inf:
        raise UserError(f"{operation}: an invocation is a finite time, a response a time or infinity")
    if operation.response < operation.invocation:
        raise UserError(f"{operation}: the response comes before the invocation")


def _require_sequential_clients(operations: tuple[Operation, ...]) -> None:
    """An operation that never returned does not keep its client: it timed out and went on."""
    last: dict[Hashable, Operation] = {}
    for operation in sorted(operations, key=lambda one: (one.invocation, one.response)):
        before = last.get(operation.process)
        if before is not None and operation.invocation < before.response:
            raise UserError(f"client {operation.process} overlaps itself: {before} and {operation}")
        if operation.known:
            last[operation.process] = operation
