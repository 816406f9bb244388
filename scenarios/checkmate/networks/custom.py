"""A network of the user's own, named as `module:callable` and found in the working directory or installed.

The callable takes no arguments, or one named `batch`, and returns either

* `(module, inputs)`, where `module(*inputs)` is the loss, or
* `(module, inputs, loss)`, where the last input is the target and `loss(module(*inputs[:-1]), inputs[-1])` is
  the loss, as with every criterion of torch.

It is called where tensors have no bytes, so a network of any size can be built.
"""

import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sim.errors import UserError, did_you_mean

_RETURNS = "it must return (module, inputs) or (module, inputs, loss)"


class WithLoss(nn.Module):
    """`forward(*inputs, target)` is `loss(network(*inputs), target)`."""

    def __init__(self, network: nn.Module, loss: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, *inputs: Tensor) -> Tensor:
        """The loss of one batch."""
        return self.loss(self.network(*inputs[:-1]), inputs[-1])


def load(source: str, batch: int) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The training step and example inputs that `source` builds; raises `UserError` for whatever goes wrong."""
    build = find(source)
    try:
        built = build(batch=batch) if _takes_batch(build) else build()
    except Exception as error:
        raise UserError(f"{source} raised {_brief(error)}") from error
    if not (isinstance(built, tuple) and len(built) in (2, 3)):
        raise UserError(f"{source} returned {type(built).__name__}; {_RETURNS}")
    module, inputs, *loss = built
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs) if isinstance(inputs, tuple | list) else ()
    if not isinstance(module, nn.Module) or not given or not all(isinstance(tensor, Tensor) for tensor in given):
        raise UserError(f"{source} did not return a torch module and tensors; {_RETURNS}")
    if loss and not callable(loss[0]):
        raise UserError(f"{source} returned {loss[0]!r} for a loss, which cannot be called; {_RETURNS}")
    return (WithLoss(module, loss[0]) if loss else module), given


def find(source: str) -> Callable[..., object]:
    """The callable that `module:callable` names."""
    where, _, what = source.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        module = import_module(where)
    except ModuleNotFoundError as error:
        if error.name and where.split(".")[0] == error.name.split(".")[0]:
            raise UserError(f"{source}: there is no module '{where}' in {here} or installed") from None
        raise UserError(f"{source}: importing it raised {_brief(error)}") from error
    except Exception as error:
        raise UserError(f"{source}: importing it raised {_brief(error)}") from error
    finally:
        sys.path.remove(here)
    found = getattr(module, what, None)
    if not callable(found):
        known = [name for name, thing in vars(module).items() if callable(thing) and not name.startswith("_")]
        raise UserError(f"{source}: '{what}' is nothing that module '{where}' can call; {did_you_mean(what, known)}")
    return found  # type: ignore[no-any-return]


def _takes_batch(build: Callable[..., object]) -> bool:
    try:
        return "batch" in inspect.signature(build).parameters
    except (TypeError, ValueError):
        return False


def _brief(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
