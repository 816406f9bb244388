"""The configuration service: who is the switch, who are the members, and for how long replicas may trust that.

One node that does not fail stands for it (in a rack it would be a replicated service of its own).

*Leases.* Every `beat` it renews each replica's lease. A replica answers single-replica reads of the switch that the
lease names until the lease ends, by its own clock less a bound on skew.

*Switch fail-over.* A switch that is silent for `patience` is replaced by the next of `switches`, under the next id.
Every renewal names the new one, so its first is the fence. `Activate` is sent when each replica has acknowledged the
fence or its lease under the old switch has surely ended; only then does the new switch forward anything. It allows
single-replica reads after the first completion of its own, which is the detector's rule.

*Members.* `Controller` watches quorum protocols, which replace their leaders themselves. `Membership` is for read-ahead
protocols: a silent replica is doubted, taken off the switch's list, renewed no more, and when its lease has ended the
others go on without it in a new epoch. A server that is added first copies, then becomes the last member, and gets
single-replica reads once it is ready.
"""

from collections.abc import Callable, Hashable, Sequence
from math import inf
from typing import Any, ClassVar, NamedTuple

from scenarios.harmonia.read_ahead import Configure, Configured, Copied, Join
from scenarios.harmonia.replica import Renew, Renewed
from scenarios.harmonia.switch import Activate, Ping, Pong, Reroute, Route
from sim.errors import UserError
from sim.protocol import Address, CancelTimer, Effect, Node, Note, Send, SetTimer

_BEAT, _SWITCH, _LEASES = "beat", "switch silent", "leases ended"

#: A protocol's route from its number, the members and the replicas that may answer single-replica reads.
MakeRoute = Callable[[int, tuple[Address, ...], tuple[Address, ...]], Route]


class Down(NamedTuple):
    """To the controller: this switch or replica has surely stopped."""

    address: Address


class Remove(NamedTuple):
    """To the controller: go on without this replica, which may be alive."""

    address: Address


class Add(NamedTuple):
    """To the controller: make this server a member."""

    address: Address


class FailingOver(NamedTuple):
    """The switch is replaced by one with this id."""

    switch_id: int


class Activated(NamedTuple):
    """The switch with this id was told to forward."""

    switch_id: int


class NewEpoch(NamedTuple):
    """The members from now on."""

    epoch: int
    members: tuple[Address, ...]


class Controller(Node):
    """Leases and switch fail-over for `members` behind the first of `switches`, which is active as `switch_id`.

    A `lease` lasts that many seconds; with `inf` replicas trust until they are fenced, and replicas must be made
    with an infinite lease as well, otherwise with one of 0. Raises `UserError` for a lease, beat or patience that is
    not positive, or a beat that is not below the lease.
    """

    STATE: ClassVar[tuple[str, ...]] = (
        "switch_id",
        "at",
        "members",
        "route_number",
        "routed",
        "forwarding",
        "fenced",
        "granted",
        "owed",
    )

    #: Which method takes a message of which class.
    HANDLERS: ClassVar[dict[type, str]] = {Renewed: "on_renewed", Pong: "on_pong", Down: "on_down"}

    def __init__(
        self,
        address: Address,
        switches: Sequence[Address],
        members: Sequence[Address],
        route: MakeRoute,
        *,
        lease: float = inf,
        beat: float | None = None,
        patience: float = 10e-3,
        switch_id: int = 1,
    ) -> None:
        if beat is None:
            beat = min(lease, patience) / 3
        for name, value in (("lease", lease), ("patience", patience), ("beat", beat)):
            if not value > 0:
                raise UserError(f"{name} = {value} s; it must be more than 0")
        if not beat < lease:
            raise UserError(f"beat = {beat} s is not below the lease of {lease} s, which would end between renewals")
        if not members:
            raise UserError("members is empty; replication needs at least one replica")
        self.address, self.switches, self._make_route = address, tuple(switches), route
        self._lease, self._beat, self._patience = lease, beat, patience
        self.switch_id, self.at = switch_id, 0
        self.members = tuple(members)
        self.route_number = self.routed = 1  # the route in force, and the one that the switch confirmed
        self.forwarding = True
        self.fenced: set[Address] = set()
        self.granted = dict.fromkeys(members, inf if lease == inf else -inf)  # when leases end at the latest
        self.owed: dict[Address, float] = {}  # the same, under the switch before

    @property
    def switch(self) -> Address:
        """The active switch, or the one that will be."""
        return self.switches[self.at]

    def readers(self) -> tuple[Address, ...]:
        """Who may answer single-replica reads."""
        return self.members

    def renewed(self) -> tuple[Address, ...]:
        """Whose leases are renewed."""
        return self.members

    def route(self) -> Route:
        """The route in force."""
        return self._make_route(self.route_number, self.members, self.readers())

    def on_start(self, now: float) -> Sequence[Effect]:
        """The first beat."""
        return [*self.on_beat(now), SetTimer(_SWITCH, self._patience)]

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """By the message's class; a class that is not known is ignored."""
        handler = self.HANDLERS.get(message.__class__)
        return getattr(self, handler)(now, source, message) if handler else ()

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """A beat, a silence, or the end of leases."""
        if timer == _BEAT:
            return self.on_beat(now)
        if timer == _SWITCH:
            return self.fail_over(now)
        return self.proceed(now)

    def on_beat(self, now: float) -> list[Effect]:
        """Renews, and repeats what was not confirmed."""
        return [*self.renew(now), *self.instruct(), SetTimer(_BEAT, self._beat)]

    def renew(self, now: float) -> list[Effect]:
        """A lease for everyone who may have one."""
        renew = Renew(self.switch_id, self.switch, now + self._lease)
        for replica in self.renewed():
            self.granted[replica] = renew.expiry
        return [Send(replica, renew) for replica in self.renewed()]

    def instruct(self) -> list[Effect]:
        """What the switch must know; repeated until it says so."""
        if not self.forwarding:
            return []
        if self.routed == 0:
            return [Send(self.switch, Activate(self.switch_id, self.route()))]
        return [Send(self.switch, Reroute(self.route()) if self.routed < self.route_number else Ping())]

    def on_renewed(self, now: float, source: Address, renewed: Renewed) -> Sequence[Effect]:
        """A replica lives, and is fenced against all switches before."""
        if renewed.switch_id < self.switch_id or source not in self.renewed():
            return ()
        if self.forwarding:
            return self.hear(source)
        self.fenced.add(source)
        return [*self.hear(source), *self.proceed(now)]

    def hear(self, replica: Address) -> list[Effect]:
        """A replica lives."""
        return []

    def on_pong(self, now: float, source: Address, pong: Pong) -> Sequence[Effect]:
        """The switch lives. One that started again has another id, and counts as silent."""
        if source != self.switch or pong.switch_id != self.switch_id or not self.forwarding:
            return ()
        self.routed = max(self.routed, pong.route)
        return [SetTimer(_SWITCH, self._patience), *self.proceed(now)]

    def on_down(self, now: float, source: Address, down: Down) -> Sequence[Effect]:
        """A switch or a replica has stopped: the active one is replaced, and nobody waits for the other's fence."""
        if down.address == self.switch and self.forwarding:
            return self.fail_over(now)
        if down.address in self.owed:
            self.owed[down.address] = -inf
        return self.proceed(now)

    def fail_over(self, now: float) -> list[Effect]:
        """The next switch, under the next id; first the fence."""
        self.switch_id, self.at = self.switch_id + 1, (self.at + 1) % len(self.switches)
        self.forwarding, self.routed = False, 0
        self.fenced.clear()
        self.owed = dict(self.granted)
        ends = max(self.owed.values())
        waiting = [SetTimer(_LEASES, ends - now)] if now < ends < inf else []
        return [
            Note(FailingOver(self.switch_id)),
            CancelTimer(_SWITCH),
            *self.renew(now),
            *waiting,
            *self.proceed(now),
        ]

    def may_activate(self, now: float) -> bool:
        """Whether no replica can trust the switch before any more."""
        return all(one in self.fenced or self.owed.get(one, -inf) <= now for one in self.members)

    def proceed(self, now: float) -> list[Effect]:
        """Does what has become possible."""
        if self.forwarding or not self.may_activate(now):
            return []
        self.forwarding = True
        return [Note(Activated(self.switch_id)), *self.instruct(), SetTimer(_SWITCH, self._patience)]


class Membership(Controller):
    """A controller that also decides who the members of a read-ahead protocol are."""

    STATE: ClassVar[tuple[str, ...]] = (
        *Controller.STATE,
        "epoch",
        "doubted",
        "listed",
        "configured",
        "joining",
        "copied",
    )
    HANDLERS: ClassVar[dict[type, str]] = {
        **Controller.HANDLERS,
        Remove: "on_remove",
        Add: "on_add",
        Copied: "on_copied",
        Configured: "on_configured",
    }

    def __init__(self, *arguments: Any, **rest: Any) -> None:
        super().__init__(*arguments, **rest)
        self.epoch = 1
        self.doubted: set[Address] = set()  # to be removed
        self.configured = set(self.members)  # ready in this epoch
        self.listed = set(self.members)  # may answer single-replica reads
        self.joining: Address | None = None
        self.copied = False

    def readers(self) -> tuple[Address, ...]:
        """Members that were ready once and are not doubted; all if there is none."""
        return tuple(one for one in self.members if one in self.listed) or self.members

    def renewed(self) -> tuple[Address, ...]:
        """Members that are not doubted."""
        return tuple(one for one in self.members if one not in self.doubted)

    def on_start(self, now: float) -> Sequence[Effect]:
        """The first beat, and an ear for each replica."""
        return [*super().on_start(now), *(effect for one in self.members for effect in self.hear(one))]

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Also a replica's silence."""
        if isinstance(timer, tuple) and timer[0] == "silent":
            if self._lease == inf:  # then silence has to mean that it stopped
                self.granted[timer[1]] = -inf
            return self.doubt(now, timer[1])
        return super().on_timer(now, timer)

    def hear(self, replica: Address) -> list[Effect]:
        """A replica lives."""
        return [SetTimer(("silent", replica), self._patience)]

    def on_down(self, now: float, source: Address, down: Down) -> Sequence[Effect]:
        """A switch or a replica has stopped."""
        if down.address not in self.members:
            return super().on_down(now, source, down)
        self.granted[down.address] = -inf
        return self.doubt(now, down.address)

    def on_remove(self, now: float, source: Address, remove: Remove) -> Sequence[Effect]:
        """A replica is to go."""
        return self.doubt(now, remove.address)

    def on_add(self, now: float, source: Address, add: Add) -> Sequence[Effect]:
        """A server is to come; one at a time."""
        if self.joining is not None or add.address in self.members:
            return ()
        self.joining, self.copied = add.address, False
        return self._join()

    def on_copied(self, now: float, source: Address, copied: Copied) -> Sequence[Effect]:
        """The newcomer has a copy."""
        if source != self.joining:
            return ()
        self.copied = True
        return self.proceed(now)

    def on_configured(self, now: float, source: Address, configured: Configured) -> Sequence[Effect]:
        """A member is ready in its epoch, or one that is to go has retired."""
        if source in self.doubted and configured.epoch > self.epoch:
            self.granted[source] = -inf
            return self.proceed(now)
        if configured.epoch != self.epoch or source not in self.members or source in self.configured:
            return ()
        self.configured.add(source)
        if source in self.listed or source in self.doubted:
            return self.proceed(now)
        self.listed.add(source)
        return [*self._reroute(), *self.proceed(now)]

    def doubt(self, now: float, replica: Address) -> list[Effect]:
        """A replica is to be removed: first it gets no more single-replica reads. The last one that is ready stays."""
        if replica not in self.members or replica in self.doubted:
            return []
        if self.listed == {replica}:
            return self.hear(replica)
        self.doubted.add(replica)
        self.listed.discard(replica)
        ends = self.granted[replica]
        waiting = [SetTimer((_LEASES, replica), ends - now)] if now < ends < inf else []
        return [CancelTimer(("silent", replica)), *self._reroute(), *waiting, *self._retire(), *self.proceed(now)]

    def on_beat(self, now: float) -> list[Effect]:
        """Also repeats what members did not confirm."""
        configure = Configure(self.epoch, self.members)
        late = [Send(one, configure) for one in self.renewed() if one not in self.configured]
        return [*super().on_beat(now), *late, *self._retire(), *self._join()]

    def proceed(self, now: float) -> list[Effect]:
        """Also removes and adds when that has become possible."""
        staying = self.renewed()
        off_the_list = self.routed >= self.route_number or not self.forwarding
        effects: list[Effect] = []
        if self.doubted and staying and off_the_list and all(self.granted[one] <= now for one in self.doubted):
            effects = self._new_epoch(staying)
        elif self.joining is not None and self.copied and not self.doubted and self.configured >= set(self.members):
            newcomer, self.joining = self.joining, None
            self.granted[newcomer] = -inf
            effects = [*self._new_epoch((*self.members, newcomer)), *self.hear(newcomer)]
        return [*effects, *super().proceed(now)]

    def _new_epoch(self, members: tuple[Address, ...]) -> list[Effect]:
        self.epoch, former, self.members = self.epoch + 1, self.members, members
        for gone in set(former) - set(members):
            self.doubted.discard(gone)
            del self.granted[gone]
        self.configured.clear()
        configure = Configure(self.epoch, members)
        return [Note(NewEpoch(self.epoch, members)), *self._reroute(), *(Send(one, configure) for one in members)]

    def _reroute(self) -> list[Effect]:
        self.route_number += 1
        return self.instruct()

    def _retire(self) -> list[Effect]:
        """Tells those who are to go to stop."""
        rest = self.renewed()
        return [Send(one, Configure(self.epoch + 1, rest)) for one in sorted(self.doubted)]

    def _join(self) -> list[Effect]:
        if self.joining is None or self.copied:
            return []
        return [Send(self.joining, Join(self.route().read_to[0]))]
