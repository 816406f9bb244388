"""From an episode to what the run reports.

With r(t) p(t) the expected rate and 1 - p(t) the block error probability of what was sent in slot t, T slots, the
bound b and the target:

    share of bound   mean r p / b
    regret           T - sum r p / b              per link; may be negative for a policy that violates
    violation        max(0, sum (1 - p) - T * target)     per link
    score            mean regret + price / b * mean max(0, failures beyond the target)

where price is the dual of the success constraint: what a unit of success is worth in units of rate at the optimum.
"""

from collections.abc import Mapping

import numpy as np

from scenarios.con_ts.average import Best
from scenarios.con_ts.config import METRICS, ConTSConfig
from scenarios.con_ts.hull import Floats
from scenarios.con_ts.world import Episode, World
from sim.scenario import Check, Outcome, Series

#: A window counts as over when its failures exceed the target by more than so much.
_GRACE = 0.01
#: Points that a curve over time is drawn from.
_POINTS = 50


def outcome(config: ConTSConfig, world: World, episode: Episode, known: Mapping[str, float | None]) -> Outcome:
    """Metrics, curves over time, and a row per link, all from true probabilities rather than from draws.

    `known` are metrics that stand already.
    """
    target, best, slots = world.task.target, world.best, world.slots
    rate = world.task.rates[episode.arms] * episode.success
    errors = 1.0 - episode.success
    per_link_rate, per_link_errors = rate.mean(axis=0), errors.mean(axis=0)
    violation = np.maximum(0.0, slots * (per_link_errors - target))
    regret = slots * (1.0 - per_link_rate / best.rate)
    metrics: dict[str, float | None] = {
        "share_of_bound": float(per_link_rate.mean() / best.rate),
        "bler": float(errors.mean()),
        "excess": max(0.0, float(errors.mean()) - target),
        "violation": float(violation.mean()),
        "regret": float(regret.mean()),
        "score": _score(best, regret, errors, target),
        "windows_over": _windows_over(episode, config.window, target),
        "bler_start": float(errors[: config.window].mean()),
        "bler_end": float(errors[-max(1, slots // 5) :].mean()),
        "efficiency": float(per_link_rate.mean()),
        "bound": best.rate,
        "bound_bler": best.errors,
        "least_bler": best.least_errors,
        "throughput": float(per_link_rate.mean()) / config.hardware.slot if config.on_radio else None,
        **known,
    }
    series = {
        "time": _curves(rate / best.rate, errors, slots),
        "links": Series(
            {"link": np.arange(world.links), "share_of_bound": per_link_rate / best.rate, "bler": per_link_errors}
        ),
    }
    notes = {m.name: "does not apply to this policy or set of arms" for m in METRICS if metrics.get(m.name) is None}
    return Outcome(metrics, series, _checks(world, metrics), notes)


def _score(best: Best, regret: Floats, errors: Floats, target: float) -> float:
    """The Lagrangian of the constrained problem: no policy's expected value is below 0."""
    price = best.price if np.isfinite(best.price) else 0.0
    beyond = len(errors) * (float(errors.mean()) - target)
    return float(regret.mean()) + price / best.rate * beyond


def _windows_over(episode: Episode, window: int, target: float) -> float | None:
    """The share of whole windows in which a link really lost more than the target and the grace; None without any."""
    number = len(episode.acks) // window
    if not number:
        return None
    failed = 1.0 - episode.acks[: number * window].reshape(number, window, -1).mean(axis=1)
    return float((failed > target + _GRACE).mean())


def _curves(share: Floats, errors: Floats, slots: int) -> Series:
    """Means over links and over equal pieces of time."""
    edges = np.unique(np.linspace(0, slots, min(slots, _POINTS) + 1).astype(np.int64))
    counts = np.diff(edges)
    return Series(
        {
            "slot": edges[1:],
            "share_of_bound": np.add.reduceat(share.mean(axis=1), edges[:-1]) / counts,
            "bler": np.add.reduceat(errors.mean(axis=1), edges[:-1]) / counts,
        }
    )


def _checks(world: World, metrics: Mapping[str, float | None]) -> tuple[Check, ...]:
    """Nobody who keeps the constraint on average is above the bound."""
    share, bler = metrics["share_of_bound"] or 0.0, metrics["bler"] or 0.0
    kept = bler <= max(world.task.target, world.best.errors)
    detail = f"{share:.6f} of the bound at a block error rate of {bler:.6f}"
    return (Check("within the average-constraint bound", "fails" if kept and share > 1.0 + 1e-3 else "holds", detail),)
