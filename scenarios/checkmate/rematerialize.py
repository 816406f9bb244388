"""Your own training step within a memory limit: the same loss, gradients and buffers, bit for bit.

    step = rematerialized(WithLoss(network, nn.CrossEntropyLoss()), (images, targets), memory="6GiB")
    loss = step(images, targets)  # gradients are in .grad, as after loss.backward()

The step is recorded once, for the shapes and modes it is given, and scheduled by one of the policies; what runs
then is the function that `scenarios.checkmate.executable` generates. Python that the module runs beside its tensors
(counters, prints, hooks) runs while it is recorded and not again.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from hardware_models.gpu.card import GpuCard
from scenarios.checkmate.agreement import Agreement
from scenarios.checkmate.capture import capture
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.executable import fine_schedule
from scenarios.checkmate.networks.custom import WithLoss
from scenarios.checkmate.on_device import Optimizer, kernel_costs, merged, resident
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.portfolio import solve
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import all_once, cost, peak
from scenarios.checkmate.step import Step
from sim.errors import UserError
from sim.units import parse

__all__ = ["Step", "WithLoss", "rematerialized"]


def rematerialized(
    module: nn.Module,
    inputs: Sequence[Tensor],
    *,
    memory: str | int,
    optimizer: Optimizer = "sgd",
    policy: Policy = "portfolio",
    hardware: str = "v100",
    profile: str | Path | None = None,
) -> Step:
    """A step that computes what `module(*inputs).backward()` does and never holds more than `memory` bytes of tensors.

    `memory` ("6GiB", or bytes) counts parameters, buffers, gradients, inputs, activations, and the state that
    `optimizer` will keep. What an operator costs is told by `profile`, a file of `windtunnel hardware measure profile`,
    or by the roofline of the card `hardware`. Raises `UserError` for a module that cannot be recorded and for a memory
    that is too small.
    """
    agreement = Agreement.of(module, inputs)
    captured = capture(module, inputs, type(module).__name__)
    costs = None
    if profile is not None:
        from scenarios.checkmate.profile import read_profile

        costs = read_profile(Path(profile)).seconds(captured.graph)
    coarse = coarsen(captured.graph)
    per_kernel = kernel_costs(captured.graph, GpuCard.model_validate(hardware), "fp32", "roofline", costs)
    fixed = sum(size for _, size in resident(captured.graph.fixed, optimizer))
    budget = int(parse(memory, "bytes") if isinstance(memory, str) else memory) - fixed
    found = solve(Problem(coarse.graph, merged(per_kernel, coarse.parts).solver, budget), policy)
    if found.schedule is None:
        raise UserError(f"{captured.graph.name} does not fit (resident tensors take {fixed} bytes): {found.reason}")
    schedule = fine_schedule(coarse, found.schedule)
    seconds = per_kernel.seconds
    overhead = cost(seconds, schedule) / cost(seconds, all_once(captured.graph)) - 1.0
    return Step(module, captured, schedule, agreement, fixed + peak(captured.graph, schedule), overhead)
