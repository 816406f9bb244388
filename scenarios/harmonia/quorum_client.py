"""A client that counts votes, as NOPaxos needs.

A request is done when a majority of replicas, the leader among them, voted for the same slot of the log in the same
view; the result is the leader's. A single-replica read is answered by one packet, as elsewhere.
"""

from collections.abc import Sequence
from typing import ClassVar

from scenarios.harmonia.client import Client, OpenClient, Operations, Pause
from scenarios.harmonia.nopaxos.messages import View, Vote
from scenarios.harmonia.packet import Packet
from sim.protocol import Address


class _Voting(Client):
    """Counts votes for the open request; `votes` holds each with its result."""

    STATE: ClassVar[tuple[str, ...]] = ("votes",)
    replicas: tuple[Address, ...]
    votes: dict[tuple[Address, View, int], Vote]

    def answer(self, source: Address, message: Packet) -> Packet | None:
        """The packet that answers the open request, with the leader's result, if this vote settles it."""
        packet = super().answer(source, message)
        if packet is None:
            return None
        vote = packet.value
        if isinstance(vote, Vote):
            self.votes[vote[:3]] = vote
            matching = {other.replica: other for other in self.votes.values() if other[1:3] == vote[1:3]}
            leader = matching.get(self.replicas[vote.view.leader % len(self.replicas)])
            if leader is None or len(matching) <= len(self.replicas) // 2:
                return None
            packet = packet._replace(value=leader.result)
        self.votes = {}
        return packet


class QuorumClient(_Voting, Client):
    """A closed loop (`Client`) over `replicas`, listed as they list each other."""

    STATE = (*Client.STATE, *_Voting.STATE)

    def __init__(
        self,
        address: Address,
        switches: Sequence[Address],
        operations: Operations,
        replicas: Sequence[Address],
        think: Pause | None = None,
        retry: float = 1e-3,
    ) -> None:
        super().__init__(address, switches, operations, think, retry)
        self.replicas, self.votes = tuple(replicas), {}


class OpenQuorumClient(_Voting, OpenClient):
    """An open loop (`OpenClient`) over `replicas`, listed as they list each other."""

    STATE = (*OpenClient.STATE, *_Voting.STATE)

    def __init__(
        self,
        address: Address,
        switches: Sequence[Address],
        operations: Operations,
        replicas: Sequence[Address],
        gap: Pause,
        retry: float = 1e-3,
    ) -> None:
        super().__init__(address, switches, operations, gap, retry)
        self.replicas, self.votes = tuple(replicas), {}
