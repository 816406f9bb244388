import pytest
from rack import DELAY, Rack
from racks import LEASE, guarded

from scenarios.harmonia import chain
from scenarios.harmonia.client import Completed, Invoked
from scenarios.harmonia.controller import Activated, Add, Controller, Down, Membership, NewEpoch, Remove
from scenarios.harmonia.read_ahead import Configure, Configured, Copied, Join
from scenarios.harmonia.replica import Renew, Renewed, Served
from scenarios.harmonia.switch import Activate, Pong
from sim.errors import UserError
from sim.protocol import Send

NAMES = ("r0", "r1", "r2")
HARSH = {"loss": 0.01, "repeat": 0.01, "jitter": 3.0}
BOTH = pytest.mark.parametrize("protocol", ["chain", "primary_backup"])


def finish(rack, operations=8 * 400):
    while rack.completed() < operations and rack.now < 3.0:
        rack.run(rack.now + 0.05)
    rack.run(rack.now + 0.05)  # what is still under way arrives
    assert rack.completed() == operations
    assert rack.check() == operations
    return rack


def members(rack):
    return rack.nodes["controller"].members


@BOTH
@pytest.mark.parametrize("failed", NAMES)
@pytest.mark.parametrize("seed", range(2))
def test_a_replica_fails_and_the_others_go_on(protocol, failed, seed):
    rack = Rack(guarded(protocol, NAMES), seed, **HARSH).run(10e-3)
    rack.crash(failed)
    before = rack.completed()
    assert 100 < before < 1600
    finish(rack)
    assert members(rack) == tuple(name for name in NAMES if name != failed)
    stores = [rack.nodes[name].store for name in members(rack)]
    assert stores[0] == stores[1]


@BOTH
def test_two_of_three_fail_one_after_the_other_and_at_once(protocol):
    for second in (10e-3, 12e-3, 30e-3):
        rack = Rack(guarded(protocol, NAMES), 3, **HARSH).run(10e-3)
        rack.crash("r0")
        rack.run(second)
        rack.crash("r1")
        finish(rack)
        assert members(rack) == ("r2",)


@BOTH
@pytest.mark.parametrize("switches", [("s1",), ("s1", "s2")])
@pytest.mark.parametrize("seed", range(2))
def test_the_switch_fails_and_the_next_one_takes_over(protocol, switches, seed):
    rack = Rack(guarded(protocol, NAMES, switches=switches), seed, **HARSH).run(10e-3)
    rack.crash("s1")
    if len(switches) == 1:
        rack.run(12e-3)
        rack.restart("s1")
    finish(rack)
    assert [event.switch_id for event in rack.events(Activated)] == [2]
    activated = next(time for time, _, event in rack.notes if isinstance(event, Activated))
    served = [time for time, _, event in rack.notes if isinstance(event, Served)]
    assert sum(time < 10e-3 for time in served) > 20
    assert sum(time > activated for time in served) > 200
    assert all(stamp.switch in (1, 2) for stamp in (item.stamp for item in rack.nodes["r0"].store.values()))


@BOTH
def test_single_replica_reads_come_back_within_a_write_round_trip_of_the_first_completion(protocol):
    rack = Rack(guarded(protocol, NAMES, switches=("s1", "s2"), keys=50, writes=0.1)).run(10e-3)
    rack.crash("s1")
    finish(rack)
    activated = next(time for time, _, event in rack.notes if isinstance(event, Activated))
    writes = {(node, event.request) for _, node, event in rack.notes if isinstance(event, Invoked) and event.value}
    completed = next(
        time
        for time, node, event in rack.notes
        if isinstance(event, Completed) and time > activated and (node, event.request) in writes
    )
    served = next(time for time, _, event in rack.notes if isinstance(event, Served) and time > activated)
    # a write's round trip is client, switch, three replicas (or primary, backup, primary), switch, client
    assert completed - DELAY < served <= completed + 6 * DELAY


@BOTH
def test_a_replica_that_the_controller_cannot_hear_is_removed_once_its_lease_ran_out(protocol):
    class Deaf(Rack):
        def send(self, source, to, message):
            if not (self.now > 10e-3 and {source, to} == {"r2", "controller"}):
                super().send(source, to, message)

    rack = Deaf(guarded(protocol, NAMES), 5, **HARSH)
    finish(rack)
    assert members(rack) == ("r0", "r1")
    assert rack.nodes["r2"].members == NAMES  # it never heard
    epoch = next(time for time, _, event in rack.notes if isinstance(event, NewEpoch))
    served = [time for time, node, event in rack.notes if isinstance(event, Served) and node == "r2"]
    assert max(served) < epoch
    assert epoch - 10e-3 > LEASE


@BOTH
def test_a_server_is_removed_and_another_added_while_clients_go_on(protocol):
    rack = Rack(guarded(protocol, NAMES, spare=("r3",), operations=800), 6, **HARSH).run(10e-3)
    rack.tell("controller", Remove("r1"))
    rack.run(20e-3)
    assert members(rack) == ("r0", "r2")
    rack.tell("controller", Add("r3"))
    finish(rack, 8 * 800)
    assert members(rack) == ("r0", "r2", "r3")
    assert rack.nodes["r1"].store == {}
    served = {node for time, node, event in rack.notes if isinstance(event, Served) and time > 30e-3}
    assert served == {"r0", "r2", "r3"}
    stores = [rack.nodes[name].store for name in members(rack)]
    assert stores[0] == stores[1] == stores[2]


def test_a_removed_server_may_come_back_as_a_new_one():
    rack = Rack(guarded("chain", NAMES, operations=800), 6, **HARSH).run(10e-3)
    rack.tell("controller", Remove("r1"))
    rack.run(20e-3)
    rack.tell("controller", Add("r1"))
    finish(rack, 8 * 800)
    assert members(rack) == ("r0", "r2", "r1")
    assert rack.nodes["r1"].store == rack.nodes["r0"].store


@BOTH
def test_the_newcomer_survives_whoever_it_copied_from(protocol):
    for later in (0.0, 5e-5, 1e-4, 2e-4, 4e-4, 8e-4):
        rack = Rack(guarded(protocol, NAMES, spare=("r3",)), 6, **HARSH).run(10e-3)
        rack.tell("controller", Add("r3"))
        rack.run(10e-3 + later)
        rack.crash("r2" if protocol == "chain" else "r0")
        finish(rack)
        assert len(members(rack)) == 3
        assert "r3" in members(rack)


def test_craq_survives_each_failure():
    for failed in NAMES:
        rack = Rack(guarded("craq", NAMES, plain=True), 8, **HARSH).run(10e-3)
        rack.crash(failed)
        finish(rack)


def test_with_endless_leases_a_crash_is_told():
    rack = Rack(guarded("chain", NAMES, lease=float("inf")), 8, jitter=3.0).run(10e-3)
    rack.crash("r2")
    rack.tell("controller", Down("r2"))
    rack.run(11e-3)
    rack.crash("s1")
    rack.tell("controller", Down("s1"))
    rack.restart("s1")
    finish(rack)
    assert members(rack) == ("r0", "r1")


def test_everything_at_once():
    rack = Rack(guarded("chain", NAMES, spare=("r3",), switches=("s1", "s2"), operations=800), 9, **HARSH).run(10e-3)
    rack.crash("s1")
    rack.crash("r0")
    rack.tell("controller", Add("r3"))
    finish(rack, 8 * 800)
    assert members(rack) == ("r1", "r2", "r3")


def quiet(kind=Membership, **rest):
    made = kind("controller", ("s1", "s2"), NAMES, chain.route, **rest)
    made.on_start(0.0)
    return made


def sent(effects, kind):
    return {
        effect.to: effect.message for effect in effects if isinstance(effect, Send) and type(effect.message) is kind
    }


def test_a_new_switch_waits_for_every_fence_or_lease():
    controller = quiet(Controller, lease=1.0)
    renewed = sent(controller.on_timer(0.5, "switch silent"), Renew)
    assert renewed == dict.fromkeys(NAMES, Renew(2, "s2", 1.5))
    assert not sent(controller.on_message(0.5, "r0", Renewed(1)), Activate)
    for name in NAMES[:2]:
        assert not sent(controller.on_message(0.5, name, Renewed(2)), Activate)
    assert not sent(controller.on_timer(0.9, "leases ended"), Activate)
    assert sent(controller.on_timer(1.0, "leases ended"), Activate) == {"s2": Activate(2, controller.route())}
    assert sent(controller.on_timer(1.0, "beat"), Activate)  # until it says so
    controller.on_message(1.0, "s2", Pong(2, 1))
    assert not sent(controller.on_timer(1.1, "beat"), Activate)
    fenced = quiet(Controller)
    fenced.on_timer(0.5, "switch silent")
    for name in NAMES[:2]:
        assert not sent(fenced.on_message(0.5, name, Renewed(2)), Activate)
    assert sent(fenced.on_message(0.5, "r2", Renewed(2)), Activate)


def test_nobody_waits_for_the_fence_of_the_dead():
    controller = quiet(Controller)
    assert controller.on_message(0.0, "operator", Down("s2")) == []
    assert sent(controller.on_message(0.0, "operator", Down("s1")), Renew)
    controller.on_message(0.0, "r0", Renewed(2))
    controller.on_message(0.0, "r1", Renewed(2))
    assert sent(controller.on_message(0.0, "operator", Down("r2")), Activate)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s2", Pong(1, 1)),  # not the active switch
        ("s1", Pong(0, 0)),  # it started again
        ("s1", Pong(7, 1)),
        ("r0", Configured(7)),
        ("r0", Configured(1)),
        ("r9", Configured(1)),
        ("r9", Copied()),
        ("r9", Renewed(1)),
        ("operator", Add("r0")),
        ("operator", Remove("r9")),
        ("operator", Down("r9")),
        ("operator", "what is this?"),
    ],
)
def test_what_is_out_of_place_is_ignored(source, message):
    controller = quiet()
    before = controller.freeze()
    assert not controller.on_message(0.0, source, message)
    assert controller.freeze() == before


def test_the_last_replica_that_is_ready_is_never_removed():
    controller = quiet()
    for name in NAMES:
        controller.on_timer(0.0, ("silent", name))
    assert controller.doubted == {"r0", "r1"}
    controller.on_message(0.0, "s1", Pong(1, controller.route_number))
    assert controller.members == ("r2",)


def test_one_server_joins_at_a_time():
    controller = quiet()
    assert sent(controller.on_message(0.0, "operator", Add("r8")), Join) == {"r8": Join("r2")}
    assert controller.on_message(0.0, "operator", Add("r9")) == ()
    assert sent(controller.on_timer(0.0, "beat"), Join) == {"r8": Join("r2")}
    assert sent(controller.on_message(0.0, "r8", Copied()), Configure)["r8"] == Configure(2, (*NAMES, "r8"))
    assert "r8" not in controller.readers()
    controller.on_message(0.0, "r8", Configured(2))
    assert "r8" in controller.readers()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"lease": 0.0}, "lease = 0.0 s; it must be more than 0"),
        ({"patience": -1.0}, "patience = -1.0 s"),
        ({"lease": 1.0, "beat": 1.0}, "not below the lease"),
        ({"members": ()}, "at least one replica"),
    ],
)
def test_what_a_controller_refuses(wrong, says):
    given = {"members": NAMES, "lease": 1.0, **wrong}
    with pytest.raises(UserError, match=says):
        Controller("controller", ("s1",), given.pop("members"), chain.route, **given)
