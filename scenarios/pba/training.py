"""Training for real, an epoch at a time: augment the training images, go through them in batches, keep the state.

The authors' optimiser: Nesterov momentum of 0.9, weight decay, gradients clipped to a norm of 5, a learning rate that
falls as a cosine over all epochs. Images are augmented as bytes, then brought to mean 0 and deviation 1 per colour of
the training images.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from scenarios.images.data import Data, Images, Pixels
from scenarios.pba.augmenting import Basics, augment
from scenarios.pba.choosing import by_policy
from scenarios.pba.network import Network
from scenarios.pba.operations import Bytes, Chosen
from scenarios.pba.policy import Policy
from sim.errors import UserError

_MOMENTUM, _CLIP = 0.9, 5.0
#: What is done to so many images in an epoch, drawn from a generator.
Choice = Callable[[int, np.random.Generator], Chosen]


@dataclass(frozen=True, slots=True)
class Recipe:
    """`batch` images per step, `rate` the first learning rate, `decay` the weight decay; the basics of every epoch."""

    batch: int = 32
    rate: float = 0.05
    decay: float = 5e-4
    basics: Basics = field(default_factory=Basics)


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Weights and momentum of a trial, each of shape (parameters,). Never changed in place."""

    weights: torch.Tensor
    momentum: torch.Tensor


class Trainer:
    """A network and the images it is trained and judged on, `train_images` and `validation_images` of them (0: all)."""

    def __init__(
        self,
        data: Data,
        network: Network,
        recipe: Recipe,
        epochs: int,
        train_images: int = 0,
        validation_images: int = 0,
    ) -> None:
        chosen = _first(data.train, train_images, "train_images")
        self.network, self.recipe, self.epochs = network, recipe, epochs
        self.images, self.labels = as_bytes(chosen.pixels), torch.from_numpy(chosen.labels)
        scaled = self.images.astype(np.float64)
        #: Of the training images, per colour, in bytes' values.
        self.mean, self.deviation = scaled.mean(axis=(0, 2, 3)), scaled.std(axis=(0, 2, 3)) + 1e-6
        self._validation = self._ready(_first(data.validation, validation_images, "validation_images"))
        self._test = self._ready(data.test)
        if recipe.batch > len(self.images):
            raise UserError(f"batch is {recipe.batch}; it is at most the {len(self.images)} training images")

    @property
    def sizes(self) -> tuple[int, int]:
        """Images to train on, and images to choose by."""
        return len(self.images), len(self._validation[1])

    def begin(self) -> State:
        """The network's first weights, at rest."""
        return State(self.network.first, torch.zeros_like(self.network.first))

    def epoch(self, state: State, epoch: int, choice: Choice, random: np.random.Generator) -> State:
        """One more epoch, number `epoch` of all, counted from 0."""
        shown = augment(self.images, choice(len(self.images), random), self.mean.tolist(), self.recipe.basics, random)
        images, order = self._scaled(shown), torch.from_numpy(random.permutation(len(shown)))
        self.network.load(state.weights)
        weights, momentum = self.network.weights, state.momentum.clone()
        steps = len(shown) // self.recipe.batch
        for step in range(steps):
            batch = order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
            gradient = self.network.gradient(images[batch], self.labels[batch])
            gradient.mul_(min(1.0, _CLIP / (float(gradient.norm()) + 1e-12))).add_(weights, alpha=self.recipe.decay)
            momentum.mul_(_MOMENTUM).add_(gradient)
            gradient.add_(momentum, alpha=_MOMENTUM)
            weights.sub_(gradient, alpha=self._rate(epoch + step / steps))
        return State(weights.clone(), momentum)

    def validated(self, state: State) -> float:
        """Accuracy on the images to choose by."""
        return self._accuracy(state, *self._validation)

    def tested(self, state: State) -> float:
        """Accuracy on the images that nothing is chosen by."""
        return self._accuracy(state, *self._test)

    def _accuracy(self, state: State, images: torch.Tensor, labels: torch.Tensor) -> float:
        self.network.load(state.weights)
        return self.network.accuracy(images, labels)

    def _rate(self, epoch: float) -> float:
        return self.recipe.rate * (1 + math.cos(math.pi * epoch / self.epochs)) / 2

    def _ready(self, images: Images) -> tuple[torch.Tensor, torch.Tensor]:
        return self._scaled(as_bytes(images.pixels)), torch.from_numpy(images.labels)

    def _scaled(self, images: Bytes) -> torch.Tensor:
        mean, deviation = (value.astype(np.float32)[:, None, None] for value in (self.mean, self.deviation))
        return torch.from_numpy((images - mean) / deviation)


@dataclass(frozen=True, slots=True)
class TrialLearner:
    """What a search trains: epochs under a policy, then the validation images. `streams(trial)` is a trial's chance."""

    trainer: Trainer
    streams: Callable[[int], np.random.Generator]
    counts: tuple[float, ...]

    def begin(self, trial: int) -> State:
        """All trials begin with the same weights."""
        return self.trainer.begin()

    def train(self, state: State, trial: int, policy: Policy, first: int, last: int) -> tuple[State, float]:
        """Epochs `first` to `last` - 1, and the share of validation images classed right."""
        shape = self.trainer.images.shape[2], self.trainer.images.shape[3]

        def choice(number: int, random: np.random.Generator) -> Chosen:
            return by_policy(policy, number, shape, random, self.counts)

        for epoch in range(first, last):
            state = self.trainer.epoch(state, epoch, choice, self.streams(trial))
        return state, self.trainer.validated(state)


def as_bytes(pixels: Pixels) -> Bytes:
    """Pixels from 0 to 1 as bytes, rounded."""
    rounded: Bytes = np.rint(pixels * 255.0).astype(np.uint8)
    return rounded


def _first(images: Images, number: int, name: str) -> Images:
    if number > len(images):
        raise UserError(f"{name} is {number}; there are {len(images)} (0 takes them all)")
    return images.take(slice(number)) if number else images
