import pytest
from rack import Rack
from racks import clients, harmonia, plain, replicas

NAMES = ("r0", "r1", "r2")


@pytest.mark.parametrize("protocol", ["chain", "primary_backup"])
@pytest.mark.parametrize("seed", range(3))
def test_harmonia_answers_everything_through_loss_repetition_and_reordering(protocol, seed):
    nodes = [*replicas(protocol, NAMES, window=(8, 64, 256)[seed]), harmonia(protocol, NAMES), *clients(8, 200)]
    rack = Rack(nodes, seed, loss=0.01, repeat=0.01, jitter=3.0).run(2.0)
    assert rack.completed() == 8 * 200
    rack.check()
    assert rack.counts["Served"] > 100
    assert rack.counts["Bounced"] > 0
    stores = [rack.nodes[name].store for name in NAMES]
    assert stores[0] == stores[1] == stores[2]


@pytest.mark.parametrize("protocol", ["chain", "primary_backup", "craq"])
def test_plain_protocols_answer_everything(protocol):
    nodes = [*replicas(protocol, NAMES), plain(protocol, NAMES), *clients(8, 200)]
    rack = Rack(nodes, 7, loss=0.01, repeat=0.01, jitter=3.0).run(2.0)
    assert rack.completed() == 8 * 200
    rack.check()
    assert rack.counts["Served"] == 0
