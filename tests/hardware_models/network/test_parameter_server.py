"""A parameter server's step by hand: what W workers share, what shards divide, where a worker's own wire limits."""

import pytest

from hardware_models.network.link_card import Wire
from hardware_models.network.parameter_server import Down, ParameterServer, Up, Work
from sim.errors import UserError

WIRE = Wire(1e9, 1e-5)


@pytest.mark.parametrize("workers", [1, 4, 16, 64, 256])
def test_one_shard_carries_everybody(workers: int) -> None:
    assert ParameterServer(WIRE).seconds(10**6, workers) == pytest.approx(1e-5 + workers * 1e-3, rel=1e-12)


def test_shards_divide_until_the_workers_wires_limit() -> None:
    times = [ParameterServer(WIRE, shards).seconds(10**6, 8) - 1e-5 for shards in (1, 2, 4, 8, 16)]
    assert times == pytest.approx([8e-3, 4e-3, 2e-3, 1e-3, 1e-3], rel=1e-12)
    slow = ParameterServer(WIRE, 8, worker=Wire(5e8, 1e-5))
    assert slow.seconds(10**6, 8) == pytest.approx(2e-3 + 1e-5, rel=1e-12)


def test_a_step_adds_up() -> None:
    step = [Up(1000), Work(0.25), Down(500), Up(2000), Down(100)]
    server = ParameterServer(WIRE)
    assert server.step_bytes(step, 7) == (21_000, 4_200)
    assert server.step_seconds(step, 7) == pytest.approx(4e-5 + 0.25 + 7 * 3600 / 1e9, rel=1e-12)


def test_nonsense_is_refused() -> None:
    with pytest.raises(UserError, match="shards is 0"):
        ParameterServer(WIRE, 0)
    with pytest.raises(UserError, match="workers is 0"):
        ParameterServer(WIRE).seconds(1, 0)
