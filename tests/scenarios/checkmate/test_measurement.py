"""Six architectures x three memories, executed: equal to plain training bit for bit, and as large as predicted."""

from statistics import median

import numpy as np
import pytest
import small_networks
import torch
from executing import between, everything_twice, recorded

from scenarios.checkmate.child import Measurement, Request, measured
from scenarios.checkmate.measurement import Subject, steps_of, timed, weigh
from scenarios.checkmate.schedule import all_once, memory, peak
from sim.errors import UserError

SHARES = (0.4, 0.6, 0.8)


@pytest.mark.parametrize("name", small_networks.ALL)
def test_gradients_are_equal_bit_for_bit_and_tensors_take_what_is_predicted(name: str) -> None:
    torch.manual_seed(0)
    subject = Subject(*small_networks.ALL[name]())
    graph = recorded((subject.module, subject.inputs)).graph
    schedules = [all_once(graph), *between(graph, SHARES), everything_twice(graph)]
    assert len(schedules) == 5
    peaks = [peak(graph, schedule) for schedule in schedules]
    assert peaks[1] < peaks[0]
    for schedule, weight in zip(schedules, weigh(subject, steps_of(subject, schedules)), strict=True):
        assert weight.difference == ""
        # above it only by the new values of batch counters, 8 bytes each, which stand in no schedule
        assert np.abs(np.array(weight.live) - memory(graph, schedule)).max() <= 8 * 20


def taken(name: str, batch: int) -> list[tuple[float, float]]:
    """(process over predicted peak, correlation of the timelines) of each schedule, run in a child."""
    source = f"small_networks:{name}"
    torch.manual_seed(0)
    graph = recorded(small_networks.ALL[name](batch)).graph
    orders = [all_once(graph), *between(graph, SHARES)]
    found = measured(Request(source, batch, None, [order.order for order in orders], repeats=1))
    assert all(isinstance(one, Measurement) and not one.weight.difference for one in found)
    needs = np.array(found[0].weight.taken) - np.array(found[0].weight.live)
    rows = []
    for order, one in zip(orders[1:], found[1:], strict=True):
        predicted = memory(graph, order) + np.maximum(needs, 0)[list(order.order)]
        rows.append((max(one.weight.taken) / predicted.max(), np.corrcoef(predicted, one.weight.taken)[0, 1]))
    return rows


@pytest.mark.slow
def test_the_process_takes_what_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(small_networks.__file__).rpartition("/")[0])
    rows = [row for name, batch in (("u_shaped", 24), ("plain", 24)) for row in taken(name, batch)]
    ratios = [ratio for ratio, _ in rows]
    assert 0.97 <= median(ratios) <= 1.03, rows
    assert 0.93 <= min(ratios) <= max(ratios) <= 1.07, rows
    assert min(correlation for _, correlation in rows) >= 0.999, rows


def test_timings_have_an_entry_per_step_and_add_up() -> None:
    subject = Subject(*small_networks.plain())
    graph = recorded((subject.module, subject.inputs)).graph
    (timing,) = timed(subject, steps_of(subject, [all_once(graph)]), 3)
    assert len(timing.steps) == len(timing.spreads) == len(graph.operators)
    assert len(timing.iterations) == 3
    assert min(timing.iterations) <= timing.seconds <= max(timing.iterations)
    assert min(timing.steps) > 0


def test_a_difference_is_named() -> None:
    torch.manual_seed(0)
    subject = Subject(*small_networks.residual())
    graph = recorded((subject.module, subject.inputs)).graph
    (step,) = steps_of(subject, [all_once(graph)])
    with torch.no_grad():
        subject.module.network.fc.weight.register_hook(lambda gradient: gradient * 1.5)  # eager mode alone sees it
    assert weigh(subject, [step])[0].difference.startswith("the gradient of network.fc.weight differs by up to ")


def test_a_child_that_cannot_says_why_in_one_sentence() -> None:
    with pytest.raises(UserError, match="none:such could not be executed: none:such: there is no module 'none'"):
        measured(Request("none:such", 1, None, [[0]]))
