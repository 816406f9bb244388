"""ResNet50 (arXiv:1512.03385) with the stride in the 3x3 convolution ("v1.5", as torchvision builds it)."""

from torch import Tensor, nn

BLOCKS = (3, 4, 6, 3)
EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions with batch normalisation around a shortcut: (batch, channels, height, width)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.relu1, self.relu2, self.relu3 = nn.ReLU(), nn.ReLU(), nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, hidden: Tensor) -> Tensor:
        """relu(block(hidden) + shortcut(hidden))."""
        inner = self.relu1(self.bn1(self.conv1(hidden)))
        inner = self.relu2(self.bn2(self.conv2(inner)))
        out: Tensor = self.relu3(self.bn3(self.conv3(inner)) + self.shortcut(hidden))
        return out


class ResNet(nn.Module):
    """Images (batch, 3, height, width) -> class scores (batch, classes)."""

    def __init__(self, blocks: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1, self.relu1 = nn.BatchNorm2d(64), nn.ReLU()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layers, channels = nn.ModuleList(), 64
        for level, count in enumerate(blocks):
            for index in range(count):
                stride = 2 if index == 0 and level > 0 else 1
                self.layers.append(Bottleneck(channels, 64 << level, stride))
                channels = (64 << level) * EXPANSION
        self.mean, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores."""
        hidden = self.pool(self.relu1(self.bn1(self.conv1(images))))
        for layer in self.layers:
            hidden = layer(hidden)
        scores: Tensor = self.fc(self.mean(hidden).flatten(1))
        return scores


def resnet50(classes: int, shape: tuple[int, ...]) -> ResNet:
    """25,557,032 parameters at 1000 classes, whatever the `shape`."""
    return ResNet(BLOCKS, classes)
