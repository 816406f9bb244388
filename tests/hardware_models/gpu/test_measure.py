"""A card of this machine: complete, usable, honest about what no program can measure."""

from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hardware_models.gpu import measure as measuring
from hardware_models.gpu.card import GpuCard
from hardware_models.gpu.measure import measure
from hardware_models.gpu.probes import Probe, matmul, nothing, probes, timed
from hardware_models.gpu.roofline import OP_CLASSES, kernel_seconds
from sim.card import read_card, write_card
from sim.conformance import check_card
from sim.errors import UserError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    said: list[str] = []
    found = measure({"device": "cpu", "repeats": "3"}, lambda fraction, doing: said.append(doing))
    path = tmp_path_factory.mktemp("cards") / "here.toml"
    write_card(found, path)
    assert {"bandwidth and launches", "conv operators", "norm operators"} <= set(said)
    measured = {name for name, figure in found.figures.items() if figure.spread is not None}
    assert {"peak.fp32", "dram_bandwidth", "launch_time", "efficiency.conv", "efficiency.norm"} <= measured
    assert all(found.figures[name].confidence == "measured" for name in measured)
    assert found.figures["price"].confidence == "estimate"
    return path


def test_it_is_a_card_like_every_other(card: Path) -> None:
    check_card(GpuCard, card)
    here = GpuCard.model_validate(str(card))
    assert here.capacity > 1e9
    assert 1e8 < here.peak.fp32 < 1e16
    assert 1e8 < here.dram_bandwidth < 1e14
    assert kernel_seconds(here, [1e9], [1e6], [1], ["conv"]) > 0


def test_the_one_that_is_shipped_was_made_by_this_command(card: Path) -> None:
    shipped = read_card(Path(str(resources.files("hardware_models.gpu.cards"))) / "cpu-core.toml")
    sources = {name: (figure.source, figure.confidence) for name, figure in read_card(card).figures.items()}
    assert {name: (figure.source, figure.confidence) for name, figure in shipped.figures.items()} == sources
    GpuCard.model_validate("cpu-core")


def test_probes_cover_every_class_and_count_their_work() -> None:
    found = list(probes(CPU))
    assert {probe.op_class for probe in found} == set(OP_CLASSES)
    product = matmul(CPU, 4, 5, 6)
    assert (product.flops, product.traffic) == (2 * 4 * 5 * 6, 4 * (20 + 30 + 24))
    for probe in found:
        probe.run()


def test_timing_is_per_run() -> None:
    runs = []
    counted = Probe("other", 0.0, 0.0, lambda: runs.append(1))
    assert len(timed(counted, CPU, 3, seconds=1e-5)) == 3
    assert len(runs) >= 3
    assert (timed(nothing(CPU), CPU, 3, seconds=1e-4) > 0).all()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device, so nothing is refused")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UserError, match="device = 'cuda' is not available"):
        measure({"device": "cuda"}, lambda fraction, doing: None)
    with pytest.raises(UserError, match="device = 'gpu' is not allowed"):
        measure({"device": "gpu"}, lambda fraction, doing: None)


def test_what_a_cuda_device_would_say(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A GPU")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=16 << 30))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (15 << 30, 16 << 30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 1 << 29)
    assert measuring.name_of(cuda) == "A GPU"
    memory = measuring._memory(cuda)
    assert memory["memory"].value == f"{16 << 30}B"
    assert memory["context_reserved"].value == f"{1 << 29}B"
    asked: list[torch.dtype] = []

    def product(device: torch.device, *shape: Any) -> Probe:
        asked.append(shape[3] if len(shape) > 3 else torch.float32)
        return Probe("matmul", 1e12, 1.0, lambda: None)

    monkeypatch.setattr(measuring, "matmul", product)
    monkeypatch.setattr(measuring, "timed", lambda probe, device, repeats: np.full(repeats, 0.01))
    peaks = measuring._tensor_peaks(cuda, 3)
    assert {name: figure.value for name, figure in peaks.items()} == {
        "peak.tensor16": "100 TFLOP/s",
        "peak.tf32": "100 TFLOP/s",
    }
    assert asked == [torch.float16, torch.float32]
