"""Your own training step within a memory limit: the same loss, gradients and buffers, bit for bit.

    step = rematerialized(WithLoss(network, nn.CrossEntropyLoss()), (images, targets), memory="6GiB")
    loss = step(images, targets)  # gradients are in .grad, as after loss.backward()

The step is recorded once, for the shapes and modes it is given, and scheduled by one of the policies; what runs
then is the function that `scenarios.checkmate.executable` generates. Python that the module runs beside its tensors
(counters, prints, hooks) runs while it is recorded and not again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, fx, nn

from hardware_models.gpu.card import GpuCard
from scenarios.checkmate.agreement import Agreement
from scenarios.checkmate.capture import Capture, capture
from scenarios.checkmate.coarsen import coarsen
from scenarios.checkmate.executable import executable, fine_schedule
from scenarios.checkmate.iteration import Iteration, copied_gradients
from scenarios.checkmate.networks.custom import WithLoss
from scenarios.checkmate.on_device import Optimizer, kernel_costs, merged, resident
from scenarios.checkmate.policies import Policy
from scenarios.checkmate.portfolio import solve
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import Schedule, all_once, cost, peak
from sim.errors import UserError
from sim.units import parse

__all__ = ["Step", "WithLoss", "rematerialized"]

Probe = Callable[[int], None]


def rematerialized(
    module: nn.Module,
    inputs: Sequence[Tensor],
    *,
    memory: str | int,
    optimizer: Optimizer = "sgd",
    policy: Policy = "portfolio",
    hardware: str = "v100",
    profile: str | Path | None = None,
) -> "Step":
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


@dataclass(frozen=True, eq=False)
class Step:
    """A training step that runs by `schedule` (of the captured graph's operators).

    `predicted_peak` is in bytes and counts what `memory` counts; `predicted_overhead` is the time added by
    recomputation, over running every operator once. `module` is the user's own and shares its tensors.
    """

    module: nn.Module
    captured: Capture
    schedule: Schedule
    agreement: Agreement
    predicted_peak: int
    predicted_overhead: float

    def __call__(self, *inputs: Tensor) -> Tensor:
        """One iteration: the loss, detached. Gradients are added to each parameter's `.grad`, buffers are updated.

        Raises `UserError` if the inputs or the module are not what the step was made for.
        """
        return self._run(self._function, inputs, None)

    def watched(self, probe: Probe, *inputs: Tensor) -> Tensor:
        """The same, with `probe(i)` called when step i of the schedule has ended and what it frees is freed."""
        return self._run(self._watched_function, inputs, probe)

    @property
    def code(self) -> str:
        """The Python that runs."""
        return str(self._function.code)

    @cached_property
    def _function(self) -> fx.GraphModule:
        return executable(self.captured, self.schedule)

    @cached_property
    def _watched_function(self) -> fx.GraphModule:
        return executable(self.captured, self.schedule, probes=True)

    @cached_property
    def _copied(self) -> frozenset[int]:
        return copied_gradients(self.captured)

    def _run(self, function: fx.GraphModule, inputs: Sequence[Tensor], probe: Probe | None) -> Tensor:
        arguments = self.agreement.arguments(self.module, inputs)
        iteration = Iteration(arguments[: len(self.agreement.tensors)], self._copied, probe)
        # what mixed precision casts is part of the recording
        with torch.no_grad(), torch.autocast(self.agreement.inputs[0].device.type, enabled=False):
            loss: Tensor = function.forward(iteration, *arguments)
        return loss
