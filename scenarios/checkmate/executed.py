"""The schedule of a run executed in PyTorch on this machine, its measurements beside the simulated figures."""

from dataclasses import replace

import numpy as np

from scenarios.checkmate.child import Request, measured
from scenarios.checkmate.coarsen import Coarse
from scenarios.checkmate.config import EXECUTED, CheckmateConfig
from scenarios.checkmate.executable import fine_schedule
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.on_device import resident
from scenarios.checkmate.profile import Profile
from scenarios.checkmate.schedule import Schedule, all_once, memory
from sim.scenario import Check, Outcome

#: Iterations of each kind that are timed, in turns.
_REPEATS = 5


def executed(config: CheckmateConfig, found: Outcome, coarse: Coarse, fine: Graph, schedule: Schedule) -> Outcome:
    """`found`, with what an execution of the coarse graph's `schedule` measured.

    Overhead is over the same execution with nothing recomputed, which also shows each operator's workspace: what a
    convolution needs beside its tensors is known to no model, but once it is, the schedule's peak follows. Peaks have
    the resident tensors added, since what is measured is the growth above them. Raises `UserError` if the network
    cannot be executed.
    """
    order = fine_schedule(coarse, schedule)
    orders = [all_once(fine).order, order.order]
    request = Request(config.network, config.batch, config.shape, orders, _REPEATS, 0, config.device, config.threads)
    once, ours = measured(request)
    weighed = Profile.of(config.network, fine, once.timing, once.weight).with_workspaces(fine)
    predicted = memory(weighed, order)
    fixed = sum(size for _, size in resident(fine.fixed, config.optimizer))
    metrics = {
        "measured_overhead": ours.timing.seconds / once.timing.seconds - 1.0,
        "measured_live": float(fixed + max(ours.weight.live)),
        "measured_peak": float(fixed + max(ours.weight.taken)),
        "peak_with_workspaces": float(fixed + predicted.max()),
        "timeline_correlation": float(np.corrcoef(predicted, ours.weight.taken)[0, 1]),
        "measured_seconds": ours.timing.seconds,
    }
    notes = {name: note for name, note in found.notes.items() if name not in EXECUTED}
    equal = Check(
        "gradients equal plain training's bit for bit",
        "fails" if ours.weight.difference else "holds",
        ours.weight.difference,
    )
    return replace(found, metrics={**found.metrics, **metrics}, checks=(*found.checks, equal), notes=notes)
