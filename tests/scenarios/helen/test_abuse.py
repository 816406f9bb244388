"""A network that loses, repeats, reorders, cuts, replays and makes things up: runs end with a reason and no model."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import pytest
from coopetition import LINK, parties, terms

from scenarios.helen.frames import Frames
from scenarios.helen.party import Aborted, Gone, Party, Told, Unreadable
from scenarios.helen.simulated import Ran, run
from sim.protocol import Address, Effect, Node, SetTimer

PATIENCE = 5.0
#: What becomes of a message, given those of its sender that came before.
Abuse = Callable[[Any, list[Any]], list[Any]]
STEPS = [0, 1, 5, 26, 44]


class Abused(Node):
    """A party to which the messages of one other come through an abusing network, at its n-th message."""

    def __init__(self, party: Party, abuse: Abuse, at: int, source: Address) -> None:
        self._party, self._abuse, self._at, self._source, self.address = party, abuse, at, source, party.address
        self._before: list[Any] = []

    def on_start(self, now: float) -> Sequence[Effect]:
        return self._party.on_start(now)

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        if source != self._source or not isinstance(message, Told):
            return self._party.on_message(now, source, message)
        abused = self._abuse(message, self._before) if len(self._before) == self._at else [message]
        self._before.append(message)
        return [effect for one in abused for effect in self._party.on_message(now, source, one)]

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        return self._party.on_timer(now, timer)


def _reframed(change: Callable[[bytes], bytes]) -> Abuse:
    return lambda message, before: [Frames().decode(change(Frames().encode(message)))]


ABUSES: dict[str, tuple[Abuse, set[str]]] = {
    "lost": (lambda message, before: [], {"timeout", "order of messages"}),
    "twice": (lambda message, before: [message, message], {"order of messages"}),
    "replayed": (lambda message, before: [before[0] if before else message._replace(number=7)], {"order of messages"}),
    "too early": (lambda message, before: [message._replace(number=message.number + 1)], {"order of messages"}),
    "cut": (_reframed(lambda data: data[: len(data) // 2]), {"malformed message", "unreadable message"}),
    "longer": (_reframed(lambda data: data + b"x"), {"malformed message", "MAC commitment", "MAC check"}),
    "garbage": (_reframed(lambda data: b"\x17" * len(data)), {"unreadable message"}),
    "head only": (_reframed(lambda data: data[:10]), {"unreadable message"}),
    "of another session": (lambda message, before: [message._replace(session=bytes(32))], {"session"}),
    "another past": (lambda message, before: [message._replace(heard=bytes(32))], {"equivocation"}),
    "refused": (lambda message, before: [Unreadable("a message that says it is longer")], {"unreadable message"}),
    "end of the connection": (lambda message, before: [Gone()], {"connection"}),
}


def _ran(abuse: Abuse, at: int, count: int) -> Ran:
    def dress(party: Party) -> Node:
        return Abused(party, abuse, at, "party1") if party.protocol.party == 0 else party

    return run(parties(terms(count, features=1), patience=PATIENCE), LINK, dress)


@pytest.mark.parametrize(
    ("name", "at"),
    # who has heard the last message is through, and hears no second one
    [(name, at) for name in ABUSES for at in STEPS if (name, at) != ("twice", STEPS[-1])],
)
def test_every_abuse_ends_the_run_with_a_reason(name: str, at: int) -> None:
    abuse, checks = ABUSES[name]
    ran = _ran(abuse, at, 2)
    end = ran.ends["party0"]
    assert isinstance(end, Aborted)
    assert end.check in checks, end
    assert end.culprit in (1, -1)
    assert end.detail
    assert ran.seconds < 2 * PATIENCE + 1.0
    assert at == STEPS[-1] or all(isinstance(one, Aborted) for one in ran.ends.values())


def test_silence_is_heard_and_the_silent_named() -> None:
    ran = _ran(lambda message, before: [], 6, 3)
    end = ran.ends["party0"]
    assert isinstance(end, Aborted)
    assert end.culprit == 1


def test_a_party_waits_for_no_longer_than_its_patience() -> None:
    (party, _) = parties(terms(2, features=1), patience=PATIENCE)
    assert SetTimer("step", PATIENCE) in party.on_start(0.0)
    (*_, note) = party.on_timer(PATIENCE, "step")
    assert note.event == Aborted("timeout", 1, 0, "agree", "party 1 said nothing for 5 s at agree")  # type: ignore[union-attr]
    assert party.over
    assert party.on_message(6.0, "party1", Unreadable("late")) == ()


def test_a_stranger_is_not_heard() -> None:
    (party, _) = parties(terms(2, features=1))
    party.on_start(0.0)
    assert party.on_message(0.0, "somebody", Unreadable("anything")) == ()
    assert not party.over
