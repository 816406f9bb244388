"""A small convolutional network whose weights are one vector, so that a method sees what it would see anywhere.

Two 3 x 3 convolutions, each with ReLU and 2 x 2 max-pooling, a hidden layer of 64, a softmax. No normalisation: batch
statistics of a few images per worker would be an experiment of their own.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from scenarios.sketched_sgd.power import Layout, Matrix
from scenarios.sketched_sgd.top_k import Floats

if TYPE_CHECKING:
    from scenarios.images.data import Images


class Model:
    """A network for images of `shape` (channels, height, width). Same seed, same first weights."""

    def __init__(self, shape: tuple[int, int, int], classes: int, seed: int, width: int = 16) -> None:
        channels, height, breadth = shape
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._network = nn.Sequential(
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
        self._parameters = list(self._network.parameters())
        self._first = self._flat([parameter.detach() for parameter in self._parameters])
        places = [height * breadth, height * breadth // 4, 1, 1]
        weights = [parameter for parameter in self._parameters if parameter.ndim > 1]
        #: Floating-point operations of one image forward; a fused multiply-add is two.
        self.flop = 2 * sum(one.numel() * place for one, place in zip(weights, places, strict=True))

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

    def gradient(self, weights: Floats, images: "Images") -> Floats:
        """Of the mean cross-entropy over `images`, by all weights. A weight without gradient has zeros there."""
        self._load(weights)
        loss = nn.functional.cross_entropy(
            self._network(torch.from_numpy(images.pixels)), torch.from_numpy(images.labels)
        )
        found = torch.autograd.grad(loss, self._parameters, allow_unused=True)
        pairs = zip(found, self._parameters, strict=True)
        return self._flat([torch.zeros_like(one) if gradient is None else gradient for gradient, one in pairs])

    def accuracy(self, weights: Floats, images: "Images") -> float:
        """Share of `images` that are classed right."""
        self._load(weights)
        with torch.no_grad():
            scores = self._network(torch.from_numpy(images.pixels))
        return float((scores.argmax(dim=1).numpy() == images.labels).mean())

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
