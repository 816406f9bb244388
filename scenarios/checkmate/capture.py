"""Any torch module with a scalar loss -> its training graph, without allocating a tensor.

The module runs once, forward and backward, on fake tensors that have a shape and a type but no bytes; what
torch's AOTAutograd records of it is the joint graph of one iteration. The private entry point for that is
called in one place, `_joint`, for the torch version that the project pins.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, fx, nn
from torch._functorch.aot_autograd import _aot_export_function
from torch._guards import detect_fake_mode
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensor,
    FakeTensorMode,
)
from torch.func import functional_call
from torch.fx import traceback
from torch.utils._pytree import tree_leaves

from scenarios.checkmate.fold import Folded, Roles, fold
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.networks import custom, network
from sim.errors import UserError


@dataclass(frozen=True, slots=True)
class Capture:
    """A captured training step: the graph, and what is needed to run it for real.

    The joint graph's placeholders are the parameters, the buffers and the inputs, in that order, as named in
    `roles`. `folded` says which of its nodes make up an operator and which show a value.
    """

    folded: Folded
    joint: fx.GraphModule
    roles: Roles

    @property
    def graph(self) -> Graph:
        """The training graph."""
        return self.folded.graph


def capture_network(name: str, batch: int, shape: tuple[int, ...] | None = None) -> Capture:
    """The training step of one of `NETWORKS`, or of the user's `module:callable`, for `batch` samples.

    `shape` is that of one sample (default: the network's own).
    """
    with fake_tensors():
        if ":" in name:
            if shape is not None:
                raise UserError(f"{name}: a shape can be given only for the built-in networks; build yours with it")
            return capture(*custom.load(name, batch), name)
        return capture(*network(name).step(batch, shape), name)


def fake_tensors() -> FakeTensorMode:
    """The mode to build modules and inputs in, so that they take no memory."""
    return FakeTensorMode(allow_non_fake_inputs=True)


def capture(module: nn.Module, inputs: Sequence[Tensor], name: str) -> Capture:
    """The training step `module(*inputs)`, which must return its loss: one tensor with one element.

    Module and inputs may be real or fake; real ones are only looked at. Raises `UserError` when the module
    cannot be recorded: control flow or shapes that depend on data, a loss that is no scalar, no trainable
    parameter, or an error of its own.
    """
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise UserError(f"{name}: no parameter requires a gradient, so there is nothing to train")
    for index, tensor in enumerate(inputs):
        if not tensor.numel():
            raise UserError(f"{name}: input {index} has shape {tuple(tensor.shape)}, so its batch is empty")
    try:
        joint, updated = _joint(module, tuple(inputs))
        roles = _roles(module, joint, updated, len(inputs))
        return Capture(fold(name, joint.graph, roles), joint, roles)
    except UserError as error:
        raise UserError(f"{name}: {error}") from None
    except DataDependentOutputException as error:
        raise UserError(f"{name}: {error.func} reads a tensor's data to decide what to do; {_ONLY_STATIC}") from error
    except DynamicOutputShapeException as error:
        raise UserError(f"{name}: the size of what {error.func} returns depends on data; {_ONLY_STATIC}") from error
    except Exception as error:
        first = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(f"{name} cannot be captured: {type(error).__name__}: {first[0]}") from error


_ONLY_STATIC = "only networks whose control flow and shapes are fixed can be scheduled"


def _joint(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[fx.GraphModule, tuple[int, ...]]:
    """The joint graph of forward and backward, and which arguments the step changes (buffers it updates)."""
    names = [name for name, _ in state(module)]
    tensors = [tensor for _, tensor in state(module)]
    mode = detect_fake_mode((*tensors, *inputs)) or fake_tensors()

    def step(*arguments: Tensor) -> tuple[Tensor]:
        held = dict(zip(names, arguments[: len(names)], strict=True))
        return (_checked_loss(functional_call(module, held, arguments[len(names) :])),)

    with mode, traceback.preserve_node_meta(), _named_layers(module):
        arguments = tuple(_fake(mode, tensor) for tensor in (*tensors, *inputs))
        joint, facts, *_ = _aot_export_function(
            step, arguments, num_params_buffers=len(names), no_tangents=True, pre_dispatch=False, trace_joint=True
        )
    assert isinstance(joint, fx.GraphModule)
    joint.graph.eliminate_dead_code()
    return joint, tuple(facts.mutated_inp_runtime_indices)


def state(module: nn.Module) -> list[tuple[str, Tensor]]:
    """Parameters and then buffers by qualified name, each tensor once: the order of a recording's arguments."""
    return [*module.named_parameters(), *module.named_buffers()]


def _fake(mode: FakeTensorMode, tensor: Tensor) -> Tensor:
    return tensor if isinstance(tensor, FakeTensor) else mode.from_tensor(tensor)


def _checked_loss(loss: object) -> Tensor:
    found = loss[0] if isinstance(loss, tuple | list) and len(loss) == 1 else loss
    if not isinstance(found, Tensor):
        raise UserError(f"the training step returned {type(loss).__name__}; it must return its loss, one tensor")
    if found.numel() != 1:
        raise UserError(f"the loss has shape {tuple(found.shape)}; it must be a scalar, e.g. its mean")
    if not found.requires_grad:
        raise UserError("the loss does not depend on any trainable parameter, so it has no backward")
    return found


@contextmanager
def _named_layers(module: nn.Module) -> Iterator[None]:
    """Operators recorded meanwhile carry the name of the innermost layer that called them."""
    entered: list[object] = []

    def enter(name: str) -> Callable[..., None]:
        def hook(*_: object) -> None:
            context = traceback.annotate({"layer": name})
            context.__enter__()
            entered.append(context)

        return hook

    def leave(*_: object) -> None:
        entered.pop().__exit__(None, None, None)  # type: ignore[attr-defined]

    handles = []
    for name, layer in module.named_modules():
        if name:
            handles.append(layer.register_forward_pre_hook(enter(name.removeprefix("network."))))
            handles.append(layer.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _roles(module: nn.Module, joint: fx.GraphModule, updated: tuple[int, ...], inputs: int) -> Roles:
    """What the placeholders and outputs of `joint` are: updates, then the loss, then a gradient per argument."""
    parameters = [name for name, _ in module.named_parameters()]
    names = [name for name, _ in state(module)]
    if changed := [index - len(names) for index in updated if index >= len(names)]:
        raise UserError(f"the step changes input {changed[0]} in place; let it work on a copy")
    holders = [node for node in joint.graph.nodes if node.op == "placeholder"][: len(names) + inputs]
    returned = tree_leaves(joint.graph.output_node().args[0], is_leaf=lambda leaf: leaf is None)
    changes, (loss, *gradients) = returned[: len(updated)], returned[len(updated) :]
    return Roles(
        parameters=dict(zip(parameters, holders, strict=False)),
        buffers=dict(zip(names[len(parameters) :], holders[len(parameters) :], strict=False)),
        inputs=tuple(holders[len(names) :]),
        loss=loss,
        gradients={name: node for name, node in zip(parameters, gradients, strict=False) if isinstance(node, fx.Node)},
        updates={names[index]: node for index, node in zip(updated, changes, strict=True)},
    )
