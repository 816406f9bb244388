"""A small convolutional network whose weights are one vector, so that a trial's state can be kept and copied.

Two 3 x 3 convolutions, each with ReLU and 2 x 2 max-pooling, a hidden layer, a softmax. No normalisation: there is no
state beside the weights.
"""

import torch
from torch import nn

from scenarios.pba.cost import Size

_KERNEL, _HIDDEN = 3, 64


class Network:
    """For images of `shape` (channels, height, width). Same seed, same first weights."""

    def __init__(self, shape: tuple[int, int, int], classes: int, seed: int, width: int = 16) -> None:
        channels, height, breadth = shape
        flat = 2 * width * (height // 4) * (breadth // 4)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._layers = nn.Sequential(
                nn.Conv2d(channels, width, _KERNEL, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(width, 2 * width, _KERNEL, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(flat, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, classes),
            )  # fmt: skip
        parameters = list(self._layers.parameters())
        self._weights = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
        self._gradient = torch.zeros_like(self._weights)
        start = 0
        for parameter in parameters:  # from now on a parameter and its gradient are places in the two vectors
            place = slice(start, start + parameter.numel())
            parameter.data = self._weights[place].view_as(parameter)
            parameter.grad = self._gradient[place].view_as(parameter)
            start += parameter.numel()
        self.first = self._weights.clone()
        area = height * breadth
        convolutions = channels * width * _KERNEL**2 * area + 2 * width**2 * _KERNEL**2 * (area // 4)
        #: What one image costs forward, and how many weights there are.
        self.size = Size(convolutions + flat * _HIDDEN + _HIDDEN * classes, start)

    def load(self, weights: torch.Tensor) -> None:
        """Go on from these weights, shape (parameters,)."""
        self._weights.copy_(weights)

    @property
    def weights(self) -> torch.Tensor:
        """The weights now; changing them in place changes the network."""
        return self._weights

    def gradient(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Of the mean cross-entropy, by all weights. Valid until the next call."""
        self._gradient.zero_()
        nn.functional.cross_entropy(self._layers(images), labels).backward()  # type: ignore[no-untyped-call]
        return self._gradient

    def accuracy(self, images: torch.Tensor, labels: torch.Tensor) -> float:
        """The share of `images` that is classed right."""
        with torch.no_grad():
            return float((self._layers(images).argmax(dim=1) == labels).float().mean())
