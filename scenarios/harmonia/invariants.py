"""What must hold in every world of clients, switches and replicas, for `sim.explorer`.

Zhu et al. (section 7) split linearizability in two. *Visibility* (P1): a single replica's answer is not older than what
any client knew when the read began. *Integrity* (P2): the answer is a write that is committed by then. To these come
the clients' own view, as far as it goes, and that no write that a client knows of is ever lost.
"""

from collections.abc import Callable, Hashable
from itertools import pairwise
from typing import Any, NamedTuple

from scenarios.harmonia.client import Completed, Invoked
from scenarios.harmonia.packet import Op, Stamp
from scenarios.harmonia.replica import NOTHING, Served
from sim.explorer import Look, Observe, Violation
from sim.monitor import NEW, READ, Ways, answer, invoke
from sim.protocol import Address

#: Whether the write with this stamp of this object is committed in a world.
IsCommitted = Callable[[Look, Hashable, Stamp], bool]
#: Whether a client's write with this request number can still be lost in a world.
IsSafe = Callable[[Look, Address, int], bool]


class Seen(NamedTuple):
    """The ghost: what clients saw of each object, which requests are open, and each client's last answered write."""

    objects: frozenset[tuple[Hashable, Ways]] = frozenset()
    open: frozenset[tuple[Address, int, Hashable, Op]] = frozenset()
    acknowledged: frozenset[tuple[Address, int]] = frozenset()

    def of(self, key: Hashable) -> Ways:
        """What clients saw of an object."""
        return next((ways for name, ways in self.objects if name == key), NEW)

    def now(self, key: Hashable, ways: Ways) -> frozenset[tuple[Hashable, Ways]]:
        """All objects, with one changed."""
        return frozenset({pair for pair in self.objects if pair[0] != key} | {(key, ways)})


def watch(is_committed: IsCommitted) -> Observe:
    """Folds clients' notes into `Seen`; raises `Violation` for what must not be seen, and for P1 and P2."""

    def observe(seen: Seen, address: Address, event: Any, look: Look) -> Seen:
        if event.__class__ is Invoked:
            return _invoked(seen, address, event)
        if event.__class__ is Completed:
            return _completed(seen, address, event)
        if event.__class__ is Served:
            _check(seen, address, event, look, is_committed)
        return seen

    return observe


def nothing_lost(is_safe: IsSafe) -> Callable[[Look, Seen], str]:
    """The invariant that every acknowledged write is safe."""

    def invariant(look: Look, seen: Seen) -> str:
        for client, request in seen.acknowledged:
            if not is_safe(look, client, request):
                return f"the write of {client}'s request {request} was acknowledged and is lost"
        return ""

    return invariant


def committed_by_all(*replicas: Address) -> IsCommitted:
    """Read-ahead protocols: all members that live have it. Names that a world lacks count as dead."""

    def is_committed(look: Look, key: Hashable, stamp: Stamp) -> bool:
        return all(
            node.store.get(key, NOTHING).stamp >= stamp
            for node in map(look, replicas)
            if node is not None and node.ready
        )

    return is_committed


def safe_at_all(*replicas: Address) -> IsSafe:
    """Read-ahead protocols: all members that live applied it, or a later request of the client."""

    def is_safe(look: Look, client: Address, request: int) -> bool:
        return all(
            node.sessions.get(client, 0) >= request for node in map(look, replicas) if node is not None and node.ready
        )

    return is_safe


def committed_by_one(*replicas: Address) -> IsCommitted:
    """Read-behind protocols: what a replica executed is committed."""

    def is_committed(look: Look, key: Hashable, stamp: Stamp) -> bool:
        nodes = [node for node in map(look, replicas) if node is not None]
        return any(node.store.get(key, NOTHING).stamp >= stamp for node in nodes)

    return is_committed


def safe_in_logs(*replicas: Address) -> IsSafe:
    """Quorum protocols: a majority has it in the log; one that is down, or lost its memory, may be of the majority."""

    def is_safe(look: Look, client: Address, request: int) -> bool:
        nodes = [node for node in map(look, replicas) if node is not None and node.status.name != "RECOVERING"]
        holders = sum(
            any(entry is not None and entry.client == client and entry.request >= request for entry in node.log)
            for node in nodes
        )
        return holders + len(replicas) - len(nodes) > len(replicas) // 2

    return is_safe


def same_executed(*replicas: Address) -> Callable[[Look, Seen], str]:
    """The invariant that no two replicas of a quorum protocol executed different things."""

    def invariant(look: Look, seen: Seen) -> str:
        logs = [node.log[: node.executed_count] for node in map(look, replicas) if node is not None]
        logs.sort(key=len)
        for one, other in pairwise(logs):
            if other[: len(one)] != one:
                return f"one replica executed {one[-1]}, another did not"
        return ""

    return invariant


def _invoked(seen: Seen, client: Address, event: Invoked) -> Seen:
    operation = READ if event.op is Op.READ else ("write", event.value)
    objects = seen.now(event.key, invoke(seen.of(event.key), client, operation))
    return seen._replace(objects=objects, open=seen.open | {(client, event.request, event.key, event.op)})


def _completed(seen: Seen, client: Address, event: Completed) -> Seen:
    request = next(one for one in seen.open if one[:2] == (client, event.request))
    _, number, key, op = request
    ways = answer(seen.of(key), client, event.value)
    if not ways:
        raise Violation(f"not linearizable: {client} read {event.value} of {key}")
    acknowledged = seen.acknowledged
    if op is Op.WRITE:
        acknowledged = frozenset({pair for pair in acknowledged if pair[0] != client} | {(client, number)})
    return Seen(seen.now(key, ways), seen.open - {request}, acknowledged)


def _check(seen: Seen, replica: Address, served: Served, look: Look, is_committed: IsCommitted) -> None:
    said = f"{replica} answers {served.client}'s read of {served.key} with {served.value}"
    if not is_committed(look, served.key, served.stamp):
        raise Violation(f"integrity (P2): {said}, which is not committed")
    if (served.client, served.request, served.key, Op.READ) not in seen.open:
        return  # an answer nobody waits for any more
    if not answer(seen.of(served.key), served.client, served.value):
        raise Violation(f"visibility (P1): {said}, which is older than what clients knew when the read began")
