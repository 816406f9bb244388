"""What throughput must be: the node that works most per request, at one unit of work per second.

Work per request is in seconds of one server: `read` and `write` are what a read and a write cost it, `message` what
an acknowledgement costs. All derived from the protocols' message patterns, for n replicas, a share w of writes, and a
share phi of reads that go to the normal target (or are sent on to it). Throughputs are requests per second.

>>> costs = Costs(read=1 / 0.92e6, write=1 / 0.80e6, message=0.0)
>>> [round(saturation("chain", detection, 3, 0.05, costs) / 1e6, 3) for detection in (False, True)]
[0.913, 2.459]
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Queued = Literal["primary_backup", "chain", "craq"]


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds of a server per read, per write, per message that touches no storage."""

    read: float
    write: float
    message: float


def saturation(
    protocol: Queued, detection: bool, replicas: int, writes: float, costs: Costs, dirty: float = 0.0
) -> float:
    """Requests per second at saturation. `dirty` is the share of reads that are not any single replica's to answer.

    Chain: the tail. Primary-backup: the primary, which hears an acknowledgement of each backup. CRAQ: any node but the
    tail, which commits after it wrote, or the tail, which is asked for the version of dirty objects.
    """
    n, w, reads = replicas, writes, 1.0 - writes
    if protocol == "craq":
        spread = reads * costs.read / n
        tail = spread + w * costs.write + reads * dirty * costs.message
        other = spread + 2 * w * costs.write if n > 1 else 0.0
        return 1.0 / max(tail, other)
    normal = dirty if detection else 1.0
    work = reads * ((1.0 - normal) / n + normal) * costs.read + w * costs.write
    if protocol == "primary_backup":
        work += w * (n - 1) * costs.message
    return 1.0 / work


def dirty_share(share: NDArray[np.float64], write_rate: float, pending: float) -> float:
    """Share of reads that find their object with a write pending: sum p (1 - exp(-rate p t)).

    Writes of an object come as a Poisson process and each stays pending for `pending` seconds (mean); then the number
    pending is Poisson whatever the law of the time (M/G/infinity), and a read sees it as it is on average.
    """
    return float((share * -np.expm1(-write_rate * share * pending)).sum())


def dirty_entries(share: NDArray[np.float64], write_rate: float, pending: float) -> float:
    """Mean number of objects with a write pending, hence entries of the dirty set."""
    return float(-np.expm1(-write_rate * share * pending).sum())
