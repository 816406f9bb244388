"""PBA in the testbed: a population on a cluster, and what its schedule is worth beside its controls."""

from collections.abc import Callable

from scenarios.pba.config import METHODS, METRICS, MethodName, PbaConfig
from sim.scenario import Context, Outcome


class Pba:
    """Wires search, cluster and training; what each does stands in its own module."""

    name, version = "pba", 1
    question = "What does a search for augmentation cost, and does its schedule beat its controls?"
    config = PbaConfig
    metrics = METRICS
    preload = ("scenarios.pba.experiment", "scenarios.pba.priced")
    summary = "scenarios.pba.answer:sentences"

    def run(self, config: PbaConfig, context: Context) -> Outcome:
        """Search, and train what was found beside what it is compared with."""
        return _trained(config, context) if config.trained else _drawn(config, context)


def _drawn(config: PbaConfig, context: Context) -> Outcome:
    """The cost of a search whose scores are drawn."""
    from scenarios.pba.cost import wide_resnet
    from scenarios.pba.outcome import outcome
    from scenarios.pba.priced import Searcher
    from scenarios.pba.search import Unlearned

    network = wide_resnet(40, 2, classes=10)
    images = config.train_images, config.validation_images
    run = Searcher(config, network, images, context.streams, _said(context, "searching", 0.0, 1.0))
    found = run(Unlearned(context.stream("scores").generator))
    return outcome(config, run, found, {}, context.trace, "no images")


def _trained(config: PbaConfig, context: Context) -> Outcome:
    """A search on real images, then a training from the beginning by the method; by every method if it is pba."""
    from scenarios.pba.experiment import Experiment, Replayed
    from scenarios.pba.outcome import outcome
    from scenarios.pba.priced import Searcher

    experiment = Experiment(config, context)
    network, images = experiment.trainer.network.size, experiment.trainer.sizes
    run = Searcher(config, network, images, context.streams, _said(context, "searching", 0.0, 0.5))
    found = run(Replayed(experiment.scores(run)))
    schedule = found.schedule(found.best)
    wanted = METHODS if config.method == "pba" else (config.method,)
    accuracy: dict[MethodName, float] = {}
    for place, method in enumerate(wanted):
        context.progress(0.5 + place / len(wanted) / 2, f"training by {method}")
        accuracy[method] = experiment.judged(method, schedule).test
    return outcome(config, run, found, accuracy, context.trace, experiment.source)


def _said(context: Context, doing: str, first: float, last: float) -> Callable[[float], None]:
    return lambda share: context.progress(first + share * (last - first), doing)
