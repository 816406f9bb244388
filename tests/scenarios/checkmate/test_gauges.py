"""Gauges: what the process shows of a tensor, and how CUDA's statistics would be read."""

from typing import Any

import pytest
import torch

from scenarios.checkmate import gauges
from scenarios.checkmate.gauges import CudaMemory, LiveTensors, ProcessMemory, gauge_of


def test_views_share_and_residents_do_not_count() -> None:
    resident = torch.zeros(100)
    with LiveTensors([resident]) as gauge:
        gauge.start()
        view = resident[10:20]
        made = view + 1.0
        other = made.view(2, 5)
        assert gauge.live == 40
        del made
        assert gauge.live == 40
        del other
        assert gauge.live == 0
        assert (gauge.lap(), gauge.lap()) == (40, 0)


def test_a_process_shows_what_it_touches() -> None:
    gauge = ProcessMemory()
    gauge.start()
    large = torch.ones(1 << 24)
    assert gauge.lap() > 60e6
    del large


def test_cuda_is_read_from_its_allocators_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    stats = {"allocated_bytes.all.current": 100, "allocated_bytes.all.peak": 900}
    reset: list[Any] = []
    monkeypatch.setattr(torch.cuda, "memory_stats", lambda device: stats)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset.append)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    gauge = gauge_of(torch.device("cuda"))
    assert isinstance(gauge, CudaMemory)
    gauge.start()
    assert gauge.lap() == 800
    assert reset == [torch.device("cuda")] * 2


def test_a_system_without_the_figure_says_so() -> None:
    with pytest.raises(OSError, match="has no VmNothing"):
        gauges._status("VmNothing")
