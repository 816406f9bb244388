"""Stations and the Lindley recursion against closed forms: confidence intervals cover them as often as they say.

Seeds are fixed, so nothing here is a matter of luck; the bands are what a correct simulator leaves with
probability 1 in 1,000 under a fresh seed.
"""

from collections.abc import Callable
from math import factorial

import numpy as np
import pytest
from scipy import stats

from sim.engine import Engine
from sim.rng import Streams
from sim.station import Station, lindley
from sim.statistics import interval

INTERVALS = 100


def erlang_b(servers: int, load: float) -> float:
    """Share lost in M/G/c/c offered `load` erlangs."""
    terms = [load**k / factorial(k) for k in range(servers + 1)]
    return terms[-1] / sum(terms)


def erlang_c_wait(servers: int, arrival_rate: float, service_rate: float) -> float:
    """Mean wait in M/M/c, seconds."""
    load = arrival_rate / service_rate
    blocked = erlang_b(servers, load)
    waiting = blocked / (1 - load / servers * (1 - blocked))
    return waiting / (servers * service_rate - arrival_rate)


def pollaczek_khinchine(arrival_rate: float, mean: float, squared_variation: float) -> float:
    """Mean wait in M/G/1, seconds; `squared_variation` is variance / mean**2 of the service."""
    load = arrival_rate * mean
    return load * mean * (1 + squared_variation) / (2 * (1 - load))


def loss_mm1k(load: float, room: int) -> float:
    """Share lost in M/M/1/K."""
    return (1 - load) * load**room / (1 - load ** (room + 1))


def covered(truth: float, run: Callable[[int], float], runs: int) -> int:
    """In how many of `INTERVALS` 95 % intervals, each from `runs` independent runs, the truth lies."""
    return sum(
        truth in interval([run(runs * index + replicate) for replicate in range(runs)]) for index in range(INTERVALS)
    )


def assert_nominal(count: int) -> None:
    assert stats.binom.cdf(count, INTERVALS, 0.95) > 5e-4, f"{count} of {INTERVALS} cover, far too few"
    assert stats.binom.sf(count - 1, INTERVALS, 0.95) > 5e-4, f"{count} of {INTERVALS} cover, suspiciously many"


def simulated(
    replicate: int, servers: int, arrival_rate: float, capacity: float = float("inf"), duration: float = 900.0
) -> Station:
    """An M/M/c/K station with unit service rate after a warm-up of 100 s and `duration` seconds more."""
    streams = Streams(17, f"M/M/{servers}/{capacity}", replicate)
    arrivals, services = streams("arrivals"), streams("services")
    engine = Engine()
    station = Station(engine, "station", lambda _: services.exponential(1.0), servers, capacity)

    def arrive() -> None:
        engine.call_after(arrivals.exponential(1 / arrival_rate), arrive)
        station.arrive()

    engine.call_after(arrivals.exponential(1 / arrival_rate), arrive)
    engine.run(until=100.0)
    station.forget()
    engine.run(until=100.0 + duration)
    assert station.check().verdict == "holds"
    return station


@pytest.mark.parametrize(("servers", "load"), [(1, 0.6), (3, 0.7)])
def test_mmc_waits_are_erlangs(servers: int, load: float) -> None:
    rate = servers * load
    truth = erlang_c_wait(servers, rate, 1.0)
    assert_nominal(covered(truth, lambda n: simulated(n, servers, rate, duration=600.0).statistics().mean_wait, 6))


def test_mmc_is_busy_as_much_as_is_offered() -> None:
    assert_nominal(covered(0.7, lambda n: simulated(n, 2, 1.4, duration=300.0).statistics().utilisation, 6))


@pytest.mark.parametrize(("load", "room"), [(0.9, 4), (1.5, 3)])
def test_mm1k_loses_what_theory_says(load: float, room: int) -> None:
    truth = loss_mm1k(load, room)
    assert_nominal(covered(truth, lambda n: simulated(n, 1, load, room, 300.0).statistics().loss, 6))


def test_mmcc_is_erlangs_loss_formula() -> None:
    assert_nominal(covered(erlang_b(3, 2.0), lambda n: simulated(n, 3, 2.0, 3, 200.0).statistics().loss, 6))


LAWS: dict[str, tuple[float, Callable[[np.random.Generator, int], np.ndarray]]] = {
    "constant": (0.0, lambda generator, size: np.ones(size)),
    "exponential": (1.0, lambda generator, size: generator.standard_exponential(size)),
    "gamma": (0.25, lambda generator, size: generator.gamma(4.0, 0.25, size)),
    "hyperexponential": (
        3.0,
        lambda generator, size: (
            generator.standard_exponential(size)
            * np.where(generator.random(size) < 0.5 - np.sqrt(0.125), 1 / (1 - np.sqrt(0.5)), 1 / (1 + np.sqrt(0.5)))
        ),
    ),
}


def lindley_wait(replicate: int, law: str, load: float, customers: int, warm_up: int) -> float:
    streams = Streams(23, f"M/{law}/1 at {load}", replicate)
    gaps = streams("arrivals").generator.exponential(1 / load, warm_up + customers)
    work = LAWS[law][1](streams("services").generator, warm_up + customers)
    return float(lindley(gaps, work)[warm_up:].mean())


@pytest.mark.parametrize(
    ("law", "load", "customers", "warm_up"),
    [
        ("constant", 0.8, 4_000, 500),
        ("gamma", 0.8, 4_000, 500),
        ("hyperexponential", 0.7, 4_000, 1_000),
        ("exponential", 0.95, 40_000, 8_000),
    ],
)
def test_mg1_waits_are_pollaczek_and_khinchines(law: str, load: float, customers: int, warm_up: int) -> None:
    variation = LAWS[law][0]
    truth = pollaczek_khinchine(load, 1.0, variation)
    assert_nominal(covered(truth, lambda n: lindley_wait(n, law, load, customers, warm_up), 8))


def test_the_laws_are_what_they_claim() -> None:
    for variation, draw in LAWS.values():
        sample = draw(np.random.default_rng(1), 400_000)
        assert sample.mean() == pytest.approx(1.0, rel=0.02)
        assert sample.var() == pytest.approx(variation, rel=0.05, abs=1e-12)


def test_the_oracles_agree_where_they_meet() -> None:
    assert erlang_c_wait(1, 0.8, 1.0) == pytest.approx(pollaczek_khinchine(0.8, 1.0, 1.0))
    assert erlang_b(1, 0.8) == pytest.approx(loss_mm1k(0.8, 1))
