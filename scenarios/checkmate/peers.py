"""What PyTorch's users have today: checkpoints by block, and the compiler's partitioner with a memory budget."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._functorch import config as partitioner
from torch.utils.checkpoint import checkpoint

from scenarios.checkmate.measurement import Subject
from sim.errors import UserError

Iterate = Callable[[], Tensor]


def blocks(module: nn.Module) -> list[nn.Module]:
    """The children of the module's longest list: its repeated blocks, as people checkpoint them."""
    lists = [part for part in module.modules() if isinstance(part, nn.ModuleList | nn.Sequential)]
    if not lists:
        raise UserError("the network has no list of blocks (nn.ModuleList or nn.Sequential) to checkpoint")
    return list(max(lists, key=len))


@contextmanager
def checkpointed(parts: Sequence[nn.Module]) -> Iterator[None]:
    """In here each of `parts` keeps only its input and is computed again in the backward pass.

    `torch.utils.checkpoint`, not re-entrant, with random states preserved: the documented default.
    """
    for part in parts:
        part.forward = _checkpointing(part.forward)
    try:
        yield
    finally:
        for part in parts:
            del part.forward


def _checkpointing(forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def again(*inputs: Tensor) -> Tensor:
        made: Tensor = checkpoint(forward, *inputs, use_reentrant=False)
        return made

    return again


def partitioned(subject: Subject, budget: float) -> Iterate:
    """An iteration by the min-cut partitioner, `budget` between 0 (recompute most) and 1 (its default).

    AOTAutograd with the partitioner and without code generation ("aot_eager_decomp_partition"), so that kernels are
    those of everyone else here.
    """
    torch._dynamo.reset()
    partitioner.activation_memory_budget = budget
    compiled = torch.compile(subject.module, backend="aot_eager_decomp_partition")

    def iterate() -> Tensor:
        loss: Tensor = compiled(*subject.inputs)
        torch.autograd.backward(loss)
        return loss.detach()

    return iterate
