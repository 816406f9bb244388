"""What clients ask for, and how long servers take: the same requests in the simulator and between real processes.

Everything is drawn from streams that are named here, so a client's k-th request is the same wherever it is made.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from scenarios.harmonia.client import Operation
from scenarios.harmonia.packet import Op
from scenarios.harmonia.popularity import AliasTable, alias_table, shares
from sim.rng import Streams


@lru_cache(maxsize=1)
def _table(objects: int, skew: float) -> AliasTable:
    return alias_table(shares(objects, skew))


def requests(streams: Streams, number: int, objects: int, skew: float, writes: float) -> Callable[[], Operation]:
    """Draws the requests of client `number`, one after the other: which of `objects`, and whether it is written.

    `skew` is the exponent of Zipf's law, `writes` the share of writes.
    """
    stream, table = streams("operations", number), _table(objects, skew)
    keep, other = table.keep, table.other

    def following() -> Operation:
        where = stream.uniform() * objects
        key = int(where)
        if where - key >= keep[key]:
            key = int(other[key])
        return Operation(Op.WRITE if stream.uniform() < writes else Op.READ, key)

    return following


def gaps(streams: Streams, number: int, mean: float) -> Callable[[int], float]:
    """The times between requests of an open loop's client `number`, exponential (seconds)."""
    stream = streams("arrivals", number)
    return lambda i: stream.exponential(mean)


def service(
    streams: Streams, server: str, seconds: Mapping[str, float], kind: Callable[[Any], str], exponential: bool
) -> Callable[[Any], float]:
    """What a message takes a server, in seconds: `seconds` of its `kind`, or an exponential time of that mean."""
    if not exponential:
        return lambda message: seconds[kind(message)]
    stream = streams("service", server)
    return lambda message: stream.exponential(seconds[kind(message)])
