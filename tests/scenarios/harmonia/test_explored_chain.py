import pytest
from explored_chain import CELLS, SAFE
from mutants import DeletesNewer, ForwardsOverflow, NoDirtyCheck, NoFence, OldSwitchChain, QuietController
from worlds import chain_world, explore_ahead, switch_fails


@pytest.mark.parametrize("name", SAFE)
def test_no_violation_without_a_mutation(name):
    found = SAFE[name](states=100_000)
    assert not found.violation
    assert found.states >= 100_000


@pytest.mark.parametrize("cell", CELLS, ids=" with ".join)
def test_each_mutant_is_found_in_few_readable_steps(cell):
    violation, explored = CELLS[cell]
    found = explored()
    assert violation in found.violation
    assert len(found.steps) <= 12
    assert any("READ x of c" in step and "(single, committed" in step for step in found.steps)


@pytest.mark.parametrize(
    "mutation",
    [
        {"data_plane": NoDirtyCheck},
        {"data_plane": DeletesNewer},
        {"data_plane": ForwardsOverflow, "stages": 1, "slots": 1},
        {"controller": NoFence},
        {"replica": OldSwitchChain},
    ],
)
def test_the_check_at_the_replica_alone_protects_a_chain_from_the_others(mutation):
    made = chain_world(["Wx Rx", "Wx Rx"], **{"controller": QuietController, **mutation})
    found = explore_ahead(made, timers=1, fires=switch_fails)
    assert found.exhausted
    assert not found.violation
