"""What the explorer is asked about chain replication and primary-backup: `SAFE` worlds, and `CELLS` of mutants.

A cell is the violation that a mutant must lead to, and its world. The mutants that are absent here are harmless to
read-ahead protocols, whose replicas check by themselves; they are caught on Viewstamped Replication and NOPaxos. One
more is caught here than one would expect: a detector's committed point is (its id, 0) at first, which is after every
stamp of the switch before, so a switch that is ready at once vouches for writes that it knows nothing of.
"""

from mutants import (
    Hasty,
    OutOfOrder,
    QuietController,
    QuietMembership,
    ReadyAtOnce,
    Unchecked,
)
from worlds import NAMES, backup_world, chain_world, explore_ahead, switch_fails

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.primary_backup import PrimaryBackup

SAFE = {
    "chain": lambda **bounds: explore_ahead(chain_world(["Wx Wy", "Wx Rx", "Rx Ry"]), timers=1, duplicates=1, **bounds),
    "chain, a new switch": lambda **bounds: explore_ahead(
        chain_world(["Wx Wy", "Wx", "Rx Rx"], 3, controller=QuietController), timers=1, fires=switch_fails, **bounds
    ),
    "chain, a crash": lambda **bounds: explore_ahead(
        chain_world(["Wx Rx", "Wx Rx"], 3, controller=QuietMembership), crashable=NAMES, crashes=1, timers=1, **bounds
    ),
    "primary-backup": lambda **bounds: explore_ahead(
        backup_world(["Wx Wy", "Wx Rx", "Rx Ry"], 3), timers=1, duplicates=1, **bounds
    ),
    "primary-backup, a crash": lambda **bounds: explore_ahead(
        backup_world(["Wx Rx", "Wx Rx"], 3, controller=QuietMembership), crashable=NAMES, crashes=1, timers=1, **bounds
    ),
}


def _ahead(protocol, make, node):
    """Cells of one protocol, with its worlds and its class of nodes."""
    failing = {"controller": QuietController, "data_plane": ReadyAtOnce}
    return {
        (protocol, "no check at the replica"): (
            "P2",
            lambda: explore_ahead(make(["Wx Wx", "Rx"], replica=type("", (Unchecked, node), {}))),
        ),
        (protocol, "writes out of order"): (
            "P2",
            lambda: explore_ahead(make(["Wx", "Wy", "Rx"], replica=type("", (OutOfOrder, node), {}))),
        ),
        (protocol, "completion before commit"): (
            "P2",
            lambda: explore_ahead(make(["Wx", "Rx"], replica=type("", (Hasty, node), {}))),
        ),
        (protocol, "a new switch is ready at once"): (
            "P2",
            lambda: explore_ahead(make(["Wx", "Rx"], **failing), timers=1, fires=switch_fails),
        ),
    }


CELLS = {
    **_ahead("chain", chain_world, Chain),
    **_ahead("primary-backup", backup_world, PrimaryBackup),
}
