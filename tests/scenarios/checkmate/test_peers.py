"""What PyTorch offers computes the same and keeps less; it is wired as its documentation says."""

import pytest
import small_networks
import torch
from torch import nn
from torch._functorch import config as partitioner

from scenarios.checkmate.gauges import LiveTensors
from scenarios.checkmate.measurement import Subject, as_before
from scenarios.checkmate.peers import blocks, checkpointed, partitioned
from sim.errors import UserError


def gradients(subject: Subject) -> list[torch.Tensor]:
    return [parameter.grad.clone() for parameter in subject.module.parameters() if parameter.grad is not None]


def test_checkpointed_blocks_keep_less_and_compute_the_same() -> None:
    torch.manual_seed(0)
    subject = Subject(*small_networks.depthwise())
    peaks, found = [], []
    for parts in ([], blocks(subject.module)):
        with as_before(subject), checkpointed(parts), LiveTensors(subject.tensors()) as gauge:
            gauge.start()
            subject.eager()
            peaks.append(gauge.lap())
            found.append(gradients(subject))
    assert peaks[1] < peaks[0]
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    assert all("forward" not in vars(part) for part in blocks(subject.module))


def test_blocks_are_the_longest_list() -> None:
    module, _ = small_networks.residual()
    assert blocks(module) == list(module.network.layers)  # type: ignore[union-attr, arg-type]
    with pytest.raises(UserError, match="no list of blocks"):
        blocks(nn.Linear(2, 2))


def test_the_partitioner_has_its_budget_and_computes_the_same() -> None:
    torch.manual_seed(0)
    subject = Subject(*small_networks.plain(2))
    with as_before(subject):
        subject.eager()
        expected = gradients(subject)
    iterate = partitioned(subject, 0.5)
    with as_before(subject):
        iterate()
        found = gradients(subject)
    assert partitioner.activation_memory_budget == 0.5
    assert all(torch.allclose(one, other, atol=1e-5) for one, other in zip(expected, found, strict=True))
    partitioner.activation_memory_budget = 1.0
    torch._dynamo.reset()
