"""Runs a setting on the request-level model."""

from scenarios.harmonia.closed_forms import dirty_share
from scenarios.harmonia.config import HarmoniaConfig
from scenarios.harmonia.outcome import costs, distribution, outcome, percentiles, share_of_formula
from scenarios.harmonia.pipeline import Pipeline
from scenarios.harmonia.popularity import alias_table, shares
from scenarios.harmonia.request_level import PROTOCOLS, Model, Requests, simulate
from scenarios.harmonia.wire import ENVELOPE
from sim import lanes
from sim.scenario import Check, Context, Outcome


def run(config: HarmoniaConfig, pipeline: Pipeline, context: Context) -> Outcome:
    """One run; throughput, latencies and what the dirty set did."""
    context.progress(0.0, f"{config.requests:,} requests")
    share = shares(config.objects, config.skew)
    state = lanes.seed(context.streams, "requests", [0])
    found = simulate(_model(config, pipeline), alias_table(share), state)
    writes = found.writes / (found.reads + found.writes)
    metrics: dict[str, float | None] = {
        "throughput": found.throughput,
        "read_rate": found.reads / found.duration,
        "write_rate": found.writes / found.duration,
        "share_of_formula": share_of_formula(config, found.throughput, writes, found.dirty_share),
        **percentiles(found.latencies, found.is_write),
        "operations": float(config.requests),
    }
    if found.reads and (config.detects or config.protocol == "craq"):
        metrics |= {"dirty": found.dirty_share, "bounced": found.bounced / found.reads}
    if config.detects:
        metrics |= _dirty_set(found)
        metrics["dirty_formula"] = dirty_share(share, found.writes / found.duration, found.pending)
    return outcome(metrics, pipeline, {"latency": distribution(found.latencies)}, (_not_overloaded(found),))


def _dirty_set(found: Requests) -> dict[str, float | None]:
    return {
        "single": 1.0 - (found.dirty + found.bounced) / found.reads if found.reads else None,
        "dropped": found.drop_share,
        "pending": found.pending if found.writes else None,
        "entries": found.entries,
    }


def _not_overloaded(found: Requests) -> Check:
    detail = f"{found.overload} requests found all clients busy"
    return Check("the load can be carried", "fails" if found.overload else "holds", detail)


def _model(config: HarmoniaConfig, pipeline: Pipeline) -> Model:
    server, link, cost = config.hardware.server, config.hardware.link, costs(config)
    on_wire = 8 * (ENVELOPE + config.value_size) / link.rate + link.propagation
    return Model(
        protocol=PROTOCOLS[config.protocol],
        detection=config.detects,
        replicas=config.replicas,
        cores=server.cores,
        read=cost.read,
        write=cost.write,
        message=cost.message,
        exponential=config.service == "exponential",
        up=on_wire + pipeline.port_to_port,
        down=on_wire + config.hardware.host.latency,
        writes=config.writes,
        clients=config.clients,
        rate=0.0 if config.offered == "closed" else config.offered,
        stages=config.dirty_stages,
        slots=config.dirty_slots,
        retry=config.retry,
        warmup=config.requests // 5,
        requests=config.requests - config.requests // 5,
    )
