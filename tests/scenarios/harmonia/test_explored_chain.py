import pytest
from explored_chain import CELLS, SAFE
from mutants import (
    DeletesNewer,
    ForwardsOverflow,
    NoDirtyCheck,
    NoFence,
    OldSwitchChain,
    QuietController,
    QuietMembership,
)
from worlds import NAMES, TWO, backup_world, chain_world, explore_ahead, switch_fails

from scenarios.harmonia.chain import Chain
from scenarios.harmonia.primary_backup import PrimaryBackup


@pytest.mark.parametrize("name", SAFE)
def test_no_violation_without_a_mutation(name):
    found = SAFE[name](states=30_000)
    assert not found.violation
    assert found.states >= 30_000


def test_a_hundred_thousand_worlds_of_a_chain():
    assert str(SAFE["chain"](states=100_000)).startswith("no violation in 100,0")


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
    made = chain_world(["Wx Rx", "Wx Rx"], **{"controller": QuietController, "switches": TWO, **mutation})
    found = explore_ahead(made, timers=1, fires=switch_fails)
    assert found.exhausted
    assert not found.violation


class Forgetful(PrimaryBackup):
    """A new primary begins without hearing what its backups have."""

    def on_members(self, former):
        effects = super().on_members(former)
        self.silent.clear()
        return effects


class Careless(PrimaryBackup):
    """The primary shows normal reads what is not committed."""

    def on_read(self, now, packet):
        return self.read_reply(packet)


class Impatient(Chain):
    """A newcomer answers before it has what changed since its copy."""

    def on_configure(self, now, source, configure):
        effects = super().on_configure(now, source, configure)
        self.ready = True
        return effects


@pytest.mark.parametrize(
    ("make", "node", "scripts", "says"),
    [
        (backup_world, Forgetful, ["Wx", "Wx"], "is lost"),
        (backup_world, Careless, ["Wx", "Rx Rx"], "not linearizable"),
    ],
)
def test_mistakes_in_the_handling_of_failures_are_found(make, node, scripts, says):
    made = make(scripts, 3, controller=QuietMembership, replica=node)
    assert says in explore_ahead(made, crashable=NAMES, crashes=1).violation


def test_a_newcomer_that_answers_too_early_is_found():
    made = chain_world(["Wx", "Rx"], 3, controller=QuietMembership, replica=Impatient, joining=("r2",))
    assert "is lost" in explore_ahead(made).violation
