"""A user's own training step: right in every corner, or refused in one sentence."""

import copy
import gc
import re
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_networks
import torch
from torch import Tensor, nn

from scenarios.checkmate.profile import profiled
from scenarios.checkmate.rematerialize import WithLoss, rematerialized
from scenarios.checkmate.step import Step
from sim.errors import UserError


class Summed(nn.Module):
    """A step whose loss is the sum of what `rule` makes of the layers and the rows."""

    def __init__(self, rule: Callable[..., Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.rule, self.parts = rule, nn.ModuleDict(parts)

    def forward(self, *rows: Tensor) -> Tensor:
        return self.rule(self.parts, *rows).sum()


def least(module: nn.Module, inputs: tuple[Tensor, ...], **settings: Any) -> Step:
    """The step within three quarters of what keeping everything takes."""
    whole = rematerialized(module, inputs, memory="1GiB", **settings)
    return rematerialized(module, inputs, memory=int(0.75 * whole.predicted_peak), **settings)


def assert_same(module: nn.Module, inputs: tuple[Tensor, ...], step: Callable[..., Tensor], other: nn.Module) -> None:
    """`step` on `module` and plain training on its twin `other`: loss, gradients, buffers, random state."""
    torch.manual_seed(3)
    expected = other(*inputs)
    expected.backward()
    state = torch.get_rng_state()
    torch.manual_seed(3)
    loss = step(*inputs)
    assert torch.equal(loss, expected.detach())
    assert torch.equal(torch.get_rng_state(), state)
    for (name, ours), (_, theirs) in zip(module.named_parameters(), other.named_parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None), name
        if ours.grad is not None and theirs.grad is not None:
            assert torch.equal(ours.grad, theirs.grad), name
            assert ours.grad.stride() == theirs.grad.stride(), name
    for (name, ours), (_, theirs) in zip(module.named_buffers(), other.named_buffers(), strict=True):
        assert torch.equal(ours, theirs), name


def test_two_lines_train_as_plain_training_does_for_several_steps() -> None:
    torch.manual_seed(0)
    module, inputs = small_networks.depthwise()
    other = copy.deepcopy(module)
    step = least(module, inputs)
    assert step.predicted_overhead > 0
    optimizers = [torch.optim.Adam(one.parameters(), lr=1e-3) for one in (module, other)]
    for _ in range(3):
        assert_same(module, inputs, step, other)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    for ours, theirs in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_gradients_add_up_as_in_plain_training() -> None:
    torch.manual_seed(0)
    module, inputs = small_networks.plain()
    other, step = copy.deepcopy(module), least(module, inputs)
    for _ in range(2):
        assert_same(module, inputs, step, other)


def test_the_network_and_its_loss_may_come_apart() -> None:
    network = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 3))
    inputs = (torch.randn(16, 8), torch.randint(3, (16,)))
    step = rematerialized(WithLoss(network, nn.CrossEntropyLoss()), inputs, memory="1MiB")
    step(*inputs)
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert "torch.ops.aten.addmm" in step.code


def _in_place(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    hidden = parts["first"](rows)
    hidden += 1.0
    hidden[:, ::2] *= 2.0
    hidden.add_(0.5).relu_()
    return parts["second"](hidden.view(-1, 4, 2).transpose(1, 2).flatten(1))


def _tied(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    return torch.tanh(parts["first"](torch.tanh(parts["first"](rows)))) @ parts["first"].weight


def _shared_gradient(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    return rows * (parts["first"].weight[0] + parts["second"].weight[0])


def _random(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    hidden = nn.functional.rrelu(parts["first"](rows), training=True) * torch.rand(8)
    hidden = nn.functional.dropout(hidden, 0.15) + torch.randn_like(hidden) + torch.bernoulli(torch.full((8,), 0.5))
    return parts["second"](nn.functional.dropout(hidden.t(), 0.35).t())


def _constant(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    return parts["first"](rows) * torch.tensor(3.0) + torch.arange(8.0)


def _expanded(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    return parts["first"].weight + rows.mean()


def _fully_dropped(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    return nn.functional.dropout(parts["first"](rows), 1.0) + nn.functional.dropout(parts["second"](rows), 0.0)


RULES = {
    "in place": _in_place, "tied": _tied, "one gradient for two": _shared_gradient, "random": _random,
    "constants": _constant, "expanded": _expanded, "dropped": _fully_dropped,
}  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_corners_are_as_in_plain_training(rule: str) -> None:
    torch.manual_seed(0)
    module = Summed(RULES[rule], first=nn.Linear(8, 8), second=nn.Linear(8, 8), unused=nn.Linear(2, 2))
    inputs = (torch.randn(6, 8),)
    other = copy.deepcopy(module)
    step = rematerialized(module, inputs, memory="1MiB")
    assert_same(module, inputs, step, other)
    assert_same(module, inputs, step, other)
    assert module.parts["unused"].weight.grad is None


def test_everything_recomputed_still_draws_and_counts_once() -> None:
    from executing import everything_twice

    torch.manual_seed(0)
    module = Summed(_random, first=nn.Linear(8, 8), second=nn.BatchNorm1d(8))
    inputs = (torch.randn(6, 8),)
    other = copy.deepcopy(module)
    whole = rematerialized(module, inputs, memory="1MiB")
    schedule = everything_twice(whole.captured.graph)
    twice = Step(module, whole.captured, schedule, whole.agreement, 0, 0.0)
    assert len(schedule.order) > len(whole.schedule.order)
    assert "rewind" in twice.code
    assert_same(module, inputs, twice, other)
    assert int(module.parts["second"].num_batches_tracked) == 1


def test_random_operators_in_another_order_would_draw_other_numbers() -> None:
    module = Summed(lambda parts, rows: parts["a"](rows) * torch.rand(8) + torch.randn(8), a=nn.Linear(8, 8))
    whole = rematerialized(module, (torch.randn(6, 8),), memory="1MiB")
    graph, drawn = whole.captured.graph, sorted(whole.captured.folded.random)
    late = [index for index in whole.schedule.order if index != drawn[0] and index <= drawn[1]]
    rest = [index for index in range(len(graph.operators)) if index > drawn[1]]
    order = type(whole.schedule)((*[i for i in late if drawn[0] not in (i,)], drawn[0], *rest))
    with pytest.raises(ValueError, match="must begin in the network's order"):
        Step(module, whole.captured, order, whole.agreement, 0, 0.0).code  # noqa: B018


def test_inputs_of_another_layout_are_laid_out() -> None:
    torch.manual_seed(0)
    module, (images, labels) = small_networks.plain()
    other, step = copy.deepcopy(module), rematerialized(module, (images, labels), memory="1GiB")
    wide = torch.randn(4, 3, 48, 96)[..., ::2]
    assert not wide.is_contiguous()
    assert_same(module, (wide, labels), step, other)


def test_the_same_tensor_may_be_two_inputs() -> None:
    module = Summed(lambda parts, x, y: (parts["a"](x) - y) ** 2, a=nn.Linear(8, 8))
    rows = torch.randn(6, 8)
    other, step = copy.deepcopy(module), rematerialized(module, (rows, rows), memory="1MiB")
    assert_same(module, (torch.randn(6, 8), torch.randn(6, 8)), step, other)


def test_mixed_precision_is_part_of_the_recording() -> None:
    torch.manual_seed(0)
    module, inputs = small_networks.plain()
    other = copy.deepcopy(module)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        step = rematerialized(module, inputs, memory="1GiB")
        assert_same(module, inputs, step, other)
    with pytest.raises(UserError, match="mixed precision"):
        step(*inputs)


def test_what_is_freed_is_gone() -> None:
    module, inputs = small_networks.plain()
    step = least(module, inputs)
    loss = step(*inputs)
    gc.collect()
    left = weakref.ref(loss.untyped_storage())
    del loss
    assert left() is None


def test_a_profile_decides_what_operators_cost(tmp_path: Any) -> None:
    from sim.card import write_card

    module, inputs = small_networks.plain()
    profile = profiled(module, inputs, repeats=2)
    write_card(profile.card(), tmp_path / "mine.toml")
    step = least(module, inputs, profile=tmp_path / "mine.toml")
    assert step.predicted_overhead >= 0
    another = small_networks.plain(batch=2)
    with pytest.raises(UserError, match="was taken of another graph"):
        rematerialized(*another, memory="1GiB", profile=tmp_path / "mine.toml")


def refused(change: Callable[[nn.Module, list[Any]], object]) -> str:
    """What the step says after `change` to its module or inputs."""
    module, inputs = small_networks.depthwise()
    step = rematerialized(module, inputs, memory="1GiB")
    given = list(inputs)
    change(module, given)
    with pytest.raises(UserError) as caught:
        step(*given)
    assert "\n" not in str(caught.value)
    assert all(parameter.grad is None for parameter in module.parameters())
    return str(caught.value)


def _put(place: int, what: Any) -> Callable[[nn.Module, list[Any]], object]:
    return lambda module, given: given.__setitem__(place, what)


def _another_head(module: Any, given: list[Any]) -> None:
    module.network.extra = nn.Linear(2, 2)


MISTAKES: dict[str, tuple[Callable[[Any, list[Any]], object], str]] = {
    "shape": (_put(0, torch.randn(2, 3, 48, 48)), "input 0 is float32 (2, 3, 48, 48) on cpu; the step was made for"),
    "type": (_put(0, torch.randn(4, 3, 48, 48).double()), "input 0 is float64 (4, 3, 48, 48)"),
    "no tensor": (_put(1, [1, 2, 3, 4]), "input 1 is a list"),
    "a gradient": (_put(0, torch.randn(4, 3, 48, 48, requires_grad=True)), "that requires a gradient; the step was"),
    "too few": (lambda module, given: given.pop(), "the step takes 2 inputs, 1 were given"),
    "evaluation": (lambda module, given: module.eval(), "the module was switched from training to evaluation mode"),
    "one layer": (lambda module, given: module.network[1].bn.eval(), "network.1.bn was switched from training"),
    "frozen": (lambda module, given: module.network[0].conv.weight.requires_grad_(False),
               "'network.0.conv.weight' was float32 (16, 3, 3, 3) on cpu that requires a gradient when"),
    "half": (lambda module, given: module.half(), "and is float16"),
    "added": (_another_head, "'network.extra.bias' was added, removed or tied since; make a new step for it"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_no_longer_agrees_is_one_sentence(mistake: str) -> None:
    change, says = MISTAKES[mistake]
    assert says in refused(change)


def test_a_switch_back_to_training_is_named_too() -> None:
    module, inputs = small_networks.depthwise()
    step = rematerialized(module.eval(), inputs, memory="1GiB")
    step(*inputs)
    module.train()
    with pytest.raises(UserError, match="switched from evaluation to training mode"):
        step(*inputs)


def _changes_its_input(parts: nn.ModuleDict, rows: Tensor) -> Tensor:
    rows.add_(1.0)
    return parts["a"](rows)


IMPOSSIBLE: dict[str, tuple[Callable[..., Tensor], str]] = {
    "no loss": (lambda parts, rows: parts["a"](rows), "the loss has shape (6, 8); it must be a scalar"),
    "data-dependent": (lambda parts, rows: parts["a"](rows[rows[:, 0] > 0]).sum(), "shapes are fixed"),
    "its input": (lambda parts, rows: _changes_its_input(parts, rows).sum(), "changes input 0 in place"),
}


class Bare(Summed):
    """A step that is what its rule makes."""

    def forward(self, *rows: Tensor) -> Tensor:
        return self.rule(self.parts, *rows)


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_a_step_that_cannot_be_made_is_one_sentence(case: str) -> None:
    rule, says = IMPOSSIBLE[case]
    with pytest.raises(UserError) as caught:
        rematerialized(Bare(rule, a=nn.Linear(8, 8)), (torch.randn(6, 8),), memory="1MiB")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_inputs_that_no_step_can_have() -> None:
    module = Summed(lambda parts, rows: parts["a"](rows), a=nn.Linear(8, 8))
    for inputs, says in (
        (({"rows": 1},), "input 0 is a dict; inputs are tensors"),
        ((torch.randn(6, 8, requires_grad=True),), "input 0 requires a gradient; only parameters get one"),
        ((torch.randn(6, 8, device="meta"),), "input 0 has no data"),
    ):
        with pytest.raises(UserError, match=says):
            rematerialized(module, inputs, memory="1MiB")  # type: ignore[arg-type]


def test_a_memory_that_is_too_small_says_what_is_needed() -> None:
    module, inputs = small_networks.plain()
    with pytest.raises(UserError, match=r"TrainingStep does not fit \(resident tensors take \d+ bytes\): .* needs"):
        rematerialized(module, inputs, memory="1MiB")
    with pytest.raises(UserError, match="needs a unit"):
        rematerialized(module, inputs, memory="6")


def test_a_user_may_watch_each_step() -> None:
    module, inputs = small_networks.plain()
    step, seen = least(module, inputs), []
    step.watched(seen.append, *inputs)
    assert seen == list(range(len(step.schedule.order)))


def test_the_example_on_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[3] / "docs/scenarios/checkmate.md"
    (example,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    exec(example, {})
    said = re.match(r"(\d+) MB, (\d+)% more time\n", capsys.readouterr().out)
    assert said
    assert int(said[1]) <= 20
    assert 0 < int(said[2]) < 50
