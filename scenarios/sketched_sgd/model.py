"""Small networks whose weights are one vector, so that a method sees what it would see anywhere.

- `convolutional`: two 3 x 3 convolutions, each with ReLU and 2 x 2 max-pooling, a hidden layer of 64, a softmax. No
  normalisation: batch statistics of a few images per worker would be an experiment of their own.
- `bag_of_words`: the mean of the words' embeddings, a softmax. Words that do not occur in a step have no gradient.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from scenarios.sketched_sgd.power import Layout, Matrix
from scenarios.sketched_sgd.top_k import Floats

if TYPE_CHECKING:
    from scenarios.sketched_sgd.training import Samples


def convolutional(shape: tuple[int, int, int], classes: int, seed: int, width: int = 16) -> "Model":
    """A network for images of `shape` (channels, height, width). Same seed, same first weights."""
    channels, height, breadth = shape

    def build() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * width * (height // 4) * (breadth // 4), 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )

    return Model(_seeded(build, seed), (height * breadth, height * breadth // 4, 1, 1))


def bag_of_words(vocabulary: int, length: int, classes: int, seed: int, width: int = 16) -> "Model":
    """A network for texts of `length` words out of `vocabulary`. Same seed, same first weights."""

    def build() -> nn.Module:
        embedding = nn.EmbeddingBag(vocabulary, width, mode="mean")
        nn.init.normal_(embedding.weight, std=0.1)
        return nn.Sequential(embedding, nn.Linear(width, classes))

    return Model(_seeded(build, seed), (length / vocabulary, 1))


def _seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


class Model:
    """A network, seen as a function of one vector of weights.

    `uses`: how often a sample uses each weight of a matrix, per matrix in order (a convolution's: its places).
    """

    def __init__(self, network: nn.Module, uses: tuple[float, ...]) -> None:
        self._network = network
        self._parameters = list(network.parameters())
        self._first = self._flat([parameter.detach() for parameter in self._parameters])
        matrices = [parameter for parameter in self._parameters if parameter.ndim > 1]
        #: Floating-point operations of one sample forward; a fused multiply-add is two.
        self.flop = 2.0 * sum(one.numel() * times for one, times in zip(matrices, uses, strict=True))

    @property
    def size(self) -> int:
        """How many weights there are."""
        return len(self._first)

    @property
    def layout(self) -> Layout:
        """Which of them are matrices: a convolution's is (filters) x (channels * 9)."""
        matrices, start = [], 0
        for parameter in self._parameters:
            if parameter.ndim > 1:
                matrices.append(Matrix(start, parameter.shape[0], parameter[0].numel()))
            start += parameter.numel()
        return Layout(start, tuple(matrices))

    def initial(self) -> Floats:
        """The first weights."""
        return self._first.copy()

    def gradient(self, weights: Floats, samples: "Samples") -> Floats:
        """Of the mean cross-entropy over `samples`, by all weights. A weight without gradient has zeros there."""
        self._load(weights)
        scores = self._network(torch.from_numpy(samples.inputs))
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(samples.labels))
        found = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        pairs = zip(found, self._parameters, strict=True)
        return self._flat([torch.zeros_like(one) if gradient is None else gradient for gradient, one in pairs])

    def accuracy(self, weights: Floats, samples: "Samples") -> float:
        """Share of `samples` that are classed right."""
        self._load(weights)
        with torch.no_grad():
            scores = self._network(torch.from_numpy(samples.inputs))
        return float((scores.argmax(dim=1).numpy() == samples.labels).mean())

    @staticmethod
    def _flat(tensors: list[torch.Tensor]) -> Floats:
        flat: Floats = torch.cat([tensor.reshape(-1) for tensor in tensors]).numpy().copy()
        return flat

    def _load(self, weights: Floats) -> None:
        flat, start = torch.from_numpy(np.ascontiguousarray(weights, np.float32)), 0
        with torch.no_grad():
            for parameter in self._parameters:
                parameter.copy_(flat[start : start + parameter.numel()].view_as(parameter))
                start += parameter.numel()
