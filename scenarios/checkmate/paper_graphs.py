"""The paper's own training graphs: one operator per Keras layer, one gradient per layer, and FLOP as its code counts.

The paper extracts its graphs from Keras models (arXiv:1910.02653, section 5.1; its code's `dfgraph_from_keras`).
They are coarser than a traced graph, and its tables hold for them:

* every layer is an operator with one output, a rectifier named in a convolution is part of it;
* gradient i has the size of layer i's output and reads that output, and output and gradient of every layer that
  reads it; the loss takes four bytes per sample;
* a gradient costs twice its layer; a convolution counts kernel x input channels per output, a batch normalisation 4
  per element, an activation 1, an addition its inputs, pooling, padding and reshaping nothing;
* parameters and their gradients are resident, inputs are not counted.

The layers are those of Keras' applications and of the segmentation models the paper took from keras-segmentation.
Operators here carry twice those counts, a multiplication and an addition being two, so that the roofline can
cost them as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scenarios.checkmate.graph import Fixed, Graph, Kind, Operator, Value
from sim.errors import UserError, did_you_mean

Plane = tuple[int, int, int]  # height, width, channels
_VGG_CHANNELS = (64, 128, 256, 512, 512)
_BYTES = 4
_CLASSES, _PIXEL_CLASSES = 1000, 19


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: whom it reads (-1 is the image), its output, operations per sample, parameters."""

    name: str
    reads: tuple[int, ...]
    plane: Plane
    operations: int = 0
    parameters: int = 0
    op_class: str = "other"

    @property
    def elements(self) -> int:
        """Elements of the output for one sample."""
        return self.plane[0] * self.plane[1] * self.plane[2]


@dataclass(slots=True)
class _Layers:
    """Layers as they are stacked; each method adds one that reads the last, or `at`, and returns its index."""

    image: Plane
    layers: list[Layer] = field(default_factory=list)

    def add(
        self, kind: str, plane: Plane, operations: int = 0, parameters: int = 0, reads: Sequence[int] | None = None
    ) -> int:
        index = len(self.layers)
        sources = tuple(reads) if reads is not None else (index - 1,)
        self.layers.append(Layer(f"{kind}{index}", sources, plane, operations, parameters, _CLASS.get(kind, "other")))
        return index

    def plane(self, at: int) -> Plane:
        return self.layers[at].plane if at >= 0 else self.image

    def conv(self, channels: int, kernel: int = 3, stride: int = 1, at: int | None = None, valid: bool = False) -> int:
        source = len(self.layers) - 1 if at is None else at
        height, width, before = self.plane(source)
        lost = kernel - 1 if valid else 0
        plane = (-(-(height - lost) // stride), -(-(width - lost) // stride), channels)
        per_output = kernel * kernel * before
        return self.add("conv", plane, per_output * _size(plane), (per_output + 1) * channels, (source,))

    def depthwise(self, stride: int) -> int:
        height, width, channels = self.plane(len(self.layers) - 1)
        # a stride of two follows a layer that pads at two sides
        plane = (height, width, channels) if stride == 1 else ((height - 1) // 2, (width - 1) // 2, channels)
        return self.add("depthwise", plane, 9 * _size(plane), 9 * channels)

    def spread(self, classes: int, kernel: int, stride: int) -> int:
        """A transposed convolution without padding."""
        height, width, before = self.plane(len(self.layers) - 1)
        plane = ((height - 1) * stride + kernel, (width - 1) * stride + kernel, classes)
        return self.add("deconv", plane, before * _size(plane), kernel * kernel * before * classes)

    def norm(self) -> int:
        plane = self.plane(len(self.layers) - 1)
        return self.add("norm", plane, 4 * _size(plane), 4 * plane[2])

    def active(self) -> int:
        plane = self.plane(len(self.layers) - 1)
        return self.add("active", plane, _size(plane))

    def same(self, kind: str) -> int:
        return self.add(kind, self.plane(len(self.layers) - 1))

    def pad(self, pixels: int) -> int:
        height, width, channels = self.plane(len(self.layers) - 1)
        return self.add("pad", (height + pixels, width + pixels, channels))

    def pool(self) -> int:
        height, width, channels = self.plane(len(self.layers) - 1)
        return self.add("pool", (height // 2, width // 2, channels))

    def grow(self) -> int:
        height, width, channels = self.plane(len(self.layers) - 1)
        plane = (2 * height, 2 * width, channels)
        return self.add("grow", plane, _size(plane))

    def join(self, kind: str, one: int, other: int) -> int:
        height, width, channels = self.plane(one)
        if kind == "concat":
            return self.add("concat", (height, width, channels + self.plane(other)[2]), reads=(one, other))
        return self.add("add", (height, width, channels), 2 * height * width * channels, reads=(one, other))

    def crop(self, like: int) -> int:
        """To the size of another layer's output, width first; one layer each."""
        height, width, _ = self.plane(like)
        for plane_height, plane_width in ((self.plane(len(self.layers) - 1)[0], width), (height, width)):
            self.add("crop", (plane_height, plane_width, self.plane(len(self.layers) - 1)[2]))
        return len(self.layers) - 1

    def dense(self, units: int) -> int:
        before = _size(self.plane(len(self.layers) - 1))
        return self.add("dense", (1, 1, units), before * units, (before + 1) * units)

    def labels(self, classes: int) -> None:
        """The end of a segmentation network: pixels in a row, and the class of each."""
        height, width, _ = self.plane(len(self.layers) - 1)
        self.add("reshape", (height * width, 1, classes))
        self.active()


_CLASS = {
    "conv": "conv",
    "depthwise": "conv",
    "deconv": "conv",
    "dense": "matmul",
    "norm": "norm",
    "pool": "pool",
    "average": "pool",
    "active": "pointwise",
    "add": "pointwise",
    "grow": "pointwise",
}


def _size(plane: Plane) -> int:
    return plane[0] * plane[1] * plane[2]


def _vgg_encoder(net: _Layers, convolutions: Sequence[int]) -> list[int]:
    """The pools that end each stage."""
    pools = []
    for count, channels in zip(convolutions, _VGG_CHANNELS, strict=False):
        for _ in range(count):
            net.conv(channels)
        pools.append(net.pool())
    return pools


def _vgg(convolutions: Sequence[int]) -> Callable[[_Layers], None]:
    def build(net: _Layers) -> None:
        _vgg_encoder(net, convolutions)
        net.add("flatten", (1, 1, _size(net.plane(len(net.layers) - 1))))
        for units in (4096, 4096, _CLASSES):
            net.dense(units)

    return build


def _mobilenet(net: _Layers) -> None:
    net.add("pad", (net.image[0] + 1, net.image[1] + 1, 3))
    net.conv(32, stride=2, valid=True)
    net.norm()
    net.active()
    for channels, stride in _MOBILENET:
        if stride == 2:
            net.pad(1)
        net.depthwise(stride)
        net.norm()
        net.active()
        net.conv(channels, kernel=1)
        net.norm()
        net.active()
    channels = net.plane(len(net.layers) - 1)[2]
    net.add("average", (1, 1, channels))
    net.same("reshape")
    net.same("dropout")
    net.conv(_CLASSES, kernel=1)
    net.active()
    net.same("reshape")


_MOBILENET = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def _resnet50(net: _Layers) -> None:
    net.add("pad", (net.image[0] + 6, net.image[1] + 6, 3))
    net.conv(64, kernel=7, stride=2, valid=True)
    net.norm()
    net.active()
    net.pad(2)
    height, width, channels = net.plane(len(net.layers) - 1)
    before = net.add("pool", ((height - 1) // 2, (width - 1) // 2, channels))
    for blocks, channels, first in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for block in range(blocks):
            before = _residual(net, before, channels, first if block == 0 else 1, block == 0)
    net.add("average", (1, 1, net.plane(before)[2]))
    net.dense(_CLASSES)


def _residual(net: _Layers, before: int, channels: int, stride: int, projected: bool) -> int:
    for kernel, step, at in ((1, stride, before), (3, 1, None)):
        net.conv(channels, kernel, step, at)
        net.norm()
        net.active()
    net.conv(4 * channels, 1)
    end = net.norm()
    if projected:
        net.conv(4 * channels, 1, stride, before)
        before = net.norm()
    net.join("add", end, before)
    return net.active()


def _unet(net: _Layers) -> None:
    pools = _vgg_encoder(net, (2, 2, 3, 3))
    _decoded(net, 512)
    for skip, channels in zip(reversed(pools[:3]), (256, 128, 64), strict=True):
        net.join("concat", net.grow(), skip)
        _decoded(net, channels)
    net.conv(_PIXEL_CLASSES)
    net.labels(_PIXEL_CLASSES)


def _decoded(net: _Layers, channels: int) -> None:
    net.pad(2)
    net.conv(channels, valid=True)
    net.norm()


def _fcn8(net: _Layers) -> None:
    pools = _vgg_encoder(net, (2, 2, 3, 3, 3))
    for kernel in (7, 1):
        net.conv(4096, kernel)
        net.same("dropout")
    net.conv(_PIXEL_CLASSES, 1)
    for pool in (pools[3], pools[2]):
        large = net.spread(_PIXEL_CLASSES, 4, 2)
        small = net.conv(_PIXEL_CLASSES, 1, at=pool)
        height, width, channels = net.plane(small)
        cut = net.add("crop", (net.plane(large)[0], width, channels), reads=(large,))
        cut = net.add("crop", (height, width, channels), reads=(cut,))
        net.join("add", cut, small)
    net.spread(_PIXEL_CLASSES, 16, 8)
    net.labels(_PIXEL_CLASSES)


def _segnet(net: _Layers) -> None:
    for channels in (64, 128, 256, 256):
        net.pad(2) if net.layers else net.add("pad", (net.image[0] + 2, net.image[1] + 2, 3))
        net.conv(channels, valid=True)
        net.norm()
        net.active()
        net.pool()
    _decoded(net, 512)
    for channels in (256, 128, 64):
        net.grow()
        _decoded(net, channels)
    net.conv(_PIXEL_CLASSES)
    net.labels(_PIXEL_CLASSES)


_BUILDERS: dict[str, tuple[Callable[[_Layers], None], Plane]] = {
    "vgg16": (_vgg((2, 2, 3, 3, 3)), (224, 224, 3)),
    "vgg19": (_vgg((2, 2, 4, 4, 4)), (224, 224, 3)),
    "mobilenet": (_mobilenet, (224, 224, 3)),
    "resnet50": (_resnet50, (224, 224, 3)),
    "unet": (_unet, (416, 608, 3)),
    "fcn8": (_fcn8, (416, 608, 3)),
    "segnet": (_segnet, (416, 608, 3)),
}
#: The networks of the paper's figures 5 and 6 and its table 2.
PAPER_NETWORKS = tuple(_BUILDERS)


def layers(network: str) -> tuple[Layer, ...]:
    """The layers of a network by name, in order. Raises `UserError` for a name that the paper does not have.

    >>> sum(layer.parameters for layer in layers("vgg16"))  # Simonyan and Zisserman, table 2: 138 million
    138357544
    """
    if network not in _BUILDERS:
        raise UserError(f"the paper has no graph called '{network}'; {did_you_mean(network, PAPER_NETWORKS)}")
    build, image = _BUILDERS[network]
    net = _Layers(image)
    build(net)
    return tuple(net.layers)


def paper_graph(network: str, batch: int) -> Graph:
    """The training graph of a network at a batch, by the rules of this module's header.

    >>> graph = paper_graph("vgg16", 256)
    >>> len(graph.operators), sum(len(operator.inputs) for operator in graph.operators)
    (45, 87)
    """
    stack = layers(network)
    count = len(stack)
    readers: list[list[int]] = [[] for _ in stack]
    for index, layer in enumerate(stack):
        for source in layer.reads:
            if source >= 0:
                readers[source].append(index)
    moved = [_BYTES * (batch * _moved(stack, layer) + layer.parameters) for layer in stack]
    operators = [_operator(layer, batch, _inputs(layer), index, moved[index]) for index, layer in enumerate(stack)]
    operators.append(Operator("loss", (count - 1,), (count,)))
    for index in reversed(range(count)):
        upstream = tuple(2 * count - reader for reader in readers[index]) or (count,)
        reads = (*upstream, *readers[index], index)
        operators.append(_gradient(operators[index], reads, 2 * count - index))
    values = [Value(f"{layer.name}:out", _BYTES * batch * layer.elements) for layer in stack]
    values.append(Value("loss:out", _BYTES * batch))
    values += [
        Value(f"{layer.name}:gradient:out", _BYTES * batch * layer.elements, Kind.ACTIVATION_GRADIENT)
        for layer in reversed(stack)
    ]
    parameters = _BYTES * sum(layer.parameters for layer in stack)
    fixed = Fixed(parameters=parameters, gradients=parameters)
    return Graph(network, tuple(operators), tuple(values), frozenset({2 * count}), fixed)


def _inputs(layer: Layer) -> tuple[int, ...]:
    return tuple(source for source in layer.reads if source >= 0)


def _moved(stack: Sequence[Layer], layer: Layer) -> int:
    """Elements read and written for one sample."""
    return layer.elements + sum(stack[source].elements for source in _inputs(layer))


def _operator(layer: Layer, batch: int, reads: tuple[int, ...], made: int, traffic: float) -> Operator:
    flops = 2.0 * batch * layer.operations
    return Operator(layer.name, reads, (made,), flops, float(traffic), op_class=layer.op_class)


def _gradient(layer: Operator, reads: tuple[int, ...], made: int) -> Operator:
    name, kernels = f"{layer.name}:gradient", 2 * layer.kernels
    return Operator(
        name, reads, (made,), 2 * layer.flops, 2 * layer.traffic, kernels, backward=True, op_class=layer.op_class
    )
