"""What one ATen operator does and costs: its class, floating-point operations, bytes moved, kernel launches.

Convolutions and matrix products are counted by torch's own formulas (2 per multiply-add). Everything else is
counted per element of its largest tensor, with the weights of `_PER_ELEMENT`; those operators are bound by
memory bandwidth on every device we model, so `traffic` matters for them and the weights hardly do.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

_CLASSES = {
    "conv": ("convolution",),
    "matmul": ("mm", "bmm", "addmm", "baddbmm", "scaled_dot_product", "flash_attention", "efficient_attention"),
    "norm": ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm"),
    "pool": ("pool2d", "pool1d", "pool3d"),
}
#: Names without the pointwise tag that nevertheless read and write each element once.
_POINTWISE = frozenset({"dropout", "where", "masked_fill", "to_copy", "ones_like", "zeros_like", "full_like"})
#: Operations per element, forward; backward counts twice that.
_PER_ELEMENT = {"norm": 5.0, "gelu": 8.0, "softmax": 5.0, "pool": 4.0}
_PREFIXES, _SUFFIXES = ("_", "native_"), ("_legit_functional", "_with_indices", "_for_cpu", "_data")


def short_name(node: fx.Node) -> str:
    """The operator's name as a person would say it.

    `_native_batch_norm_legit_functional` becomes `batch_norm`, `max_pool2d_with_indices_backward` becomes
    `max_pool2d_backward`.
    """
    name = str(getattr(node.target, "_opname", None) or getattr(node.target, "__name__", node.target))
    for suffix in _SUFFIXES:
        name = name.replace(suffix, "")
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def op_class(node: fx.Node) -> str:
    """conv, matmul, norm, pool, pointwise or other: what a device's efficiency is looked up by."""
    name = short_name(node)
    for class_name, parts in _CLASSES.items():
        if any(name == part or (len(part) > 3 and part in name) for part in parts):
            return class_name
    tags = getattr(node.target, "tags", ())
    return "pointwise" if torch.Tag.pointwise in tags or name in _POINTWISE else "other"


def is_random(node: fx.Node) -> bool:
    """Whether the operator draws from the random generator, so that a replay must restore its state."""
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())


def flops(node: fx.Node) -> float:
    """Floating-point operations of one execution."""
    if short_name(node) == "convolution_backward" and node.args[9] != 1:
        return _grouped_backward(node)
    count = _formula(node)
    if count is not None:
        # The formulas take fake tensors for the node's arguments and count a multiply-add as 2.
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda arg: arg.meta["val"])
        return float(count(*args, **kwargs, out_val=node.meta["val"]))
    largest = max((tensor.numel() for tensor in _touched(node)), default=0)
    name, per_element = short_name(node), 1.0
    for key, weight in _PER_ELEMENT.items():
        if key in name:
            per_element = weight * (2.0 if "backward" in name else 1.0)
    moves = op_class(node) == "other" and "softmax" not in name and "sum" not in name
    return 0.0 if moves else per_element * largest


def _grouped_backward(node: fx.Node) -> float:
    """Each gradient takes what the forward did; torch counts that of a weight as if there were no groups."""
    made, images, weight = (node.args[index].meta["val"] for index in range(3))  # type: ignore[union-attr]
    places = images if node.args[7] else made  # a transposed convolution spreads each pixel that it reads
    gradients = sum(map(bool, node.args[10][:2]))  # type: ignore[index, arg-type]
    return float(2 * places.numel() * weight[0].numel() * gradients)


def _formula(node: fx.Node) -> Callable[..., Any] | None:
    packet: Any = getattr(node.target, "overloadpacket", None)
    same = {
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: torch.ops.aten._scaled_dot_product_flash_attention,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
            torch.ops.aten._scaled_dot_product_flash_attention_backward
        ),
    }
    found: Callable[..., Any] | None = flop_registry.get(same.get(packet, packet))
    return found


def traffic(node: fx.Node) -> float:
    """Bytes the operator must read and write at least once: inputs, parameters and outputs."""
    return float(sum(min(shown_bytes(tensor), tensor.untyped_storage().nbytes()) for tensor in _touched(node)))


def kernels(node: fx.Node) -> int:
    """Kernel launches: one per operator, one per gradient for the backward of a convolution."""
    if short_name(node) == "convolution_backward":
        return max(1, len(outputs(node)))
    return 1


def shown_bytes(tensor: Tensor) -> int:
    """Bytes of the elements of `tensor`, an expanded one counted in full."""
    return tensor.numel() * tensor.element_size()


def outputs(node: fx.Node) -> list[Tensor]:
    """The tensors a node produces, in order, without the absent ones."""
    return [leaf for leaf in tree_leaves(node.meta.get("val")) if isinstance(leaf, Tensor)]


def _touched(node: fx.Node) -> Iterator[Tensor]:
    for source in node.all_input_nodes:
        yield from outputs(source)
    yield from outputs(node)
