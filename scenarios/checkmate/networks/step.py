"""A training step: a network with its loss, and made-up data of the right shape and type."""

import torch
from torch import Tensor, nn

from scenarios.checkmate.networks import Labels


class TrainingStep(nn.Module):
    """`forward(inputs, targets)` is the mean cross entropy of `network(inputs)`, a scalar.

    The network's output has its classes in dimension 1, (batch, classes, ...); `targets` are class numbers of
    shape (batch, ...).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.loss = nn.CrossEntropyLoss()

    def forward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of one batch."""
        loss: Tensor = self.loss(self.network(inputs), targets)
        return loss


def example(labels: Labels, batch: int, shape: tuple[int, ...], classes: int, stride: int = 1) -> tuple[Tensor, Tensor]:
    """Random (inputs, targets): images (batch, channels, height, width) or tokens (batch, tokens)."""
    if labels == "token":
        return torch.randint(classes, (batch, *shape)), torch.randint(classes, (batch, *shape))
    pixels = tuple(length // stride for length in shape[1:])
    targets = (batch,) if labels == "image" else (batch, *pixels)
    return torch.randn(batch, *shape), torch.randint(classes, targets)
