"""What the explorer is asked about read-ahead protocols: `SAFE` worlds, and `CELLS` of mutants.

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
from worlds import NAMES, TWO, backup_world, chain_world, craq_world, explore_ahead, switch_fails

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.primary_backup import PrimaryBackup


def _crash(make):
    made = make(["Wx Rx", "Wx Rx"], 3, controller=QuietMembership)
    return lambda **bounds: explore_ahead(made, crashable=NAMES, crashes=1, timers=1, **bounds)


def _join(make):
    made = make(["Wx Wx", "Rx Rx"], 3, controller=QuietMembership, joining=("r2",))
    return lambda **bounds: explore_ahead(made, crashable=NAMES[:2], crashes=1, timers=1, **bounds)


def _new_switch(make):
    made = make(["Wx Wy", "Wx", "Rx Rx"], 3, controller=QuietController, switches=TWO)
    return lambda **bounds: explore_ahead(made, timers=1, fires=switch_fails, **bounds)


def _as_usual(make, count):
    made = make(["Wx Wy", "Wx Rx", "Rx Ry"], count)
    return lambda **bounds: explore_ahead(made, timers=1, duplicates=1, **bounds)


SAFE = {
    "chain": _as_usual(chain_world, 2),
    "chain, a new switch": _new_switch(chain_world),
    "chain, a crash": _crash(chain_world),
    "chain, a server joins": _join(chain_world),
    "primary-backup": _as_usual(backup_world, 3),
    "primary-backup, a new switch": _new_switch(backup_world),
    "primary-backup, a crash": _crash(backup_world),
    "primary-backup, a server joins": _join(backup_world),
    "craq": _as_usual(craq_world, 2),
    "craq, a crash": _crash(craq_world),
    "craq, a server joins": _join(craq_world),
}


def _ahead(protocol, make, node):
    """Cells of one protocol, with its worlds and its class of nodes."""
    failing = {"controller": QuietController, "switches": TWO, "data_plane": ReadyAtOnce}
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
