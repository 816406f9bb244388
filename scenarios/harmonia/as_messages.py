"""Runs a setting message by message: the protocols' state machines on the simulated network, with what fails.

When all requests are answered, clients read every object that was written once more, so that a write that was
acknowledged and then lost shows in the history. The history is checked for linearizability.
"""

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

import numpy as np

from hardware_models.network.driver import Driver
from hardware_models.network.topology import Network
from scenarios.harmonia import workload
from scenarios.harmonia.client import Operation, Operations
from scenarios.harmonia.config import HarmoniaConfig
from scenarios.harmonia.detector import FULL, Read
from scenarios.harmonia.observed import Observed
from scenarios.harmonia.outcome import costs, distribution, outcome, percentiles, share_of_formula
from scenarios.harmonia.packet import Op, Packet, Stamp
from scenarios.harmonia.pipeline import Pipeline
from scenarios.harmonia.rack import CONTROLLER, KINDS, SWITCH, Settings, client, rack, work
from scenarios.harmonia.wire import ENVELOPE
from sim.engine import Engine
from sim.protocol import Address
from sim.scenario import Check, Context, Outcome, Series, Verdict

#: Hosts that the clients share, and seconds of simulated time without any answer after which a run is given up.
_DESKS, _STUCK = 8, 5.0
#: Intervals of the time series.
_BINS = 200
#: The first of so many parts of a run is warm-up; before a fail-over, of the time until then.
WARM_UP = 5


class Timing(NamedTuple):
    """Intervals that depend on where the nodes run, in seconds.

    `patience`: how long the controller waits for a silent node. `sweep`: how often the control plane sweeps. `resend`:
    after which a chain's or a primary's replicas forward again what is not acknowledged. `up`: when clients start;
    replicas have their first lease by then. `slowness` multiplies the timers of quorum protocols. `beat`: how often
    leases are renewed, if not as the controller thinks best.
    """

    patience: float = 5e-3
    sweep: float = 1e-3
    resend: float = 0.3e-3
    up: float = 1e-3
    skew: float = 10e-6
    slowness: float = 1.0
    beat: float | None = None


#: A rack whose messages take microseconds.
RACK = Timing()


def settings(config: HarmoniaConfig, timing: Timing) -> Settings:
    """What nodes are told of a config."""
    return Settings(
        config.protocol, config.detects, config.replicas, config.dirty_stages, config.dirty_slots, config.lease,
        timing.patience, config.retry, timing.resend, timing.sweep, timing.skew, timing.slowness,
        timing.beat,
    )  # fmt: skip


class Ready(NamedTuple):
    """When a switch saw its first completion, and how long that write had been on its way from the switch and back."""

    at: float
    trip: float


class Run:
    """One run: built, driven to its end, and asked what happened."""

    def __init__(self, config: HarmoniaConfig, pipeline: Pipeline, context: Context, timing: Timing = RACK) -> None:
        self.config, self.timing, self._context = config, timing, context
        self.engine = Engine(trace=context.trace)
        self.network = Network(self.engine, context.streams)
        self.observed = Observed(self._completed)
        self.driver = Driver(self.engine, self.network, self._size, self.observed.note)
        self.over = self.engine.event()
        self.audited = 0
        self.ready: dict[int, Ready] = {}  # by switch id
        self.stamped: dict[Stamp, float] = {}  # when, until the switch is ready
        self.passed: dict[int, float] = {}  # by switch id, when it first let a read go to any replica
        self._last = 0
        self._audit: list[int] = []
        self._clients: list[Address] = []
        self._devices(pipeline)
        self._nodes()

    def go(self) -> None:
        """Starts everything, lets it fail as it shall, and stops when the audit is done or nothing moves any more."""
        self.driver.start(*self._rack)
        self.engine.call_at(self.timing.up, self.driver.start, *self._clients)
        self._faults()
        before = -1
        while not self.over.triggered and self._last != before:
            before = self._last
            self.engine.run(until=self.engine.any_of([self.over, self.engine.timeout(_STUCK)]))

    def _devices(self, pipeline: Pipeline) -> None:
        card = self.config.hardware
        self.network.device("tor", pipeline.port_to_port)
        self.network.device("management")
        for host in (*self._servers(), *self._desks()):
            self.network.device(host, card.host.latency)
            self.network.connect(host, "tor", card.link)
            self.network.connect(host, "management", card.management)
        self.network.device(CONTROLLER)
        self.network.connect(CONTROLLER, "management", card.management)
        self.network.connect("tor", "management", card.management)

    def _servers(self) -> list[str]:
        return [f"server {i}" for i in range(self.config.replicas)]

    def _desks(self) -> list[str]:
        return [f"desk {i}" for i in range(min(_DESKS, self.config.clients))]

    def _nodes(self) -> None:
        config, card = self.config, self.config.hardware
        given = settings(config, self.timing)
        choose = self._context.stream("replica choice")
        made = rack(given, lambda n: choose.integer(0, n), self.detector)
        for server, host in zip(made.servers, self._servers(), strict=True):
            self.driver.place(server, host, card.server.cores, self._cost(server.address))
        self.driver.place(made.switch, "tor")
        self.driver.place(made.controller, CONTROLLER)
        desks = self._desks()
        for number in range(config.clients):
            node = client(given, number, self.operations(number), self._gap(number))
            self.driver.place(node, desks[number % len(desks)])
            self._clients.append(node.address)
        self._rack = [node.address for node in made.nodes]

    def detector(self, switch_id: int, stages: int, slots: int, replicas: tuple[str, ...]) -> Any:
        """The switch's data plane: the protocol's detector, which tells this run when it gets ready and is used."""
        run, kind = self, KINDS[self.config.protocol].detector

        class Timed(kind):  # type: ignore[valid-type, misc]
            """A detector that tells the run when its first write was completed, and when that was stamped."""

            def write(self, object_id: int) -> Stamp | None:
                stamp: Stamp | None = super().write(object_id)
                if stamp is not None and not self.ready:
                    run.stamped[stamp] = run.engine.now
                return stamp

            def completion(self, object_id: int, stamp: Stamp) -> bool:
                done: bool = super().completion(object_id, stamp)
                if done and switch_id not in run.ready:
                    run.ready[switch_id] = Ready(run.engine.now, run.engine.now - run.stamped[stamp])
                return done

            def read(self, object_id: int, choice: int = 0) -> Read:
                found: Read = super().read(object_id, choice)
                if found.replica is not None:
                    run.passed.setdefault(switch_id, run.engine.now)
                return found

        return Timed(switch_id, stages, slots, replicas)

    def operations(self, number: int) -> Operations:
        """What a client does: requests until there were enough, then its part of the reads at the end."""
        config = self.config
        drawn = workload.requests(self._context.streams, number, config.objects, config.skew, config.writes)
        return lambda i: drawn() if self._last < config.requests else self._next_audit()

    def _next_audit(self) -> Operation | None:
        return Operation(Op.READ, self._audit.pop()) if self._audit else None

    def _gap(self, number: int) -> Callable[[int], float] | None:
        if self.config.offered == "closed":
            return None
        return workload.gaps(self._context.streams, number, self.config.clients / self.config.offered)

    def _cost(self, server: Address) -> Callable[[Any], float]:
        config, base = self.config, costs(self.config)
        seconds = {"read": base.read, "write": base.write, "message": base.message}
        law = config.service == "exponential"
        return workload.service(self._context.streams, server, seconds, work(config.protocol), law)

    def _size(self, message: Any) -> int:
        return ENVELOPE + (self.config.value_size if message.__class__ is Packet else 0)

    def _completed(self, count: int) -> None:
        self._last = count
        requests = self.config.requests
        if count == requests:
            self._audit = self.observed.written()
            self.audited = len(self._audit)
        if count >= requests and not self._audit and self.observed.idle:
            self.engine.call_after(0.0, self._end)  # after what this client begins now
        if count % (1 + requests // 100) == 0:
            self._context.progress(min(1.0, count / requests), f"{count:,} of {requests:,} requests")

    def _end(self) -> None:
        if self.observed.idle and not self.over.triggered:
            self.over.succeed()

    def _faults(self) -> None:
        faults = self.config.faults
        if faults.switch_stops != "never":
            self.engine.call_at(faults.switch_stops, self._stop_switch)
            self.engine.call_at(faults.switch_stops + faults.switch_returns, self._return_switch)
        if faults.server_stops != "never":
            self.engine.call_at(faults.server_stops, self.driver.crash, f"r{faults.server}")

    def _stop_switch(self) -> None:
        self.driver.crash(SWITCH)
        self.network.fail("tor")

    def _return_switch(self) -> None:
        self.network.repair("tor")
        self.driver.start(SWITCH)


def run(
    config: HarmoniaConfig, pipeline: Pipeline, context: Context, timing: Timing = RACK, kind: type[Run] = Run
) -> Outcome:
    """One run; what clients saw, what replicas and the switch did, and whether all of it is linearizable."""
    played = kind(config, pipeline, context, timing)
    played.go()
    return _outcome(played, pipeline)


def _outcome(played: Run, pipeline: Pipeline) -> Outcome:
    config, observed = played.config, played.observed
    counted = slice(config.requests // WARM_UP, config.requests)
    responded = observed.responded[: config.requests]
    latencies, is_write = observed.latencies[counted], observed.is_write[counted]
    measured = responded[counted]
    began = responded[counted.start - 1] if len(measured) else 0.0
    duration = float(measured[-1] - began) if len(measured) else inf
    throughput = len(measured) / duration
    reads, writes = float((~observed.is_write).sum()), float(observed.is_write.sum())
    quiet = config.faults == type(config.faults)()
    single = len(observed.served) / reads if config.detects and reads else None
    known: dict[str, float | None] = {
        "throughput": throughput,
        "share_of_formula": share_of_formula(config, throughput, float(is_write.mean()), 1.0 - (single or 0.0))
        if quiet and len(measured)
        else None,
        **percentiles(latencies, is_write),
        "bounced": observed.total("bounced") / reads if config.detects and reads else None,
        "single": single,
        "read_rate": float((~is_write).sum()) / duration,
        "write_rate": float(is_write.sum()) / duration,
        "refused": float(observed.total("refused")),
        "retried": float(observed.counts["Retried"]),
        "dropped": observed.counts[f"dropped: {FULL}"] / writes if config.detects and writes else None,
        "operations": float(len(responded)),
        **_fail_over(played, responded, latencies, is_write),
    }
    series = {"latency": distribution(latencies)} if len(latencies) else {}
    if not quiet:
        series["answers"] = _over_time(played, responded)
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(observed.counts.items()))
    return outcome(known, pipeline, series, _checks(played), {"refused": counts} if counts else {})


def _fail_over(played: Run, responded: Any, latencies: Any, is_write: Any) -> dict[str, float | None]:
    """What a stopped switch cost, if one did."""
    faults = played.config.faults
    if len(responded) < 2 or faults == type(faults)():
        return {}
    found: dict[str, float | None] = {"outage": float(np.diff(responded).max())}
    if faults.switch_stops == "never":
        return found
    ready = _ready_again(played)
    if ready is not None:
        found["resumed"] = _resumed(played, ready)
        settled = ready.at + 2 * float(np.quantile(latencies, 0.99))
    else:
        settled = faults.switch_stops + faults.switch_returns + 4 * played.timing.patience
    start = faults.switch_stops / WARM_UP
    before = np.count_nonzero((responded > start) & (responded < faults.switch_stops)) / (faults.switch_stops - start)
    after = np.count_nonzero(responded > settled) / (responded[-1] - settled) if responded[-1] > settled else 0.0
    found["recovered"] = float(after / before) if before else None
    return found


def _ready_again(played: Run) -> Ready | None:
    """When the switch that came back saw its first completion, if it did."""
    return max((ready for switch_id, ready in played.ready.items() if switch_id > 1), default=None)


def _resumed(played: Run, ready: Ready) -> float | None:
    """Seconds from there to the first read that a single replica answered."""
    served = played.observed.served
    after = served[np.searchsorted(served, ready.at) :]
    return float(after[0] - ready.at) if len(after) else None


def _over_time(played: Run, responded: Any) -> Series:
    """Answers per second in each interval: reads that one replica answered, and all else."""
    edges = np.linspace(0.0, responded[-1], _BINS + 1)
    width = edges[1]
    answers, _ = np.histogram(responded, edges)
    single, _ = np.histogram(played.observed.served, edges)
    rates = {"one replica": single / width, "normal": (answers - single) / width}
    return Series({"time": edges[:-1], **rates}, {"time": "time", **dict.fromkeys(rates, "frequency")})


def _checks(played: Run) -> tuple[Check, ...]:
    observed, config = played.observed, played.config
    zones = observed.linearizable()
    answered = len(observed.responded)
    said = f"{answered:,} operations, {played.audited:,} of them read at the end what was written"
    all_answered: Verdict = "holds" if played.over.triggered else "fails"
    wanted = config.requests + played.audited
    checks = [
        Check("linearizable", "holds" if zones.linearizable else "fails", said if zones.linearizable else zones.reason),
        Check("all requests are answered", all_answered, f"{answered:,} of {wanted:,} or more"),
    ]
    checks += [
        station.check() for i in range(config.replicas) if (station := played.driver.station(f"r{i}")) is not None
    ]
    return (*checks, *_prompt(played))


def _prompt(played: Run) -> tuple[Check, ...]:
    """Whether single-replica reads resumed within the time of a write, after a fail-over.

    Counted from when somebody first asked for a clean object after the first completion: few clients may all be
    waiting for normal reads at that moment. Where messages get lost or come late, one that takes longer shows nothing.
    """
    ready = _ready_again(played)
    late = _resumed(played, ready) if ready is not None else None
    if ready is None or late is None:
        return ()
    asked = max(played.passed.values()) - ready.at
    detail = (
        f"{late * 1e6:.1f} us after the first completion, whose write took {ready.trip * 1e6:.1f} us; "
        f"the first read of a clean object came after {asked * 1e6:.1f} us"
    )
    bad = played.config.hardware.link.impairments
    slow: Verdict = "fails" if bad == type(bad)() else "unknown"
    return (Check("reads resume within a write's time", "holds" if late - asked <= ready.trip else slow, detail),)
