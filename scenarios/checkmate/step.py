"""A recorded training step that can be called, in place of `module(*inputs).backward()`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, fx, nn

from scenarios.checkmate.agreement import Agreement
from scenarios.checkmate.capture import Capture
from scenarios.checkmate.executable import executable
from scenarios.checkmate.iteration import Iteration, copied_gradients
from scenarios.checkmate.schedule import Schedule

Probe = Callable[[int], None]


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
