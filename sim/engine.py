"""The clock of a simulated world: SimPy for models that read like prose, callbacks for models that must be fast.

Rules.

1. There is one clock and one queue. A `Timer` and a SimPy event lie in the same heap under the same key
   (time, priority, sequence number). Timers have SimPy's normal priority, and the sequence number is drawn when
   the entry is made. So what was scheduled first for the same moment and priority happens first, whichever kind
   it is; only SimPy's urgent events (interrupts, first steps of processes, the end of `run`) overtake a timer.
2. An `Engine` is a `simpy.Environment`. Processes, conditions, interrupts, resources and `run(until=...)` mean
   what SimPy's documentation says they mean.
3. A timer that is cancelled never fires. Its entry stays in the heap as dead weight until it comes up, or until
   more than half of the heap is dead and all dead entries are swept out at once, so cancelling costs O(1)
   amortised and a model that cancels every timer it sets keeps a small heap.
4. Nothing fails silently. An exception from a callback leaves `run` at once, as does a failed SimPy event that
   nobody defused; times in the past and NaN are refused when the timer is made.

Times are seconds as floats. `counters` is for whatever a model wants counted by name; while the tracer records,
the engine counts every event there by the name of what it ran and keeps the number of pending entries as a
counter track.

>>> engine, heard = Engine(), []
>>> late = engine.call_after(2.0, heard.append, "never")
>>> _ = engine.call_at(1.0, heard.append, "once")
>>> late.cancel()
>>> engine.run()
>>> heard, engine.now, engine.processed
(['once'], 1.0, 1)
"""

from collections import Counter
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from simpy.core import EmptySchedule, Environment, Infinity, SimTime, StopSimulation
from simpy.events import NORMAL, URGENT, Event, EventPriority

from sim.trace import Tracer

#: Heaps smaller than this are not worth sweeping.
_SWEEP_FLOOR = 64


class Timer:
    """A call that is due at `time` (seconds). It is pending until it fires or is cancelled."""

    __slots__ = ("_arguments", "_call", "_engine", "time")

    def __init__(self, engine: "Engine", time: float, call: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self.time = time
        self._engine = engine
        self._call: Any = call  # None once it fired or was cancelled
        self._arguments = arguments

    @property
    def pending(self) -> bool:
        """Whether the call is still to come."""
        return self._call is not None

    def cancel(self) -> None:
        """Makes sure the call does not happen; nothing if it already did or was cancelled."""
        if self._call is not None:
            self._call = None
            self._arguments = ()
            self._engine._bury()

    def _fire(self) -> None:
        call, self._call = self._call, None
        call(*self._arguments)


class Engine(Environment):
    """A SimPy environment with callbacks. `trace` is the run's tracer.

    `processed` counts the events that happened up to the last return of `run` or `step`.
    """

    def __init__(self, initial_time: float = 0.0, trace: Tracer | None = None) -> None:
        super().__init__(initial_time)
        self.trace = trace if trace is not None else Tracer()
        self.processed = 0
        self.counters: Counter[str] = Counter()
        self._dead = 0
        self._queue: list[Any]
        for name in ("process", "timeout", "event", "all_of", "any_of"):
            setattr(self, name, getattr(self, name))  # SimPy binds these early for its own class only

    def call_after(self, delay: float, call: Callable[..., object], *arguments: Any) -> Timer:
        """Calls `call(*arguments)` in `delay` seconds (0 or more)."""
        if not delay >= 0:
            raise ValueError(f"a delay is 0 s or more, not {delay}")
        time = self._now + delay
        timer = Timer(self, time, call, arguments)
        heappush(self._queue, (time, NORMAL, next(self._eid), timer))
        return timer

    def call_at(self, time: float, call: Callable[..., object], *arguments: Any) -> Timer:
        """Calls `call(*arguments)` at `time` (seconds, now or later)."""
        if not time >= self._now:
            raise ValueError(f"it is {self._now} s; nothing can be called at {time} s")
        timer = Timer(self, time, call, arguments)
        heappush(self._queue, (time, NORMAL, next(self._eid), timer))
        return timer

    @property
    def pending(self) -> int:
        """How many entries of the queue are still to happen."""
        return len(self._queue) - self._dead

    def peek(self) -> SimTime:
        """Time of the next event, infinity if there is none."""
        self._drop_dead_head()
        return super().peek() if self._queue else Infinity

    def step(self) -> None:
        """Lets the next event happen. Raises `EmptySchedule` if there is none."""
        self._drop_dead_head()
        if not self._queue:
            raise EmptySchedule
        self._now, _, _, entry = heappop(self._queue)
        self.processed += 1
        if self.trace.recording:
            self._record(entry)
        if entry.__class__ is Timer:
            entry._fire()
        else:
            self._happen(entry)

    def run(self, until: SimTime | Event | None = None) -> Any | None:
        """Runs until the queue is empty, until a time (events at it do not happen) or until an event happened.

        Returns the value of the event. Raises `RuntimeError` if the queue runs empty before the event happened.
        """
        stop = self._stop_event(until)
        if stop is not None and stop.callbacks is None:
            return stop.value
        try:
            if self.trace.recording:
                while True:
                    self.step()
            self._run_fast()
        except StopSimulation as reached:
            return reached.args[0]
        except EmptySchedule:
            if stop is not None:
                raise RuntimeError(f'no scheduled events left but "until" event was not triggered: {stop}') from None
        return None

    def _run_fast(self) -> None:
        """`step` for ever, with the loop's work inlined: a timer costs one heap operation and one call."""
        queue, pop, processed = self._queue, heappop, 0
        try:
            while queue:
                time, _, _, entry = pop(queue)
                if entry.__class__ is Timer:
                    call = entry._call
                    if call is None:
                        self._dead -= 1
                        continue
                    self._now = time
                    entry._call = None
                    processed += 1
                    call(*entry._arguments)
                else:
                    self._now = time
                    processed += 1
                    callbacks, entry.callbacks = entry.callbacks, None
                    try:
                        for callback in callbacks:
                            callback(entry)
                    except StopSimulation:
                        self._put_back(entry, callbacks, callback)
                        raise
                    if not entry._ok and not hasattr(entry, "_defused"):
                        _raise_failure(entry)
        finally:
            self.processed += processed
        raise EmptySchedule

    def _happen(self, event: Any) -> None:
        """What `simpy.Environment.step` does with an event once it has it."""
        callbacks, event.callbacks = event.callbacks, None
        try:
            for callback in callbacks:
                callback(event)
        except StopSimulation:
            self._put_back(event, callbacks, callback)
            raise
        if not event._ok and not hasattr(event, "_defused"):
            _raise_failure(event)

    def _put_back(self, event: Event, callbacks: list[Any], stopped: Any) -> None:
        """Keeps the callbacks after the one that stopped the run for when it is resumed, as SimPy does."""
        event.callbacks = callbacks[callbacks.index(stopped) + 1 :]
        self.schedule(event, EventPriority(-1))

    def _stop_event(self, until: SimTime | Event | None) -> Event | None:
        if until is None:
            return None
        if isinstance(until, Event):
            stop = until
        else:
            if not until > self._now:
                raise ValueError(f"until ({until}) must be greater than the current simulation time")
            stop = Event(self)
            stop._ok, stop._value = True, None
            self.schedule(stop, URGENT, until - self._now)
        if stop.callbacks is not None:  # else it is over, and `run` returns at once
            stop.callbacks.append(StopSimulation.callback)
        return stop

    def _drop_dead_head(self) -> None:
        queue = self._queue
        while queue:
            entry = queue[0][3]
            if entry.__class__ is not Timer or entry._call is not None:
                return
            heappop(queue)
            self._dead -= 1

    def _bury(self) -> None:
        """Counts a cancelled timer, and sweeps the heap (in place: `run` holds on to it) when most of it is dead."""
        self._dead += 1
        queue = self._queue
        if self._dead * 2 > len(queue) > _SWEEP_FLOOR:
            queue[:] = [item for item in queue if item[3].__class__ is not Timer or item[3]._call is not None]
            heapify(queue)
            self._dead = 0

    def _record(self, entry: Any) -> None:
        name = getattr(entry._call, "__qualname__", "call") if entry.__class__ is Timer else type(entry).__name__
        self.counters[f"event {name}"] += 1
        self.trace.counter("engine/pending", self._now, self.pending)


def _raise_failure(event: Event) -> None:
    """Raises what a failed event holds, since nobody defused it."""
    failure = event._value
    raise type(failure)(*failure.args) from failure
