"""Registers whose writes all differ, decided in O(n log n) over columns, all keys at once.

The zones of Gibbons and Korach ("Testing shared memories", SIAM J. Comput. 26(4), 1997, section 4.2): with unique
writes, the operations on one value (its write and the reads that return it) stand together in every
linearization. Let f be the first response and s the last invocation among them. Value a cannot come before value b
if an operation on b ended before one on a began, f_b < s_a. So two values contradict each other when f_b < s_a and
f_a < s_b: two *forward* zones [f, s] (f < s) that overlap, or a *backward* zone [s, f] inside a forward one. No
such pair, and no read that ended before its write began or returned what nobody wrote: linearizable.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.errors import UserError

Column = NDArray[np.generic]
_Rows = NDArray[np.int64]
_Times = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Zones:
    """The verdict over columns: the keys that are violated (sorted), and for one of them the rows that show why."""

    violated: Column
    rows: tuple[int, ...] = ()
    why: str = ""
    values: tuple[object, ...] = ()

    @property
    def linearizable(self) -> bool:
        """Whether every key is."""
        return self.violated.size == 0

    @property
    def reason(self) -> str:
        """What the rows contradict, in words."""
        return self.why.format(*self.values)


@dataclass(frozen=True, slots=True)
class _Clusters:
    """One per (key, value), sorted by key: its first response and its last invocation."""

    key: Column
    first: _Times
    last: _Times


def check_columns(
    key: Column, value: Column, is_write: Column, invocation: Column, response: Column, initial: object = None
) -> Zones:
    """Decide columns of n register operations: key, value (written or returned), whether a write, and both times.

    `initial` is what a read returns before the first write, in the dtype of `value`; None: nobody can read that.
    A write with infinite response may never have taken effect; a read with infinite response is left out.
    Raises UserError if lengths differ, a response comes before its invocation, or two writes of a key have one value
    (also the initial one): then the search of `sim.linearizability.search` is the way.
    """
    columns = [np.asarray(column) for column in (key, value, is_write, invocation, response)]
    key, value, is_write, invocation, response = columns
    if len({column.shape for column in columns}) > 1 or key.ndim != 1:
        raise UserError(f"columns have one length each, not {', '.join(str(column.shape) for column in columns)}")
    begin, end = invocation.astype(np.float64), response.astype(np.float64)
    backwards = np.flatnonzero(np.logical_not(end >= begin))
    if backwards.size:
        raise UserError(f"row {backwards[0]}: the response {end[backwards[0]]} comes before the invocation")
    rows = np.flatnonzero(is_write.astype(bool) | np.isfinite(end))
    if not rows.size:
        return Zones(key[:0])
    order = rows[np.lexsort((value[rows], key[rows]))]
    return _decide(key[order], value[order], is_write[order].astype(bool), begin[order], end[order], order, initial)


def _decide(
    key: Column, value: Column, is_write: Column, begin: _Times, end: _Times, rows: _Rows, initial: object
) -> Zones:
    """All columns sorted by key and value; `rows` tells where they stood."""
    fresh = np.empty(len(key), dtype=bool)
    fresh[0] = True
    fresh[1:] = (key[1:] != key[:-1]) | (value[1:] != value[:-1])
    starts = np.flatnonzero(fresh)
    cluster = np.cumsum(fresh) - 1
    writes = np.flatnonzero(is_write)
    written = np.full(len(starts), -1)
    written[cluster[writes]] = writes
    from_start = np.asarray(value[starts] == initial if initial is not None else np.zeros(len(starts)), dtype=bool)
    _require_unique(key, value, writes, cluster, from_start, rows)
    first, last = np.minimum.reduceat(end, starts), np.maximum.reduceat(begin, starts)
    found = _Clusters(key[starts], np.where(from_start, -np.inf, first), last)
    orphan = np.flatnonzero((written < 0) & np.logical_not(from_start))
    begun = np.where(written >= 0, begin[written], -np.inf)
    early = np.flatnonzero(np.logical_not(is_write) & (end < begun[cluster]))
    pairs = _contradictions(found)
    violated = np.unique(np.concatenate([found.key[orphan], key[early], found.key[pairs[:, 0]]]))
    if not violated.size:
        return Zones(violated)
    stops = np.append(starts[1:], len(key))
    if orphan.size:
        row = starts[orphan[0]]
        return Zones(violated, (int(rows[row]),), "nobody wrote {}", (value[row],))
    if early.size:
        read, write = early[0], written[cluster[early[0]]]
        return Zones(violated, (int(rows[read]), int(rows[write])), "the read ended before its write began")
    chosen: list[int] = []
    for one in pairs[0]:
        span = slice(starts[one], stops[one])
        ends = [] if from_start[one] else [starts[one] + int(np.argmin(end[span]))]
        chosen += [*ends, starts[one] + int(np.argmax(begin[span]))]
    told = sorted(dict.fromkeys(chosen), key=lambda row: (begin[row], end[row]))
    values = tuple(value[starts[one]] for one in pairs[0])
    return Zones(violated, tuple(int(rows[row]) for row in told), "{} and {} each had to come first", values)


def _require_unique(
    key: Column, value: Column, writes: _Rows, cluster: _Rows, from_start: NDArray[np.bool_], rows: _Rows
) -> None:
    again = np.flatnonzero(cluster[writes[1:]] == cluster[writes[:-1]]) + 1
    initial = np.flatnonzero(from_start[cluster[writes]])
    for culprits, how in ((again, "is written twice"), (initial, "is written and is the initial value")):
        if culprits.size:
            row = writes[culprits[0]]
            raise UserError(f"row {rows[row]}: value {value[row]} of key {key[row]} {how}; zones need each value once")


def _contradictions(found: _Clusters) -> _Rows:
    """Pairs (m, 2) of clusters that each had to come before the other: at least one pair of every violated key."""
    forward = np.flatnonzero(found.first < found.last)
    if not forward.size:
        return np.empty((0, 2), dtype=np.int64)
    times = np.unique(np.concatenate([found.first, found.last]))
    first, last = np.searchsorted(times, found.first), np.searchsorted(times, found.last)
    base = np.cumsum(np.append(0, found.key[1:] != found.key[:-1])) * len(times)  # compare by key, then time
    zones = forward[np.argsort((base + first)[forward], kind="stable")]
    starts, ends = (base + first)[zones], (base + last)[zones]
    reach = np.maximum.accumulate(ends)
    overlap = np.flatnonzero(starts[1:] < reach[:-1])
    holder = np.searchsorted(reach, reach[overlap])  # the zone that reaches that far
    pairs = [np.stack([zones[holder], zones[overlap + 1]], axis=1)]
    backward = np.flatnonzero(found.first >= found.last)
    around = np.searchsorted(starts, (base + last)[backward]) - 1  # the last zone that starts before
    inside = np.flatnonzero((around >= 0) & ((base + first)[backward] < ends[np.maximum(around, 0)]))
    pairs.append(np.stack([zones[around[inside]], backward[inside]], axis=1))
    return np.concatenate(pairs)
