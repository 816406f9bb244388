"""The pipeline model's program as a switch node's data plane, searched like any other."""

from worlds import chain_world, explore_ahead

from scenarios.harmonia.emulated.soft import PipelineDataPlane
from scenarios.harmonia.packet import Op, Packet, object_id


def pipeline(switch_id, stages, slots, replicas):
    return PipelineDataPlane(switch_id, stages, slots, replicas, "tofino1")


def request(op, number):
    return Packet(op, object_id("x"), "c0", number, key="x")


def test_no_violation_behind_the_program_itself():
    found = explore_ahead(chain_world(["Wx Rx", "Wx Rx"], data_plane=pipeline))
    assert not found.violation
    assert found.exhausted


def test_a_snapshot_is_gone_back_to_whole():
    plane = pipeline(1, 2, 4, ("r0", "r1"))
    empty = plane.freeze()
    written = plane.process(request(Op.WRITE, 1)).packet
    dirty = plane.freeze()
    assert dirty != empty
    assert plane.process(request(Op.READ, 2)).target == "read"
    plane.process(written._replace(op=Op.WRITE_COMPLETION))
    assert plane.process(request(Op.READ, 2)).target == "replica"
    plane.replicas = ("r0",)
    plane.sweep()
    for state in (dirty, empty):
        plane.thaw(state)
        assert plane.freeze() == state
        assert plane.replicas == ("r0", "r1")
    assert plane.process(request(Op.WRITE, 1)).packet.stamp == written.stamp
    plane.thaw(dirty)
    assert plane.process(request(Op.READ, 2)).target == "read"
