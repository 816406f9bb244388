"""Runs a setting between real processes, and simulates the same setting beside it: the distance is part of the answer.

The simulation is that of `as_messages` with the intervals that real processes need, on a card whose times were measured
on such processes (`calibrate`). Its figures depend on nothing but config and seed; those of the processes are labelled
emulated.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emulation.ledger import alone
from hardware_models.tofino.crc import POLYNOMIALS, crc
from scenarios.harmonia import as_messages
from scenarios.harmonia.as_messages import WARM_UP, Timing
from scenarios.harmonia.client import Operations
from scenarios.harmonia.config import BEAT, HarmoniaConfig
from scenarios.harmonia.detector import Verdict
from scenarios.harmonia.emulated.experiment import LONGEST, Experiment, Load, Played, play
from scenarios.harmonia.emulated.nodes import FIRST
from scenarios.harmonia.observed import Observed
from scenarios.harmonia.outcome import Floats, costs, distribution, percentiles, share_of_formula
from scenarios.harmonia.packet import Packet
from scenarios.harmonia.pipeline import Pipeline
from scenarios.harmonia.switch_program import CHOICE_BITS
from sim.errors import UserError
from sim.scenario import Check, Context, Outcome, Series

#: Requests per second of all processes together that two cores bear with ease.
MOST = 6000.0
#: Share of the progress that is the simulation's.
_SIMULATED = 0.1


class Prediction(as_messages.Run):
    """The simulation of what processes do.

    Its switch chooses replicas by the hash that the switch program takes, which spreads requests in a row more evenly
    than chance and so shows in latencies. The first request of the first client is a write, as without one a switch
    would never let a single replica answer.
    """

    def operations(self, number: int) -> Operations:
        """A client's, the first of all a write."""
        following = super().operations(number)
        return lambda i: FIRST if number == 0 and i == 0 else following(i)

    def detector(self, switch_id: int, stages: int, slots: int, replicas: tuple[str, ...]) -> Any:
        """The detector, with the program's choice."""
        made = super().detector(switch_id, stages, slots, replicas)
        process, first = made.process, self.config.replicas + 2  # clients come after replicas, controller and switch

        def chosen(packet: Packet, choice: int = 0) -> Verdict:
            data = (first + int(packet.client[1:])).to_bytes(4, "big") + packet.request.to_bytes(4, "big")
            return process(packet, crc(data, POLYNOMIALS["crc32"]) & (2**CHOICE_BITS - 1))  # type: ignore[no-any-return]

        made.process = chosen
        return made


def timing(config: HarmoniaConfig) -> Timing:
    """Intervals for processes that share a few cores."""
    return Timing(patience=1.0, sweep=10e-3, resend=config.retry, up=0.4, skew=1e-3, slowness=60.0, beat=BEAT)


def run(config: HarmoniaConfig, pipeline: Pipeline, context: Context) -> Outcome:
    """One run, twice: simulated, then between processes. Raises `UserError` for more than these can carry."""
    context.progress(0.0, "simulating")
    simulated = as_messages.run(config, pipeline, context, timing(config), Prediction)
    with alone():
        played = play(
            experiment(config, simulated.metrics["throughput"] or 0.0, context),
            lambda share, doing: context.progress(_SIMULATED + (1 - _SIMULATED) * share, doing),
        )
    observed = Observed(lambda count: None)
    for when, who, event in played.notes:
        observed.note(when - played.started, who, event)
    return _beside(config, simulated, played, observed)


def experiment(config: HarmoniaConfig, predicted: float, context: Context) -> Experiment:
    """The experiment that a config asks for, if about `predicted` requests per second are made."""
    if predicted > MOST or (config.offered != "closed" and config.offered > MOST):
        raise UserError(
            f"about {predicted:,.0f} requests per second are more than processes on one machine can carry "
            f"({MOST:,.0f}); use hardware = 'mininet', or lower hardware.server.read_rate and write_rate"
        )
    needed = config.requests / predicted if predicted else LONGEST
    if needed > LONGEST:
        raise UserError(f"requests = {config.requests:,} would take {needed:.0f} s; {LONGEST:g} s are allowed")
    base, bad = costs(config), config.hardware.link.impairments
    hosts = {"jitter": 2 * bad.jitter, "reorder": 1 - (1 - bad.reordering) ** 2, "hold": bad.reorder_delay}
    return Experiment(
        as_messages.settings(config, timing(config)),
        Load(
            config.clients, config.requests, config.writes, config.objects, config.skew,
            0.0 if config.offered == "closed" else config.offered,
        ),
        base.read, base.write, base.message, config.hardware.server.cores, config.service == "exponential",
        streams=(context.streams.seed, context.streams.scenario, context.streams.replicate),
        limit=min(30.0 + 4 * needed, LONGEST),
        kernel={"loss": bad.loss, "duplicate": bad.duplication},
        hosts=hosts if bad.jitter or bad.reordering else {},
        events=_events(config),
        plane=config.data_plane,
    )  # fmt: skip


def _events(config: HarmoniaConfig) -> tuple[tuple[float, str, str], ...]:
    faults, found = config.faults, []
    if faults.switch_stops != "never":
        found.append((faults.switch_stops, "switch_stop", ""))
        found.append((faults.switch_stops + faults.switch_returns, "switch_start", ""))
    if faults.server_stops != "never":
        found.append((faults.server_stops, "kill", f"r{faults.server}"))
    return tuple(found)


def figures(config: HarmoniaConfig, observed: Observed) -> dict[str, float | None]:
    """What real clients and replicas saw, without the warm-up and without the end, when clients are done one by one."""
    total = min(len(observed.responded), config.requests)
    counted = slice(total // WARM_UP, total - total // WARM_UP)
    responded, latencies, is_write = (
        observed.responded[counted],
        observed.latencies[counted],
        observed.is_write[counted],
    )
    if len(responded) < 2:
        return {"emulated_operations": float(len(observed.responded))}
    throughput = float((len(responded) - 1) / (responded[-1] - responded[0]))
    reads = float((~observed.is_write).sum())
    single = len(observed.served) / reads if config.detects and reads else None
    return {
        "emulated_throughput": throughput,
        **{f"emulated_{name}": value for name, value in _medians(latencies, is_write).items()},
        "emulated_share_of_formula": share_of_formula(
            config, throughput, float(is_write.mean()), 1.0 - (single or 0.0)
        ),
        "emulated_single": single,
        "emulated_bounced": observed.total("bounced") / reads if config.detects and reads else None,
        "emulated_retried": float(observed.counts["Retried"]),
        "emulated_outage": float(np.diff(observed.responded).max()),
        "emulated_operations": float(len(observed.responded)),
    }  # fmt: skip


def _medians(latencies: Floats, is_write: NDArray[np.bool_]) -> dict[str, float | None]:
    found = percentiles(latencies, is_write)
    return {name: found[name] for name in ("read_latency", "write_latency")}


def _beside(config: HarmoniaConfig, simulated: Outcome, played: Played, observed: Observed) -> Outcome:
    known = figures(config, observed)
    for name in ("throughput", "read_latency", "write_latency"):
        emulated, expected = known.get(f"emulated_{name}"), simulated.metrics[name]
        known[f"{name}_error"] = expected / emulated - 1.0 if emulated and expected else None
    known |= {
        "machine_busy": played.machine,
        "run_busy": played.room,
        "bottleneck": float(bool(played.bottleneck)),
        "round_trip": max(trip for _, trip, _ in played.links),
    }
    series: dict[str, Series] = dict(simulated.series)
    if len(observed.latencies):
        series["emulated latency"] = distribution(observed.latencies)
    silent = {name: why for name, why in simulated.notes.items() if known.get(name) is None}
    return Outcome(
        {**simulated.metrics, **known},
        series,
        (*simulated.checks, *_checks(config, played, observed)),
        silent | _notes(config, played, observed),
    )


def _checks(config: HarmoniaConfig, played: Played, observed: Observed) -> tuple[Check, ...]:
    zones = observed.linearizable()
    answered = len(observed.responded)
    wanted = config.requests // config.clients * config.clients
    return (
        Check(
            "emulated history is linearizable",
            "holds" if zones.linearizable else "fails",
            f"{answered:,} operations" if zones.linearizable else zones.reason,
        ),
        Check(
            "all emulated requests are answered",
            "holds" if answered >= wanted else "fails",
            f"{answered:,} of {wanted:,} and the reads at the end",
        ),
        Check(
            "the machine was not the bottleneck",
            "unknown" if played.bottleneck else "holds",
            played.bottleneck or f"its cores were busy for {played.machine:.0%}",
        ),
    )


def _notes(config: HarmoniaConfig, played: Played, observed: Observed) -> dict[str, str]:
    bad = config.hardware.link.impairments
    carriers = [
        *(["loss and duplication by the switch program"] if bad.loss or bad.duplication else []),
        *(["jitter and reordering by the senders"] if bad.jitter or bad.reordering else []),
    ]
    where = f"switch: {'a kernel program' if config.data_plane == 'kernel' else 'the pipeline model in user space'}"
    return {
        "bottleneck": played.bottleneck or "nothing was",
        "emulated_operations": _counts(observed),
        "emulated_throughput": ", ".join((where, *carriers)),
    }


def _counts(observed: Observed) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(observed.counts.items())) or "nothing"
