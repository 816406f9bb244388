"""A schedule on the device: three accounts of its memory agree byte for byte, and costs add up."""

import numpy as np
import pytest

from hardware_models.gpu.allocator import ExactAllocator
from hardware_models.gpu.card import GpuCard
from hardware_models.gpu.device import replay
from hardware_models.gpu.timeline import live_bytes
from scenarios.checkmate.graph import Fixed, Graph, Kind, Operator, Value
from scenarios.checkmate.on_device import Costs, budget, kernel_costs, merged, program, resident
from scenarios.checkmate.schedule import Schedule, memory
from scenarios.checkmate.synthetic import random_graph

ROOMY = 1 << 40


def random_schedule(graph: Graph, generator: np.random.Generator) -> Schedule:
    """Every operator once, with operators that have already run run again in between."""
    order: list[int] = []
    for operator in range(len(graph.operators)):
        order += generator.choice(operator, int(generator.integers(0, 3))).tolist() if operator else []
        order.append(operator)
    return Schedule(tuple(order))


def test_replay_arrays_and_schedule_agree_on_a_thousand_random_schedules() -> None:
    for seed in range(1000):
        generator = np.random.default_rng(seed)
        graph, costs = random_graph(seed, int(generator.integers(2, 15)), workspace=3)
        schedule = random_schedule(graph, generator)
        made = program(graph, schedule, Costs(costs, costs, costs), "adam")
        ran, arrays = replay(made, ExactAllocator(ROOMY)), live_bytes(made)
        assert (ran.live.bytes == arrays.bytes).all()
        assert (ran.live.times == arrays.times).all()
        assert (arrays.total[1::2] == memory(graph, schedule)).all()
        assert ran.seconds == pytest.approx(costs[list(schedule.order)].sum())


def test_what_is_resident_depends_on_the_optimizer() -> None:
    fixed = Fixed(parameters=10, buffers=1, inputs=5)
    assert [sum(size for _, size in resident(fixed, name)) for name in ("sgd", "momentum", "adam")] == [16, 26, 36]
    graph = Graph("one", (Operator("a", (), (0,)),), (Value("a:out", 3, Kind.ACTIVATION),), frozenset({0}), fixed)
    card = GpuCard.model_validate(
        {"card": "v100", "memory": 1000 + 10**9, "driver_reserved": 10**9, "context_reserved": 0}
    )
    assert budget(graph, card, "adam", slack=0.1) == 900 - 36


def test_merged_costs_are_those_of_the_parts_one_after_the_other() -> None:
    card = GpuCard.model_validate("v100")
    parts = tuple(
        Operator(name, (), (i,), flops=flops, traffic=traffic, op_class=kind)
        for i, (name, flops, traffic, kind) in enumerate(
            [("conv", 1e12, 1e6, "conv"), ("relu", 1e6, 1e9, "pointwise"), ("pool", 1e6, 1e8, "pool")]
        )
    )
    graph = Graph("three", parts, tuple(Value(f"v{i}", 1) for i in range(3)), frozenset({2}))
    fine = kernel_costs(graph, card, "fp32", "roofline")
    coarse = merged(fine, ((0, 1), (2,)))
    assert coarse.seconds.tolist() == [fine.seconds[0] + fine.seconds[1], fine.seconds[2]]
    assert kernel_costs(graph, card, "fp32", "flops").solver.tolist() == [1e12, 1e6, 1e6]
