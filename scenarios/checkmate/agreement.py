"""What a training step looked like when it was recorded, and whether it still does.

A recording holds for the shapes, types and modes it was made with. Another shape, a module switched to
evaluation, a weight that was frozen or untied: each would silently compute something else, so each is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor

from scenarios.checkmate.capture import state
from sim.errors import UserError

_AGAIN = "make a new step for it"


@dataclass(frozen=True, slots=True)
class Spec:
    """A tensor but for its numbers."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    trained: bool

    @classmethod
    def of(cls, tensor: Tensor) -> Self:
        """The spec of a tensor."""
        return cls(tuple(tensor.shape), tensor.dtype, tensor.device, tensor.requires_grad)

    def __str__(self) -> str:
        trained = " that requires a gradient" if self.trained else ""
        return f"{str(self.dtype).removeprefix('torch.')} {self.shape} on {self.device}{trained}"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The tensors of a module and of its inputs, which parts of it are in training mode, and the mixed precision."""

    tensors: tuple[tuple[str, Spec], ...]
    inputs: tuple[Spec, ...]
    strides: tuple[tuple[int, ...], ...]
    modes: tuple[tuple[str, bool], ...]
    autocast: tuple[object, ...]

    @classmethod
    def of(cls, module: nn.Module, inputs: Sequence[Tensor]) -> Self:
        """What is true now. Raises `UserError` for inputs that no step can have."""
        for index, tensor in enumerate(inputs):
            if not isinstance(tensor, Tensor):
                raise UserError(f"input {index} is a {type(tensor).__name__}; inputs are tensors")
            if tensor.requires_grad:
                raise UserError(f"input {index} requires a gradient; only parameters get one")
        held = state(module)
        for name, tensor in (*held, *((f"input {index}", tensor) for index, tensor in enumerate(inputs))):
            if isinstance(tensor, FakeTensor) or tensor.is_meta:
                raise UserError(f"{name} has no data (it is a {type(tensor).__name__} on {tensor.device})")
        return cls(
            tuple((name, Spec.of(tensor)) for name, tensor in held),
            tuple(map(Spec.of, inputs)),
            tuple(tensor.stride() for tensor in inputs),
            _modes(module),
            _autocast(inputs),
        )

    def arguments(self, module: nn.Module, inputs: Sequence[Tensor]) -> list[Tensor]:
        """Parameters, buffers and inputs as the recorded function takes them; raises `UserError` if it cannot.

        Inputs of another memory layout are copied into the recorded one.
        """
        held = state(module)
        self._check_module(module, held)
        self._check_inputs(inputs)
        if _autocast(inputs) != self.autocast:
            raise UserError(f"mixed precision (torch.autocast) was switched since the step was made; {_AGAIN}")
        laid_out = map(_laid_out, inputs, self.strides)
        return [*(tensor for _, tensor in held), *laid_out]

    def _check_module(self, module: nn.Module, held: Sequence[tuple[str, Tensor]]) -> None:
        names = [name for name, _ in self.tensors]
        if [name for name, _ in held] != names:
            changed = sorted({name for name, _ in held} ^ set(names))
            raise UserError(f"the module's '{(changed or names)[0]}' was added, removed or tied since; {_AGAIN}")
        for (name, spec), (_, tensor) in zip(self.tensors, held, strict=True):
            if spec != (found := Spec.of(tensor)):
                raise UserError(f"the module's '{name}' was {spec} when the step was made and is {found}; {_AGAIN}")
        for (name, was), (_, now) in zip(self.modes, _modes(module), strict=False):
            if was != now:
                modes = ("training", "evaluation") if was else ("evaluation", "training")
                raise UserError(f"{name or 'the module'} was switched from {modes[0]} to {modes[1]} mode; {_AGAIN}")

    def _check_inputs(self, inputs: Sequence[Tensor]) -> None:
        if len(inputs) != len(self.inputs):
            raise UserError(f"the step takes {len(self.inputs)} inputs, {len(inputs)} were given")
        for index, (spec, tensor) in enumerate(zip(self.inputs, inputs, strict=True)):
            if not isinstance(tensor, Tensor):
                raise UserError(f"input {index} is a {type(tensor).__name__}; the step was made for {spec}")
            if spec != (found := Spec.of(tensor)):
                raise UserError(f"input {index} is {found}; the step was made for {spec}")


def _modes(module: nn.Module) -> tuple[tuple[str, bool], ...]:
    return tuple((name, part.training) for name, part in module.named_modules())


def _autocast(inputs: Sequence[Tensor]) -> tuple[object, ...]:
    kinds = sorted({tensor.device.type for tensor in inputs})
    return tuple((kind, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)) for kind in kinds)


def _laid_out(tensor: Tensor, strides: tuple[int, ...]) -> Tensor:
    if tensor.stride() == strides:
        return tensor
    shape, dtype, device = tensor.shape, tensor.dtype, tensor.device
    return torch.empty_strided(shape, strides, dtype=dtype, device=device).copy_(tensor)
