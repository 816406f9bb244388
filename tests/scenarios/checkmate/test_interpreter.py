"""The judge refuses what it should, and says why."""

from dataclasses import replace

import numpy as np

from scenarios.checkmate.interpreter import Compute, Free, execute, lower, validate
from scenarios.checkmate.problem import Problem
from scenarios.checkmate.schedule import Schedule, all_once
from scenarios.checkmate.synthetic import unit_chain

CHAIN = Problem(unit_chain(2), np.ones(5), 3)
#: forward0, forward1, loss, gradient1 (reads loss and forward1), gradient0 (reads gradient1 and forward0)
PLAN = (
    Compute(0), Compute(1), Compute(2), Compute(3), Free(1), Free(2), Compute(4), Free(0), Free(3),
)  # fmt: skip


def test_values_are_freed_right_after_their_last_use() -> None:
    assert lower(CHAIN.graph, all_once(CHAIN.graph)) == PLAN


def test_a_plan_that_fits_exactly_is_valid() -> None:
    verdict = execute(replace(CHAIN, budget=4), PLAN, 5.0)
    assert verdict.valid
    assert (verdict.peak, verdict.cost) == (4, 5.0)


def test_one_byte_too_few() -> None:
    assert "exceeds the budget of 3 bytes" in execute(CHAIN, PLAN).reason


def test_a_missing_input() -> None:
    assert execute(CHAIN, (Compute(0), Free(0), Compute(1))).reason == "forward1 runs without its input forward0:out"


def test_freeing_what_is_not_there() -> None:
    assert "freed but not resident" in execute(CHAIN, (Compute(0), Free(0), Free(0))).reason


def test_an_operator_that_never_runs() -> None:
    assert validate(CHAIN, Schedule((0, 1, 2, 3))).reason == "gradient0 never runs"


def test_a_result_that_is_gone() -> None:
    assert "is not resident at the end" in execute(replace(CHAIN, budget=9), (*PLAN, Free(4))).reason


def test_a_cost_that_is_not_what_it_costs() -> None:
    assert "not the 4.0 s claimed" in validate(replace(CHAIN, budget=9), all_once(CHAIN.graph), 4.0).reason


def test_an_operator_that_does_not_exist() -> None:
    assert "outside 0..4" in validate(CHAIN, Schedule((0, 5))).reason
    assert "outside 0..4" in validate(CHAIN, Schedule((0, -1))).reason


def test_an_order_that_cannot_run() -> None:
    assert "runs without its input" in validate(CHAIN, Schedule((1, 0, 2, 3, 4))).reason
