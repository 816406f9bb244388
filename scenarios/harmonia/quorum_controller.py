"""The configuration service of a quorum protocol, whose members are always the same.

A replica that is silent stays a member, and its group goes on without it. But the switch is told to send it no
single-replica reads until it is heard again, as these would only be lost.
"""

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from scenarios.harmonia.controller import Controller
from sim.protocol import Address, Effect, SetTimer


class QuorumController(Controller):
    """A controller that keeps silent replicas off the switch's list; all are on it if all are silent."""

    STATE: ClassVar[tuple[str, ...]] = (*Controller.STATE, "silent")

    def __init__(self, *arguments: Any, **rest: Any) -> None:
        super().__init__(*arguments, **rest)
        self.silent: set[Address] = set()

    def readers(self) -> tuple[Address, ...]:
        """Members that are heard."""
        return tuple(one for one in self.members if one not in self.silent) or self.members

    def on_start(self, now: float) -> Sequence[Effect]:
        """The first beat, and an ear for each replica."""
        return [*super().on_start(now), *(effect for one in self.members for effect in self.hear(one))]

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Also a replica's silence."""
        if not isinstance(timer, tuple):
            return super().on_timer(now, timer)
        self.silent.add(timer[1])
        return self._reroute()

    def hear(self, replica: Address) -> list[Effect]:
        """A replica lives."""
        heard: list[Effect] = [SetTimer(("silent", replica), self._patience)]
        if replica not in self.silent:
            return heard
        self.silent.remove(replica)
        return [*heard, *self._reroute()]

    def _reroute(self) -> list[Effect]:
        self.route_number += 1
        return self.instruct()
