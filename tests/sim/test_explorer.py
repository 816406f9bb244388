import doctest
from pathlib import Path

import pytest

from sim.explorer import Bounds, Violation, explore
from sim.protocol import CancelTimer, Node, Note, Send, SetTimer


class Register(Node):
    STATE = ("values",)

    def __init__(self, address):
        self.address, self.values = address, ()

    def on_message(self, now, source, message):
        self.values = (*self.values, message)
        return [Note(self.values)]


class Sender(Node):
    def __init__(self, *messages):
        self.address, self.messages = "sender", messages

    def on_start(self, now):
        return [Send("register", message) for message in self.messages]


def seen_values(*messages, **how):
    seen = set()

    def observe(ghost, address, event, look):
        seen.add(event)
        return ghost

    found = explore(lambda choose: [Register("register"), Sender(*messages)], observe=observe, **how)
    return seen, found


def test_every_order_and_every_loss():
    seen, found = seen_values(1, 2)
    assert seen == {(1,), (2,), (1, 2), (2, 1)}
    assert (found.states, found.exhausted, found.depth) == (5, True, 2)


def test_messages_come_again_as_often_as_allowed():
    assert max(map(len, seen_values(1)[0])) == 1
    assert max(map(len, seen_values(1, bounds=Bounds(duplicates=2))[0])) == 3


def test_messages_to_nobody_are_lost():
    assert explore(lambda choose: [Sender(1)]).states == 1


def test_equal_tuples_of_different_classes_are_different_messages():
    class Left(tuple):
        __slots__ = ()

    class Right(tuple):
        __slots__ = ()

    assert max(map(len, seen_values(Left(), Right())[0])) == 2


class Clock(Node):
    STATE = ("ticks",)

    def __init__(self):
        self.address, self.ticks = "clock", 0

    def on_start(self, now):
        return [SetTimer("tick", 1.0), SetTimer("never", 1.0), CancelTimer("never")]

    def on_timer(self, now, timer):
        assert timer == "tick"
        self.ticks += 1
        return [SetTimer("tick", 1.0), Note(self.ticks)]


def test_timers_go_off_as_often_as_allowed():
    assert explore(lambda choose: [Clock()]).states == 1
    assert explore(lambda choose: [Clock()], bounds=Bounds(timers=3)).states == 4
    assert explore(lambda choose: [Clock()], bounds=Bounds(timers=3), fires=lambda address, timer: False).states == 1


class Gambler(Node):
    STATE = ("drawn",)

    def __init__(self, choose):
        self.address, self.choose, self.drawn = "gambler", choose, ()

    def on_start(self, now):
        self.drawn = (self.choose(2), self.choose(3))
        return [Send("gambler", "again")]

    def on_message(self, now, source, message):
        self.drawn = (*self.drawn, self.choose(2))
        return []


def test_each_number_is_drawn():
    drawn = set()
    explore(lambda choose: [Gambler(choose)], invariants=[lambda look, ghost: drawn.add(look("gambler").drawn) or ""])
    assert drawn >= {(a, b, c) for a in range(2) for b in range(3) for c in range(2)}


class Forgetful(Register):
    def on_start(self, now):
        return [Note("up"), SetTimer("wake", 1.0)]

    def on_crash(self):
        self.values = ()


def test_crashes_and_restarts():
    def run(**bounds):
        texts = []

        def observe(ghost, address, event, look):
            texts.append(event)
            return ghost

        found = explore(
            lambda choose: [Forgetful("register"), Sender(1)],
            bounds=Bounds(**bounds),
            observe=observe,
            crashable=["register"],
            obituary=lambda address: [("sender", address)],
        )
        return texts.count("up"), found

    assert run() == (1, run()[1])
    ups, found = run(crashes=1)
    assert ups == 1
    assert found.states == 3  # not yet, delivered, and crashed: before or after is the same, all is forgotten
    assert run(crashes=1, restarts=1)[0] > 1
    assert run(crashes=1, restarts=1, timers=1)[1].states > run(crashes=1, restarts=1)[1].states


def test_a_crashed_node_cannot_be_looked_at_nor_an_unknown_one():
    seen = []
    explore(
        lambda choose: [Register("register")],
        bounds=Bounds(crashes=1),
        crashable=["register"],
        invariants=[lambda look, ghost: seen.append((look("register"), look("nobody"))) or ""],
    )
    assert [nobody for _, nobody in seen] == [None, None]
    assert [register is None for register, _ in seen] == [False, True]


def test_the_first_violation_is_a_shortest_one_and_reads_as_steps():
    found = explore(
        lambda choose: [Register("register"), Sender(1, 2, 3)],
        invariants=[lambda look, ghost: "3 before 1" if look("register").values[-2:] == (3, 1) else ""],
    )
    assert not found.exhausted
    assert str(found).splitlines() == [
        "violation: 3 before 1",
        "1. sender -> register: 3 [register: (3,)]",
        "2. sender -> register: 1 [register: (3, 1)]",
    ]


def test_steps_of_every_kind_are_told():
    def observe(ghost, address, event, look):
        if ghost == "up":
            raise Violation("up again")
        return event

    found = explore(
        lambda choose: [Forgetful("register"), Clock()],
        bounds=Bounds(crashes=1, restarts=1, timers=1),
        crashable=["register"],
        observe=lambda ghost, address, event, look: observe(ghost, address, event, look) if event != 1 else ghost,
    )
    assert [step.split(" [")[0] for step in found.steps] == ["register crashes", "register starts again"]
    ticking = explore(
        lambda choose: [Clock()],
        bounds=Bounds(timers=2),
        observe=lambda ghost, address, event, look: event,
        invariants=[lambda look, ghost: "two" if ghost == 2 else ""],
    )
    assert ticking.steps == ("clock: timer tick [clock: 1]", "clock: timer tick [clock: 2]")


def test_the_search_ends_at_its_limit_and_says_that_there_is_more():
    found = explore(lambda choose: [Clock()], bounds=Bounds(timers=100, states=10))
    assert (found.states, found.exhausted) == (10, False)
    assert str(found) == "no violation in 10 states (there are more)"


def test_progress_is_told():
    told = []
    explore(lambda choose: [Clock()], bounds=Bounds(timers=20_000), progress=told.append)
    assert len(told) == 1


def test_a_violation_at_the_start_has_no_steps():
    def observe(ghost, address, event, look):
        raise Violation("already")

    found = explore(lambda choose: [Forgetful("register")], observe=observe)
    assert (found.violation, found.steps) == ("already", ())
    found = explore(lambda choose: [Clock()], invariants=[lambda look, ghost: "wrong"])
    assert (found.violation, found.steps) == ("wrong", ())


@pytest.mark.parametrize("name", ["states", "exhausted", "depth"])
def test_two_searches_find_the_same(name):
    first, second = (seen_values(1, 2, 3, bounds=Bounds(duplicates=2))[1] for _ in range(2))
    assert getattr(first, name) == getattr(second, name)


def test_the_guide_shows_what_happens():
    guide = Path(__file__).parents[2] / "docs" / "guide" / "explorer.md"
    assert doctest.testfile(str(guide), module_relative=False) == (0, 9)
