"""Stations keep the books, and are the same queue as SimPy's resources."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.engine import Engine
from sim.rng import Streams
from sim.station import Station, lindley

Log = list[tuple[float, int, str]]


@dataclass(frozen=True)
class Network:
    """Stations of (servers, capacity, law of service), and customers of (time of arrival, stations to visit).

    All laws are continuous: two things that happen to two customers at the very same moment have no order that
    processes (a few events of no length each) and callbacks (none) must share.
    """

    seed: int
    stations: tuple[tuple[int, float, str], ...]
    customers: tuple[tuple[float, tuple[int, ...]], ...]

    def services(self) -> list[Any]:
        """One source of service times per station; customers draw from it in the order their services begin."""
        streams = Streams(self.seed, "network", 0)
        laws = {
            "exponential": lambda stream: lambda: stream.exponential(1.0),
            "uniform": lambda stream: lambda: 0.5 + stream.uniform(),
            "normal": lambda stream: lambda: abs(stream.normal(0.5, 0.5)),
        }
        return [laws[law](streams("service", place)) for place, (_, _, law) in enumerate(self.stations)]


@st.composite
def networks(draw: st.DrawFn) -> Network:
    seed = draw(st.integers(0, 2**32))
    count = draw(st.integers(1, 4))
    stations = []
    for _ in range(count):
        servers = draw(st.integers(1, 3))
        room = draw(st.one_of(st.just(inf), st.integers(0, 3)))
        stations.append((servers, servers + room, draw(st.sampled_from(["exponential", "uniform", "normal"]))))
    generator = np.random.default_rng(seed)
    times = np.cumsum(generator.exponential(draw(st.floats(0.1, 1.5)), size=draw(st.integers(1, 40))))
    routes = [tuple(generator.integers(0, count, generator.integers(1, 6)).tolist()) for _ in times]
    return Network(seed, tuple(stations), tuple(zip(times.tolist(), routes, strict=True)))


def with_processes(network: Network, environment: simpy.Environment) -> Log:
    resources = [simpy.Resource(environment, servers) for servers, _, _ in network.stations]
    services, log = network.services(), []

    def customer(index: int, route: tuple[int, ...]) -> Iterator[Any]:
        for place in route:
            resource, capacity = resources[place], network.stations[place][1]
            if resource.count + len(resource.queue) >= capacity:
                log.append((environment.now, index, f"lost at {place}"))
                return
            with resource.request() as request:
                yield request
                log.append((environment.now, index, f"begins at {place}"))
                yield environment.timeout(services[place]())
                log.append((environment.now, index, f"leaves {place}"))

    def source() -> Iterator[Any]:
        before = 0.0
        for index, (time, route) in enumerate(network.customers):
            yield environment.timeout(time - before)
            before = environment.now
            environment.process(customer(index, route))

    environment.process(source())
    environment.run()
    return log


def with_stations(network: Network) -> tuple[Log, list[Station]]:
    engine, services = Engine(), network.services()
    log: Log = []
    stations: list[Station] = []

    def visit(customer: tuple[int, tuple[int, ...]]) -> None:
        index, route = customer
        if route and not stations[route[0]].arrive(customer):
            log.append((engine.now, index, f"lost at {route[0]}"))

    def add(place: int, servers: int, capacity: float) -> None:
        def serve(customer: tuple[int, tuple[int, ...]]) -> float:
            log.append((engine.now, customer[0], f"begins at {place}"))
            return float(services[place]())

        def depart(customer: tuple[int, tuple[int, ...]]) -> None:
            log.append((engine.now, customer[0], f"leaves {place}"))
            visit((customer[0], customer[1][1:]))

        stations.append(Station(engine, f"station {place}", serve, servers, capacity, depart))

    for place, (servers, capacity, _) in enumerate(network.stations):
        add(place, servers, capacity)
    source(engine, network, visit)
    engine.run()
    return log, stations


def source(engine: Engine, network: Network, visit: Any) -> None:
    def arrive(index: int) -> None:
        route = network.customers[index][1]
        if index + 1 < len(network.customers):
            engine.call_after(network.customers[index + 1][0] - time_of[index], arrive, index + 1)
        visit((index, route))

    # SimPy's source waits for differences, whose floating-point sum is the time of arrival there and here
    time_of = [0.0]
    for (before, _), (after, _) in pairwise(network.customers):
        time_of.append(before + (after - before))
    time_of[0] = network.customers[0][0]
    engine.call_after(network.customers[0][0], arrive, 0)


@settings(max_examples=200, deadline=None)
@given(networks())
def test_processes_on_the_engine_and_stations_log_what_plain_simpy_logs(network: Network) -> None:
    expected = with_processes(network, simpy.Environment())
    assert with_processes(network, Engine()) == expected
    log, stations = with_stations(network)
    assert sorted(log) == sorted(expected)
    assert all(station.check().verdict == "holds" for station in stations)


def test_the_books_of_a_queue_done_by_hand() -> None:
    engine, gone = Engine(), []
    station = Station(engine, "till", service=lambda minutes: minutes, capacity=2, departed=gone.append)
    accepted = []
    for time, minutes in ((0.0, 4.0), (1.0, 2.0), (2.0, 9.0), (7.0, 1.0)):
        engine.call_at(time, lambda minutes=minutes: accepted.append(station.arrive(minutes)))
    engine.run(until=10.0)
    assert accepted == [True, True, False, True]
    assert gone == [4.0, 2.0, 1.0]
    assert station.waits.tolist() == [0.0, 3.0, 0.0]
    assert station.sojourns.tolist() == [4.0, 5.0, 1.0]
    found = station.statistics()
    assert (found.duration, found.arrivals, found.lost, found.departures) == (10.0, 4, 1, 3)
    assert found.mean_number == pytest.approx((4 + 5 + 1) / 10)
    assert found.utilisation == pytest.approx(7 / 10)
    assert (found.mean_wait, found.mean_sojourn) == (1.0, pytest.approx(10 / 3))
    assert (found.loss, found.throughput) == (0.25, pytest.approx(0.3))


def test_customers_who_are_still_there_are_in_littles_law() -> None:
    engine = Engine()
    station = Station(engine, "slow", service=lambda _: 100.0, servers=2)
    for time in (0.0, 1.0, 2.5):
        engine.call_at(time, station.arrive)
    engine.run(until=10.0)
    assert (station.number, station.queued) == (3, 1)
    assert station.check().verdict == "holds"
    assert "26.5 s" in station.check().detail
    assert station.statistics().mean_number == pytest.approx(2.65)


def test_forgetting_the_warm_up_keeps_the_customers_and_the_law() -> None:
    engine = Engine()
    station = Station(engine, "desk", service=lambda _: 4.0)
    for time in (0.0, 1.0, 6.0):
        engine.call_at(time, station.arrive)
    engine.call_at(5.0, station.forget)
    engine.run(until=20.0)
    found = station.statistics()
    assert (found.duration, found.arrivals, found.departures) == (15.0, 1, 2)
    assert found.mean_number == pytest.approx(((8 - 5) + (12 - 6)) / 15)
    assert found.utilisation == pytest.approx(7 / 15)
    assert station.check().verdict == "holds"


def test_the_law_fails_when_a_book_is_cooked() -> None:
    engine = Engine()
    station = Station(engine, "crooked", service=lambda _: 1.0)
    engine.call_after(0.0, station.arrive)
    engine.run()
    station._area += 1e-6
    assert station.check().verdict == "fails"


def test_little_residual_stays_tiny_in_a_long_busy_run() -> None:
    streams = Streams(2, "little", 0)
    arrivals, services = streams("arrivals"), streams("services")
    engine = Engine()
    station = Station(engine, "busy", service=lambda _: services.exponential(1.0), servers=3)

    def arrive() -> None:
        engine.call_after(arrivals.exponential(1 / 2.9), arrive)
        station.arrive()

    arrive()
    engine.run(until=500.0)
    station.forget()
    engine.run(until=8000.0)
    check = station.check()
    assert check.verdict == "holds"
    assert float(check.detail.split()[-1]) < 1e-11
    assert station.number > 0
    assert station.statistics().utilisation <= 1.0


def test_an_untouched_station_has_no_means() -> None:
    engine = Engine()
    station = Station(engine, "idle", service=lambda _: 1.0)
    found = station.statistics()
    assert np.isnan([found.mean_number, found.mean_wait, found.mean_sojourn, found.loss, found.throughput]).all()
    assert station.check().verdict == "holds"


@pytest.mark.parametrize(("servers", "capacity"), [(0, inf), (2, 1)])
def test_a_station_without_room_is_refused(servers: int, capacity: float) -> None:
    with pytest.raises(ValueError, match="needs a server"):
        Station(Engine(), "none", lambda _: 1.0, servers, capacity)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 64), st.integers(0, 64)), max_size=60),
)
def test_lindley_is_the_station_with_one_server(pairs: list[tuple[int, int]]) -> None:
    gaps = [gap / 16 for gap, _ in pairs]
    work = [length / 16 for _, length in pairs]
    engine = Engine()
    station = Station(engine, "fifo", service=lambda seconds: seconds)
    for time, seconds in zip(np.cumsum(gaps), work, strict=True):
        engine.call_at(float(time), station.arrive, seconds)
    engine.run()
    assert lindley(gaps, work).tolist() == station.waits.tolist()
