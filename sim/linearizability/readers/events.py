"""From calls and returns, in the order in which they were logged, to operations."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from sim.errors import UserError
from sim.linearizability.history import History, Operation

TYPES = frozenset({"invoke", "ok", "fail", "info"})


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a log: a client calls (`invoke`), or learns that it is done, did not happen, or may have.

    `value` is the argument of a call and the result of a read that is done; for a cas a pair. `done` says for a cas
    that completes whether it took place; a refused one is a result like any other.
    """

    line: int
    process: int
    type: str
    kind: str
    key: Hashable
    value: Hashable
    done: bool | None = None


def history_of(events: Iterable[Event]) -> History:
    """Pair calls with returns. A call without one, or with `info`, is open for ever; one that failed is left out.

    Times are line numbers, or running numbers of events where several share a line. A client whose operation never
    returned may go on. Raises UserError for a return without its call, two calls at once, or no call at all.
    """
    listed = list(events)
    times = [event.line for event in listed]
    if any(after <= before for before, after in pairwise(times)):
        times = list(range(1, len(listed) + 1))
    operations = list(_paired(listed, times))
    if not any(event.type == "invoke" for event in listed):
        raise UserError("there is no operation in it")
    return History.of(operations) if operations else History(())


def _paired(events: Iterable[Event], times: Iterable[int]) -> Iterator[Operation]:
    running: dict[int, tuple[Event, int]] = {}
    for event, time in zip(events, times, strict=True):
        before = running.pop(event.process, None)
        if event.type == "invoke":
            if before is not None:
                raise UserError(
                    f"line {event.line}: process {event.process} calls {event.kind} while its call of line "
                    f"{before[0].line} runs; one operation at a time is allowed"
                )
            running[event.process] = event, time
            continue
        if before is None:
            raise UserError(f"line {event.line}: process {event.process} has no call that could be :{event.type}")
        call, begun = before
        if call.kind != event.kind or event.key not in (None, call.key):
            raise UserError(
                f"line {event.line}: process {event.process} called {call.kind} in line {call.line}, not {event.kind}"
            )
        if event.type == "ok":
            result = event.done if call.kind == "cas" else event.value if call.kind in ("read", "get") else None
            yield Operation(call.process, call.kind, call.key, call.value, result, begun, time)
        elif event.type == "info":
            yield _open(call, begun)
    for call, begun in running.values():
        yield _open(call, begun)


def _open(call: Event, begun: int) -> Operation:
    return Operation(call.process, call.kind, call.key, call.value, None, begun, inf)
