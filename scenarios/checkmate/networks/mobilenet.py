"""MobileNet v1 (arXiv:1704.04861), width multiplier 1: depthwise and pointwise convolutions, each normalised."""

from torch import Tensor, nn

#: (output channels, stride of the depthwise convolution) of the 13 blocks, table 1 of the paper.
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class Normalised(nn.Module):
    """Convolution without bias, batch normalisation, ReLU6: (batch, channels, height, width)."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        self.bn, self.relu = nn.BatchNorm2d(width), nn.ReLU6()

    def forward(self, hidden: Tensor) -> Tensor:
        """relu6(bn(conv(hidden)))."""
        out: Tensor = self.relu(self.bn(self.conv(hidden)))
        return out


class MobileNet(nn.Module):
    """Images (batch, 3, height, width) -> class scores (batch, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem, channels = Normalised(3, 32, 3, stride=2), 32
        self.blocks = nn.Sequential()
        for width, stride in BLOCKS:
            self.blocks.append(
                nn.Sequential(
                    Normalised(channels, channels, 3, stride, groups=channels), Normalised(channels, width, 1)
                )
            )
            channels = width
        self.mean, self.drop, self.fc = nn.AdaptiveAvgPool2d(1), nn.Dropout(1e-3), nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores."""
        hidden = self.mean(self.blocks(self.stem(images))).flatten(1)
        scores: Tensor = self.fc(self.drop(hidden))
        return scores


def mobilenet(classes: int, shape: tuple[int, ...]) -> MobileNet:
    """4,231,976 parameters at 1000 classes, whatever the `shape`."""
    return MobileNet(classes)
