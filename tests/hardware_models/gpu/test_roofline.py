"""The roofline against its closed form, roof by roof."""

from importlib import resources

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware_models.gpu.card import GpuCard
from hardware_models.gpu.roofline import MATRIX_CLASSES, OP_CLASSES, kernel_energy, kernel_seconds
from sim.errors import UserError

CARD = GpuCard.model_validate(str(resources.files("hardware_models.gpu.cards") / "a100-80.toml"))


def test_the_compute_roof() -> None:
    (seconds,) = kernel_seconds(CARD, [1e12], [1e6], [1], ["matmul"])
    assert seconds == pytest.approx(3e-6 + 1e12 / (0.75 * 19.5e12))


def test_the_memory_roof() -> None:
    (seconds,) = kernel_seconds(CARD, [1e6], [1e9], [2], ["pointwise"])
    assert seconds == pytest.approx(2 * 3e-6 + 1e9 / (0.85 * 2039e9))


def test_the_ridge_where_both_roofs_meet() -> None:
    traffic = 1e9
    flops = traffic / (0.85 * 2039e9) * 0.75 * 19.5e12
    below, at, above = kernel_seconds(CARD, flops * np.array([0.5, 1, 2]), [traffic] * 3, [0] * 3, ["matmul"] * 3)
    assert below == pytest.approx(at)
    assert above == pytest.approx(2 * at)


def test_an_empty_operator_costs_its_launches() -> None:
    assert kernel_seconds(CARD, [0], [0], [5], ["other"]).tolist() == pytest.approx([15e-6])


@pytest.mark.parametrize("name", OP_CLASSES)
def test_only_matrix_classes_profit_from_tensor_units(name: str) -> None:
    fp32, half = (kernel_seconds(CARD, [1e12], [0], [0], [name], precision)[0] for precision in ("fp32", "tensor16"))
    share = CARD.efficiency.model_dump()
    if name in MATRIX_CLASSES:
        assert half == pytest.approx(1e12 / (share[f"tensor_{name}"] * 312e12))
    else:
        assert half == fp32
    assert fp32 == pytest.approx(1e12 / (share[name] * 19.5e12))


def test_energy_is_idle_plus_work_and_never_beyond_the_limit() -> None:
    seconds = np.array([1.0, 1.0, 1e-3])
    joules = kernel_energy(CARD, [0, 1e12, 1e12], [0, 1e9, 0], seconds, ["other", "matmul", "matmul"])
    expected = [60.0, 60 + 1e12 * CARD.energy.fp32 + 1e9 * CARD.energy.dram, 400e-3]
    assert joules.tolist() == pytest.approx(expected)


def test_an_unknown_class_is_named() -> None:
    with pytest.raises(UserError, match="operator class 'matmull' is unknown; did you mean matmul"):
        kernel_seconds(CARD, [1.0], [1.0], [1], ["matmull"])


def test_no_operators() -> None:
    assert kernel_seconds(CARD, [], [], [], []).shape == (0,)
    assert kernel_energy(CARD, [], [], [], []).shape == (0,)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1e15), st.floats(0, 1e12), st.integers(0, 100), st.sampled_from(OP_CLASSES)),
        min_size=1,
        max_size=20,
    )
)
def test_more_hardware_never_costs_time_and_arrays_are_elementwise(rows: list[tuple[float, float, int, str]]) -> None:
    flops, traffic, kernels, classes = (list(column) for column in zip(*rows, strict=True))
    together = kernel_seconds(CARD, flops, traffic, kernels, classes)
    alone = [kernel_seconds(CARD, [f], [t], [k], [c])[0] for f, t, k, c in rows]
    assert together.tolist() == alone
    faster = CARD.model_copy(update={"dram_bandwidth": 2 * CARD.dram_bandwidth})
    assert (kernel_seconds(faster, flops, traffic, kernels, classes) <= together).all()
    assert (kernel_energy(CARD, flops, traffic, together, classes) <= CARD.power_limit * together * (1 + 1e-12)).all()
