"""A party as a node without I/O: carries its protocol's steps to the others and theirs to it, or stops for all to see.

A step is over when everybody's message for it is there. Messages of a party come in order, one for each step, and at
most one step ahead, since nobody can go on without ours; anything else is a message lost, repeated, replayed or
reordered on the way, and ends the run. So does silence: when a step takes longer than `patience`, whoever is missing
is named.

Each message says a digest of all that its sender heard at earlier steps. Two that differ show that somebody told
different things to different parties; without signatures nobody can show who.

A party that stops tells the others why. Who is told believes nothing of it but stops too.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

from scenarios.helen.cheating import Cheating
from scenarios.helen.protocol import Protocol
from scenarios.helen.rounds import Exchange
from sim.protocol import Address, CancelTimer, Effect, Node, Note, Send, SetTimer


class Told(NamedTuple):
    """What a party says at a step; `heard` is a digest of all earlier steps."""

    session: bytes
    number: int
    heard: bytes
    body: bytes


class Stopping(NamedTuple):
    """A party stops, and why; `culprit` is -1 if it cannot tell."""

    session: bytes
    check: str
    culprit: int
    detail: str


class Unreadable(NamedTuple):
    """Bytes that came from a party and are no message."""

    why: str


class Gone(NamedTuple):
    """A party can say nothing more: its connection ended."""


class Entered(NamedTuple):
    """Note: a step begins, with so many bytes to say to each of the others."""

    number: int
    step: str
    size: int


class Finished(NamedTuple):
    """Note: the model, with SHARE_FRACTION bits after the point."""

    z: tuple[int, ...]


class Aborted(NamedTuple):
    """Note: the run is over without a model. `by` is the party whose check it was, `culprit` -1 if it is not known."""

    check: str
    culprit: int
    by: int
    step: str
    detail: str


def address_of(party: int) -> Address:
    """The name of a party's node."""
    return f"party{party}"


class Party(Node):
    """A party that runs `protocol`, and waits `patience` seconds for a step's messages.

    Its state lies in the protocol's generator, so it cannot be frozen for the explorer. `step` is where it is.
    """

    def __init__(self, protocol: Protocol, patience: float) -> None:
        self.protocol, self.address = protocol, address_of(protocol.party)
        self._patience, self._me, self._count = patience, protocol.party, protocol.terms.parties
        self.peers = {address_of(party): party for party in range(self._count) if party != self._me}
        self._bodies: list[dict[int, bytes]] = [{}, {}]  # of this step and of the next, by party
        self._heard: list[dict[int, bytes]] = [{}, {}]
        self._gone: set[int] = set()
        self._number, self.step, self._over = -1, "start", False

    @property
    def over(self) -> bool:
        """Whether it has finished or stopped."""
        return self._over

    def on_start(self, now: float) -> Sequence[Effect]:
        """Says its first words, unless somebody has ended the run before it began."""
        if self._over:
            return ()
        self._running = self.protocol.run()
        return [*self._carry_on(None), *self._go_on()]

    def on_message(self, now: float, source: Address, message: Any) -> Sequence[Effect]:
        """Goes on if that was the last message of the step."""
        party = self.peers.get(source)
        if self._over or party is None:
            return ()
        try:
            if isinstance(message, Stopping) and message.session == self._session:
                return self._stop(message.check, message.culprit, party, message.detail, tell=False)
            self._take(party, message)
        except Cheating as cheating:
            return self._blame(cheating)
        return self._go_on()

    def on_timer(self, now: float, timer: Hashable) -> Sequence[Effect]:
        """Stops: somebody keeps silent."""
        missing = [party for party in range(self._count) if party not in self._bodies[0]]
        who = " and ".join(f"party {party}" for party in missing)
        culprit = missing[0] if len(missing) == 1 else -1
        return self._stop("timeout", culprit, self._me, f"{who} said nothing for {self._patience:g} s at {self.step}")

    @property
    def _session(self) -> bytes:
        return self.protocol.rounds.session

    def _take(self, party: int, message: Any) -> None:
        """Keeps a message that may come now; `Cheating` if it may not."""
        if isinstance(message, Gone):
            self._gone.add(party)
            return
        if isinstance(message, Unreadable):
            raise Cheating("unreadable message", party, f"{self.step}: from party {party} came {message.why}")
        if not isinstance(message, Told | Stopping) or message.session != self._session:
            raise Cheating(
                "session", None, f"{self.step}: party {party} is in another session: its terms or key differ"
            )
        assert isinstance(message, Told)
        ahead = message.number - self._number
        due = 1 if self._number < 0 or party in self._bodies[0] else 0
        if ahead != due or party in self._bodies[1]:
            detail = f"party {party} sent message {message.number}, and {self._number + due} was due"
            raise Cheating("order of messages", party, f"{self.step}: {detail}")  # fmt: skip
        self._bodies[ahead][party], self._heard[ahead][party] = message.body, message.heard

    def _go_on(self) -> list[Effect]:
        """All steps that are complete."""
        effects: list[Effect] = []
        while self._number >= 0 and not self._over and len(self._bodies[0]) == self._count:
            mine = self.protocol.rounds.digest
            different = [party for party, heard in sorted(self._heard[0].items()) if heard != mine]
            if different:
                detail = (
                    f"{self.step}: party {different[0]} heard something else at an earlier step than party {self._me}"
                )
                return [*effects, *self._stop("equivocation", -1, self._me, detail)]
            bodies = [self._bodies[0][party] for party in range(self._count)]
            effects += self._carry_on(bodies)
        return [*effects, *self._missed()]

    def _missed(self) -> list[Effect]:
        """Stops if this step waits for a party that is gone; one that has said its last words may go."""
        missing = sorted(self._gone - set(self._bodies[0]))
        if self._over or self._number < 0 or not missing:
            return []
        detail = f"{self.step}: the connection of party {missing[0]} ended before it said anything"
        return self._blame(Cheating("connection", missing[0], detail))

    def _carry_on(self, bodies: list[bytes] | None) -> list[Effect]:
        """Hands the protocol what it waits for, and carries out what it says then."""
        try:
            said = next(self._running) if bodies is None else self._running.send(bodies)
        except Cheating as cheating:
            return self._blame(cheating)
        except StopIteration as ended:
            self._over = True
            return [CancelTimer("step"), Note(Finished(tuple(ended.value)))]
        return self._say(said)

    def _say(self, said: Exchange) -> list[Effect]:
        self._number, self.step = self._number + 1, said.step
        self._bodies, self._heard = [self._bodies[1], {}], [self._heard[1], {}]
        heard = self.protocol.rounds.digest
        self._bodies[0][self._me], self._heard[0][self._me] = said.body, heard
        told = Told(self._session, self._number, heard, said.body)
        return [
            Note(Entered(self._number, said.step, len(said.body))),
            *(Send(peer, told) for peer in self.peers),
            SetTimer("step", self._patience),
        ]

    def _blame(self, cheating: Cheating) -> list[Effect]:
        culprit = -1 if cheating.culprit is None else cheating.culprit
        return self._stop(cheating.check, culprit, self._me, cheating.detail)

    def _stop(self, check: str, culprit: int, by: int, detail: str, tell: bool = True) -> list[Effect]:
        self._over = True
        stopping = Stopping(self._session, check, culprit, detail)
        sends = [Send(peer, stopping) for peer in self.peers] if tell else []
        return [*sends, CancelTimer("step"), Note(Aborted(check, culprit, by, self.step, detail))]
