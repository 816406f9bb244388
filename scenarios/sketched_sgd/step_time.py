"""How long a step takes: computing on the GPU model, encoding on it, messages on the network model.

    step = forward + backward with communication beside it + encoding and decoding

On a parameter server every message of the method passes the server's link, W times. On a ring or through a switch that
adds, a message that adds up is all-reduced, one that does not is gathered from all; what the server would send down
everybody then has, so it costs nothing. Methods that treat coordinates apart (dense, signs, quantisers, PowerSGD) go
bucket by bucket while the backward pass is still at work; those that choose among all coordinates (top-k, sketches)
have to wait for the last gradient.

Encoding is priced by memory traffic: words read and written per coordinate, at the card's bandwidth (`_WORDS`), and
PowerSGD's products by their operations besides. Nothing here is measured; on a CPU `benchmarks/sketched_sgd_sketch.py`
is what to look at.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Literal

import numpy as np

from hardware_models.gpu.card import GpuCard, Precision
from hardware_models.gpu.roofline import kernel_seconds
from hardware_models.network.collectives import COLLECTIVES, gather_seconds
from hardware_models.network.link_card import Wire
from hardware_models.network.overlap import BUCKET, Backward
from hardware_models.network.parameter_server import ParameterServer
from scenarios.sketched_sgd.exchange import Message
from scenarios.sketched_sgd.methods import MethodName, Settings, messages
from scenarios.sketched_sgd.workloads import Workload

Fabric = Literal["server", "ring", "switch"]

#: Methods whose coordinates need not wait for each other.
BY_BUCKET: frozenset[MethodName] = frozenset(
    {"dense", "sign_feedback", "one_bit", "signum", "qsgd", "terngrad", "power_sgd"}
)
_MEMORY, _SELECT = 5, 3  # g, u, v read and u, v written; two histograms and a collecting pass
#: Words read and written per coordinate to encode and decode, without what depends on the rows of a sketch.
_WORDS: Mapping[MethodName, int] = {
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
_ROW_WORDS = 3
_SKETCHES = ("sketched", "fetch_sgd")
#: Kernels launched to encode and decode, besides PowerSGD's six per matrix.
_KERNELS = 12


@dataclass(frozen=True)
class Machine:
    """`workers` GPUs of one card, in batches of `batch` each, on wires of one kind."""

    card: GpuCard
    wire: Wire
    workers: int
    batch: int
    fabric: Fabric = "ring"
    shards: int = 1
    precision: Precision = "fp32"
    overlap: bool = True


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
        words = _WORDS[self.name] + (_ROW_WORDS * self.settings.rows if self.name in _SKETCHES else 0)
        size, flop, kernels = self.workload.layout.size, 0.0, float(_KERNELS)
        if self.name == "power_sgd":
            compressed = self.workload.layout.compressed(self.settings.rank)
            flop = 6.0 * self.settings.rank * sum(one.rows * one.columns for one in compressed)
            kernels += 6.0 * len(compressed)
        return float(kernel_seconds(self.machine.card, [flop], [4.0 * words * size], [kernels], ["matmul"])[0])

    @cached_property
    def communication(self) -> float:
        """Seconds on the network if nothing else happens meanwhile."""
        return self._sent(1.0)

    @cached_property
    def seconds(self) -> float:
        """The whole step."""
        if self.name not in BY_BUCKET:
            return self.forward + self.backward + self.encoding + self.communication
        total = 4 * self.workload.layout.size
        layers = Backward(
            tuple((2.0 * self._layer_seconds)[::-1].tolist()),
            tuple(4 * layer.weights for layer in reversed(self.workload.layers)),
        )

        def send(size: int) -> float:
            return self._sent(size / total) + self.encoding * size / total

        limit = BUCKET if self.machine.overlap else None
        return self.forward + layers.step_seconds(send, limit, self.machine.overlap)

    @cached_property
    def _layer_seconds(self) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        layers, machine = self.workload.layers, self.machine
        flop = [layer.flop * machine.batch for layer in layers]
        ones, classes = [1.0] * len(layers), [self.workload.op_class] * len(layers)
        return kernel_seconds(machine.card, flop, [0.0] * len(layers), ones, classes, machine.precision)

    def _sent(self, share: float) -> float:
        """Seconds for a share of every message, which is what a bucket sends."""
        machine = self.machine
        if machine.workers == 1:
            return 0.0
        if machine.fabric == "server":
            server = ParameterServer(machine.wire, machine.shards)
            return sum(server.seconds(ceil(one.size * share), machine.workers) for one in self.messages)
        return sum(self._shared(one, ceil(one.size * share)) for one in self.messages if one.way == "up")

    def _shared(self, message: Message, size: int) -> float:
        if message.adds:
            return COLLECTIVES[self.machine.fabric].seconds(size, self.machine.workers, self.machine.wire)
        return gather_seconds([size] * self.machine.workers, self.machine.wire)
