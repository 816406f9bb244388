import sys

import pytest
from torch._subclasses.fake_tensor import FakeTensorMode

from scenarios.checkmate.capture import capture_network
from scenarios.checkmate.networks import NETWORKS, network
from sim.errors import UserError

#: torchvision and the papers; GPT-2 small as published. The segmentation networks have no published count.
PARAMETERS = {
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet50": 25_557_032,
    "mobilenet": 4_231_976,
    "gpt2": 124_439_808,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_returns_a_scalar_loss_at_its_own_shape(name: str) -> None:
    with FakeTensorMode():
        module, inputs = NETWORKS[name].step(2)
        assert module(*inputs).shape == ()


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts_are_the_published_ones(name: str) -> None:
    with FakeTensorMode():
        module, _ = NETWORKS[name].step(1)
    assert sum(parameter.numel() for parameter in module.parameters()) == PARAMETERS[name]


def test_a_small_network_really_trains() -> None:
    module, inputs = NETWORKS["segnet"].step(2, (3, 32, 64))
    module(*inputs).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "batch", "shape", "says"),
    [
        ("vgg17", 1, None, "did you mean vgg1"),
        ("vgg16", 0, None, "batch 0"),
        ("vgg16", 1, (3, 224), "does not fit"),
        ("vgg16", 1, (3, 225, 224), "multiples of 32"),
        ("gpt2", 1, (3, 32, 32), "does not fit"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(name: str, batch: int, shape: tuple[int, ...] | None, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        network(name).step(batch, shape)
    assert "\n" not in str(caught.value)


OWN = """
import torch
from torch import nn

def step(batch):
    return nn.Linear(4, 3), (torch.randn(batch, 4), torch.randint(3, (batch,))), nn.CrossEntropyLoss()

class Square(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs).square().mean()

def alone():
    return Square(4, 3), torch.randn(5, 4)

def raises():
    raise RuntimeError("no data here\\nsecond line")

def wrong():
    return nn.Linear(4, 3)

def wrong_loss():
    return nn.Linear(4, 3), (torch.randn(2, 4), torch.randn(2, 3)), "mse"

number = 3
"""


@pytest.fixture
def own(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_network.py").write_text(OWN)  # type: ignore[operator]
    (tmp_path / "own_broken.py").write_text("import torch_that_is_not_there")  # type: ignore[operator]
    monkeypatch.chdir(tmp_path)  # type: ignore[arg-type]
    for name in ("own_network", "own_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("source", ["own_network:step", "own_network:alone"])
def test_a_network_of_ones_own_is_found_in_the_working_directory(source: str) -> None:
    graph = capture_network(source, 7).graph
    assert graph.fixed.parameters == 4 * (4 * 3 + 3)
    assert {operator.backward for operator in graph.operators} == {False, True}


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("own_missing:step", "there is no module 'own_missing'"),
        ("own_broken:step", "torch_that_is_not_there"),
        ("own_network:stop", "did you mean step"),
        ("own_network:number", "nothing that module"),
        ("own_network:raises", "RuntimeError: no data here"),
        ("own_network:wrong", "it must return"),
        ("own_network:wrong_loss", "cannot be called"),
        ("own_network:step", "batch is empty"),
    ],
)
def test_a_network_of_ones_own_that_fails_is_one_sentence(source: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as caught:
        capture_network(source, 0)
    assert "\n" not in str(caught.value)
