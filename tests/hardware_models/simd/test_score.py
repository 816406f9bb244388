import numpy as np
import pytest

from hardware_models.simd.card import SimdCard
from hardware_models.simd.description import Access, LoopIR, Operation, Reduction
from hardware_models.simd.score import Machine, score

CARD = SimdCard.model_validate("skylake-x")
ADD = LoopIR("add", (Access("b", 4, 1), Access("c", 4, 1), Access("a", 4, 1, store=True)), (Operation("fp_add", 4),))
SUM = LoopIR("sum", (Access("a", 4, 1),), (), (Reduction("fp_add", 4, True),))
DIV = LoopIR("div", (Access("a", 4, 1), Access("b", 4, 1, store=True)), (Operation("fp_div32", 4),))
FAR = 1 << 14
W, I = np.array([1, 4, 8, 16, 16, 16]), np.array([1, 1, 1, 1, 2, 4])  # noqa: E741


def cycles(loop: LoopIR, card: SimdCard = CARD, n: float = 4096.0) -> np.ndarray:
    return score([loop], np.array([n]), W, I, [Machine.of(card)])[0].cycles[0]


def test_division_takes_what_the_divider_takes() -> None:
    found = cycles(DIV)
    assert found[3] == pytest.approx(4096 / 16 / CARD.rate_wide["fp_div32"], rel=0.05)


def test_a_sum_is_bound_by_latency_until_there_are_accumulators_enough() -> None:
    found = cycles(SUM)
    assert found[3] == pytest.approx(4096 / 16 * CARD.latency["fp_add"], rel=0.2)
    assert found[4] < 0.65 * found[3]


def test_the_remainder_is_scalar() -> None:
    whole, more = cycles(ADD, n=1024.0)[5], cycles(ADD, n=1024.0 + 63.0)[5]
    assert more - whole > 50


def test_half_the_bandwidth_behind_the_cache_costs() -> None:
    slow = CARD.model_copy(update={"memory": CARD.memory.model_copy(update={"from_dram": CARD.memory.from_dram / 2})})
    n = 4.0e6
    assert cycles(ADD, slow, n)[4] > 1.5 * cycles(ADD, n=n)[4]


def test_narrower_registers_cost_and_never_gain() -> None:
    narrow = CARD.model_copy(update={"vector_bits": 256})
    assert (cycles(ADD, narrow) >= cycles(ADD) - 1e-9).all()


def test_one_call_scores_loops_actions_and_machines_as_single_calls_do() -> None:
    machines = [Machine.of(SimdCard.model_validate(name)) for name in ("skylake-x", "zen4", "a64fx", "haswell")]
    loops, trips = [ADD, SUM, DIV], np.array([100.0, 1000.0, 4096.0])
    together = score(loops, trips, W, I, machines)
    for machine, found in zip(machines, together, strict=True):
        for row, loop in enumerate(loops):
            alone = score([loop], trips[row : row + 1], W, I, [machine])[0]
            np.testing.assert_allclose(found.cycles[row], alone.cycles[0])


def test_predication_has_no_remainder() -> None:
    arm = SimdCard.model_validate("a64fx")
    assert cycles(ADD, arm, 1000.0)[3] == pytest.approx(cycles(ADD, arm, 1008.0)[3], rel=0.01)
