import pytest
from explored_quorum import CELLS, READS_THROUGH_NEW, SAFE, without
from mutants import HastyLeader, ReadyAtOnce, mutant
from quorum_worlds import GROUPS, World


@pytest.mark.parametrize("cell", CELLS, ids=" with ".join)
def test_each_mutant_is_found_in_few_readable_steps(cell):
    violation, explored = CELLS[cell]
    found = explored()
    assert violation in found.violation
    assert len(found.steps) <= 25
    assert any("READ" in step and "(single, committed" in step for step in found.steps)


@pytest.mark.parametrize("cell", CELLS, ids=" without ".join)
def test_there_is_nothing_to_find_without_it(cell):
    assert not without(*cell, states=15_000).violation


@pytest.mark.parametrize("name", SAFE)
def test_no_violation_without_a_mutation(name):
    found = SAFE[name](states=30_000)
    assert not found.violation
    assert found.states >= 30_000


@pytest.mark.parametrize("name", GROUPS)
def test_the_check_at_the_replica_alone_protects_from_a_switch_that_is_ready_at_once(name):
    group = GROUPS[name]
    world = World(group, **READS_THROUGH_NEW, detector=mutant(ReadyAtOnce, group.detector))
    found = world.explore(timers=0)
    assert found.exhausted
    assert not found.violation


@pytest.mark.parametrize("name", GROUPS)
def test_it_alone_protects_from_a_completion_before_the_commit(name):
    group = GROUPS[name]
    world = World(group, ("Wx Rx", "Rx"), replica=mutant(HastyLeader, group.replica), timers=frozenset({"sync"}))
    found = world.explore(timers=int(name == "nopaxos"), states=60_000)
    assert not found.violation
