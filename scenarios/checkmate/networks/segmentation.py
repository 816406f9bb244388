"""The paper's three segmentation networks, layer for layer those its experiments took from keras-segmentation.

U-Net and FCN8 stand on the VGG16 stages, SegNet on a small five-stage encoder of its own. U-Net and SegNet
label at half the image's resolution.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from scenarios.checkmate.networks.vgg import VGG16, WIDTHS, stages


class Decoded(nn.Module):
    """Convolution 3x3, optionally ReLU, batch normalisation: (batch, channels, height, width)."""

    def __init__(self, channels: int, width: int, relu: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, 3, padding=1)
        self.relu = nn.ReLU() if relu else nn.Identity()
        self.bn = nn.BatchNorm2d(width)

    def forward(self, hidden: Tensor) -> Tensor:
        """bn(relu(conv(hidden)))."""
        out: Tensor = self.bn(self.relu(self.conv(hidden)))
        return out


class UNet(nn.Module):
    """Images (batch, 3, height, width) -> scores (batch, classes, height / 2, width / 2)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = stages(VGG16[:4])
        self.bottom = Decoded(WIDTHS[3], 512, relu=True)
        self.up = nn.ModuleList(nn.Upsample(scale_factor=2) for _ in range(3))
        self.decoder = nn.ModuleList(
            [Decoded(512 + 256, 256, relu=True), Decoded(256 + 128, 128, relu=True), Decoded(128 + 64, 64, relu=True)]
        )
        self.head = nn.Conv2d(64, classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores per pixel."""
        hidden, skips = images, []
        for level in self.encoder:
            hidden = level(hidden)
            skips.append(hidden)
        hidden = self.bottom(skips.pop())
        for up, level in zip(self.up, self.decoder, strict=True):
            hidden = level(torch.cat([up(hidden), skips.pop()], dim=1))
        scores: Tensor = self.head(hidden)
        return scores


class FCN8(nn.Module):
    """Images (batch, 3, height, width) -> scores (batch, classes, height, width)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.encoder = stages(VGG16)
        self.fc6, self.relu6, self.drop6 = nn.Conv2d(512, 4096, 7, padding=3), nn.ReLU(), nn.Dropout(0.5)
        self.fc7, self.relu7, self.drop7 = nn.Conv2d(4096, 4096, 1), nn.ReLU(), nn.Dropout(0.5)
        self.score5, self.score4 = nn.Conv2d(4096, classes, 1), nn.Conv2d(WIDTHS[3], classes, 1)
        self.score3 = nn.Conv2d(WIDTHS[2], classes, 1)
        self.up5 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.up4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.up3 = nn.ConvTranspose2d(classes, classes, 16, stride=8, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores per pixel."""
        levels = [images]
        for level in self.encoder:
            levels.append(level(levels[-1]))
        hidden = self.drop6(self.relu6(self.fc6(levels[5])))
        hidden = self.score5(self.drop7(self.relu7(self.fc7(hidden))))
        hidden = _cropped_sum(self.up5(hidden), self.score4(levels[4]))
        hidden = _cropped_sum(self.up4(hidden), self.score3(levels[3]))
        scores: Tensor = self.up3(hidden)
        return scores[..., : images.shape[2], : images.shape[3]]


def _cropped_sum(large: Tensor, small: Tensor) -> Tensor:
    return large[..., : small.shape[2], : small.shape[3]] + small


class SegNet(nn.Module):
    """Images (batch, 3, height, width) -> scores (batch, classes, height / 2, width / 2)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        channels = (3, 64, 128, 256, 256)
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2))
            for before, width in pairwise(channels)
        )
        self.bottom = Decoded(channels[-1], 512, relu=False)
        self.up = nn.ModuleList(nn.Upsample(scale_factor=2) for _ in range(3))
        self.decoder = nn.ModuleList(
            [Decoded(512, 256, relu=False), Decoded(256, 128, relu=False), Decoded(128, 64, relu=False)]
        )
        self.head = nn.Conv2d(64, classes, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores per pixel."""
        hidden = images
        for level in self.encoder:
            hidden = level(hidden)
        hidden = self.bottom(hidden)
        for up, level in zip(self.up, self.decoder, strict=True):
            hidden = level(up(hidden))
        scores: Tensor = self.head(hidden)
        return scores


def unet(classes: int, shape: tuple[int, ...]) -> UNet:
    """U-Net with a VGG16 encoder, whatever the `shape`."""
    return UNet(classes)


def fcn8(classes: int, shape: tuple[int, ...]) -> FCN8:
    """FCN8 with a VGG16 encoder, whatever the `shape`."""
    return FCN8(classes)


def segnet(classes: int, shape: tuple[int, ...]) -> SegNet:
    """SegNet with a small encoder, whatever the `shape`."""
    return SegNet(classes)
