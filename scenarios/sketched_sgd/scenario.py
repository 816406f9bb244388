"""Sketched-SGD in the testbed: a method, a model, workers on links; what is learned, what is sent, what is paid?"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from scenarios.sketched_sgd.config import METRICS, SketchedConfig
from sim.scenario import Check, Context, Outcome, Series

if TYPE_CHECKING:
    from scenarios.sketched_sgd.exchange import Traffic
    from scenarios.sketched_sgd.step_time import StepTime
    from scenarios.sketched_sgd.training import Trained
    from scenarios.sketched_sgd.workloads import Workload


class SketchedSgd:
    """Wires training, bytes and time; what each does stands in its own module."""

    name, version = "sketched_sgd", 1
    question = "At which bandwidth does compressing gradients start to pay, and what does it cost in accuracy?"
    config = SketchedConfig
    metrics = METRICS
    summary = "scenarios.sketched_sgd.answer:sentences"
    preload = ("scenarios.sketched_sgd.step_time", "scenarios.sketched_sgd.tasks")

    def run(self, config: SketchedConfig, context: Context) -> Outcome:
        """Train, where there is something to train on, and price the step."""
        from scenarios.sketched_sgd.exchange import traffic
        from scenarios.sketched_sgd.workloads import WORKLOADS

        if not config.trained:
            step = _priced(config, WORKLOADS[config.workload])
            return _outcome(config, step, [traffic(step.messages)], None)
        workload, trained, source = _trained(config, context)
        outcome = _outcome(config, _priced(config, workload), trained.traffic, trained)
        check = Check("gradients stay finite", "fails" if trained.diverged else "holds", f"trained on {source}")
        return replace(outcome, checks=(check,))


def _trained(config: SketchedConfig, context: Context) -> "tuple[Workload, Trained, str]":
    import torch

    from scenarios.sketched_sgd.methods import make
    from scenarios.sketched_sgd.tasks import task
    from scenarios.sketched_sgd.training import Plan, train
    from scenarios.sketched_sgd.workloads import of_layout

    torch.set_num_threads(1)  # small kernels; and the order of sums must not depend on the machine
    seed = context.stream("weights").integer(0, 2**31)
    one = task(config.workload, context.stream("data").generator, seed, config.folder, config.judged_on)
    settings, layout = config.settings(one.model.size), one.model.layout
    method = make(config.method, settings, layout, config.workers, context.stream("method").generator)
    plan = Plan(config.epochs, config.batch * config.workers, config.rate, config.weight_decay)
    doing, order = f"{config.method}, {config.workers} workers", context.stream("order").generator
    trained = train(
        one.model,
        one.train,
        one.judge,
        method,
        config.workers,
        plan,
        order,
        lambda share: context.progress(share, doing),
    )
    return of_layout(layout, one.model.flop), trained, one.source


def _priced(config: SketchedConfig, workload: "Workload") -> "StepTime":
    from scenarios.sketched_sgd.step_time import Machine, StepTime

    machine = Machine(
        config.hardware,
        config.link.wire(),
        config.workers,
        config.batch,
        config.fabric,
        config.shards,
        config.precision,
        config.overlap,
        config.coding,
    )
    return StepTime(config.method, config.settings(workload.layout.size), workload, machine)


def _outcome(
    config: SketchedConfig, step: "StepTime", sent: "tuple[Traffic, ...] | list[Traffic]", trained: "Trained | None"
) -> Outcome:
    from scenarios.sketched_sgd.crossover import pays_below

    dense, size = replace(step, name="dense"), step.workload.layout.size
    up, down, paper = np.mean([(one.up, one.down, one.paper) for one in sent], axis=0).tolist()
    below = pays_below(step, dense) if config.method != "dense" else None
    metrics: dict[str, float | None] = {
        "accuracy": float(trained.accuracy[-1]) if trained else None,
        "best_accuracy": float(trained.accuracy.max()) if trained else None,
        "compression": 8 * size / (up + down),
        "compression_paper": 8 * size / paper,
        "bytes_up": up,
        "bytes_down": down,
        "step_seconds": step.seconds,
        "dense_seconds": dense.seconds,
        "speedup": dense.seconds / step.seconds,
        "compute_seconds": step.forward + step.backward,
        "encode_seconds": step.encoding,
        "network_seconds": step.communication,
        "pays_below": 8 * below if below is not None and np.isfinite(below) else None,
        "training_seconds": step.seconds * len(sent) if trained else None,
    }
    untrained = ("accuracy", "best_accuracy", "training_seconds")
    notes = {} if trained else dict.fromkeys(untrained, "nothing is trained for this workload")
    if metrics["pays_below"] is None:
        why = "dense is what it is compared with" if config.method == "dense" else "it never pays on these machines"
        notes["pays_below"] = why if below is None else "it pays at any rate"
    series = {"epochs": _curve(trained)} if trained else {}
    return Outcome(metrics, series, notes=notes)


def _curve(trained: "Trained") -> Series:
    return Series({"epoch": np.arange(1, len(trained.accuracy) + 1), "accuracy": trained.accuracy})
