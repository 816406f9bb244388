"""What clients and replicas said during a run, kept in columns: the history, latencies, what happened and when."""

from array import array
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scenarios.harmonia.client import Completed, Invoked
from scenarios.harmonia.craq import Asked
from scenarios.harmonia.packet import Op
from scenarios.harmonia.replica import Bounced, Refused, Served
from scenarios.harmonia.switch import Dropped
from sim.linearizability.zones import Zones, check_columns
from sim.protocol import Address

Floats = NDArray[np.float64]
#: Value of an object that nobody wrote yet.
_NOTHING = 0


class Observed:
    """Takes notes (`note` is what a driver observes with). `on_completed(count)` is called after each operation.

    An operation's times are those of its first try and of its answer; the written value is a number of its own. Whether
    one operation came before another is told by the order of the notes and not by their times: in a simulation a
    client's next try begins at the very moment of its last answer, and equal times would count as concurrent.
    """

    def __init__(self, on_completed: Callable[[int], object]) -> None:
        self._on_completed = on_completed
        self._open: dict[Address, tuple[float, int, Op, int, int]] = {}
        self._notes = 0
        self._values: dict[Hashable, int] = {None: _NOTHING}
        self._key, self._value, self._write = array("q"), array("q"), array("b")
        self._invoked, self._responded = array("d"), array("d")
        self._began, self._ended = array("q"), array("q")  # numbers of the notes
        self._served = array("d")
        self.counts: Counter[str] = Counter()
        self.first: dict[str, float] = {}  # when something was first said
        self._kinds: dict[type, Callable[[float, Address, Any], None]] = {
            Invoked: self._on_invoked,
            Completed: self._on_answered,
            Served: self._on_served,
            Bounced: lambda now, who, event: self._count(now, f"bounced: {event.reason}"),
            Refused: lambda now, who, event: self._count(now, f"refused: {event.reason}"),
            Dropped: lambda now, who, event: self._count(now, f"dropped: {event.reason}"),
            Asked: lambda now, who, event: self._count(now, "asked"),
        }

    def note(self, now: float, who: Address, event: Hashable) -> None:
        """Something was said; notes come in the order in which it was."""
        self._notes += 1
        kind = self._kinds.get(event.__class__)
        if kind is None:
            self._count(now, type(event).__name__)
        else:
            kind(now, who, event)

    def total(self, what: str) -> int:
        """How often anything was said whose name begins with `what`."""
        return sum(count for name, count in self.counts.items() if name.startswith(what))

    @property
    def idle(self) -> bool:
        """Whether nobody waits for an answer."""
        return not self._open

    @property
    def responded(self) -> Floats:
        """When operations were answered, in that order."""
        return np.array(self._responded)

    @property
    def latencies(self) -> Floats:
        """Seconds from the first try (in an open loop: from when it was due) to the answer, in the same order."""
        return np.asarray(np.array(self._responded) - np.array(self._invoked))

    @property
    def is_write(self) -> NDArray[np.bool_]:
        """Which of them were writes."""
        return np.array(self._write, dtype=bool)

    @property
    def served(self) -> Floats:
        """When single-replica reads were answered."""
        return np.array(self._served)

    def written(self) -> list[int]:
        """Objects that somebody wrote or tried to write, in order."""
        tried = (key for _, _, op, key, _ in self._open.values() if op is Op.WRITE)
        return sorted({key for key, write in zip(self._key, self._write, strict=True) if write} | set(tried))

    def linearizable(self) -> Zones:
        """Whether what clients saw is linearizable; writes without an answer may or may not have happened."""
        columns = [
            (key, value, True, began, np.inf) for _, began, op, key, value in self._open.values() if op is Op.WRITE
        ]
        key, value, write, began, ended = zip(*columns, strict=True) if columns else ((),) * 5
        return check_columns(
            np.concatenate([np.array(self._key, dtype=np.int64), np.array(key, dtype=np.int64)]),
            np.concatenate([np.array(self._value, dtype=np.int64), np.array(value, dtype=np.int64)]),
            np.concatenate([self.is_write, np.array(write, dtype=bool)]),
            np.concatenate([np.array(self._began, dtype=np.float64), np.array(began, dtype=np.float64)]),
            np.concatenate([np.array(self._ended, dtype=np.float64), np.array(ended, dtype=np.float64)]),
            initial=_NOTHING,
        )

    def _count(self, now: float, what: str) -> None:
        self.counts[what] += 1
        self.first.setdefault(what, now)

    def _on_invoked(self, now: float, who: Address, event: Invoked) -> None:
        value = self._values.setdefault(event.value, len(self._values)) if event.op is Op.WRITE else _NOTHING
        self._open[who] = (now - event.waited, self._notes, event.op, event.key, value)  # type: ignore[assignment]

    def _on_answered(self, now: float, who: Address, event: Completed) -> None:
        due, began, op, key, value = self._open.pop(who)
        if op is Op.READ:
            value = self._values.get(event.value, -1)
        self._key.append(key)
        self._value.append(value)
        self._write.append(op is Op.WRITE)
        self._invoked.append(due)
        self._began.append(began)
        self._ended.append(self._notes)
        self._responded.append(now)
        self._on_completed(len(self._key))

    def _on_served(self, now: float, who: Address, event: Served) -> None:
        self._served.append(now)
