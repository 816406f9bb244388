"""Racks of Viewstamped Replication and NOPaxos, for tests."""

from itertools import pairwise
from random import Random

from rack import Rack
from racks import random_operations

from scenarios.harmonia.client import Client, Operation, script
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.nopaxos import NOPaxosReplica
from scenarios.harmonia.packet import Op
from scenarios.harmonia.quorum_client import QuorumClient
from scenarios.harmonia.sequencer import OrderingDetector, Sequencer
from scenarios.harmonia.switch import Activate, HarmoniaSwitch, Route, Switch
from scenarios.harmonia.viewstamped import ViewstampedReplica


def names(n):
    return tuple(f"r{i}" for i in range(n))


def writes(*keys):
    return script(*(Operation(Op.WRITE, key) for key in keys))


def write_then_read(*keys):
    return script(*(Operation(op, key) for key in keys for op in (Op.WRITE, Op.READ)))


class Quorum(Rack):
    """A rack that loses what `lose(source, to, message)` says, besides its random losses.

    `operations`: one for each client; a number stands for so many random ones. `through`: their switches.
    """

    #: Of VR: what a switch of either kind runs, and who takes writes.
    replica, client, plain, data_plane = ViewstampedReplica, Client, Switch, Detector

    def __init__(
        self,
        *operations,
        n=3,
        harmonia=False,
        seed=0,
        timers=None,
        lose=None,
        switches=("s1",),
        through=None,
        lease=float("inf"),
        keys=3,
        writes=0.3,
        **network,
    ):
        self.lose = lose or (lambda source, to, message: False)
        self.replicas = names(n)
        choose = Random(seed).randrange
        active = Activate(1, self.route(1))
        nodes = [self.replica(name, self.replicas, "s1", timers, lease=lease) for name in self.replicas]
        for address in switches:
            first = active if address == "s1" else None
            if harmonia:
                nodes.append(HarmoniaSwitch(address, choose, self.detector, first, sweep=1e-3))
            else:
                nodes.append(self.plain(address, choose, first))
        for i, wanted in enumerate(operations):
            todo = wanted
            if isinstance(wanted, int):
                todo = random_operations(100 * seed + i, wanted, keys, writes)
            turned = switches[i % len(switches) :] + switches[: i % len(switches)]
            nodes.append(self.make_client(f"c{i}", through[i] if through else turned, todo))
        super().__init__(nodes, seed, **network)

    def route(self, number):
        return Route(number, self.replicas[:1], self.replicas[:1], self.replicas)

    def make_client(self, address, switches, operations):
        return Client(address, switches, operations)

    def detector(self, switch_id, replicas):
        return self.data_plane(switch_id, 2, 8, replicas)

    def send(self, source, to, message):
        if not self.lose(source, to, message):
            super().send(source, to, message)

    @property
    def members(self):
        return [self.nodes[name] for name in self.replicas]

    def executed(self):
        """What each replica executed."""
        raise NotImplementedError


class Viewstamped(Quorum):
    def executed(self):
        return [node.log[: node.committed] for node in self.members]


class NOPaxos(Quorum):
    replica, plain, data_plane = NOPaxosReplica, Sequencer, OrderingDetector

    def route(self, number):
        return Route(number, self.replicas, self.replicas, self.replicas)

    def make_client(self, address, switches, operations):
        return QuorumClient(address, switches, operations, self.replicas)

    def executed(self):
        return [node.log[: node.synced] for node in self.members]


def agree(rack):
    """No two replicas executed different things."""
    shorter_first = sorted(rack.executed(), key=len)
    for one, other in pairwise(shorter_first):
        assert other[: len(one)] == one


def harried(make, seed, timers, n=3, harmonia=True):
    """Views change all the time: leaders are given up after four round trips, and a minority is cut off at random."""
    cut = [()]
    rack = make(
        *[40] * 4, n=n, seed=seed, timers=timers, harmonia=harmonia, loss=0.08, repeat=0.05, jitter=6.0,
        keys=2, writes=0.5, lose=lambda source, to, message: source in cut[0] or to in cut[0],
    )  # fmt: skip
    for _ in range(12):
        cut[0] = tuple(rack.random.sample(rack.replicas, rack.random.randrange((n + 1) // 2)))
        rack.run(rack.now + 0.5e-3 * rack.random.random())
    cut[0], rack.loss = (), 0.02
    return rack.run(rack.now + 0.2)


def lose_first(match, count=1):
    """Loses the first messages for which `match(source, to, message)` holds."""
    left = [count]

    def lose(source, to, message):
        if left[0] and match(source, to, message):
            left[0] -= 1
            return True
        return False

    return lose
