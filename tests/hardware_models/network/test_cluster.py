"""A population on a cluster by hand: barriers, lines, shares, copies, outages; and time that adds up exactly."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_models.network.cluster import Cluster, Outage, Search, run
from sim.errors import UserError


def work(search: Search, what: str = "interval") -> list[tuple[int, int, float, float]]:
    return [(span.trial, span.gpu, span.start, span.end) for span in search.spans if span.what == what]


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 12))
def test_a_synchronous_makespan_is_the_sum_of_interval_maxima_exactly(seed: int, trials: int, intervals: int) -> None:
    seconds = np.random.default_rng(seed).lognormal(3, 1, (trials, intervals))
    search = run(Cluster(gpus=trials), lambda trial, interval: float(seconds[trial, interval]), trials, intervals, True)
    expected = 0.0
    for longest in seconds.max(axis=0):
        expected += longest
    assert search.makespan == expected


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 12))
def test_an_asynchronous_makespan_is_the_longest_trial_s(seed: int, trials: int, intervals: int) -> None:
    seconds = np.random.default_rng(seed).lognormal(3, 1, (trials, intervals))
    search = run(
        Cluster(gpus=trials), lambda trial, interval: float(seconds[trial, interval]), trials, intervals, False
    )
    assert search.makespan == pytest.approx(seconds.sum(axis=1).max(), rel=1e-12)
    assert search.gpu_seconds == pytest.approx(seconds.sum(), rel=1e-12)


@pytest.mark.parametrize("synchronous", [True, False])
@given(seed=st.integers(0, 2**32), gpus=st.integers(1, 4), slots=st.integers(1, 4), trials=st.integers(1, 9))
def test_every_interval_is_made_once_and_no_gpu_is_overfull(
    synchronous: bool, seed: int, gpus: int, slots: int, trials: int
) -> None:
    seconds = np.random.default_rng(seed).exponential(1.0, (trials, 5))
    cluster = Cluster(gpus, share=1 / slots, demand=0.6, checkpoint_read=0.1, checkpoint_write=0.05)
    search = run(cluster, lambda trial, interval: float(seconds[trial, interval]), trials, 5, synchronous)
    done = sorted((span.trial, span.interval) for span in search.spans if span.what == "interval")
    assert done == [(trial, interval) for trial in range(trials) for interval in range(5)]
    for gpu in range(gpus):
        edges = sorted((t, step) for s in search.spans if s.gpu == gpu for t, step in ((s.start, 1), (s.end, -1)))
        assert max(np.cumsum([step for _, step in edges]), default=0) <= slots
    assert 0 <= search.idle_share < 1


def test_more_trials_than_slots_wait_in_line() -> None:
    search = run(Cluster(gpus=2), lambda trial, interval: 10.0, 3, 1, True)
    assert work(search) == [(0, 0, 0, 10), (1, 1, 0, 10), (2, 0, 10, 20)]
    assert search.idle_share == 0.25


def test_trials_on_one_gpu_slow_each_other_beyond_all_of_it() -> None:
    """Demand 0.5: two run at full speed. Three at 2/3 until the short ends (6 s of work at 9 s), then two at 1."""
    lengths = (6.0, 10.0, 10.0)
    one = Cluster(gpus=1, share=0.25, demand=0.5)
    assert run(one, lambda trial, interval: lengths[trial], 2, 1, True).makespan == 10.0
    search = run(one, lambda trial, interval: lengths[trial], 3, 1, True)
    assert [(trial, end) for trial, _, _, end in work(search)] == [(0, 9.0), (1, 13.0), (2, 13.0)]


def test_a_gpu_of_twice_the_speed_takes_half_the_time() -> None:
    search = run(Cluster(gpus=2, speeds=(1.0, 2.0)), lambda trial, interval: 10.0, 3, 1, False)
    assert work(search) == [(0, 1, 0, 5), (1, 0, 0, 10), (2, 1, 5, 10)]


def test_a_clone_reads_before_it_goes_on_and_a_barrier_waits() -> None:
    """Intervals of 10 and 12 s, 1 s to write, 3 s to read, 2 s for the barrier: 13, then 15 + 3 + 10 + 1."""

    def exploit(reported: Sequence[int], intervals: int, now: float) -> Mapping[int, int]:
        assert (list(reported), intervals, now) == ([0, 1], 1, 13.0)
        return {0: 1}

    cluster = Cluster(gpus=2, checkpoint_write=1.0, checkpoint_read=3.0, barrier=2.0)
    search = run(cluster, lambda trial, interval: (10.0, 12.0)[trial], 2, 2, True, exploit)
    assert work(search, "read") == [(0, 0, 15, 18)]
    assert search.makespan == 29.0
    (clone,) = search.clones
    assert (clone.trial, clone.source, clone.interval, clone.source_intervals) == (0, 1, 1, 1)


def test_an_asynchronous_clone_is_as_far_as_its_source() -> None:
    """Trial 0 reports at 2 s, when trial 1 has done none: as its copy it has three intervals before it again."""

    def exploit(reported: Sequence[int], intervals: int, now: float) -> Mapping[int, int]:
        return {0: 1} if now == 2.0 else {}

    search = run(Cluster(gpus=2), lambda trial, interval: (2.0, 5.0)[trial], 2, 3, False, exploit)
    assert [end for trial, _, _, end in work(search) if trial == 0] == [2, 4, 6, 8]
    assert (search.clones[0].interval, search.clones[0].source_intervals) == (1, 0)


def test_a_clone_of_a_trial_at_its_end_is_at_its_end() -> None:
    search = run(Cluster(2), lambda trial, _: (1.0, 5.0)[trial], 2, 3, False, lambda *_: {1: 0} if _[2] > 4 else {})
    assert search.makespan == 5.0
    assert search.clones[-1].source_intervals == 3


@pytest.mark.parametrize("synchronous", [True, False])
def test_who_has_worked_through_all_intervals_is_told_of_and_no_copy_is(synchronous: bool) -> None:
    """Two trials of three intervals. Asynchronous, trial 1 copies trial 0 after its end: it works no more."""
    told: list[tuple[int, float]] = []

    def exploit(reported: Sequence[int], intervals: int, now: float) -> Mapping[int, int]:
        return {1: 0} if not synchronous and now == 5.0 else {}

    run(Cluster(2), lambda trial, _: (1.0, 5.0)[trial], 2, 3, synchronous, exploit, ended=lambda *one: told.append(one))
    assert told == ([(0, 11.0), (1, 15.0)] if synchronous else [(0, 3.0)])


def test_an_outage_undoes_an_interval_and_the_trial_comes_back() -> None:
    """The GPU is away from 14 to 20 s: 4 s of the second interval are lost, then 1 s to read and 10 s again."""
    search = run(Cluster(gpus=1, checkpoint_read=1.0), lambda *_: 10.0, 1, 2, True, outages=[Outage(0, 14.0, 6.0)])
    assert work(search, "lost") == [(0, 0, 10, 14)]
    assert work(search, "read") == [(0, 0, 20, 21)]
    assert search.makespan == 31.0
    assert search.gpu_seconds == 25.0


def test_a_preempted_trial_moves_to_a_gpu_that_is_free() -> None:
    search = run(Cluster(gpus=2), lambda *_: 10.0, 1, 1, True, outages=[Outage(0, 4.0, 100.0)])
    assert work(search) == [(0, 1, 4, 14)]


def test_outages_that_overlap_end_with_the_last() -> None:
    outages = [Outage(0, 1.0, 5.0), Outage(0, 2.0, 10.0)]
    assert run(Cluster(gpus=1), lambda *_: 1.5, 1, 1, True, outages=outages).makespan == 13.5


@pytest.mark.parametrize(
    "figures",
    [
        {"gpus": 0}, {"gpus": 1, "share": 0.0}, {"gpus": 1, "share": 1.5}, {"gpus": 1, "demand": 0.0},
        {"gpus": 2, "speeds": (1.0,)}, {"gpus": 1, "speeds": (0.0,)}, {"gpus": 1, "barrier": -1.0},
    ],
)  # fmt: skip
def test_an_impossible_cluster_is_refused(figures: dict[str, object]) -> None:
    with pytest.raises(UserError):
        Cluster(**figures)  # type: ignore[arg-type]


def test_an_impossible_search_is_refused() -> None:
    with pytest.raises(UserError, match="trials is 0"):
        run(Cluster(1), lambda *_: 1.0, 0, 1, True)
    with pytest.raises(UserError, match="takes nan s"):
        run(Cluster(1), lambda *_: float("nan"), 1, 1, True)
    with pytest.raises(UserError, match="outage"):
        run(Cluster(1), lambda *_: 1.0, 1, 1, True, outages=[Outage(1, 0.0, 1.0)])
    with pytest.raises(UserError, match="cannot clone trial 7"):
        run(Cluster(1), lambda *_: 1.0, 1, 2, True, lambda *_: {0: 7})
