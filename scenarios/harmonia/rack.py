"""The nodes of a rack, by protocol: replicas, the switch, the controller, clients."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from math import inf
from typing import Any, NamedTuple

from scenarios.harmonia import chain, craq, nopaxos, primary_backup, viewstamped
from scenarios.harmonia.client import Client, OpenClient, Operations, Pause
from scenarios.harmonia.controller import Controller, MakeRoute, Membership
from scenarios.harmonia.detector import Detector
from scenarios.harmonia.nopaxos import NOPaxosReplica, NOPaxosTimers
from scenarios.harmonia.packet import Op, Packet
from scenarios.harmonia.quorum_client import OpenQuorumClient, QuorumClient
from scenarios.harmonia.quorum_controller import QuorumController
from scenarios.harmonia.read_ahead import Ack
from scenarios.harmonia.replica import Replica
from scenarios.harmonia.sequencer import OrderingDetector, Sequencer
from scenarios.harmonia.switch import Activate, HarmoniaSwitch, Switch
from scenarios.harmonia.viewstamped import ViewstampedReplica, ViewstampedTimers
from sim.protocol import Address, Choose, Node

Make = Callable[..., Any]

CONTROLLER = "controller"
SWITCH = "s1"
#: Writes that may wait at a replica for one that they overtook.
_WINDOW = 4096


@dataclass(frozen=True, slots=True)
class Kind:
    """What a protocol is made of.

    `votes`: its clients count votes. `writes`: messages that cost a server a write. `timers`: a quorum protocol's.
    """

    replica: Make
    route: MakeRoute
    controller: Make = Membership
    plain: Make = Switch
    detector: type[Detector] = Detector
    votes: bool = False
    writes: tuple[type, ...] = ()
    timers: Make | None = None


KINDS = {
    "primary_backup": Kind(primary_backup.PrimaryBackup, primary_backup.route),
    "chain": Kind(chain.Chain, chain.route),
    "craq": Kind(craq.Craq, craq.route, writes=(Ack,)),  # to note that a version is committed is a write of its own
    "vr": Kind(ViewstampedReplica, viewstamped.route, QuorumController, timers=ViewstampedTimers),
    "nopaxos": Kind(
        NOPaxosReplica, nopaxos.route, QuorumController, Sequencer, OrderingDetector, votes=True, timers=NOPaxosTimers
    ),
}


class Settings(NamedTuple):
    """A rack's figures. Times in seconds; `lease` may be infinite.

    `slowness` is by what quorum protocols' timers are multiplied, which are made for a rack of microseconds. `beat` is
    how often the controller renews leases; by default a third of the lease or of its patience.
    """

    protocol: str
    detects: bool
    replicas: int
    stages: int
    slots: int
    lease: float
    patience: float
    retry: float
    resend: float
    sweep: float
    skew: float = 10e-6
    slowness: float = 1.0
    beat: float | None = None


class Rack(NamedTuple):
    """Nodes by role; the switch is active under id 1."""

    servers: tuple[Replica, ...]
    switch: Switch
    controller: Controller

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All of them."""
        return (*self.servers, self.switch, self.controller)


def servers(settings: Settings) -> tuple[Address, ...]:
    """The names of the servers."""
    return tuple(f"r{i}" for i in range(settings.replicas))


def rack(settings: Settings, choose: Choose, detector: Make | None = None) -> Rack:
    """Servers, switch and controller; `detector(switch_id, stages, slots, replicas)` makes a data plane."""
    kind, names = KINDS[settings.protocol], servers(settings)
    make = detector or kind.detector

    def data_plane(switch_id: int, replicas: tuple[Address, ...]) -> Any:
        return make(switch_id, settings.stages, settings.slots, replicas)

    active = Activate(1, kind.route(1, names, names))
    switch = (
        HarmoniaSwitch(SWITCH, choose, data_plane, active, settings.sweep)
        if settings.detects
        else kind.plain(SWITCH, choose, active)
    )
    replicas = tuple(replica(settings, name) for name in names)
    controller = kind.controller(
        CONTROLLER, (SWITCH,), names, kind.route, lease=settings.lease, patience=settings.patience, beat=settings.beat
    )
    return Rack(replicas, switch, controller)


def replica(settings: Settings, name: Address) -> Replica:
    """The replica on a server."""
    kind, names = KINDS[settings.protocol], servers(settings)
    trust = {"lease": 0.0, "skew": settings.skew} if settings.lease < inf else {}
    made: Replica
    if kind.timers is None:
        made = kind.replica(name, SWITCH, names, resend=settings.resend, window=_WINDOW, **trust)
    else:
        timers = kind.timers()
        slower = {one.name: settings.slowness * getattr(timers, one.name) for one in fields(timers)}
        made = kind.replica(name, names, SWITCH, kind.timers(**slower), **trust)
    return made


def client(settings: Settings, number: int, operations: Operations, gap: Pause | None = None) -> Client:
    """The client of that number: a closed loop, or an open one whose requests are due `gap(i)` seconds apart."""
    address, votes = f"c{number}", KINDS[settings.protocol].votes
    if gap is not None:
        if votes:
            return OpenQuorumClient(address, (SWITCH,), operations, servers(settings), gap, settings.retry)
        return OpenClient(address, (SWITCH,), operations, gap, settings.retry)
    if votes:
        return QuorumClient(address, (SWITCH,), operations, servers(settings), retry=settings.retry)
    return Client(address, (SWITCH,), operations, retry=settings.retry)


def work(protocol: str) -> Callable[[Any], str]:
    """What handling a message is for a server: a "read", a "write" or, if it touches no object, a "message"."""
    writes = KINDS[protocol].writes

    def kind(message: Any) -> str:
        packet = message if message.__class__ is Packet else _carried(message)
        if packet is not None:
            return "write" if packet.op is Op.WRITE else "read"
        return "write" if message.__class__ in writes else "message"

    return kind


def _carried(message: Any) -> Packet | None:
    """The request that a message passes on, if it passes on one."""
    for field in ("packet", "entry"):
        carried = getattr(message, field, None)
        if carried.__class__ is Packet:
            return carried
    return None
