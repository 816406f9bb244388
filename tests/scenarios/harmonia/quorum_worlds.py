"""Small worlds of Viewstamped Replication and NOPaxos for the explorer."""

from collections import deque
from dataclasses import dataclass, field

from quorum import names
from worlds import operations

from scenarios.harmonia import nopaxos, viewstamped
from scenarios.harmonia.client import Client
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.invariants import Seen, committed_by_one, nothing_lost, safe_in_logs, same_executed, watch
from scenarios.harmonia.nopaxos import NOPaxosReplica, NOPaxosTimers
from scenarios.harmonia.quorum_client import QuorumClient
from scenarios.harmonia.sequencer import OrderingDetector
from scenarios.harmonia.switch import Activate, HarmoniaSwitch
from scenarios.harmonia.viewstamped import ViewstampedReplica, ViewstampedTimers
from sim.explorer import Bounds, explore
from sim.protocol import Note, Send


@dataclass(frozen=True)
class Group:
    """A protocol, as far as worlds differ in it. Time stands still, so every interval is over at once."""

    replica: type
    detector: type
    client: type
    route: object
    timers: object


VIEWSTAMPED = Group(ViewstampedReplica, Detector, Client, viewstamped.route, ViewstampedTimers(0, 0, 0, 0))
NOPAXOS = Group(NOPaxosReplica, OrderingDetector, QuorumClient, nopaxos.route, NOPaxosTimers(0, 0, 0))
GROUPS = {"viewstamped": VIEWSTAMPED, "nopaxos": NOPAXOS}


class Through:
    """A client that sends its i-th request through the switch `plan[i - 1]`."""

    plan = ()

    def _send(self):
        self.through = self.plan[self.request - 1]
        return super()._send()


def failing_over(controller):
    """A controller for which the switch is silent from the beginning."""

    def on_start(self, now):
        return self.fail_over(now)

    return type("FailingOver", (controller,), {"on_start": on_start})


@dataclass(frozen=True)
class World:
    """A rack in which a first write of x is done and executed everywhere, when the search begins.

    `scripts` as in `worlds`; `plan` is that of the first client, where a second switch replaces the first one because
    a `controller` is given.
    """

    group: Group
    scripts: tuple[str, ...]
    replicas: int = 2
    replica: type | None = None
    detector: type | None = None
    controller: type | None = None
    plan: tuple[int, ...] = ()
    stages: int = 2
    slots: int = 4
    timers: frozenset[str] = frozenset({"sync", "gap", "leader", "resend", "fetch", "recover", "retry"})
    crashable: tuple[str, ...] = ()
    started: list = field(default_factory=list)

    @property
    def names(self):
        return names(self.replicas)

    def build(self, choose):
        group, members = self.group, self.names
        replica, detector = self.replica or group.replica, self.detector or group.detector
        nodes = [replica(name, members, "s1", group.timers) for name in members]

        def data_plane(switch_id, who):
            return detector(switch_id, self.stages, self.slots, who)

        active = Activate(1, group.route(1, members, members))
        nodes.append(HarmoniaSwitch("s1", choose, data_plane, active))
        seen = settle([*nodes, self.client("first", "Wx")], self.observe)
        self.started[:] = [seen]
        if self.controller is not None:
            nodes.append(HarmoniaSwitch("s2", choose, data_plane))
            nodes.append(failing_over(self.controller)("controller", ("s1", "s2"), members, group.route))
        return [
            *nodes,
            *(self.client(f"c{i}", script, self.plan[:] * (i == 0)) for i, script in enumerate(self.scripts)),
        ]

    def client(self, address, script, plan=()):
        plan = plan or (0,) * len(script.split())
        kind = type("Through", (Through, self.group.client), {"plan": plan})
        voters = (self.names,) if self.group.client is QuorumClient else ()
        return kind(address, ("s1", "s2"), operations(script), *voters)

    @property
    def observe(self):
        return watch(committed_by_one(*self.names))

    def explore(self, invariants=True, **bounds):
        self.build(lambda n: 0)
        checked = [nothing_lost(safe_in_logs(*self.names)), same_executed(*self.names)] if invariants else []
        return explore(
            self.build,
            bounds=Bounds(**bounds),
            observe=self.observe,
            ghost=self.started[0],
            invariants=checked,
            crashable=self.crashable,
            fires=lambda address, timer: timer in self.timers,
        )


def settle(nodes, observe):
    """Runs nodes in order of messages until only timers are left; the first replica synchronises once."""
    here, queue = {node.address: node for node in nodes}, deque()
    seen = Seen()

    def carry_out(node, effects):
        nonlocal seen
        for effect in effects:
            if isinstance(effect, Send):
                queue.append((node.address, effect))
            elif isinstance(effect, Note):
                seen = observe(seen, node.address, effect.event, here.get)
        while queue:
            source, sent = queue.popleft()
            if sent.to in here:
                carry_out(here[sent.to], here[sent.to].on_message(0.0, source, sent.message))

    for node in nodes:
        carry_out(node, node.on_start(0.0))
    if isinstance(nodes[0], NOPaxosReplica):
        carry_out(nodes[0], nodes[0].on_timer(0.0, "sync"))
    assert all(node.executed_count == 1 for node in nodes if hasattr(node, "executed_count"))
    return seen
