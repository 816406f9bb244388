"""Racks of read-ahead protocols, for tests."""

from random import Random

from scenarios.harmonia import chain, craq, primary_backup
from scenarios.harmonia.client import Client, Operation
from scenarios.harmonia.controller import Membership
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


LEASE = 3e-3


def guarded(protocol, names, operations=400, spare=(), switches=("s1",), lease=LEASE, plain=False, **how):
    """A rack with a controller; `spare` servers are no members yet, switches after the first are inactive."""
    make_route = PROTOCOLS[protocol][1]
    active = Activate(1, make_route(1, names, names))
    choose = Random(0).randrange
    trust = {"lease": 0.0, "skew": 1e-5} if lease < float("inf") else {}
    new = Switch if plain else lambda *rest: HarmoniaSwitch(rest[0], choose, detector(), *rest[2:], sweep=1e-3)
    return [
        *(new(name, choose, *([active] if name == switches[0] else [])) for name in switches),
        *replicas(protocol, (*names, *spare), names, **trust),
        Membership("controller", switches, names, make_route, lease=lease, patience=4e-3),
        *clients(8, operations, switches, **how),
    ]
