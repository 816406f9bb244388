"""The search's cluster and clock out of a run's settings."""

from collections.abc import Callable
from dataclasses import dataclass

from hardware_models.network.cluster import Cluster, IntervalSeconds
from hardware_models.network.stragglers import LogNormal
from scenarios.pba.config import PbaConfig
from scenarios.pba.cost import Size, epoch_seconds
from scenarios.pba.decisions import Rules
from scenarios.pba.search import Found, Learner, Plan, State, search
from sim.rng import Stream, Streams


@dataclass(frozen=True, slots=True)
class Searcher:
    """A search that starts anew, with the same chance, for whatever learner it is given.

    `network` is what is trained, `images` how many to train on and to score by. `progress` is told a share of 1.
    """

    config: PbaConfig
    network: Size
    images: tuple[int, int]
    streams: Streams
    progress: Callable[[float], None]

    def __call__(self, learner: Learner[State]) -> Found:
        """Searches."""
        config, fresh = self.config, Streams(self.streams.seed, self.streams.scenario, self.streams.replicate)
        rules = Rules(quantile=config.quantile)
        plan = Plan(config.trials, config.epochs, config.interval, config.mode == "synchronous", rules)
        seconds = self._interval_seconds(plan, fresh("interval times"))
        return search(plan, self._cluster(), seconds, learner, fresh("decisions").generator, self.progress)

    @property
    def epoch(self) -> float:
        """Seconds of an epoch of one trial alone on a GPU."""
        return epoch_seconds(self.config.hardware, self.network, *self.images, self.config.overhead)

    def _cluster(self) -> Cluster:
        """The GPUs; a checkpoint goes over the link each time it is written or read."""
        config, moved = self.config, self.config.link.wire().seconds(self.network.checkpoint)
        return Cluster(
            config.gpus,
            config.share,
            config.demand,
            checkpoint_write=moved,
            checkpoint_read=moved,
            barrier=config.barrier,
        )

    def _interval_seconds(self, plan: Plan, stream: Stream) -> IntervalSeconds:
        """Of each trial's intervals: their epochs' seconds times a log-normal factor of median 1."""
        factors = LogNormal(1.0, self.config.spread).draw(stream, plan.intervals, plan.trials)
        epoch = self.epoch
        return lambda trial, interval: float(factors[interval, trial]) * plan.length(interval) * epoch
