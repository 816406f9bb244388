"""The paper's seven networks at the granularity of its own graphs: one operator per Keras layer.

VGG16, VGG19, MobileNet v1, ResNet50, U-Net (VGG encoder), FCN8 and SegNet, from their published layer
tables, in single precision. They need no capture, so solvers can be tried on realistic sizes and work.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.checkmate.graph import Graph
from scenarios.checkmate.synthetic import Tape

_VGG16 = (2, 2, 3, 3, 3)
_VGG19 = (2, 2, 4, 4, 4)
_CHANNELS = (64, 128, 256, 512, 512)
_FLOPS_PER_SECOND = 15.7e12  # V100 datasheet, single precision
_BYTES_PER_SECOND = 900e9  # V100 datasheet
_LAUNCH_SECONDS = 5e-6


@dataclass(frozen=True, slots=True)
class _Plane:
    """Where a layer stands on the tape, and the shape of its output per example."""

    at: int
    height: int
    width: int
    channels: int


class _Network:
    """Records layers by what they are, keeping shapes."""

    def __init__(self, name: str, batch: int, height: int, width: int) -> None:
        self.tape = Tape(name)
        self.batch = batch
        self.image = _Plane(-1, height, width, 3)

    def layer(self, kind: str, shape: tuple[int, int, int], inputs: list[_Plane], multiplications: float) -> _Plane:
        elements = self.batch * shape[0] * shape[1] * shape[2]
        reads = tuple(plane.at for plane in inputs if plane.at >= 0)
        name = f"{kind}{len(self.tape.names)}"
        return _Plane(self.tape.add(name, reads, 4 * elements, 2.0 * elements * multiplications), *shape)

    def conv(self, plane: _Plane, channels: int, kernel: int = 3, stride: int = 1) -> _Plane:
        shape = (-(-plane.height // stride), -(-plane.width // stride), channels)
        return self.layer("conv", shape, [plane], kernel * kernel * plane.channels)

    def depthwise(self, plane: _Plane, stride: int) -> _Plane:
        shape = (-(-plane.height // stride), -(-plane.width // stride), plane.channels)
        return self.layer("depthwise", shape, [plane], 9)

    def pointwise(self, kind: str, *planes: _Plane) -> _Plane:
        first = planes[0]
        return self.layer(kind, (first.height, first.width, first.channels), list(planes), 1)

    def pool(self, plane: _Plane) -> _Plane:
        return self.layer("pool", (plane.height // 2, plane.width // 2, plane.channels), [plane], 1)

    def grow(self, plane: _Plane, factor: int = 2) -> _Plane:
        return self.layer("grow", (plane.height * factor, plane.width * factor, plane.channels), [plane], 1)

    def concat(self, *planes: _Plane) -> _Plane:
        channels = sum(plane.channels for plane in planes)
        return self.layer("concat", (planes[0].height, planes[0].width, channels), list(planes), 1)

    def dense(self, plane: _Plane, units: int) -> _Plane:
        return self.layer("dense", (1, 1, units), [plane], plane.height * plane.width * plane.channels)

    def normal(self, plane: _Plane, activate: bool = True) -> _Plane:
        plane = self.pointwise("norm", plane)
        return self.pointwise("relu", plane) if activate else plane


def _encoder(net: _Network, plane: _Plane, blocks: tuple[int, ...]) -> tuple[_Plane, list[_Plane], list[_Plane]]:
    """VGG's convolutions: (last pool, output of each block before its pool, each pool)."""
    ends, pools = [], []
    for convolutions, channels in zip(blocks, _CHANNELS, strict=True):
        for _ in range(convolutions):
            plane = net.conv(plane, channels)
        ends.append(plane)
        plane = net.pool(plane)
        pools.append(plane)
    return plane, ends, pools


def _vgg(name: str, batch: int, blocks: tuple[int, ...]) -> Tape:
    net = _Network(name, batch, 224, 224)
    plane, _, _ = _encoder(net, net.image, blocks)
    plane = net.pointwise("flatten", plane)
    for units in (4096, 4096, 1000):
        plane = net.dense(plane, units)
    return net.tape


def _mobilenet(batch: int) -> Tape:
    net = _Network("MobileNet", batch, 224, 224)
    plane = net.normal(net.conv(net.image, 32, stride=2))
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in plan:
        plane = net.normal(net.depthwise(plane, stride))
        plane = net.normal(net.conv(plane, channels, kernel=1))
    plane = net.layer("average", (1, 1, plane.channels), [plane], 1)
    net.dense(plane, 1000)
    return net.tape


def _resnet50(batch: int) -> Tape:
    net = _Network("ResNet50", batch, 224, 224)
    plane = net.pool(net.normal(net.conv(net.image, 64, kernel=7, stride=2)))
    for blocks, channels, first_stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for block in range(blocks):
            stride = first_stride if block == 0 else 1
            inner = net.normal(net.conv(plane, channels, 1, stride))
            inner = net.normal(net.conv(inner, channels, 3))
            inner = net.normal(net.conv(inner, 4 * channels, 1), activate=False)
            if block == 0:
                plane = net.normal(net.conv(plane, 4 * channels, 1, stride), activate=False)
            plane = net.pointwise("relu", net.pointwise("add", inner, plane))
    plane = net.layer("average", (1, 1, plane.channels), [plane], 1)
    net.dense(plane, 1000)
    return net.tape


def _unet(batch: int) -> Tape:
    net = _Network("U-Net", batch, 416, 608)
    plane, ends, _ = _encoder(net, net.image, _VGG16)
    for skip, channels in zip(reversed(ends[:4]), (512, 256, 128, 64), strict=True):
        plane = net.grow(plane) if plane.height * 2 == skip.height else net.grow(net.conv(plane, channels), 4)
        plane = net.concat(plane, skip)
        plane = net.conv(net.conv(plane, channels), channels)
    net.conv(plane, 12, kernel=1)
    return net.tape


def _fcn8(batch: int) -> Tape:
    net = _Network("FCN8", batch, 416, 608)
    plane, _, pools = _encoder(net, net.image, _VGG16)
    for channels, kernel in ((4096, 7), (4096, 1), (12, 1)):
        plane = net.conv(plane, channels, kernel)
    for pool in (pools[3], pools[2]):
        plane = net.pointwise("add", net.grow(plane), net.conv(pool, 12, kernel=1))
    plane = net.grow(plane, 8)
    net.pointwise("softmax", plane)
    return net.tape


def _segnet(batch: int) -> Tape:
    net = _Network("SegNet", batch, 416, 608)
    plane, _, _ = _encoder(net, net.image, _VGG16)
    for convolutions, channels in ((3, 512), (3, 256), (3, 128), (2, 64), (1, 64)):
        plane = net.grow(plane)
        for _ in range(convolutions):
            plane = net.conv(plane, channels)
    net.conv(plane, 12, kernel=1)
    net.pointwise("softmax", _Plane(len(net.tape.names) - 1, plane.height, plane.width, 12))
    return net.tape


_MAKERS: dict[str, Callable[[], Tape]] = {
    "VGG16": lambda: _vgg("VGG16", 256, _VGG16),
    "VGG19": lambda: _vgg("VGG19", 256, _VGG19),
    "U-Net": lambda: _unet(32),
    "FCN8": lambda: _fcn8(32),
    "SegNet": lambda: _segnet(32),
    "MobileNet": lambda: _mobilenet(512),
    "ResNet50": lambda: _resnet50(256),
}
LOOKALIKES = tuple(_MAKERS)


def lookalike(name: str) -> tuple[Graph, NDArray[np.float64]]:
    """A network by name, and seconds per operator on a V100 by the roofline of its datasheet."""
    graph = _MAKERS[name]().training_graph()
    work = np.array([operator.flops for operator in graph.operators]) / _FLOPS_PER_SECOND
    moved = np.array([operator.traffic for operator in graph.operators]) / _BYTES_PER_SECOND
    return graph, np.maximum(work, moved) + _LAUNCH_SECONDS
