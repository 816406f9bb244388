import pytest

from scenarios.harmonia.detector import (
    ABSORBED,
    EXHAUSTED,
    FULL,
    GENERATORS,
    LAST_SEQUENCE,
    Detector,
    Read,
    places,
)
from scenarios.harmonia.packet import Op, Packet, Stamp
from sim.errors import UserError

REPLICAS = ("a", "b", "c")


def one(stages=3, slots=64, switch_id=1):
    return Detector(switch_id, stages, slots, REPLICAS)


def ready(**sizes):
    detector = one(**sizes)
    detector.completion(0, detector.write(0))
    return detector


def colliding(count, slots, stages=1):
    """Objects that share their slot in every one of the first `stages` stages."""
    wanted = places(1, stages, slots)
    return [x for x in range(1, 100_000) if places(x, stages, slots) == wanted][:count]


def test_generators_differ():
    assert len(set(GENERATORS)) == len(GENERATORS) == 14


def test_a_pending_write_makes_its_object_dirty_until_its_completion():
    detector = ready()
    stamp = detector.write(7)
    assert stamp == Stamp(1, 2)
    assert detector.read(7) == Read(None, None)
    assert detector.read(8, choice=4) == Read("b", Stamp(1, 1))
    assert detector.completion(7, stamp)
    assert detector.read(7, choice=2) == Read("c", Stamp(1, 2))


def test_no_single_replica_read_before_the_first_own_completion():
    detector = one()
    assert detector.read(5) == Read(None, None)
    detector.completion(9, detector.write(9))
    assert detector.read(5).replica == "a"


def test_an_older_completion_leaves_a_newer_entry():
    detector = ready()
    first, second = detector.write(7), detector.write(7)
    detector.completion(7, first)
    assert detector.is_dirty(7)
    detector.completion(7, second)
    assert not detector.is_dirty(7)


def test_a_completion_clears_its_object_at_every_stage():
    one_, other = colliding(2, 16, stages=1)
    detector = ready(stages=2, slots=16)
    blocker = detector.write(other)  # takes the slot of stage 0
    early = detector.write(one_)  # so this one lives in stage 1
    detector.completion(other, blocker)
    late = detector.write(one_)  # and now in stage 0 as well
    assert [array.get(places(one_, 2, 16)[j]) for j, array in enumerate(detector.arrays)] == [(one_, 4), (one_, 3)]
    detector.completion(one_, early)
    assert detector.is_dirty(one_)
    detector.completion(one_, late)
    assert detector.occupancy() == 0


def test_a_write_without_a_slot_is_dropped_and_uses_its_sequence_up():
    first, second, third = colliding(3, 4, stages=2)
    detector = one(stages=2, slots=4)
    assert detector.write(first)
    assert detector.write(second)
    assert detector.write(third) is None
    assert (detector.dropped, detector.sequence) == (1, 3)
    assert detector.write(first) == Stamp(1, 4)  # its own slot takes it


def test_lost_completions_leave_strays_that_reads_ignore_and_a_sweep_frees():
    stray, second, third = colliding(3, 4, stages=1)
    detector = one(stages=1, slots=4)
    detector.write(stray)
    other = next(x for x in range(1, 99) if places(x, 1, 4) != places(stray, 1, 4))
    detector.completion(other, detector.write(other))
    assert detector.write(second) is None  # dead, but only the sweep tells writes so
    detector.sweep()
    assert detector.write(second) is not None
    detector.completion(other, detector.write(other))
    assert not detector.is_dirty(second)  # lazily cleared by this read
    assert detector.write(third) is not None


@pytest.mark.parametrize("stamp", [Stamp(2, 1), Stamp(0, 1), Stamp(1, 0), Stamp(1, 3), Stamp(1, LAST_SEQUENCE)])
def test_forged_and_stale_completions_are_counted_and_change_nothing(stamp):
    detector = one()
    detector.write(7)
    detector.write(8)
    before = detector.freeze()
    assert not detector.completion(7, stamp)
    assert (detector.freeze(), detector.refused) == (before, 1)


def test_a_write_that_would_wrap_is_dropped_until_the_id_is_bumped():
    detector = ready()
    detector.sequence = LAST_SEQUENCE - 1
    assert detector.write(3) == Stamp(1, LAST_SEQUENCE)
    verdict = detector.process(Packet(Op.WRITE, 3, "client", 1))
    assert (verdict.target, verdict.reason, detector.dropped) == ("drop", EXHAUSTED, 1)
    assert detector.is_dirty(3)
    detector.restart(2)
    assert detector.write(3) == Stamp(2, 1) > Stamp(1, LAST_SEQUENCE)
    assert detector.read(5) == Read(None, None)


@pytest.mark.parametrize("switch_id", [0, 1, 3, 2**16])
def test_an_id_that_does_not_grow_is_refused(switch_id):
    detector = one(switch_id=3)
    with pytest.raises(UserError, match="switch_id"):
        detector.restart(switch_id)


def test_packets_become_verdicts():
    detector = ready()
    write = detector.process(Packet(Op.WRITE, 7, "client", 1))
    assert (write.target, write.packet.stamp) == ("write", Stamp(1, 2))
    assert detector.process(Packet(Op.READ, 7, "client", 2)).target == "read"
    reply = Packet(Op.WRITE_REPLY, 7, "client", 1, stamp=Stamp(1, 2))
    assert detector.process(reply).target == "client"
    read = detector.process(Packet(Op.READ, 7, "client", 2), choice=1)
    assert (read.replica, read.packet.single, read.packet.committed) == ("b", True, Stamp(1, 2))
    done = detector.process(Packet(Op.WRITE_COMPLETION, 7, "", 0, stamp=Stamp(1, 2)))
    assert (done.target, done.reason) == ("drop", ABSORBED)
    full = one(stages=1, slots=1)
    full.write(1)
    assert full.process(Packet(Op.WRITE, 2, "client", 1)).reason == FULL


def test_freeze_and_thaw():
    detector = ready()
    detector.write(7)
    before = detector.freeze()
    hash(before)
    detector.completion(7, detector.write(7))
    assert detector.freeze() != before
    detector.thaw(before)
    assert detector.freeze() == before
    assert detector.is_dirty(7)


@pytest.mark.parametrize(
    ("stages", "slots", "says"),
    [(0, 4, "stages = 0"), (15, 4, "stages = 15"), (3, 0, "slots = 0"), (3, 6, "power of two")],
)
def test_sizes_that_cannot_be(stages, slots, says):
    with pytest.raises(UserError, match=says):
        one(stages=stages, slots=slots)


def test_no_replicas():
    with pytest.raises(UserError, match="replicas is empty"):
        Detector(1, 3, 64, ())
