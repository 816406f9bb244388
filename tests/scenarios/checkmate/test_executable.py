"""The generated function: names go where the schedule frees them, and nothing is in it that nobody needs."""

import re

import small_networks
import torch
from executing import between, everything_twice, recorded

from scenarios.checkmate.executable import executable
from scenarios.checkmate.iteration import Iteration, copied_gradients
from scenarios.checkmate.schedule import all_once


def test_recomputed_operators_stand_in_it_as_often_as_they_run() -> None:
    captured = recorded(small_networks.plain())
    (schedule,) = between(captured.graph, (0.5,))
    code = executable(captured, schedule).code
    heavy = sum(captured.graph.operators[index].name.endswith("convolution") for index in schedule.order)
    assert len(re.findall(r"aten\.convolution\.default", code)) == heavy
    assert "detach" not in code
    assert code.count("run.gradient(") == len(captured.roles.gradients)
    assert "run.probe" not in code
    assert executable(captured, schedule, probes=True).code.count("run.probe(") == len(schedule.order)


def test_every_name_is_dropped_right_after_its_last_use() -> None:
    captured = recorded(small_networks.residual())
    code = executable(captured, everything_twice(captured.graph)).code
    lines = re.sub(r"torch\.ops\.aten\.[\w.]+|run\.\w+", "", code).splitlines()
    made = [match[1] for line in lines if (match := re.match(r"\s+(\w+) = ", line))]
    for name in dict.fromkeys(made):
        uses = [index for index, line in enumerate(lines) if re.search(rf"\b{name}\b", line)]
        last = lines[uses[-1]]
        assert re.search(rf"\b{name} = .*None|return {name}", last), (name, last)


def test_random_states_are_kept_only_for_what_is_run_again() -> None:
    captured = recorded(small_networks.transformer())
    assert "remember" not in executable(captured, all_once(captured.graph)).code
    code = executable(captured, everything_twice(captured.graph)).code
    forward = [index for index in captured.folded.random if not captured.graph.operators[index].backward]
    assert code.count("run.remember(") == code.count("run.rewind(") == code.count("run.resume(") == len(forward)


def test_only_gradients_without_a_storage_of_their_own_are_copied() -> None:
    assert copied_gradients(recorded(small_networks.transformer())) == frozenset()


def test_an_iteration_adds_to_gradients_that_are_there() -> None:
    parameter = torch.nn.Parameter(torch.zeros(2, 3))
    buffer = torch.zeros(2)
    iteration = Iteration([parameter, buffer], frozenset({0}))
    iteration.gradient(0, torch.ones(1).expand(2, 3))
    iteration.gradient(0, torch.ones(2, 3))
    iteration.update(1, torch.tensor([4.0, 5.0]))
    iteration.probe(0)
    assert parameter.grad is not None
    assert parameter.grad.tolist() == [[2.0] * 3] * 2
    assert buffer.tolist() == [4.0, 5.0]
