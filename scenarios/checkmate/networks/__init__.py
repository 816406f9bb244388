"""The networks of the paper and a transformer, each as a training step: network, loss, and made-up data.

Names, shapes and class counts are here without torch, so that listing them stays cheap; the modules that build
them are imported when one is built.

>>> NETWORKS["vgg16"].shape
(3, 224, 224)
"""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator

from sim.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor

    from scenarios.checkmate.networks.step import TrainingStep

Labels = Literal["image", "pixel", "token"]


def _listed(shape: object) -> object:
    """A shape as it is typed on a command line, 3,224,224 or [3, 224, 224]."""
    return shape.strip("[]() ").split(",") if isinstance(shape, str) else shape


Shape = Annotated[tuple[int, ...], BeforeValidator(_listed)]


@dataclass(frozen=True, slots=True)
class Network:
    """How to build one network and what to feed it.

    `shape` is one input without the batch: (channels, height, width), or (tokens,) for text. `labels` says what
    carries a class: the image, every pixel (of the image shrunk by `stride`), or every token. `batch` is the paper's,
    where it names one.
    """

    about: str
    builder: str
    shape: tuple[int, ...]
    classes: int
    labels: Labels = "image"
    batch: int = 32
    stride: int = 1

    def step(self, batch: int, shape: tuple[int, ...] | None = None) -> tuple["TrainingStep", tuple["Tensor", ...]]:
        """The network with its loss, and random (inputs, targets) for `batch` samples of `shape`.

        Under a fake tensor mode nothing is allocated. Raises `UserError` for a batch or shape that cannot be.
        """
        from scenarios.checkmate.networks import step

        wanted = self.checked_shape(shape)
        if batch < 1:
            raise UserError(f"batch {batch} is not possible; a batch has at least 1 sample")
        module, function = self.builder.split(":")
        build = getattr(import_module(f"scenarios.checkmate.networks.{module}"), function)
        network = step.TrainingStep(build(classes=self.classes, shape=wanted))
        return network, step.example(self.labels, batch, wanted, self.classes, self.stride)

    def checked_shape(self, shape: tuple[int, ...] | None) -> tuple[int, ...]:
        """`shape`, or the default one; raises `UserError` when it does not fit this network."""
        if shape is None:
            return self.shape
        if len(shape) != len(self.shape) or min(shape) < 1:
            raise UserError(f"input shape {shape} does not fit; this network takes e.g. {self.shape}")
        if len(shape) == 3 and (shape[1] % 32 or shape[2] % 32):
            raise UserError(f"input shape {shape} does not fit; height and width must be multiples of 32")
        return shape


_PIXELS = (3, 416, 608)
#: Name -> network. Segmentation networks have the 19 classes of Cityscapes, as in the paper's experiments.
NETWORKS: dict[str, Network] = {
    "vgg16": Network("VGG16 with dropout (arXiv:1409.1556, D)", "vgg:vgg16", (3, 224, 224), 1000, batch=256),
    "vgg19": Network("VGG19 with dropout (arXiv:1409.1556, E)", "vgg:vgg19", (3, 224, 224), 1000, batch=256),
    "mobilenet": Network(
        "MobileNet v1, width 1 (arXiv:1704.04861)", "mobilenet:mobilenet", (3, 224, 224), 1000, batch=512
    ),
    "resnet50": Network("ResNet50 v1.5 (arXiv:1512.03385)", "resnet:resnet50", (3, 224, 224), 1000, batch=256),
    "densenet": Network("DenseNet-121 (arXiv:1608.06993)", "densenet:densenet", (3, 224, 224), 1000, batch=64),
    "unet": Network("U-Net on a VGG16 encoder", "segmentation:unet", _PIXELS, 19, "pixel", stride=2),
    "fcn8": Network("FCN8 on a VGG16 encoder (arXiv:1411.4038)", "segmentation:fcn8", _PIXELS, 19, "pixel"),
    "segnet": Network(
        "SegNet, small encoder (arXiv:1511.00561)", "segmentation:segnet", _PIXELS, 19, "pixel", stride=2
    ),
    "gpt2": Network("GPT-2 small, 12 blocks of width 768", "transformer:gpt2", (1024,), 50257, "token", batch=8),
}


def network(name: str) -> Network:
    """The network called `name`; raises `UserError` with the nearest names if there is none."""
    if name not in NETWORKS:
        raise UserError(
            f"no network is called '{name}'; {did_you_mean(name, NETWORKS)} (or module:callable of your own)"
        )
    return NETWORKS[name]
