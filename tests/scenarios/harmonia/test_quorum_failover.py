"""Switch fail-over with leases, and replicas that stop, on the quorum protocols."""

import pytest
from mutants import NoFence, TrustsOldSwitch, mutant
from quorum import NOPaxos, Viewstamped, agree
from racks import random_operations

from scenarios.harmonia import nopaxos, viewstamped
from scenarios.harmonia.controller import Activated, Controller
from scenarios.harmonia.nopaxos.messages import SyncCommit
from scenarios.harmonia.quorum_controller import QuorumController
from scenarios.harmonia.replica import Bounced, Served
from scenarios.harmonia.viewstamped.messages import Commit

LEASE, READERS, WRITERS = 2e-3, 8, 2
ROUTES = {Viewstamped: viewstamped.route, NOPaxos: nopaxos.route}
BOTH = pytest.mark.parametrize("make", ROUTES)


def rack_with_controller(make, *operations, seed=0, kind=QuorumController, lease=LEASE, **how):
    rack = make(*operations, seed=seed, harmonia=True, switches=("s1", "s2"), lease=0.0, **how)
    rack.add(kind("controller", ("s1", "s2"), rack.replicas, ROUTES[make], lease=lease, patience=1e-3))
    return rack


def served(rack, since, until=float("inf")):
    return [time for time, _, event in rack.notes if isinstance(event, Served) and since <= time < until]


def activated(rack):
    return next(time for time, _, event in rack.notes if isinstance(event, Activated))


@BOTH
def test_single_replica_reads_come_back_after_a_switch_crashed(make):
    rack = rack_with_controller(make, *[800] * 10, jitter=1.0)
    rack.run(10e-3)
    rack.crash("s1")
    rack.run(0.3)
    assert rack.completed() == 8000
    rack.check()
    agree(rack)
    again = activated(rack)
    assert 10e-3 < again < 10e-3 + 1e-3 + LEASE
    assert served(rack, 2e-3, 10e-3)
    assert not served(rack, 10e-3 + 2e-4, again)
    assert served(rack, again)


@BOTH
def test_they_come_back_with_the_first_completion_of_the_new_switch(make):
    rack = rack_with_controller(make, *[2000] * 10, keys=200)
    rack.run(10e-3)
    rack.crash("s1")
    while not (rack.nodes["s2"].data_plane and rack.nodes["s2"].data_plane.ready):
        assert not served(rack, 10.1e-3)
        rack.run(rack.now + 5e-6)
    ready = rack.now
    rack.run(ready + 1e-3)
    # a write: client, switch, leader, follower, leader, switch, client
    assert served(rack, ready)[0] - ready < 6e-5


@BOTH
@pytest.mark.parametrize("seed", range(10))
def test_an_old_switch_that_lives_on_is_not_believed(make, seed):
    """The controller does not hear s1, which goes on forwarding what clients send through it."""
    rack = cut_off(make, seed)
    assert rack.completed() == 10 + READERS * 150 + WRITERS * 60
    rack.check()
    agree(rack)
    reasons = {event.reason for event in rack.events(Bounced)}
    assert reasons & {"not the active switch", "lease ran out"}


def cut_off(make, seed, replica=None, **how):
    """After 2 ms nobody but its clients hears from s1: they read there, others write through s2. r2 often lags."""
    base, make.replica = make.replica, replica or make.replica
    try:
        first = random_operations(seed, 10, keys=2, writes=1.0)
        reads = [random_operations(seed + i, 150, keys=2, writes=0.0) for i in range(READERS)]
        writes = [random_operations(seed + i, 60, keys=2, writes=1.0) for i in range(WRITERS)]
        through = [("s1",)] * (1 + READERS) + [("s2",)] * WRITERS
        rack = rack_with_controller(make, first, *reads, *writes, through=through, seed=seed, jitter=4.0, **how)
    finally:
        make.replica = base
    rack.run(2e-3)
    rack.lose = lambda source, to, message: (
        {source, to} == {"controller", "s1"}
        or (to == "r2" and isinstance(message, Commit | SyncCommit) and rack.random.random() < 0.8)
    )
    return rack.run(0.1)


@BOTH
def test_without_leases_and_fences_stale_reads_are_seen(make):
    beats = {"on_start": Controller.on_start, "on_beat": Controller.on_beat}
    kind = type("Unfencing", (NoFence, Controller), beats)
    rack = cut_off(make, 0, mutant(TrustsOldSwitch, make.replica), kind=kind)
    with pytest.raises(AssertionError, match=r"overlap|within"):
        rack.check()


@BOTH
def test_a_stopped_replica_gets_no_single_replica_reads_until_it_is_back(make):
    rack = rack_with_controller(make, *[1500] * 10)
    rack.run(5e-3)
    rack.crash("r2")
    rack.run(10e-3)
    assert rack.nodes["s1"].route.replicas == ("r0", "r1")
    rack.restart("r2")
    rack.run(30e-3)
    assert rack.nodes["s1"].route.replicas == ("r0", "r1", "r2")
    rack.run(40e-3)
    assert "r2" in {address for time, address, event in rack.notes if isinstance(event, Served) and time > 30e-3}
    rack.check()


@BOTH
def test_a_stopped_leader_does_not_stop_the_group(make):
    rack = rack_with_controller(make, *[500] * 10)
    rack.run(5e-3)
    rack.crash("r0")
    rack.run(0.3)
    assert rack.completed() == 5000
    rack.check()
    assert rack.nodes["s1"].route.replicas == ("r1", "r2")
    assert served(rack, 0.02)
