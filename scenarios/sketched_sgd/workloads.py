"""What is trained, as far as time is concerned: per layer, how many weights and how many operations an image takes.

Built from the architectures themselves, so both figures follow from shapes: a convolution of k x k from n to m channels
on p places has n m k^2 weights and 2 n m k^2 p operations (a fused multiply-add is two). Biases and normalisations are
counted as weights where the architecture has them; their operations are left out.

- `resnet9`: the residual network of the paper's CIFAR-10 runs, 6.6 M weights, 32 x 32
- `resnet50` (He et al., 2016), 25.6 M weights, 224 x 224;  `vgg16` (Simonyan and Zisserman, 2015), 138 M
- `bert_base` (Devlin et al., 2019), 109 M weights, 128 tokens

>>> {name: round(sum(layer.weights for layer in one.layers) / 1e6, 2) for name, one in WORKLOADS.items()}
{'resnet9': 6.57, 'resnet50': 25.56, 'vgg16': 138.36, 'bert_base': 109.48}
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from scenarios.sketched_sgd.power import Layout, Matrix


class Layer(NamedTuple):
    """`weights` in all, `rows` x `columns` of which are a matrix; `flop` forward for one image or sequence."""

    weights: int
    rows: int
    columns: int
    flop: float


class Workload(NamedTuple):
    """Layers in forward order, and whether they are convolutions or plain products."""

    layers: tuple[Layer, ...]
    op_class: str

    @property
    def layout(self) -> Layout:
        """Where the matrices are in the vector of all weights."""
        matrices, start = [], 0
        for layer in self.layers:
            matrices.append(Matrix(start, layer.rows, layer.columns))
            start += layer.weights
        return Layout(start, tuple(matrices))


def of_layout(layout: Layout, flop: float) -> Workload:
    """A network of which only the matrices and its operations in all are known, spread by weights."""
    share = flop / layout.size
    layers = [Layer(one.rows * one.columns, one.rows, one.columns, share * one.rows * one.columns) for one in layout[1]]
    rest = layout.size - sum(layer.weights for layer in layers)
    return Workload((*layers, Layer(rest, 1, rest, share * rest)), "conv")


def _conv(inputs: int, filters: int, kernel: int, places: int, extra: int = 2) -> Layer:
    """`extra` weights per filter: 2 of a normalisation, or 1 for a bias."""
    weights = inputs * filters * kernel**2
    return Layer(weights + extra * filters, filters, inputs * kernel**2, 2.0 * weights * places)


def _full(inputs: int, outputs: int, times: int = 1) -> Layer:
    return Layer(inputs * outputs + outputs, outputs, inputs, 2.0 * inputs * outputs * times)


def _resnet9() -> Iterator[Layer]:
    yield _conv(3, 64, 3, 32 * 32)
    yield _conv(64, 128, 3, 32 * 32)
    for _ in range(2):
        yield _conv(128, 128, 3, 16 * 16)
    yield _conv(128, 256, 3, 16 * 16)
    yield _conv(256, 512, 3, 8 * 8)
    for _ in range(2):
        yield _conv(512, 512, 3, 4 * 4)
    yield Layer(512 * 10, 10, 512, 2.0 * 512 * 10)


def _resnet50() -> Iterator[Layer]:
    yield _conv(3, 64, 7, 112 * 112)
    inputs = 64
    for width, blocks, side in ((64, 3, 56), (128, 4, 28), (256, 6, 14), (512, 3, 7)):
        for block in range(blocks):
            before = side * 2 if block == 0 and width > 64 else side  # the stride is in the 3 x 3
            yield _conv(inputs, width, 1, before * before)
            yield _conv(width, width, 3, side * side)
            yield _conv(width, 4 * width, 1, side * side)
            if block == 0:
                yield _conv(inputs, 4 * width, 1, side * side)
            inputs = 4 * width
    yield _full(2048, 1000)


def _vgg16() -> Iterator[Layer]:
    inputs = 3
    for filters, number, side in ((64, 2, 224), (128, 2, 112), (256, 3, 56), (512, 3, 28), (512, 3, 14)):
        for _ in range(number):
            yield _conv(inputs, filters, 3, side * side, extra=1)
            inputs = filters
    yield _full(512 * 7 * 7, 4096)
    yield _full(4096, 4096)
    yield _full(4096, 1000)


def _bert_base(tokens: int = 128, width: int = 768) -> Iterator[Layer]:
    embeddings = 30_522 + 512 + 2
    yield Layer(embeddings * width + 2 * width, embeddings, width, 0.0)
    for _ in range(12):
        for inputs, outputs in ((width, 3 * width), (width, width), (width, 4 * width), (4 * width, width)):
            layer = _full(inputs, outputs, tokens)
            normalised = 2 * width if outputs == width else 0
            attention = 4.0 * tokens * tokens * width if outputs == 3 * width else 0.0
            yield layer._replace(weights=layer.weights + normalised, flop=layer.flop + attention)
    yield _full(width, width)


WORKLOADS: Mapping[str, Workload] = {
    "resnet9": Workload(tuple(_resnet9()), "conv"),
    "resnet50": Workload(tuple(_resnet50()), "conv"),
    "vgg16": Workload(tuple(_vgg16()), "conv"),
    "bert_base": Workload(tuple(_bert_base()), "matmul"),
}
