"""How long a kernel takes and what energy it needs, from its operations and its memory traffic.

The roofline (Williams, Waterman, Patterson: "Roofline", CACM 52(4), 2009) with a fixed cost per launch:

    seconds = kernels * launch_time + max(flops / (efficiency * peak), traffic / (bandwidth_efficiency * bandwidth))
    joules  = min(idle_power * seconds + flops * J_per_flop + traffic * J_per_byte, power_limit * seconds)

Matrix products and convolutions run at the peak of the chosen precision, with an efficiency of their own on tensor
units; every other class runs on the vector units at the fp32 peak. All functions take whole arrays, one entry per
operator.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hardware_models.gpu.card import Efficiency, GpuCard, Precision
from sim.errors import UserError, did_you_mean

#: Classes whose arithmetic may run on the tensor units.
MATRIX_CLASSES = frozenset({"matmul", "conv"})
#: All classes of operators a card gives an efficiency for.
OP_CLASSES = tuple(name for name in Efficiency.model_fields if name != "bandwidth" and not name.startswith("tensor_"))


def kernel_seconds(
    card: GpuCard,
    flops: ArrayLike,
    traffic: ArrayLike,
    kernels: ArrayLike,
    op_class: Sequence[str],
    precision: Precision = "fp32",
) -> NDArray[np.float64]:
    """Seconds of each operator alone on the card, shape (operators,).

    `flops` counts floating-point operations, `traffic` bytes read and written in DRAM, `kernels` launches;
    `op_class` holds names out of `OP_CLASSES`. Raises `UserError` for an unknown class or a missing precision.
    """
    classes, index = _classes(op_class)
    rates = np.array([_rate(card, name, _unit(name, precision)) for name in classes])
    compute = np.asarray(flops, dtype=np.float64) / rates[index]
    memory = np.asarray(traffic, dtype=np.float64) / (card.efficiency.bandwidth * card.dram_bandwidth)
    launches = np.asarray(kernels, dtype=np.float64) * card.launch_time
    return np.asarray(launches + np.maximum(compute, memory), dtype=np.float64)


def kernel_energy(
    card: GpuCard,
    flops: ArrayLike,
    traffic: ArrayLike,
    seconds: ArrayLike,
    op_class: Sequence[str],
    precision: Precision = "fp32",
) -> NDArray[np.float64]:
    """Joules of each operator, the board's idle draw during its `seconds` included, shape (operators,)."""
    classes, index = _classes(op_class)
    per_flop = np.array([card.flop_energy(_unit(name, precision)) for name in classes])
    duration = np.asarray(seconds, dtype=np.float64)
    dynamic = np.asarray(flops, dtype=np.float64) * per_flop[index]
    dynamic = dynamic + np.asarray(traffic, dtype=np.float64) * card.energy.dram
    return np.asarray(np.minimum(card.idle_power * duration + dynamic, card.power_limit * duration), dtype=np.float64)


def _classes(op_class: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    names = sorted(set(op_class))
    unknown = [name for name in names if name not in OP_CLASSES]
    if unknown:
        raise UserError(f"operator class '{unknown[0]}' is unknown; {did_you_mean(unknown[0], OP_CLASSES)}")
    place = {name: position for position, name in enumerate(names)}
    return names, np.array([place[name] for name in op_class], dtype=np.intp)


def _unit(name: str, precision: Precision) -> Precision:
    return precision if name in MATRIX_CLASSES else "fp32"


def _rate(card: GpuCard, name: str, unit: Precision) -> float:
    """FLOP/s that operators of class `name` reach on `unit`."""
    share = getattr(card.efficiency, name if unit == "fp32" else f"tensor_{name}")
    return float(share) * card.peak_rate(unit)
