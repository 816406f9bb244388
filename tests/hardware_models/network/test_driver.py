"""Nodes on a network: times add up, cores queue, crashes lose exactly what they should, and bad wiring is refused."""

from collections.abc import Hashable, Sequence
from typing import Any

import pytest

from hardware_models.network.card import Impairments, LinkFigures
from hardware_models.network.driver import Driver
from hardware_models.network.topology import Network
from sim.engine import Engine
from sim.errors import UserError
from sim.protocol import CancelTimer, Effect, Node, Note, Send, SetTimer
from sim.rng import Streams

LINK = LinkFigures(rate=1e9, propagation=1e-6, buffer=10**6)


class Teller(Node):
    """Notes what it hears and does what it is told at the start."""

    def __init__(self, address: str, *at_start: Effect) -> None:
        self.address, self.at_start = address, at_start

    def on_start(self, now: float) -> Sequence[Effect]:
        return self.at_start

    def on_message(self, now: float, source: str, message: Any) -> Sequence[Effect]:
        return message if isinstance(message, list) else [Note((source, message))]

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        return [Note(timer)]


class Rack:
    """Hosts a, b and c on one switch; everything said is kept with its time in whole nanoseconds."""

    def __init__(self, link: LinkFigures = LINK, switch: float = 1e-6, seed: int = 0) -> None:
        self.engine = Engine()
        self.network = Network(self.engine, Streams(seed, "rack", 0))
        self.network.device("tor", switch)
        for host in "abc":
            self.network.device(host)
            self.network.connect(host, "tor", link)
        self.heard: list[tuple[int, str, Hashable]] = []
        self.driver = Driver(
            self.engine, self.network, lambda message: 125,
            lambda now, who, what: self.heard.append((round(now * 1e9), who, what)),
        )  # fmt: skip


def test_a_message_takes_two_links_and_a_switch() -> None:
    rack = Rack()
    rack.driver.place(Teller("x", Send("y", "hi")), "a")
    rack.driver.place(Teller("y"), "b")
    rack.driver.start()
    rack.engine.run()
    assert rack.heard == [(2 * (1000 + 1000) + 1000, "y", ("x", "hi"))]


def test_messages_queue_for_cores() -> None:
    rack = Rack()
    rack.driver.place(Teller("x", *[Send("y", number) for number in range(5)]), "a")
    rack.driver.place(Teller("y"), "b", cores=2, cost=lambda message: 10e-6)
    rack.driver.start()
    rack.engine.run()
    # They come 1 us apart, from 5 us on; two cores take 10 us each.
    assert [time for time, _, _ in rack.heard] == [15000, 16000, 25000, 26000, 35000]
    station = rack.driver.station("y")
    assert station is not None
    assert station.check().verdict == "holds"


def test_setting_a_timer_again_moves_it_and_cancelling_stops_it() -> None:
    rack = Rack()
    at_start = (SetTimer("t", 5.0), SetTimer("t", 2.0), SetTimer("u", 1.0), CancelTimer("u"), CancelTimer("v"))
    rack.driver.place(Teller("x", *at_start), "a")
    rack.driver.start()
    rack.engine.run()
    assert rack.heard == [(2 * 10**9, "x", "t")]


def test_a_crash_loses_timers_and_messages_and_a_restart_begins_anew() -> None:
    rack = Rack()
    rack.driver.place(Teller("x", *[Send("y", number) for number in range(3)], SetTimer("later", 1.0)), "a")
    rack.driver.place(Teller("y", SetTimer("mine", 1.0)), "b", cores=1, cost=lambda message: 10e-6)
    rack.driver.start()
    rack.engine.call_at(16e-6, rack.driver.crash, "y")  # after the first message, in the service of the second
    rack.engine.call_at(0.5, rack.driver.start, "y")
    rack.engine.call_at(0.6, rack.driver.inject, "y", "x", "again")
    rack.engine.run()
    assert [(who, what) for _, who, what in rack.heard] == [
        ("y", ("x", 0)), ("y", ("x", "again")), ("x", "later"), ("y", "mine"),
    ]  # fmt: skip
    assert rack.heard[-1][0] == 15 * 10**8


def test_a_dead_switch_passes_nothing_on() -> None:
    rack = Rack()
    rack.driver.place(Teller("x", Send("y", "lost")), "a")
    rack.driver.place(Teller("y"), "b")
    rack.network.fail("tor")
    rack.driver.start()
    rack.engine.run()
    assert (rack.heard, rack.network.unreached) == ([], 1)
    rack.network.repair("tor")
    rack.driver.inject("x", "test", [Send("y", "passed")])
    rack.engine.run()
    assert rack.heard[0][1:] == ("y", ("x", "passed"))


def test_the_same_seed_gives_the_same_run_and_another_one_another() -> None:
    def run(seed: int) -> list[tuple[int, str, Hashable]]:
        rack = Rack(LINK.model_copy(update={"impairments": Impairments(loss=0.2, jitter=1e-5)}), seed=seed)
        rack.driver.place(Teller("x", *[Send("y", number) for number in range(200)]), "a")
        rack.driver.place(Teller("y"), "b")
        rack.driver.start()
        rack.engine.run()
        return rack.heard

    assert run(1) == run(1) != run(2)


def test_ways_are_the_fastest() -> None:
    engine = Engine()
    network = Network(engine)
    for name in "abcd":
        network.device(name)
    slow = LINK.model_copy(update={"propagation": 1e-3})
    for one, other, link in (("a", "d", slow), ("a", "b", LINK), ("b", "c", LINK), ("c", "d", LINK)):
        network.connect(one, other, link)
    arrived = []
    network.send("a", "d", 125, lambda: arrived.append(engine.now))
    engine.run()
    assert arrived == pytest.approx([6e-6])


def test_bad_wiring_is_refused_in_one_sentence() -> None:
    network = Network(Engine())
    network.device("a")
    network.device("b")
    with pytest.raises(UserError, match="two devices called 'a'"):
        network.device("a")
    with pytest.raises(UserError, match=r"latency of 'c' is -1 s; it must be 0 s or more"):
        network.device("c", -1)
    with pytest.raises(UserError, match="no device 'z' to connect; there are a, b"):
        network.connect("a", "z", LINK)
    with pytest.raises(UserError, match="cannot be connected to themselves"):
        network.connect("a", "a", LINK)
    with pytest.raises(UserError, match="no way from 'a' to 'b'"):
        network.send("a", "b", 1, print)
    network.connect("a", "b", LINK)
    with pytest.raises(UserError, match="cannot be connected twice"):
        network.connect("b", "a", LINK)
