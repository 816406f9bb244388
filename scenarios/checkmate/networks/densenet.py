"""DenseNet (arXiv:1608.06993), bottleneck, compression 0.5: a layer reads what all before it in its block made."""

import torch
from torch import Tensor, nn

#: DenseNet-121's layers per block, growth and first width, table 1 of the paper.
BLOCKS, GROWTH, WIDTH = (6, 12, 24, 16), 32, 64


class Layer(nn.Module):
    """Normalised 1x1 and 3x3 convolutions: (batch, channels, height, width) -> `growth` channels more."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        inner = 4 * growth
        self.bn1, self.relu1 = nn.BatchNorm2d(channels), nn.ReLU()
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn2, self.relu2 = nn.BatchNorm2d(inner), nn.ReLU()
        self.conv2 = nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """`hidden` with the new channels behind it."""
        new = self.conv1(self.relu1(self.bn1(hidden)))
        new = self.conv2(self.relu2(self.bn2(new)))
        return torch.cat([hidden, new], 1)


class DenseNet(nn.Module):
    """Images (batch, 3, height, width) -> class scores (batch, classes)."""

    def __init__(self, blocks: tuple[int, ...], growth: int, width: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        self.layers, channels = nn.Sequential(), width
        for level, count in enumerate(blocks):
            if level:
                self.layers.append(_transition(channels))
                channels //= 2
            for _ in range(count):
                self.layers.append(Layer(channels, growth))
                channels += growth
        self.bn, self.relu = nn.BatchNorm2d(channels), nn.ReLU()
        self.mean, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores."""
        hidden = self.relu(self.bn(self.layers(self.stem(images))))
        scores: Tensor = self.fc(self.mean(hidden).flatten(1))
        return scores


def _transition(channels: int) -> nn.Module:
    """Half the channels, a quarter of the pixels."""
    return nn.Sequential(
        nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)
    )


def densenet(classes: int, shape: tuple[int, ...]) -> DenseNet:
    """DenseNet-121: 7,978,856 parameters at 1000 classes, whatever the `shape`."""
    return DenseNet(BLOCKS, GROWTH, WIDTH, classes)
