"""Racks of read-ahead protocols, for tests."""

from random import Random

from scenarios.harmonia import chain, craq, primary_backup
from scenarios.harmonia.client import Client, Operation
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.packet import Op
from scenarios.harmonia.switch import Activate, HarmoniaSwitch, Switch

PROTOCOLS = {
    "chain": (chain.Chain, chain.route),
    "primary_backup": (primary_backup.PrimaryBackup, primary_backup.route),
    "craq": (craq.Craq, craq.route),
}


def detector(stages=2, slots=4):
    return lambda switch_id, replicas: Detector(switch_id, stages, slots, replicas)


def random_operations(seed, count, keys=3, writes=0.3):
    random = Random(seed)
    chosen = [
        Operation(Op.WRITE if random.random() < writes else Op.READ, random.randrange(keys)) for _ in range(count)
    ]
    return lambda i: chosen[i] if i < count else None


def clients(count, operations, switches=("s1",), **how):
    return [Client(f"c{i}", switches, random_operations(i, operations, **how), retry=5e-3) for i in range(count)]


def replicas(protocol, names, members=None, **rest):
    make, _ = PROTOCOLS[protocol]
    return [make(name, "s1", members or names, **{"resend": 3e-4, **rest}) for name in names]


def harmonia(protocol, names, seed=0, **dirty_set):
    route = PROTOCOLS[protocol][1](1, names, names)
    return HarmoniaSwitch("s1", Random(seed).randrange, detector(**dirty_set), Activate(1, route), sweep=1e-3)


def plain(protocol, names, seed=0):
    return Switch("s1", Random(seed).randrange, Activate(1, PROTOCOLS[protocol][1](1, names, names)))
