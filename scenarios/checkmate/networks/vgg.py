"""VGG16 and VGG19 (arXiv:1409.1556): 3x3 convolutions in five stages, then three dense layers with dropout."""

from collections import OrderedDict

from torch import Tensor, nn

#: Convolutions per stage; stage widths are the same in all of them.
VGG16, VGG19 = (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)
WIDTHS = (64, 128, 256, 512, 512)


def stage(number: int, convolutions: int, channels: int, width: int) -> nn.Sequential:
    """Stage `number` (from 1): `convolutions` times convolution and ReLU, then 2x2 max pooling."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for index in range(1, convolutions + 1):
        layers[f"conv{number}_{index}"] = nn.Conv2d(channels if index == 1 else width, width, 3, padding=1)
        layers[f"relu{number}_{index}"] = nn.ReLU()
    layers[f"pool{number}"] = nn.MaxPool2d(2)
    return nn.Sequential(layers)


def stages(depths: tuple[int, ...]) -> nn.ModuleList:
    """The convolutional part: one `stage` per entry of `depths`."""
    channels = (3, *WIDTHS)
    return nn.ModuleList(
        stage(number, depth, channels[number - 1], channels[number]) for number, depth in enumerate(depths, start=1)
    )


class VGG(nn.Module):
    """Images (batch, 3, height, width) -> class scores (batch, classes). The first dense layer fits `shape`."""

    def __init__(self, depths: tuple[int, ...], classes: int, shape: tuple[int, ...], dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(*stages(depths))
        features = WIDTHS[-1] * (shape[1] // 32) * (shape[2] // 32)
        self.fc6, self.relu6, self.drop6 = nn.Linear(features, 4096), nn.ReLU(), nn.Dropout(dropout)
        self.fc7, self.relu7, self.drop7 = nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(dropout)
        self.fc8 = nn.Linear(4096, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores."""
        hidden = self.features(images).flatten(1)
        hidden = self.drop6(self.relu6(self.fc6(hidden)))
        hidden = self.drop7(self.relu7(self.fc7(hidden)))
        scores: Tensor = self.fc8(hidden)
        return scores


def vgg16(classes: int, shape: tuple[int, ...]) -> VGG:
    """Configuration D: 138,357,544 parameters at 224x224 and 1000 classes."""
    return VGG(VGG16, classes, shape)


def vgg19(classes: int, shape: tuple[int, ...]) -> VGG:
    """Configuration E: 143,667,240 parameters at 224x224 and 1000 classes."""
    return VGG(VGG19, classes, shape)
