"""What a sans-IO node is: a state machine that takes a message or a timer and returns what is to be done.

A node opens no socket, reads no clock and draws no random number. Whoever drives it hands in the time (seconds),
carries out the effects it returns, and hands over a `Choose` when it is made, if it needs one. So the very same
object runs on a simulated network, in the explorer (`sim.explorer`) and on an emulated host.

Rules for a node.

1. Whatever changes while it runs lies in the attributes that `STATE` names: dictionaries, lists, sets and immutable
   values of immutable values. Everything else is set once, when it is made. `freeze` takes a snapshot of the former
   that can be hashed and compared, `thaw` goes back to one.
2. Messages are immutable and hashable (named tuples).
3. Setting a timer that is set moves it. A timer is named by anything hashable.
4. `Note` tells the driver what an observer may see: an operation invoked, completed, refused. Drivers record notes with
   their times and nodes; they never act on them.

>>> class Echo(Node):
...     STATE = ("heard",)
...     def __init__(self, address): self.address, self.heard = address, 0
...     def on_message(self, now, source, message):
...         self.heard += 1
...         return [Send(source, message)]
>>> echo = Echo("echo")
>>> before = echo.freeze()
>>> echo.on_message(0.0, "you", "hello")
[Send(to='you', message='hello')]
>>> echo.heard, before, echo.freeze()
(1, (0,), (1,))
>>> echo.thaw(before); echo.heard
0
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

#: Where messages go: the name of a node.
Address: TypeAlias = str

#: Draws a whole number from 0 to n - 1. The simulator draws it from a stream, the explorer tries them all.
Choose: TypeAlias = Callable[[int], int]


class Send(NamedTuple):
    """A message is to be sent; the network may lose, repeat, delay and reorder it."""

    to: Address
    message: Hashable


class SetTimer(NamedTuple):
    """`on_timer(timer)` is to be called in `delay` seconds, instead of when it was last set for."""

    timer: Hashable
    delay: float


class CancelTimer(NamedTuple):
    """`timer` is not to go off; nothing if it is not set."""

    timer: Hashable


class Note(NamedTuple):
    """Something an observer may see happened."""

    event: Hashable


Effect: TypeAlias = Send | SetTimer | CancelTimer | Note


class Node:
    """A state machine called `address`."""

    #: Names of the attributes that change while the node runs.
    STATE: ClassVar[tuple[str, ...]] = ()

    address: Address

    def on_start(self, now: float) -> Sequence[Effect]:
        """What is to be done when the node starts, or starts again after a crash with the state it then has."""
        return ()

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """What is to be done about a message from `source`."""
        return ()

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """What is to be done when `timer` goes off."""
        return ()

    def on_crash(self) -> None:
        """Loses what does not survive a crash; all of the state survives unless a node says otherwise."""

    def freeze(self) -> tuple[Hashable, ...]:
        """A snapshot of the state: equal snapshots behave alike."""
        return tuple(_frozen(getattr(self, name)) for name in self.STATE)

    def thaw(self, snapshot: tuple[Hashable, ...]) -> None:
        """Goes back to a snapshot of this node, or of one that was made like it."""
        for name, value in zip(self.STATE, snapshot, strict=True):
            setattr(self, name, _thawed(value))


class _Dict(NamedTuple):
    items: frozenset[tuple[Hashable, Hashable]]


class _List(NamedTuple):
    items: tuple[Hashable, ...]


class _Set(NamedTuple):
    items: frozenset[Hashable]


def _frozen(value: Any) -> Hashable:
    kind = value.__class__
    if kind is dict:
        return _Dict(frozenset(value.items()))
    if kind is list:
        return _List(tuple(value))
    if kind is set:
        return _Set(frozenset(value))
    return value  # type: ignore[no-any-return]


def _thawed(value: Any) -> Any:
    kind = value.__class__
    if kind is _Dict:
        return dict(value.items)
    if kind is _List:
        return list(value.items)
    if kind is _Set:
        return set(value.items)
    return value
