"""The real part of a run: a search that trains, and trainings by a method. What is expensive is kept and made once.

Of a search only the trials' scores are kept, in the order of their making. Everything else follows from them: the
search is played again with a learner that reads them off, and finds the same updates at the same times.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from scenarios.images.load import load
from scenarios.pba.augmenting import Basics
from scenarios.pba.config import MethodName, PbaConfig
from scenarios.pba.controls import Method, of_schedule, rand, rand_grid
from scenarios.pba.network import Network
from scenarios.pba.operations import Chosen
from scenarios.pba.policy import Policy
from scenarios.pba.priced import Searcher
from scenarios.pba.schedule import Schedule
from scenarios.pba.training import Recipe, Trainer, TrialLearner
from sim import fingerprint
from sim.rng import Streams
from sim.scenario import Context


@dataclass(frozen=True, slots=True)
class Replayed:
    """A learner that reads its scores off, in the order in which they were found."""

    scores: Iterator[float]

    def begin(self, trial: int) -> None:
        """Nothing."""

    def train(self, state: None, trial: int, policy: Policy, first: int, last: int) -> tuple[None, float]:
        """The next score."""
        return None, next(self.scores)


@dataclass(frozen=True, slots=True)
class Judged:
    """A training that is over: shares of validation and test images classed right."""

    validation: float
    test: float


class Experiment:
    """Images, network and recipe of one config and one replicate."""

    def __init__(self, config: PbaConfig, context: Context) -> None:
        torch.set_num_threads(1)  # small kernels; and the order of sums must not depend on the machine
        self.config, self._context = config, context
        data = load(config.images, context.stream("images").generator, config.folder)
        seed = context.stream("weights").integer(0, 2**31)
        self.source = data.source
        basics = Basics(config.padding, config.flip, config.cutout)
        recipe = Recipe(config.batch, config.rate, config.decay, basics)
        network = Network(data.shape, data.classes, seed)
        self.trainer = Trainer(
            data, network, recipe, config.epochs, config.train_images, config.validation_images
        )  # fmt: skip

    def scores(self, run: Searcher) -> Iterator[float]:
        """The scores of a search in their order."""

        def build() -> bytes:
            streams = self._fresh()
            trials = {trial: streams("trial", trial).generator for trial in range(self.config.trials)}
            found = run(TrialLearner(self.trainer, trials.__getitem__, self.config.counts))
            return json.dumps([score for _, _, _, score in found.curve]).encode()

        return iter(json.loads(self._context.cached("pba-search", self._key("search"), build)))

    def judged(self, method: MethodName, schedule: Schedule) -> Judged:
        """Trains from the beginning by a method. All methods meet the same weights and batches."""

        def build() -> bytes:
            found = self._tuned() if method == "rand_augment" else self._trained(self._method(method, schedule))
            return json.dumps([found.validation, found.test]).encode()

        return Judged(*json.loads(self._context.cached("pba-method", self._key(method), build)))

    def _method(self, name: MethodName, schedule: Schedule) -> Method:
        order = self._fresh()("shuffled order").generator
        return of_schedule(schedule, self.config.counts, order)[name]

    def _tuned(self) -> Judged:
        """RandAugment with what does best on the validation images, of as many tries as the search has trials."""
        tries = [self._trained(rand(*pair)) for pair in rand_grid(self.config.trials)]
        return max(tries, key=lambda judged: judged.validation)

    def _trained(self, method: Method) -> Judged:
        trainer, random = self.trainer, self._fresh()("training").generator
        shape = trainer.images.shape[2], trainer.images.shape[3]
        state = trainer.begin()
        for epoch in range(self.config.epochs):

            def choice(number: int, chance: np.random.Generator, epoch: int = epoch) -> Chosen:
                return method(epoch, number, shape, chance)

            state = trainer.epoch(state, epoch, choice, random)
        return Judged(trainer.validated(state), trainer.tested(state))

    def _fresh(self) -> Streams:
        """The run's streams from their beginnings, so that nothing depends on what was made before."""
        streams = self._context.streams
        return Streams(streams.seed, streams.scenario, streams.replicate)

    def _key(self, what: str) -> str:
        """All that it depends on: settings, seed, images, code."""
        settings = self.config.model_dump_json(exclude={"method"})
        streams, code = self._context.streams, fingerprint.combined("scenarios.pba.experiment")
        return repr((what, settings, streams.seed, streams.scenario, streams.replicate, self.source, code))
