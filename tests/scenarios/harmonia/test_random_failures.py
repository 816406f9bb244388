"""Any mix of failures, at random times, while clients go on: every request is answered, and rightly so."""

from random import Random

import pytest
from mutants import Unchecked
from rack import Rack
from racks import clients, guarded, harmonia

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.controller import Add, Remove

NAMES, SPARE, SWITCHES = ("r0", "r1", "r2"), ("r3", "r4"), ("s1", "s2")
OPERATIONS = 8 * 300


def some(random, rack):
    """Something goes wrong, or somebody acts; one member that is ready always stays up."""
    controller = rack.nodes["controller"]
    one = random.choice([*NAMES, *SPARE])
    others = [name for name in controller.members if name not in rack.down and name != one]
    spared = any(rack.nodes[name].ready and name not in controller.doubted for name in others)
    what = random.choice(["crash", "remove", "add", "switch", "switch"])
    if what == "crash" and spared:
        rack.crash(one)
    elif what == "remove" and spared and one not in rack.down:
        rack.tell("controller", Remove(one))
    elif what == "add" and one not in rack.down:
        rack.tell("controller", Add(one))
    elif what == "switch":
        switch = random.choice(SWITCHES)
        (rack.restart if switch in rack.down else rack.crash)(switch)


@pytest.mark.parametrize("protocol", ["chain", "primary_backup", "craq"])
@pytest.mark.parametrize("seed", range(4))
def test_any_mix_of_failures(protocol, seed):
    random = Random(seed)
    how = {"keys": random.choice([1, 3, 20]), "writes": random.choice([0.1, 0.5])}
    nodes = guarded(protocol, NAMES, operations=300, spare=SPARE, switches=SWITCHES, plain=protocol == "craq", **how)
    rack = Rack(nodes, seed, loss=random.choice([0, 0.005, 0.02]), repeat=0.01, jitter=random.choice([0, 3.0, 20.0]))
    for _ in range(5):
        rack.run(rack.now + random.choice([1e-4, 1e-3, 5e-3, 15e-3]))
        some(random, rack)
    for switch in SWITCHES:
        if switch in rack.down:
            rack.restart(switch)
    until = rack.now + 5.0
    while rack.completed() < OPERATIONS and rack.now < until:
        rack.run(rack.now + 0.05)
    assert rack.completed() == OPERATIONS
    assert rack.check() == OPERATIONS


def test_what_is_checked_here_can_be_violated():
    wrong = 0
    for seed in range(4):
        nodes = [type("Wrong", (Unchecked, Chain), {})(name, "s1", NAMES) for name in NAMES]
        rack = Rack([*nodes, harmonia("chain", NAMES), *clients(8, 300, keys=1, writes=0.1)], seed, jitter=20.0)
        try:
            rack.run(1.0).check()
        except AssertionError:
            wrong += 1
    assert wrong > 0
