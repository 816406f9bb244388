"""Dropout with exactly the bits that a module draws and computes when it is trained without us.

Tracing turns `dropout` into `native_dropout`, which on CPUs multiplies by 1 / (1 - p) rounded in another way than
eager mode does: with p = 0.15 half of the elements differ in their last bit. On GPUs eager mode runs the fused
kernel that was traced, so there nothing is replaced.
"""

import torch
from torch import Tensor, fx

_DRAWS, _GRADIENT = torch.ops.aten.native_dropout.default, torch.ops.aten.native_dropout_backward.default


def dropout(values: Tensor, share: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """(values * mask * scale, mask) with a Boolean mask drawn in the memory order of `values`, as eager mode does."""
    mask = torch.empty_like(values, dtype=torch.bool)
    if not train or share in (0.0, 1.0):  # eager mode draws nothing then
        mask.fill_(not train or share == 0.0)
        return values.mul(mask), mask
    mask.bernoulli_(1.0 - share)
    return values.mul(mask).mul_(scale(share, values.dtype)), mask


def scale(share: float, dtype: torch.dtype) -> float:
    """1 / (1 - share) as a division in `dtype` rounds it."""
    return float(torch.ones((), dtype=dtype).div_(1.0 - share))


def replace(node: fx.Node, traced: fx.Node) -> None:
    """Make `node`, a copy of the node `traced`, compute what eager mode would on a CPU."""
    if traced.target is _DRAWS and _on_cpu(traced.args[0]):
        node.target = dropout
    elif traced.target is _GRADIENT and _on_cpu(traced.args[0]):
        gradient, mask, traced_scale = node.args
        if not traced_scale:  # all was dropped
            return
        share = 1.0 - 1.0 / float(traced_scale)  # type: ignore[arg-type]
        dtype = traced.args[0].meta["val"].dtype  # type: ignore[union-attr]
        node.args = (gradient, mask, scale(round(share, 12), dtype))


def _on_cpu(node: object) -> bool:
    return isinstance(node, fx.Node) and node.meta["val"].device.type == "cpu"
