"""Collectives compute the sum, send the bytes that the closed forms say, and refuse what makes no sense."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware_models.network.collectives import (
    COLLECTIVES,
    collective,
    gather_seconds,
    gather_sizes,
    hierarchical,
    hierarchical_seconds,
    pieces,
    traffic,
)
from hardware_models.network.link_card import Wire
from sim.errors import UserError

WIRE = Wire(1e9, 1e-5)


@given(st.sampled_from(sorted(COLLECTIVES)), st.integers(0, 10**9), st.integers(1, 65))
def test_bytes_are_the_closed_form_to_the_byte(name: str, size: int, workers: int) -> None:
    one = collective(name)
    counted = traffic(one.rounds(size, workers), workers + (name == "switch"))
    assert counted.sent.sum() == counted.received.sum() == one.bytes(size, workers)


@pytest.mark.parametrize("workers", [4, 16, 64, 256])
def test_bytes_per_worker(workers: int) -> None:
    size = 10**6 + 1
    for name in ("ring", "halving_doubling"):
        sent = traffic(collective(name).rounds(size, workers), workers).sent
        assert abs(sent - 2 * (workers - 1) / workers * size).max() <= 2 * workers
    tree = traffic(collective("tree").rounds(size, workers), workers).sent
    assert tree.max() == tree[0] + 0 == np.log2(workers) * size  # the root broadcasts, log2 p times
    sizes = np.random.default_rng(workers).integers(0, 10**6, workers)
    gathered = traffic(gather_sizes(sizes.tolist()), workers)
    assert gathered.sent.sum() == (workers - 1) * sizes.sum()
    assert (gathered.received == sizes.sum() - sizes).all()


@given(st.integers(2, 6), st.integers(2, 6), st.integers(0, 10**6))
def test_islands_send_as_much_and_little_between_them(islands: int, island: int, size: int) -> None:
    between = total = 0
    for source, destination, sizes in hierarchical(size, islands, island):
        total += sizes.sum()
        between += sizes[source // island != destination // island].sum()
    assert total == 2 * (islands * island - 1) * size
    assert between == 2 * (islands - 1) * size


@pytest.mark.parametrize(("name", "rounds"), [("ring", 14), ("halving_doubling", 6), ("tree", 6), ("all_gather", 7)])
def test_rounds(name: str, rounds: int) -> None:
    assert len(list(collective(name).rounds(80, 8))) == rounds


@pytest.mark.parametrize("workers", [1, 2, 3, 5, 8, 12, 16])
@pytest.mark.parametrize("name", ["ring", "halving_doubling", "tree"])
def test_nobody_sends_or_receives_twice_in_a_round(name: str, workers: int) -> None:
    for source, destination, _ in collective(name).rounds(1000, workers):
        assert len(set(source.tolist())) == len(source)
        assert len(set(destination.tolist())) == len(destination)


@pytest.mark.parametrize("workers", [2, 3, 4, 7, 8])
def test_the_ring_sums_every_piece(workers: int) -> None:
    """Piece by piece: a received piece is added on the way round, then replaced."""
    rounds = list(collective("ring").rounds(workers, workers))  # pieces of one byte
    have = [[{worker} for _ in range(workers)] for worker in range(workers)]
    for step, (source, destination, _) in enumerate(rounds):
        phase, lag = (0, step) if step < workers - 1 else (1, step - workers + 1)
        piece = (source + phase - lag) % workers
        moving = [set(have[s][p]) for s, p in zip(source, piece, strict=True)]
        for d, p, what in zip(destination, piece, moving, strict=True):
            have[d][p] = have[d][p] | what if phase == 0 else what
    assert all(part == set(range(workers)) for row in have for part in row)


def test_halving_doubling_by_hand() -> None:
    """Five bytes, four workers. The lower two keep bytes 0 to 1, the upper two 2 to 4; then each keeps its end.

    On the way back a worker sends what it owns: 0, 1 and 2 a byte each and worker 3 two (bytes 3 and 4), then the
    lower two their two bytes and the upper two their three.
    """
    rounds = list(collective("halving_doubling").rounds(5, 4))
    assert [one.size.tolist() for one in rounds] == [[3, 3, 2, 2], [1, 1, 2, 1], [1, 1, 1, 2], [2, 2, 3, 3]]
    assert [one.destination.tolist() for one in rounds] == [[2, 3, 0, 1], [1, 0, 3, 2], [1, 0, 3, 2], [2, 3, 0, 1]]


def test_pieces_differ_by_one_byte() -> None:
    assert pieces(10, 4).tolist() == [2, 3, 2, 3]
    assert pieces(2, 4).sum() == 2


def test_seconds_by_hand() -> None:
    """Eight workers, 8 MB, 1 GB/s, 10 us. Ring: 14 messages of 1 MB: 14 x 1.01 ms."""
    size = 8 * 10**6
    assert collective("ring").seconds(size, 8, WIRE) == pytest.approx(14 * 1.01e-3, rel=1e-12)
    # three messages of 4, 2 and 1 MB each way
    assert collective("halving_doubling").seconds(size, 8, WIRE) == pytest.approx(2 * (3e-5 + 7e-3), rel=1e-12)
    assert collective("tree").seconds(size, 8, WIRE) == pytest.approx(6 * 8.01e-3, rel=1e-12)
    assert collective("switch").seconds(size, 8, WIRE) == pytest.approx(2 * 8.01e-3, rel=1e-12)
    # two islands of four; 6 x (2 MB at 10 GB/s) inside, 2 x (4 MB at 1 GB/s + 10 us) between
    seconds = hierarchical_seconds(size, 2, 4, Wire(1e10), WIRE)
    assert seconds == pytest.approx(6 * 2e-4 + 2 * 4.01e-3, rel=1e-12)
    assert gather_seconds([10**6, 2 * 10**6, 0], WIRE) == pytest.approx(2 * 2.01e-3, rel=1e-12)


def test_alone_nothing_is_sent_and_nothing_costs() -> None:
    for name in ("ring", "halving_doubling", "tree", "all_gather", "reduce_scatter"):
        assert not list(collective(name).rounds(100, 1))
        assert collective(name).seconds(100, 1, WIRE) == 0


def test_nonsense_is_refused() -> None:
    with pytest.raises(UserError, match="did you mean ring"):
        collective("rung")
    with pytest.raises(UserError, match="workers is 0"):
        collective("ring").seconds(1, 0, WIRE)
    with pytest.raises(UserError, match="size is -1"):
        list(collective("tree").rounds(-1, 4))
