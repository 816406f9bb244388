import numpy as np
import pytest

from scenarios.harmonia.detector import Detector
from scenarios.harmonia.loss_model import LAWS, advise, loss, simulate, slots_for, supported_writes
from scenarios.harmonia.packet import Stamp
from sim.errors import UserError
from sim.rng import Streams

SLOTS, WRITES = 1024, 600_000


def streams(name):
    return Streams(5, "loss", name)


@pytest.mark.parametrize("stages", range(1, 7))
@pytest.mark.parametrize("law", LAWS)
def test_simulated_drops_and_occupancy_follow_the_closed_form(law, stages):
    """3 % or three standard errors for drops, 1 % for occupancy, from 5 % to 150 % of the slots offered."""
    for share in (0.05, 0.2, 0.5, 1.0, 1.5):
        load = share * stages * SLOTS
        found, wanted = simulate(load, stages, SLOTS, WRITES, streams(stages), law), loss(load, stages, SLOTS)
        assert found.drop == pytest.approx(wanted.drop, rel=0.03, abs=3 * found.sigma), share
        assert found.occupancy == pytest.approx(wanted.occupancy, rel=0.01), share


@pytest.mark.parametrize(
    ("load", "stages", "total", "drop", "occupancy"),
    [
        (400, 3, 2000, 2.75e-3, 398.9),
        (800, 3, 2000, 4.45e-2, 764.4),
        (800, 1, 2000, 2.857e-1, 571.4),
        (800, 2, 2000, 1.166e-1, 706.7),
        (800, 4, 2000, 1.384e-2, 788.9),
        (800, 3, 4096, 2.44e-3, 798.0),
        (4000, 3, 8192, 7.98e-2, 3681),
        (96000, 3, 192000, 8.5e-2, 87845),
    ],
)
def test_closed_form(load, stages, total, drop, occupancy):
    found = loss(load, stages, total / stages)
    assert found.drop == pytest.approx(drop, rel=6e-3)
    assert found.occupancy == pytest.approx(occupancy, rel=2e-4)


def test_one_stage_is_erlangs_formula():
    """One place per slot: a share a / (1 + a) of what is offered is lost."""
    assert loss(3, 1, 3).drop == 0.5
    assert loss(1, 1, 4).drop == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("stages", "shares"),
    [(2, (0.366, 0.128, 0.054)), (3, (0.533, 0.267, 0.163)), (4, (0.641, 0.378, 0.269)), (6, (0.769, 0.526, 0.427))],
)
def test_the_load_that_a_target_allows(stages, shares):
    for drop, share in zip((1e-1, 1e-2, 1e-3), shares, strict=True):
        assert 1e5 / (stages * slots_for(drop, 1e5, stages)) == pytest.approx(share, abs=6e-4)


@pytest.mark.parametrize(("drop", "stages"), [(0.1, 1), (0.03, 2), (0.01, 3), (0.03, 6)])
def test_the_advice_is_within_5_percent_of_the_simulated_minimum(drop, stages):
    """With 5 % more slots than advised a simulation meets the target, with 5 % fewer it misses it."""
    load = 1000.0
    advised = slots_for(drop, load, stages)
    for factor, meets in ((1.05, True), (0.95, False)):
        found = simulate(load, stages, round(factor * advised), WRITES, streams(stages))
        assert (found.drop <= drop) is meets


def test_the_advised_size_is_the_smallest():
    for stages in (1, 3, 5):
        slots = slots_for(1e-3, 700, stages)
        assert loss(700, stages, slots).drop <= 1e-3 < loss(700, stages, slots - 1).drop


def test_advice_is_sorted_by_memory():
    found = advise(1e-3, 80, 6)
    assert [one.memory_bits for one in found] == sorted(one.memory_bits for one in found)
    assert all(one.slots & (one.slots - 1) == 0 and one.drop <= 1e-3 for one in found)
    assert advise(1e-3, 80, 3, power_of_two=False)[0].slots == 164


def test_96_million_writes_per_second_pending_for_a_millisecond():
    """The paper's example: half full, three stages drop 8.5 %; five stages of 64 Ki slots reach 0.1 %."""
    assert supported_writes(0.5, 3, 64_000, 1e-3) == pytest.approx(96e6)
    assert loss(96_000, 3, 64_000).drop == pytest.approx(0.085, rel=1e-3)
    five = next(one for one in advise(1e-3, 96_000, 9) if one.stages == 5)
    assert (five.slots, round(five.drop, 4)) == (65536, 1e-4)


def test_few_objects_lose_less():
    """A write of an object that has a slot reuses it: with a thousand objects fewer writes find none."""
    many = simulate(800, 3, 667, WRITES, streams(1))
    few = simulate(800, 3, 667, WRITES, streams(1), objects=1000)
    assert few.drop < 0.8 * many.drop
    assert few.occupancy < many.occupancy


def test_same_streams_same_counts():
    assert simulate(100, 2, 64, 20_000, streams(1)) == simulate(100, 2, 64, 20_000, streams(1))
    assert simulate(100, 2, 64, 20_000, streams(1)) != simulate(100, 2, 64, 20_000, streams(2))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: loss(0, 3, 100), "load = 0"),
        (lambda: loss(10, 0, 100), "stages = 0"),
        (lambda: loss(10, 3, 0), "slots = 0"),
        (lambda: slots_for(1.0, 10, 3), "drop = 1.0"),
        (lambda: simulate(10, 3, 100, 0, streams(1)), "writes = 0"),
        (lambda: simulate(10, 3, 100, 10, streams(1), law="gamma"), "law = 'gamma'"),
    ],
)
def test_bad_input(call, says):
    with pytest.raises(UserError, match=says):
        call()


@pytest.mark.parametrize("stages", range(1, 7))
def test_the_detector_itself_loses_what_the_model_says(stages):
    """Its CRCs and its clearing by completions, not ideal hashes: every write is pending for one time unit."""
    slots, writes, share = 256, 60_000, 0.7
    load = share * stages * slots
    rng = streams(stages)("arrivals").generator
    times = np.cumsum(rng.exponential(1 / load, writes))
    objects = rng.integers(0, 2**32, writes).tolist()
    detector = Detector(1, stages, slots, ("a",))
    dropped, taken, completed, warm = 0, 0, 0, writes // 5
    for number, (now, item) in enumerate(zip(times, objects, strict=True)):
        while times[completed] + 1 <= now:
            detector.completion(objects[completed], Stamp(1, completed + 1))
            completed += 1
        if number >= warm and number % 50 == 0:
            taken += detector.occupancy()
        dropped += detector.write(item) is None and number >= warm
    wanted, counted = loss(load, stages, slots), writes - warm
    sigma = (wanted.drop / counted) ** 0.5
    assert dropped / counted == pytest.approx(wanted.drop, rel=0.03, abs=3 * sigma)
    assert taken / (counted / 50) == pytest.approx(wanted.occupancy, rel=0.01)
