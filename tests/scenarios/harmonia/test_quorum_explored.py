import pytest
from mutants import (
    AcceptsUnfenced,
    DeletesNewer,
    ForwardsOverflow,
    HastyLeader,
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

READ_THROUGH_OLD = {"scripts": ("Wx Rx",), "plan": (1, 0)}
READ_THROUGH_NEW = {"scripts": ("Wx Rx",), "plan": (0, 1)}


def cells(group):
    """Cell of the table of mutants -> (where it shows, what is wrong there), for one protocol."""
    replica, detector = group.replica, group.detector
    moved = {"controller": QuietController}
    return {
        "no check at the replica": (
            {"scripts": ("Wx Rx",), "replicas": 3},
            {"replica": mutant(UncheckedBehind, replica)},
        ),
        "reads of the old switch": (
            {**READ_THROUGH_OLD, **moved},
            {"replica": mutant(TrustsOldSwitch, replica)},
        ),
        "reads before the first completion": (
            {**READ_THROUGH_NEW, **moved},
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
            {**READ_THROUGH_OLD, **moved},
            {"replica": mutant(AcceptsUnfenced, replica), "controller": NoFence},
        ),
        "writes out of order": (
            {"scripts": ("Wx", "Wy Ry")},
            {"replica": mutant(OutOfOrderSlots if group is NOPAXOS else OutOfOrder, replica)},
        ),
    }


#: No timer but the leader's, to synchronise: a bug has to show without help.
SYNC = frozenset({"sync"})
CELLS = [(group, cell) for group in GROUPS for cell in cells(GROUPS[group])]


@pytest.mark.parametrize(("name", "cell"), CELLS)
def test_each_bug_is_found(name, cell):
    where, wrong = cells(GROUPS[name])[cell]
    world = World(GROUPS[name], **{**where, **wrong}, timers=SYNC)
    found = world.explore(invariants=False, timers=name == "nopaxos", states=1_000_000)
    assert "visibility (P1)" in found.violation
    assert len(found.steps) <= 25
    assert "1. " in str(found)


@pytest.mark.parametrize(("name", "cell"), CELLS)
def test_there_is_none_without_the_bug(name, cell):
    where, _ = cells(GROUPS[name])[cell]
    found = World(GROUPS[name], **where).explore(timers=1, states=30_000)
    assert not found.violation


@pytest.mark.parametrize("name", GROUPS)
def test_a_switch_that_is_ready_at_once_is_caught_by_the_check_alone(name):
    group = GROUPS[name]
    world = World(group, **READ_THROUGH_NEW, controller=QuietController, detector=mutant(ReadyAtOnce, group.detector))
    assert not world.explore(timers=0, states=100_000).violation


@pytest.mark.parametrize("name", GROUPS)
def test_a_completion_before_the_commit_is_caught_by_the_check_alone(name):
    group = GROUPS[name]
    world = World(group, ("Wx Rx", "Rx"), replica=mutant(HastyLeader, group.replica))
    assert not world.explore(timers=0, states=50_000).violation


@pytest.mark.parametrize("name", GROUPS)
def test_views_change_and_replicas_come_back_without_a_violation(name):
    world = World(GROUPS[name], ("Wx Rx",), replicas=3, crashable=("r0",))
    assert not world.explore(timers=3, crashes=1, restarts=1, states=50_000).violation


@pytest.mark.parametrize("name", GROUPS)
def test_two_clients_and_repeated_messages_without_a_violation(name):
    world = World(GROUPS[name], ("Wx Rx", "Wx Rx"), replicas=3)
    assert not world.explore(timers=1, duplicates=1, states=50_000).violation
