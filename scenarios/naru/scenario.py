"""Naru in the testbed: a table, an estimator of its queries' selectivity; how far off is it, and what does it store?"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scenarios.naru.config import METRICS, NaruConfig
from sim.scenario import Context, Outcome, Series

if TYPE_CHECKING:
    from scenarios.naru.estimator import Estimator
    from scenarios.naru.table import Table


class Naru:
    """Wires table, queries and estimator; what each does stands in its own module."""

    name, version = "naru", 1
    question = "How accurate is a learned estimate of selectivity against what is cheap, and what does it store?"
    config = NaruConfig
    metrics = METRICS
    preload = ("scenarios.naru.training", "scenarios.naru.readers", "scenarios.naru.chow_liu")

    def run(self, config: NaruConfig, context: Context) -> Outcome:
        """Build the estimator, ask it every query, compare with the count."""
        from scenarios.naru.estimator import q_error, rows_of
        from scenarios.naru.predicate import regions
        from scenarios.naru.workload import queries

        table = _table(config, context)
        estimator, gap = _estimator(config, table, context)
        legacy = np.random.RandomState(context.stream("queries").integer(0, 2**31))
        asked = [regions(query, table) for query in queries(table, config.queries, legacy, config.in_domain)]
        true, found = [], []
        for number, one in enumerate(asked):
            true.append(table.count(one))
            found.append(rows_of(estimator.selectivity(one), len(table)))
            context.progress(0.5 + 0.5 * (number + 1) / len(asked), f"{config.estimator}, queries")
        errors = np.array([q_error(*pair) for pair in zip(found, true, strict=True)])
        metrics: dict[str, float | None] = {
            **{f"q_error_p{percent}": float(np.percentile(errors, percent)) for percent in (50, 95, 99)},
            "q_error_max": float(errors.max()),
            "synopsis_bytes": float(estimator.bytes),
            "gap": gap,
        }
        series = Series({"true_rows": np.array(true), "estimated_rows": np.array(found), "q_error": errors})
        return Outcome(metrics, {"queries": series}, notes={} if gap is not None else {"gap": "no density is learned"})


def _table(config: NaruConfig, context: Context) -> "Table":
    from scenarios.naru.dmv_like import dmv_like
    from scenarios.naru.readers import read

    if config.table == "file":
        return read(Path(config.file))
    return dmv_like(config.rows, context.stream("table").generator)


def _estimator(config: NaruConfig, table: "Table", context: Context) -> "tuple[Estimator, float | None]":
    """The estimator, and the bits by which its density is off, where there is one."""
    from scenarios.naru.chow_liu import ChowLiu
    from scenarios.naru.estimator import Progressive
    from scenarios.naru.independence import Independence
    from scenarios.naru.perfect import Perfect
    from scenarios.naru.row_sample import RowSample

    if config.estimator == "independence":
        return Independence(table), None
    if config.estimator == "row_sample":
        return RowSample(table, config.share, context.stream("row_sample").generator), None
    if config.estimator == "chow_liu":
        return ChowLiu(table), None
    if config.estimator == "perfect":
        model = Perfect(table, _order(config, table), config.wildcards)
        return Progressive(model, config.samples, context.stream("paths").integer(0, 2**31), 4 * table.codes.size), 0.0
    return _learned(config, table, context)


def _learned(config: NaruConfig, table: "Table", context: Context) -> "tuple[Estimator, float]":
    import torch

    from scenarios.naru.estimator import Progressive
    from scenarios.naru.learned import Learned
    from scenarios.naru.made import Made, Shape
    from scenarios.naru.training import Plan, bits, train

    torch.set_num_threads(1)  # the order of sums must not depend on the machine
    torch.manual_seed(context.stream("weights").integer(0, 2**31))
    shape = Shape(config.width, config.layers, config.residual, config.direct, config.encoding)
    network = Made(table.domains, _order(config, table), shape, context.stream("degrees").generator)
    seed = context.stream("training").integer(0, 2**31)
    plan = Plan(config.epochs, config.batch, config.warm_up, wildcards=config.wildcards, seed=seed)
    train(network, table.codes, plan, progress=lambda share: context.progress(0.5 * share, "naru, training"))
    model = Learned(network, config.wildcards)
    paths = context.stream("paths").integer(0, 2**31)
    return Progressive(model, config.samples, paths, model.bytes), bits(network, table) - table.entropy


def _order(config: NaruConfig, table: "Table") -> tuple[int, ...]:
    places = range(len(table.columns))
    return tuple(places if config.order == "natural" else reversed(places))
