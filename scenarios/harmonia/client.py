"""Who reads and writes: one operation at a time, tried again until it is answered.

A retry bears the request number of the first try, so replicas apply a write once, however often they receive it. The
written value is (client, request), so that no two writes of a history write the same.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, NamedTuple

from scenarios.harmonia.packet import Op, Packet, object_id
from sim.protocol import Address, CancelTimer, Effect, Node, Note, Send, SetTimer

_RETRY, _NEXT = "retry", "next"
_ANSWERS = {Op.READ: Op.READ_REPLY, Op.WRITE: Op.WRITE_REPLY}


class Operation(NamedTuple):
    """What a client is to do: `Op.READ` or `Op.WRITE` the object called `key`."""

    op: Op
    key: Hashable


class Invoked(NamedTuple):
    """A request begins; `waited` seconds ago it was due (0 in a closed loop). `value` is None for a read."""

    request: int
    op: Op
    key: Hashable
    value: Hashable
    waited: float = 0.0

    def __str__(self) -> str:
        return f"invokes {self.op.name} {self.key}" + ("" if self.op is Op.READ else f" = {self.value}")


class Completed(NamedTuple):
    """A request was answered: with the value read, or None for a write."""

    request: int
    value: Hashable

    def __str__(self) -> str:
        return f"request {self.request} is answered: {self.value}"


class Retried(NamedTuple):
    """A request went out again."""

    request: int


#: The i-th operation of a client, counted from 0, or None when it is done. Asked for once each, in order.
Operations = Callable[[int], Operation | None]
#: Seconds before the i-th operation.
Pause = Callable[[int], float]


def script(*operations: Operation) -> Operations:
    """These operations, then no more.

    >>> script(Operation(Op.READ, "x"))(0).key, script()(0)
    ('x', None)
    """
    return lambda i: operations[i] if i < len(operations) else None


class Client(Node):
    """A closed loop: the next request begins `think(i)` seconds after the last one was answered.

    Packets go through the first of `switches`; a request that is not answered in `retry` seconds goes out again,
    through the next one. A request is never given up: what has no answer stays open.
    """

    STATE: ClassVar[tuple[str, ...]] = ("request", "waiting", "through")

    def __init__(
        self,
        address: Address,
        switches: Sequence[Address],
        operations: Operations,
        think: Pause | None = None,
        retry: float = 1e-3,
    ) -> None:
        self.address, self.switches = address, tuple(switches)
        self._operations, self._think, self._retry = operations, think, retry
        self.request = 0
        self.waiting: Packet | None = None
        self.through = 0

    def on_start(self, now: float) -> Sequence[Effect]:
        """The first request, or the open one again."""
        return self._next(now) if self.waiting is None else self._send()

    def on_message(self, now: float, source: Address, message: Packet) -> Sequence[Effect]:
        """Takes the answer to the open request; ignores all else."""
        answer = self.answer(source, message)
        if answer is None:
            return ()
        self.waiting = None
        return [Note(Completed(self.request, answer.value)), CancelTimer(_RETRY), *self._next(now)]

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """A try took too long, or the pause is over."""
        if timer == _NEXT:
            return self._begin(now, 0.0)
        if self.waiting is None:
            return ()
        self.through = (self.through + 1) % len(self.switches)
        return [Note(Retried(self.request)), *self._send()]

    def answer(self, source: Address, message: Packet) -> Packet | None:
        """The packet that answers the open request, if this message settles it."""
        waiting = self.waiting
        if waiting is None or message.request != waiting.request or message.op is not _ANSWERS[waiting.op]:
            return None
        return message

    def _next(self, now: float) -> Sequence[Effect]:
        pause = self._think(self.request) if self._think else 0.0
        return [SetTimer(_NEXT, pause)] if pause > 0 else self._begin(now, 0.0)

    def _begin(self, now: float, waited: float) -> Sequence[Effect]:
        operation = self._operations(self.request)
        if operation is None:
            return ()
        self.request += 1
        op, key = operation
        value = (self.address, self.request) if op is Op.WRITE else None
        self.waiting = Packet(op, object_id(key), self.address, self.request, key=key, value=value)
        return [Note(Invoked(self.request, op, key, value, waited)), *self._send()]

    def _send(self) -> list[Effect]:
        return [Send(self.switches[self.through], self.waiting), SetTimer(_RETRY, self._retry)]


class OpenClient(Client):
    """An open loop: the i-th request is due `gap(i)` seconds after the one before was due, answered or not.

    A request that is due while another is open waits for it, and its `Invoked.waited` says for how long; so no latency
    is left out. With many such clients at low rates each, few ever wait.
    """

    STATE = (*Client.STATE, "due")

    def __init__(
        self, address: Address, switches: Sequence[Address], operations: Operations, gap: Pause, retry: float = 1e-3
    ) -> None:
        super().__init__(address, switches, operations, retry=retry)
        self._gap = gap
        self.due = 0.0

    def on_start(self, now: float) -> Sequence[Effect]:
        """The clock of arrivals starts."""
        if self.waiting is not None:
            return self._send()
        self.due = now
        return self._next(now)

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """A try took too long, or a request is due."""
        return self._begin(now, now - self.due) if timer == _NEXT else super().on_timer(now, timer)

    def _next(self, now: float) -> Sequence[Effect]:
        self.due += self._gap(self.request)
        return [SetTimer(_NEXT, self.due - now)] if self.due > now else self._begin(now, now - self.due)
