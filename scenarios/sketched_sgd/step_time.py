"""How long a step takes: computing on the GPU model, encoding on it, messages on the network model.

    step = forward + backward, encoding and decoding with communication beside them

On a parameter server every message of the method passes the server's link, W times. On a ring or through a switch that
adds, a message that adds up is all-reduced, one that does not is gathered from all; what the server would send down
everybody then has, so it costs nothing. Methods that treat coordinates apart (dense, signs, quantisers, PowerSGD) go
bucket by bucket while the backward pass is still at work; those that choose among all coordinates (top-k, sketches)
have to wait for the last gradient. Communication can be hidden behind the backward pass, encoding and decoding cannot:
they need the same GPU, so a bucket's are done where its gradients are, and the layers before it wait.

Encoding is priced by memory traffic: words read and written per coordinate, at the card's bandwidth (`WORDS`), and
PowerSGD's products by their operations besides. That is what kernels made for the purpose would take. `coding` is the
share of that speed that an implementation reaches; `benchmarks/sketched_sgd_coding.py` measures what plain tensor
operations reach on a CPU. Nothing here is measured on a GPU.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np

from hardware_models.gpu.card import GpuCard, Precision
from hardware_models.gpu.roofline import kernel_seconds
from hardware_models.network.collectives import COLLECTIVES, gather_seconds
from hardware_models.network.link_card import Wire
from hardware_models.network.overlap import Backward
from hardware_models.network.parameter_server import ParameterServer
from scenarios.sketched_sgd.exchange import Message
from scenarios.sketched_sgd.methods import messages
from scenarios.sketched_sgd.settings import Fabric, MethodName, Settings
from scenarios.sketched_sgd.workloads import Workload

#: Methods whose coordinates need not wait for each other.
BY_BUCKET: frozenset[MethodName] = frozenset(
    {"dense", "sign_feedback", "one_bit", "signum", "qsgd", "terngrad", "power_sgd"}
)
_MEMORY, _SELECT = 5, 3  # g, u, v read and u, v written; two histograms and a collecting pass
#: Words read and written per coordinate to encode and decode, without what depends on the rows of a sketch.
WORDS: Mapping[MethodName, int] = {
    "dense": 0,
    "true_top_k": _MEMORY + _SELECT,
    "local_top_k": _MEMORY + _SELECT,
    "dgc": _MEMORY + _SELECT,
    "pkk": _MEMORY + 2 * _SELECT,
    "random_k": _MEMORY,
    "sketched": _MEMORY + _SELECT + 2,  # the vector read once, its estimates written once, and per row below
    "fetch_sgd": _SELECT + 2,
    "sign_feedback": 6,  # gradient and error read for the scale and again for the signs, error written, result written
    "one_bit": 6,
    "signum": 4,
    "qsgd": 3,  # read for the norm, read for the levels, result written
    "terngrad": 3,
    "power_sgd": 6,  # the matrix read for each product, the error read and written, the result made and subtracted
}
#: Per row: a counter read and written to encode, read to decode.
ROW_WORDS = 3
SKETCHES = ("sketched", "fetch_sgd")
#: Kernels launched to encode and decode, besides PowerSGD's six per matrix.
_KERNELS = 12


@dataclass(frozen=True)
class Machine:
    """`workers` GPUs of one card, in batches of `batch` each, on wires of one kind.

    `coding`: the share of single-pass kernels' speed that encoding and decoding reach, above 0 and at most 1.
    """

    card: GpuCard
    wire: Wire
    workers: int
    batch: int
    fabric: Fabric = "ring"
    shards: int = 1
    precision: Precision = "fp32"
    overlap: bool = True
    coding: float = 1.0


@dataclass(frozen=True)
class StepTime:
    """Seconds of one step and their parts, for a method with its settings, on a workload and a machine."""

    name: MethodName
    settings: Settings
    workload: Workload
    machine: Machine

    @cached_property
    def messages(self) -> tuple[Message, ...]:
        """What is sent in a step."""
        return messages(self.name, self.settings, self.workload.layout, self.machine.workers)

    @cached_property
    def forward(self) -> float:
        """Seconds of the forward pass."""
        return float(self._layer_seconds.sum())

    @cached_property
    def backward(self) -> float:
        """Seconds of the backward pass: by weights and by inputs, so twice the forward pass."""
        return 2.0 * self.forward

    @cached_property
    def encoding(self) -> float:
        """Seconds of encoding, decoding and choosing, all on the GPU."""
        if self.name == "dense":
            return 0.0
        words = WORDS[self.name] + (ROW_WORDS * self.settings.rows if self.name in SKETCHES else 0)
        size, flop, kernels = self.workload.layout.size, 0.0, float(_KERNELS * self._buckets)
        if self.name == "power_sgd":
            compressed = self.workload.layout.compressed(self.settings.rank)
            flop = 6.0 * self.settings.rank * sum(one.rows * one.columns for one in compressed)
            kernels += 6.0 * len(compressed)
        passes = kernel_seconds(self.machine.card, [flop], [4.0 * words * size], [kernels], ["matmul"])
        return float(passes[0]) / self.machine.coding

    @cached_property
    def communication(self) -> float:
        """Seconds on the network if nothing else happens meanwhile."""
        return self._sent(1.0, self.machine.wire)

    @cached_property
    def seconds(self) -> float:
        """The whole step."""
        return self.seconds_on(self.machine.wire)

    def seconds_on(self, wire: Wire) -> float:
        """The whole step if the machines were on other wires; nothing but messages is priced anew."""
        if not self._in_buckets:
            return self.forward + self.backward + self.encoding + self._sent(1.0, wire)
        total = sum(self._sizes)
        return self.forward + self._backward.step_seconds(lambda size: self._sent(size / total, wire))

    @cached_property
    def _in_buckets(self) -> bool:
        return self.name in BY_BUCKET and self.machine.overlap

    @cached_property
    def _buckets(self) -> int:
        return len(Backward((0.0,) * len(self._sizes), self._sizes).buckets()) if self._in_buckets else 1

    @cached_property
    def _backward(self) -> Backward:
        """The backward pass, each layer with its share of encoding and decoding."""
        sizes = np.array(self._sizes)
        return Backward(
            tuple((2.0 * self._layer_seconds[::-1] + self.encoding * sizes / sizes.sum()).tolist()), self._sizes
        )

    @cached_property
    def _sizes(self) -> tuple[int, ...]:
        """Bytes of each layer's gradient, last layer first."""
        return tuple(4 * layer.weights for layer in reversed(self.workload.layers))

    @cached_property
    def _layer_seconds(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        layers, machine = self.workload.layers, self.machine
        flop = [layer.flop * machine.batch for layer in layers]
        ones, classes = [1.0] * len(layers), [self.workload.op_class] * len(layers)
        return kernel_seconds(machine.card, flop, [0.0] * len(layers), ones, classes, machine.precision)

    def _sent(self, share: float, wire: Wire) -> float:
        """Seconds for a share of every message, which is what a bucket sends."""
        machine = self.machine
        if machine.workers == 1:
            return 0.0
        if machine.fabric == "server":
            server = ParameterServer(wire, machine.shards)
            return sum(server.seconds(ceil(one.size * share), machine.workers) for one in self.messages)
        return sum(self._shared(one, ceil(one.size * share), wire) for one in self.messages if one.way == "up")

    def _shared(self, message: Message, size: int, wire: Wire) -> float:
        if message.adds:
            return COLLECTIVES[self.machine.fabric].seconds(size, self.machine.workers, wire)
        return gather_seconds([size] * self.machine.workers, wire)
