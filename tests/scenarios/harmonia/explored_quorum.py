"""What the explorer is asked about Viewstamped Replication and NOPaxos: `SAFE` worlds, and `CELLS` of mutants.

A cell is where a mutant shows and what is wrong there. Two mutants are harmless to these protocols, and tested to be: a
completion before the commit, as replicas execute only what is committed; and a detector that is ready at once, as its
committed point (its id, 0) is after every stamp of the switch before. The cell with the latter makes replicas take a
point without a sequence for nothing at all.
"""

from functools import partial

from mutants import (
    AcceptsUnfenced,
    DeletesNewer,
    ForwardsOverflow,
    NoDirtyCheck,
    NoFence,
    OutOfOrder,
    OutOfOrderSlots,
    QuietController,
    ReadyAtOnce,
    TakesZeroForNothing,
    TrustsOldSwitch,
    UncheckedBehind,
    mutant,
)
from quorum_worlds import GROUPS, NOPAXOS, World

#: Two switches: the first client sends its write through one of them, then reads through the other.
READS_THROUGH_OLD = {"scripts": ("Wx Rx",), "plan": (1, 0), "controller": QuietController}
READS_THROUGH_NEW = {"scripts": ("Wx Rx",), "plan": (0, 1), "controller": QuietController}


def _cells(group):
    replica, detector = group.replica, group.detector
    return {
        "no check at the replica": (
            {"scripts": ("Wx Rx",), "replicas": 3},
            {"replica": mutant(UncheckedBehind, replica)},
        ),
        "reads of the old switch": (
            READS_THROUGH_OLD,
            {"replica": mutant(TrustsOldSwitch, replica)},
        ),
        "reads before the first completion": (
            READS_THROUGH_NEW,
            {"replica": mutant(TakesZeroForNothing, replica), "detector": mutant(ReadyAtOnce, detector)},
        ),
        "no dirty check": (
            {"scripts": ("Wx Rx",)},
            {"detector": mutant(NoDirtyCheck, detector)},
        ),
        "overflow forwarded": (
            {"scripts": ("Wx Rx", "Wy"), "stages": 1, "slots": 1},
            {"detector": mutant(ForwardsOverflow, detector)},
        ),
        "delete ignoring the sequence": (
            {"scripts": ("Wx Wx Rx",)},
            {"detector": mutant(DeletesNewer, detector)},
        ),
        "writes of the new switch before the fence": (
            READS_THROUGH_OLD,
            {"replica": mutant(AcceptsUnfenced, replica), "controller": NoFence},
        ),
        "writes out of order": (
            {"scripts": ("Wx", "Wy Ry")},
            {"replica": mutant(OutOfOrderSlots if group is NOPAXOS else OutOfOrder, replica)},
        ),
    }


_WORLDS = {(name, cell): what for name, group in GROUPS.items() for cell, what in _cells(group).items()}


def _find(name, cell):
    """No timer but the leader's to synchronise, as a bug has to show without help."""
    where, wrong = _WORLDS[name, cell]
    world = World(GROUPS[name], **{**where, **wrong}, timers=frozenset({"sync"}))
    return world.explore(invariants=False, timers=int(name == "nopaxos"))


def without(name, cell, states):
    """The world of a cell without its mutant, with a timer and all invariants."""
    return World(GROUPS[name], **_WORLDS[name, cell][0]).explore(timers=1, states=states)


CELLS = {cell: ("visibility (P1)", partial(_find, *cell)) for cell in _WORLDS}


VIEWS, CRASHES = frozenset({"leader", "sync"}), frozenset({"leader", "recover"})


def _safe(group):
    def world(*scripts, replicas=3, **rest):
        return World(group, scripts, replicas, **rest)

    return {
        "two clients, a message repeated": partial(world("Wx Rx", "Wx Rx").explore, timers=1, duplicates=1),
        "the view changes": partial(world("Wx Rx", timers=VIEWS).explore, timers=2),
        "two replicas, two clients": partial(world("Wx Rx", "Rx", replicas=2, timers=VIEWS).explore, timers=2),
        "a leader crashes and comes back": partial(
            world("Wx", timers=CRASHES, crashable=("r0",)).explore, timers=3, crashes=1, restarts=1
        ),
        "a new switch": partial(world("Wx Rx", "Rx", plan=(1, 0), controller=QuietController).explore, timers=1),
    }


SAFE = {f"{name}, {what}": explored for name, group in GROUPS.items() for what, explored in _safe(group).items()}
