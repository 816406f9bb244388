"""The engine keeps SimPy's promises, and its timers keep their own."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st
from simpy.core import EmptySchedule

from sim.engine import Engine
from sim.trace import Tracer

Generator = Iterator[Any]


def test_timers_fire_in_order_of_time_and_then_of_scheduling() -> None:
    engine, heard = Engine(), []
    for name, delay in (("late", 2.0), ("first", 1.0), ("second", 1.0), ("now", 0.0)):
        engine.call_after(delay, lambda name=name: heard.append((engine.now, name)))
    engine.run()
    assert heard == [(0.0, "now"), (1.0, "first"), (1.0, "second"), (2.0, "late")]


def test_timers_and_events_of_one_moment_take_turns_as_scheduled() -> None:
    engine, heard = Engine(), []

    def watch(name: str) -> None:
        engine.timeout(1.0).callbacks.append(lambda _: heard.append(name))

    watch("event a")
    engine.call_after(1.0, heard.append, "timer b")
    watch("event c")
    engine.call_at(1.0, heard.append, "timer d")
    engine.run()
    assert heard == ["event a", "timer b", "event c", "timer d"]


def test_urgent_events_overtake_timers() -> None:
    engine, heard = Engine(), []

    def process() -> Generator:
        heard.append("process")
        yield engine.timeout(0)

    engine.call_after(0.0, heard.append, "timer")
    engine.process(process())
    engine.run()
    assert heard == ["process", "timer"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40))
def test_any_mix_of_timers_and_timeouts_happens_as_simpy_would_have_it(plan: list[tuple[int, bool]]) -> None:
    def heard_on(environment: simpy.Environment, timers: bool) -> list[tuple[float, int]]:
        heard: list[tuple[float, int]] = []
        for index, (delay, by_timer) in enumerate(plan):
            if timers and by_timer:
                environment.call_after(delay, lambda index=index: heard.append((environment.now, index)))
            else:
                environment.timeout(delay).callbacks.append(
                    lambda _, index=index: heard.append((environment.now, index))
                )
        environment.run()
        return heard

    assert heard_on(Engine(), timers=True) == heard_on(simpy.Environment(), timers=False)


def test_arguments_reach_the_call() -> None:
    engine, heard = Engine(), []
    engine.call_after(1.0, lambda *got: heard.append(got), 1, "two", None)
    engine.run()
    assert heard == [(1, "two", None)]


@pytest.mark.parametrize("delay", [-1e-9, float("nan")])
def test_a_delay_that_is_none_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="0 s or more"):
        Engine().call_after(delay, print)


@pytest.mark.parametrize("time", [4.9, float("nan")])
def test_the_past_is_refused(time: float) -> None:
    with pytest.raises(ValueError, match="it is 5"):
        Engine(initial_time=5.0).call_at(time, print)


def test_a_cancelled_timer_is_silent_and_does_not_move_the_clock() -> None:
    engine, heard = Engine(), []
    timer = engine.call_after(9.0, heard.append, "never")
    engine.call_after(1.0, heard.append, "yes")
    timer.cancel()
    timer.cancel()
    assert not timer.pending
    assert engine.pending == 1
    engine.run()
    assert (heard, engine.now, engine.processed, engine.pending) == (["yes"], 1.0, 1, 0)


def test_cancelling_what_has_fired_changes_nothing() -> None:
    engine = Engine()
    timer = engine.call_after(1.0, lambda: timer.cancel())
    engine.call_after(2.0, lambda: None)
    engine.run()
    timer.cancel()
    assert (engine.pending, engine.processed) == (0, 2)


def test_peek_and_step_pass_over_the_dead() -> None:
    engine, heard = Engine(), []
    engine.call_after(1.0, heard.append, "dead").cancel()
    engine.call_after(2.0, heard.append, "alive")
    assert engine.peek() == 2.0
    engine.step()
    assert heard == ["alive"]
    assert engine.peek() == float("inf")
    with pytest.raises(EmptySchedule):
        engine.step()


def test_cancelling_everything_keeps_the_heap_small() -> None:
    engine, heard = Engine(), []
    engine.call_after(1e6, heard.append, "end")
    for index in range(10_000):
        engine.call_after(1.0 + index, heard.append, index).cancel()
        assert len(engine._queue) <= 130
    engine.run()
    assert heard == ["end"]


@pytest.mark.parametrize("seed", range(20))
def test_sweeping_loses_nothing_and_keeps_the_order(seed: int) -> None:
    chance = random.Random(seed)
    engine, heard, expected = Engine(), [], []
    times = [chance.randrange(300) for _ in range(600)]
    timers = [engine.call_at(time, heard.append, (time, index)) for index, time in enumerate(times)]
    for index in chance.sample(range(600), 600):
        if chance.random() < 0.8:
            timers[index].cancel()
        else:
            expected.append((times[index], index))
    assert len(engine._queue) < 300
    engine.run()
    assert heard == sorted(expected)
    assert engine.processed == len(expected)


def test_sweeping_while_running() -> None:
    engine, heard = Engine(), []
    doomed = [engine.call_at(10.0 + index, heard.append, index) for index in range(500)]
    engine.call_at(1.0, lambda: [timer.cancel() for timer in doomed[:490]])
    engine.run()
    assert heard == list(range(490, 500))


def test_an_exception_in_a_call_leaves_run_and_the_engine_goes_on_after_it() -> None:
    engine, heard = Engine(), []

    def fail() -> None:
        raise KeyError("lost")

    engine.call_after(1.0, fail)
    engine.call_after(2.0, heard.append, "next")
    with pytest.raises(KeyError, match="lost"):
        engine.run()
    assert (engine.now, engine.processed) == (1.0, 1)
    engine.run()
    assert heard == ["next"]


@pytest.mark.parametrize("recording", [False, True])
def test_a_failed_event_nobody_defused_is_raised(recording: bool) -> None:
    engine = Engine(trace=Tracer(recording))
    engine.event().fail(OSError("disk"))
    with pytest.raises(OSError, match="disk"):
        engine.run()


def test_a_process_that_dies_takes_the_run_with_it() -> None:
    engine = Engine()

    def process() -> Generator:
        yield engine.timeout(1)
        raise ZeroDivisionError("in a process")

    engine.process(process())
    with pytest.raises(ZeroDivisionError) as caught:
        engine.run()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_failure_that_a_process_catches_is_over() -> None:
    engine, heard = Engine(), []

    def patient(event: simpy.Event) -> Generator:
        try:
            yield event
        except OSError as error:
            heard.append(str(error))

    event = engine.event()
    engine.process(patient(event))
    engine.call_after(1.0, event.fail, OSError("caught"))
    engine.run()
    assert heard == ["caught"]


def test_a_timer_wakes_a_process_and_a_process_sets_a_timer() -> None:
    engine, heard = Engine(), []

    def sleeper(bell: simpy.Event) -> Generator:
        heard.append((yield bell))
        engine.call_after(1.5, heard.append, "snooze")
        yield engine.timeout(5)

    bell = engine.event()
    engine.process(sleeper(bell))
    engine.call_at(3.0, bell.succeed, "ring")
    engine.run()
    assert heard == ["ring", "snooze"]
    assert engine.now == 8.0


def test_a_watchdog_interrupts_a_process() -> None:
    engine, heard = Engine(), []

    def slow() -> Generator:
        try:
            yield engine.timeout(100)
        except simpy.Interrupt as interrupt:
            heard.append((engine.now, interrupt.cause))

    process = engine.process(slow())
    engine.call_after(3.0, process.interrupt, "watchdog")
    engine.run()
    assert heard == [(3.0, "watchdog")]


def test_run_until_a_time_stops_before_what_happens_then() -> None:
    engine, heard = Engine(), []
    for time in (1.0, 2.0, 3.0):
        engine.call_at(time, heard.append, time)
    engine.run(until=2.0)
    assert (heard, engine.now) == ([1.0], 2.0)
    engine.run(until=10)
    assert (heard, engine.now) == ([1.0, 2.0, 3.0], 10)


def test_run_until_an_event_gives_its_value() -> None:
    engine = Engine()
    event = engine.event()
    engine.call_after(4.0, event.succeed, "value")
    engine.call_after(9.0, print, "never printed")
    assert engine.run(until=event) == "value"
    assert engine.now == 4.0
    assert engine.run(until=event) == "value"


def test_run_until_an_event_that_is_over_gives_its_value_at_once() -> None:
    engine = Engine()
    event = engine.timeout(1.0, "past")
    engine.run(until=2.0)
    later = engine.call_after(1.0, lambda: None)
    assert (engine.run(until=event), engine.now, later.pending) == ("past", 2.0, True)


def test_run_until_a_failed_event_raises_what_failed() -> None:
    engine = Engine()
    event = engine.event()
    engine.call_after(1.0, event.fail, LookupError("gone"))
    with pytest.raises(LookupError, match="gone"):
        engine.run(until=event)


def test_run_until_an_event_that_never_comes_says_so() -> None:
    engine = Engine()
    engine.call_after(1.0, lambda: None)
    with pytest.raises(RuntimeError, match="not triggered"):
        engine.run(until=engine.event())


@pytest.mark.parametrize("until", [0, -1.0, float("nan")])
def test_run_until_the_past_is_refused(until: float) -> None:
    with pytest.raises(ValueError, match="greater than"):
        Engine().run(until=until)


def test_stepping_by_hand_is_running() -> None:
    stepped, run = Engine(), Engine()
    heard: dict[Engine, list[object]] = {stepped: [], run: []}
    for engine, notes in heard.items():
        engine.timeout(1.0, "event").callbacks.append(lambda event, notes=notes: notes.append(event.value))
        engine.call_after(1.0, notes.append, "timer")
        engine.call_after(3.0, notes.append, "late")
    run.run()
    while stepped.pending:
        stepped.step()
    assert heard[stepped] == heard[run] == ["event", "timer", "late"]
    assert (stepped.now, stepped.processed) == (run.now, run.processed) == (3.0, 3)


def test_callbacks_after_the_one_that_stops_the_run_are_kept_for_later() -> None:
    def heard_on(make: Callable[[], simpy.Environment]) -> list[str]:
        environment, heard = make(), []
        event = environment.timeout(1.0)
        event.callbacks.append(lambda _: heard.append("before"))
        environment.run(until=event)
        event_two = environment.timeout(1.0)
        event_two.callbacks.append(simpy.core.StopSimulation.callback)
        event_two.callbacks.append(lambda _: heard.append("after"))
        environment.run()
        heard.append("stopped")
        environment.run()
        return heard

    assert heard_on(Engine) == heard_on(simpy.Environment) == ["before", "stopped", "after"]
    assert heard_on(lambda: Engine(trace=Tracer(recording=True))) == ["before", "stopped", "after"]


def scene(environment: simpy.Environment) -> list[tuple[float, str]]:
    """Interrupts, conditions, stores, containers, priorities and preemption in one world."""
    heard: list[tuple[float, str]] = []

    def note(what: str) -> None:
        heard.append((environment.now, what))

    store, tank = simpy.Store(environment, capacity=2), simpy.Container(environment, 10, init=3)
    crane = simpy.PreemptiveResource(environment, 1)

    def producer() -> Generator:
        for item in range(6):
            yield store.put(item)
            note(f"put {item}")
            yield environment.timeout(0.5 * item)

    def consumer() -> Generator:
        while True:
            got = yield store.get() | environment.timeout(1.25, value="hungry")
            note(f"got {sorted(map(str, got.values()))}")
            yield environment.timeout(0.75) & tank.put(1)

    def user(name: str, priority: int, start: float) -> Generator:
        yield environment.timeout(start)
        with crane.request(priority=priority) as request:
            yield request
            note(f"{name} has the crane")
            try:
                yield environment.timeout(2)
                note(f"{name} is done")
            except simpy.Interrupt as interrupt:
                note(f"{name} lost it after {environment.now - interrupt.cause.usage_since}")

    environment.process(producer())
    environment.process(consumer())
    for name, priority, start in (("a", 2, 0.0), ("b", 1, 1.0), ("c", 2, 1.0), ("d", 0, 2.5)):
        environment.process(user(name, priority, start))
    environment.run(until=12)
    return heard


def test_simpys_vocabulary_means_the_same_on_the_engine() -> None:
    assert scene(Engine()) == scene(simpy.Environment())
    assert len(scene(Engine())) > 20


def test_a_recording_engine_does_the_same_and_counts_by_name() -> None:
    engine = Engine(trace=Tracer(recording=True))
    assert scene(engine) == scene(simpy.Environment())
    assert engine.counters["event Timeout"] > 10
    assert sum(engine.counters.values()) == engine.processed
    assert len(engine.trace.counters["engine/pending"].times) == engine.processed
    quiet = Engine()
    scene(quiet)
    assert quiet.processed == engine.processed
    assert not quiet.counters


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), min_size=1, max_size=20), st.booleans())
def test_pausing_changes_nothing(pairs: list[tuple[float, float]], recording: bool) -> None:
    def heard_on(engine: Engine, pauses: list[float]) -> list[tuple[float, int]]:
        heard: list[tuple[float, int]] = []

        def again(index: int, gap: float) -> None:
            heard.append((engine.now, index))
            if engine.now < 20:
                engine.call_after(gap + 1.0, again, index, gap)

        for index, (start, gap) in enumerate(pairs):
            engine.call_at(start, again, index, gap)
        for pause in pauses:
            engine.run(until=pause)
        engine.run()
        return heard

    assert heard_on(Engine(), []) == heard_on(Engine(trace=Tracer(recording)), [0.5, 3.0, 3.25, 17.0])


def test_timers_are_named_when_recorded() -> None:
    engine = Engine(trace=Tracer(recording=True))
    heard: list[str] = []
    engine.call_after(1.0, heard.append, "x")
    engine.call_after(2.0, heard.append, "y").cancel()
    engine.run()
    assert engine.counters == {"event list.append": 1}
