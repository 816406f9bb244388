"""Six architectures that run in a moment and whose activations outweigh their weights; also for child processes."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from scenarios.checkmate.networks.densenet import DenseNet
from scenarios.checkmate.networks.mobilenet import Normalised
from scenarios.checkmate.networks.resnet import ResNet
from scenarios.checkmate.networks.step import TrainingStep
from scenarios.checkmate.networks.transformer import Decoder

Case = tuple[nn.Module, tuple[Tensor, ...]]


def _images(network: nn.Module, batch: int, size: int, labels: tuple[int, ...] = ()) -> Case:
    return TrainingStep(network), (torch.randn(batch, 3, size, size), torch.randint(10, (batch, *labels)))


def residual(batch: int = 4) -> Case:
    """A ResNet of one bottleneck per level."""
    return _images(ResNet((1, 1, 1, 1), 10), batch, 64)


def depthwise(batch: int = 4) -> Case:
    """MobileNet's first blocks."""
    channels = (16, 32, 64, 64)
    blocks = [Normalised(3, 16, 3)]
    for inner, outer in pairwise(channels):
        blocks += [Normalised(inner, inner, 3, groups=inner), Normalised(inner, outer, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.15), nn.Linear(64, 10)]
    return _images(nn.Sequential(*blocks, *head), batch, 48)


def dense(batch: int = 4) -> Case:
    """A DenseNet of two short blocks."""
    return _images(DenseNet((3, 4), 8, 16, 10), batch, 96)


def plain(batch: int = 4) -> Case:
    """A chain of convolutions with in-place ReLUs."""
    layers: list[nn.Module] = []
    for inner, outer in ((3, 16), (16, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.ReLU(inplace=True)]
    return _images(nn.Sequential(*layers, nn.MaxPool2d(4), nn.Flatten(), nn.Linear(32 * 144, 10)), batch, 48)


class U(nn.Module):
    """One level down, one up, joined."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.down = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.middle, self.up = nn.Conv2d(32, 32, 3, padding=1), nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.out, self.norm = nn.Conv2d(32, 10, 3, padding=1), nn.BatchNorm2d(16)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores of every pixel."""
        wide = self.norm(self.into(images)).relu()
        deep = self.down(nn.functional.max_pool2d(wide, 2)).relu()
        deep = self.up(self.middle(deep).relu())
        scores: Tensor = self.out(torch.cat([wide, deep], 1))
        return scores


def u_shaped(batch: int = 4) -> Case:
    """A U-Net of one level."""
    return _images(U(), batch, 48, (48, 48))


def transformer(batch: int = 4) -> Case:
    """A decoder with dropout and a tied embedding."""
    network = Decoder(words=60, tokens=48, width=32, heads=4, blocks=2, dropout=0.1)
    return TrainingStep(network), (torch.randint(60, (batch, 48)), torch.randint(60, (batch, 48)))


ALL = {"residual": residual, "u_shaped": u_shaped, "depthwise": depthwise, "dense": dense,
       "transformer": transformer, "plain": plain}  # fmt: skip
