"""What Viewstamped Replication and NOPaxos have in common: who the others are, and the read-behind check."""

from collections.abc import Sequence
from typing import Any

from scenarios.harmonia.packet import UNSTAMPED, Packet
from scenarios.harmonia.replica import CHECK_FAILED, Replica
from sim.protocol import Address


class QuorumReplica(Replica):
    """A replica that applies what is committed, up to the stamp `executed_upto`.

    `majority` counts the replica itself.
    """

    def __init__(self, address: Address, replicas: Sequence[Address], switch: Address, **trust: Any) -> None:
        super().__init__(address, switch, **trust)
        self.replicas = tuple(replicas)
        self.others = tuple(other for other in self.replicas if other != address)
        self.majority = len(self.replicas) // 2 + 1
        self.executed_upto = UNSTAMPED

    def behind(self, packet: Packet) -> str:
        """Why a single-replica read is refused: a write it has to see is not executed here; "" if all are."""
        return "" if self.executed_upto >= packet.committed else CHECK_FAILED
