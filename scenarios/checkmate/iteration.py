"""What one iteration does beside kernels: random states, gradients into `.grad`, buffers, probes."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from scenarios.checkmate.capture import Capture


class Iteration:
    """The `Run` of one call. `tensors` are parameters and buffers; gradients of `copied` parameters are not theirs.

    A gradient becomes `.grad` itself, or is added to the one that is there, as autograd does. Buffers change when the
    step is over, so that what is recomputed reads what was there at first, and each changes once.
    """

    __slots__ = ("_before", "_copied", "_generators", "_probe", "_remembered", "_tensors")

    def __init__(
        self,
        tensors: Sequence[Tensor],
        copied: frozenset[int] = frozenset(),
        probe: Callable[[int], None] | None = None,
    ) -> None:
        self._tensors, self._copied, self._probe = tensors, copied, probe
        self._generators = _generators({tensor.device for tensor in tensors})
        self._remembered: dict[int, list[Tensor]] = {}
        self._before: list[Tensor] = []

    def remember(self, operator: int) -> None:
        """Keep the random state that the operator will find."""
        self._remembered[operator] = [generator.get_state() for generator in self._generators]

    def rewind(self, operator: int) -> None:
        """Put the random state back to what the operator found at first."""
        self._before = [generator.get_state() for generator in self._generators]
        self._set(self._remembered[operator])

    def resume(self, operator: int) -> None:
        """Put the random state back to before `rewind`."""
        self._set(self._before)

    def gradient(self, parameter: int, gradient: Tensor) -> None:
        """Hand a final gradient over."""
        tensor = self._tensors[parameter]
        if tensor.grad is not None:
            tensor.grad += gradient
        elif parameter in self._copied:
            tensor.grad = torch.empty_like(tensor, requires_grad=False).copy_(gradient)
        else:
            tensor.grad = gradient

    def update(self, buffer: int, value: Tensor) -> None:
        """Change a buffer."""
        self._tensors[buffer].copy_(value)

    def probe(self, step: int) -> None:
        """Tell who watches."""
        if self._probe is not None:
            self._probe(step)

    def _set(self, states: Sequence[Tensor]) -> None:
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state)


def _generators(devices: set[torch.device]) -> list[torch.Generator]:
    """The generators that operators on these devices draw from; some operators draw on the host on every device."""
    return [torch.default_generator, *(_of_cuda(device) for device in devices if device.type == "cuda")]


def _of_cuda(device: torch.device) -> torch.Generator:
    generator: torch.Generator = torch.cuda.default_generators[device.index or 0]
    return generator


def copied_gradients(capture: Capture) -> frozenset[int]:
    """Numbers of parameters whose gradient cannot become `.grad` itself.

    Its storage is also another gradient's, the loss's, a buffer's or a parameter's, or its memory layout is not that
    of the parameter, which autograd promises to optimizers.
    """
    roles = capture.roles
    fixed = [*roles.parameters.values(), *roles.buffers.values(), *roles.inputs]
    others = [*fixed, roles.loss, *roles.updates.values()]
    shown = [_storage(node.meta["val"]) for node in (*others, *roles.gradients.values())]
    number = {name: index for index, name in enumerate(roles.parameters)}
    return frozenset(
        number[name]
        for name, node in roles.gradients.items()
        if shown.count(_storage(node.meta["val"])) > 1
        or not _fits(node.meta["val"], roles.parameters[name].meta["val"])
    )


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _fits(gradient: Tensor, parameter: Tensor) -> bool:
    whole = gradient.untyped_storage().nbytes() == gradient.numel() * gradient.element_size()
    return whole and gradient.stride() == torch.empty_like(parameter).stride()
