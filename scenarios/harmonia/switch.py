"""The switch that all requests and answers pass: a plain one, and one with Harmonia's detector.

All that a switch knows is soft: a crash leaves it inactive. It forwards only after the controller's `Activate`, which
the controller sends once no replica can trust the switch before any more. A Harmonia switch then starts with an empty
dirty set under its new id.
"""

from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import Any, ClassVar, NamedTuple, Protocol

from scenarios.harmonia.detector import ABSORBED, EXHAUSTED
from scenarios.harmonia.packet import Op, Packet
from sim.protocol import Address, Choose, Effect, Node, Note, Send, SetTimer

_SWEEP = "sweep"


class Route(NamedTuple):
    """Where packets go: a write to all of `write_to`, a normal read to one of `read_to`.

    `replicas` may answer single-replica reads. A route with a larger `number` replaces one with a smaller.
    """

    number: int
    write_to: tuple[Address, ...]
    read_to: tuple[Address, ...]
    replicas: tuple[Address, ...]


class Activate(NamedTuple):
    """From the controller: forward, as the switch with this id. Ignored by one that has it or a larger one."""

    switch_id: int
    route: Route


class Reroute(NamedTuple):
    """From the controller: from now on forward like this."""

    route: Route


class Leads(NamedTuple):
    """From a replica that is elected: writes and normal reads are for the sender since `view`."""

    view: int


class Ping(NamedTuple):
    """From the controller: are you there?"""


class Pong(NamedTuple):
    """To the controller: which switch this is (0: an inactive one), and the number of its route."""

    switch_id: int
    route: int


class Dropped(NamedTuple):
    """A packet was dropped by the switch itself."""

    reason: str


INACTIVE, UNKNOWN_OP = "switch inactive", "unknown op"


class Switch(Node):
    """A plain switch: forwards requests by its route and answers to their clients.

    `active` is what it starts with; None leaves it inactive until an `Activate` comes.
    """

    STATE: ClassVar[tuple[str, ...]] = ("switch_id", "route", "view")

    def __init__(self, address: Address, choose: Choose, active: Activate | None = None) -> None:
        self.address, self._choose = address, choose
        self.switch_id = 0
        self.route: Route | None = None
        self.view = 0  # the latest in which a replica said that it leads
        if active is not None:
            self.activate(active)

    def on_crash(self) -> None:
        """All state is soft."""
        self.switch_id, self.route, self.view = 0, None, 0

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """Forwards a packet; obeys the controller."""
        if message.__class__ is Packet:
            return self.forward(message) if self.route is not None else [Note(Dropped(INACTIVE))]
        if message.__class__ is Leads:
            return self.follow(source, message.view)
        if message.__class__ is Activate and message.switch_id > self.switch_id:
            self.activate(message)
        elif message.__class__ is Reroute and self.route is not None and message.route.number > self.route.number:
            self.reroute(message.route)
        return [Send(source, Pong(self.switch_id, self.route.number if self.route is not None else 0))]

    def follow(self, leader: Address, view: int) -> Sequence[Effect]:
        """Writes and normal reads go to the leader of the latest view; it says again and again that it leads."""
        if self.route is not None and view >= self.view:
            self.view, self.route = view, self.route._replace(write_to=(leader,), read_to=(leader,))
        return ()

    def activate(self, message: Activate) -> None:
        """Begins to forward, under a new id."""
        self.switch_id, self.route = message.switch_id, None
        self.reroute(message.route)

    def reroute(self, route: Route) -> None:
        """Forwards by this route from now on; to an elected leader rather than to whom the route names."""
        if self.route is not None and self.view:
            route = route._replace(write_to=self.route.write_to, read_to=self.route.read_to)
        self.route = route

    def forward(self, packet: Packet) -> Sequence[Effect]:
        """What becomes of a packet."""
        if packet.op is Op.READ:
            return self.to_reader(packet)
        if packet.op is Op.WRITE:
            return self.to_writers(packet)
        if packet.op is Op.READ_REPLY or packet.op is Op.WRITE_REPLY:
            return [Send(packet.client, packet)]
        return [Note(Dropped(UNKNOWN_OP))]

    def to_reader(self, packet: Packet) -> Sequence[Effect]:
        """A normal read."""
        assert self.route is not None
        read_to = self.route.read_to
        return [Send(read_to[self._choose(len(read_to)) if len(read_to) > 1 else 0], packet)]

    def to_writers(self, packet: Packet) -> Sequence[Effect]:
        """A write."""
        assert self.route is not None
        return [Send(target, packet) for target in self.route.write_to]


class DataPlane(Protocol):
    """What a Harmonia switch runs: the plain `scenarios.harmonia.detector.Detector`, or the program on a pipeline."""

    replicas: tuple[Address, ...]

    def process(self, packet: Packet, choice: int = 0) -> Any:
        """The detector's verdict: `target`, `packet`, `replica` and `reason`."""

    def sweep(self) -> None:
        """Frees the slots of dead entries."""

    def freeze(self) -> Hashable:
        """The state as a value."""

    def thaw(self, state: Any) -> None:
        """Goes back to it."""


#: Makes an empty data plane for a switch id and the replicas that may answer single-replica reads.
MakeDataPlane = Callable[[int, tuple[Address, ...]], DataPlane]


class HarmoniaSwitch(Switch):
    """A switch that stamps writes and sends reads of clean objects to any one replica.

    Every `sweep` seconds the control plane frees the slots of dead entries. A switch whose sequence is exhausted
    stops, so that the controller activates one with the next id.
    """

    def __init__(
        self,
        address: Address,
        choose: Choose,
        data_plane: MakeDataPlane,
        active: Activate | None = None,
        sweep: float = inf,
    ) -> None:
        self._make, self._sweep = data_plane, sweep
        self.data_plane: DataPlane | None = None
        super().__init__(address, choose, active)

    def on_start(self, now: float) -> Sequence[Effect]:
        """Sweeps begin."""
        return [SetTimer(_SWEEP, self._sweep)] if self._sweep < inf else ()

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """A sweep."""
        if self.data_plane is not None:
            self.data_plane.sweep()
        return [SetTimer(_SWEEP, self._sweep)]

    def on_crash(self) -> None:
        """All state is soft, the dirty set too."""
        super().on_crash()
        self.data_plane = None

    def activate(self, message: Activate) -> None:
        """Begins to forward, with an empty dirty set."""
        self.data_plane = self._make(message.switch_id, message.route.replicas)
        super().activate(message)

    def reroute(self, route: Route) -> None:
        """Forwards by this route from now on; no single-replica read goes to a replica that is not in it."""
        super().reroute(route)
        assert self.data_plane is not None
        self.data_plane.replicas = route.replicas

    def forward(self, packet: Packet) -> Sequence[Effect]:
        """What the detector says."""
        assert self.data_plane is not None
        choices = len(self.data_plane.replicas) if packet.op is Op.READ else 1
        verdict = self.data_plane.process(packet, self._choose(choices) if choices > 1 else 0)
        target = verdict.target
        if target == "client":
            return [Send(packet.client, verdict.packet)]
        if target == "replica":
            return [Send(verdict.replica, verdict.packet)]
        if target == "read":
            return self.to_reader(verdict.packet)
        if target == "write":
            return self.to_writers(verdict.packet)
        if verdict.reason == ABSORBED:
            return ()
        if verdict.reason == EXHAUSTED:
            self.on_crash()  # silent from now on, so the controller activates a switch with the next id
        return [Note(Dropped(verdict.reason))]

    def freeze(self) -> tuple[Hashable, ...]:
        """Route, id and what the data plane holds."""
        return (*super().freeze(), None if self.data_plane is None else self.data_plane.freeze())

    def thaw(self, snapshot: tuple[Hashable, ...]) -> None:
        """Goes back to a snapshot."""
        *own, data_plane = snapshot
        super().thaw(tuple(own))
        if data_plane is None:
            self.data_plane = None
            return
        if self.data_plane is None:
            self.data_plane = self._make(1, ("any",))
        self.data_plane.thaw(data_plane)
