"""A network card of real processes on this machine: `windtunnel hardware measure mininet --out FILE`.

Three short runs on one replica behind a plain switch: a client alone, which shows what a message takes beside its
service; and twelve clients at once, reading and then writing, which show at what rate the limited server really works.
Everything else that a study predicts from the card was not used to make it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from emulation.ledger import alone
from scenarios.harmonia.as_messages import Timing
from scenarios.harmonia.emulated.experiment import Experiment, Load, play
from scenarios.harmonia.observed import Observed
from scenarios.harmonia.rack import Settings
from sim.card import CardFile, Figure, read_card
from sim.config import build
from sim.scenario import Config
from sim.units import Hertz, Seconds, show

Progress = Callable[[float, str], None]
_SHIPPED = Path(__file__).parents[3] / "hardware_models" / "network" / "cards" / "mininet.toml"
#: Requests of the client that is alone, and clients of the busy runs.
_ALONE, _CLIENTS = 400, 12


class Limits(Config):
    """The limits that replicas are given: what a core does, in service of one request after the other."""

    read_rate: Hertz = Field(400.0, gt=0, le=5000, description="reads per second of a replica")
    write_rate: Hertz = Field(350.0, gt=0, le=5000, description="writes per second of a replica")
    message_cost: Seconds = Field(1e-4, ge=0, le=0.1, description="what another message takes")
    duration: Seconds = Field(5.0, ge=0.5, le=60, description="how long each of the busy runs takes")


def measure(settings: Mapping[str, Any], progress: Progress) -> CardFile:
    """The measured card. Raises `UserError` for unknown settings, and where emulation cannot run."""
    limits: Limits = build(Limits, settings)
    with alone():
        progress(0.0, "a client alone")
        times, _ = _observe(limits, 1, _ALONE, 0.0)
        progress(0.3, "twelve clients read")
        _, reads = _observe(limits, _CLIENTS, round(limits.duration * limits.read_rate), 0.0)
        progress(0.6, "twelve clients write")
        _, writes = _observe(limits, _CLIENTS, round(limits.duration * limits.write_rate), 1.0)
    beside = (np.median(times) - 1.0 / limits.read_rate) / 2
    spread = float((np.quantile(times, 0.75) - np.quantile(times, 0.25)) / 4 / max(beside, 1e-9))
    shipped = read_card(_SHIPPED)
    measured = {
        "host.latency": Figure(
            show(max(float(beside), 0.0), "time"),
            "half of what a read of a client alone took at the median, less its service", "measured", round(spread, 3)
        ),
        "server.read_rate": _rate(reads, limits.read_rate, "reads"),
        "server.write_rate": _rate(writes, limits.write_rate, "writes"),
        "server.message_cost": Figure(show(limits.message_cost, "time"), "a limit that replicas are given", "derived"),
    }  # fmt: skip
    return CardFile(
        "network", "mininet", "Real processes on this machine, as measured", {**shipped.figures, **measured}
    )


def _rate(found: float, limit: float, what: str) -> Figure:
    return Figure(
        show(found, "frequency"), f"{what} per second of one replica limited to {limit:g}, twelve clients", "measured"
    )


def _observe(limits: Limits, clients: int, requests: int, writes: float) -> tuple[Any, float]:
    """Latencies (s), and answers per second, without the first and the last fifth."""
    timing = Timing(patience=0.6, sweep=10e-3, resend=1.0, up=0.4, skew=1e-3, slowness=60.0)
    settings = Settings(
        "chain", False, 1, 3, 4096, 1.5, timing.patience, 1.0, timing.resend, timing.sweep, timing.skew, timing.slowness
    )
    played = play(
        Experiment(
            settings, Load(clients, requests, writes, audit=False),
            1.0 / limits.read_rate, 1.0 / limits.write_rate, limits.message_cost,
        )
    )  # fmt: skip
    seen = Observed(lambda count: None)
    for note in played.notes:
        seen.note(*note)
    fifth = len(seen.responded) // 5
    responded = seen.responded[fifth : len(seen.responded) - fifth]
    return seen.latencies[fifth:], float((len(responded) - 1) / (responded[-1] - responded[0]))
