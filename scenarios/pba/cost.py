"""What an epoch of a trial costs on a GPU: floating-point operations over what the GPU sustains.

    seconds = (3 training images + validation images) * forward FLOP / (peak * efficiency) + overhead

A backward pass counts as two forward passes. The peak and the efficiency of convolutions are the GPU card's; on
`titan-xp` the efficiency is the one constant that puts the published CIFAR-10 search at its five hours. Normalisation,
activations and the augmentation itself are part of it: they are not counted apart.

>>> network = wide_resnet(40, 2, classes=10)
>>> round(network.macs / 1e6), round(network.parameters / 1e6, 3)
(326, 2.233)
"""

from dataclasses import dataclass

from hardware_models.gpu.card import GpuCard


@dataclass(frozen=True, slots=True)
class Size:
    """A network as far as its cost goes: multiply-adds of one image forward, and numbers that are learned."""

    macs: int
    parameters: int

    @property
    def flop(self) -> float:
        """Floating-point operations of one image forward; a multiply-add is two."""
        return 2.0 * self.macs

    @property
    def checkpoint(self) -> int:
        """Bytes of a checkpoint: weights and momentum in single precision."""
        return 2 * 4 * self.parameters


def wide_resnet(depth: int, width: int, classes: int, side: int = 32) -> Size:
    """WRN-`depth`-`width` for `side` x `side` colour images (arXiv:1605.07146), as the authors' code builds it.

    A 3 x 3 convolution to 16 channels; three groups of (depth - 4) / 6 blocks with 16, 32, 64 times `width` channels,
    the second and third at half the side before; a block is two 3 x 3 convolutions, each after a batch normalisation
    of two numbers per channel; a last normalisation, and a linear layer. What goes past a block is padded with zeros
    where the channels change, and learns nothing.
    """
    macs, parameters, before = 27 * 16 * side**2, 27 * 16, 16
    for group in range(3):
        channels, area = 16 * width * 2**group, (side >> group) ** 2
        for _ in range((depth - 4) // 6):
            weights = 9 * before * channels + 9 * channels**2
            macs += weights * area
            parameters += weights + 2 * (before + channels)
            before = channels
    return Size(macs + before * classes, parameters + 2 * before + (before + 1) * classes)


def epoch_seconds(
    card: GpuCard, network: Size, train_images: int, validation_images: int, overhead: float = 0.0
) -> float:
    """Seconds of one epoch alone on the card, the validation after it included."""
    sustained = card.peak.fp32 * card.efficiency.conv
    return (3 * train_images + validation_images) * network.flop / sustained + overhead
