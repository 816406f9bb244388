"""Lineages, segments, stretching and the published form of a log, on cases worked out by hand."""

import numpy as np
import pytest

from scenarios.pba.policy import Policy
from scenarios.pba.schedule import Schedule, Segment, Update, chain, extract, lineage
from scenarios.pba.schedule_log import line, read, write
from sim.errors import UserError


def policy(number):
    return Policy((number,) + (0,) * 59)


ZERO, A, B, C, D = (policy(number) for number in range(5))
#: 8 (clean) -> 9 at epoch 12 -> 7 at 34 -> 0 at 54; the target had done 11, 35, 56 epochs itself.
CHAIN = (
    Update("9", "8", 11, 12, ZERO, A),
    Update("7", "9", 35, 34, A, B),
    Update("0", "7", 56, 54, B, C),
)


def test_segments_follow_the_sources_epochs():
    """12 epochs of nothing, 34 - 12 of A, 54 - 34 of B, the rest of C; the targets' own epochs play no part."""
    schedule = extract(CHAIN, 60)
    assert schedule.segments == (Segment(12, ZERO), Segment(22, A), Segment(20, B), Segment(6, C))
    assert [schedule.at(epoch) for epoch in (0, 11, 12, 33, 34, 53, 54, 59, 1000)] == [ZERO, ZERO, A, A, B, B, C, C, C]
    assert list(schedule) == [ZERO] * 12 + [A] * 22 + [B] * 20 + [C] * 6
    assert schedule.last == C


def test_lines_before_the_last_break_are_cut_off():
    """The first two lines are of others: 5 is not 8, which the third copies."""
    before = (Update("4", "3", 3, 3, ZERO, D), Update("5", "4", 6, 6, D, B))
    assert chain(before + CHAIN) == CHAIN
    assert extract(before + CHAIN, 60) == extract(CHAIN, 60)


def test_a_segment_may_have_no_epochs():
    twice = (Update("1", "0", 74, 74, ZERO, A), Update("6", "1", 74, 74, A, B))
    schedule = extract(twice, 80)
    assert [segment.epochs for segment in schedule.segments] == [74, 0, 6]
    assert A not in list(schedule)


def test_a_copy_of_a_trial_at_its_end_is_at_its_end():
    schedule = extract((*CHAIN, Update("3", "0", 57, 60, C, D)), 60)
    assert [segment.epochs for segment in schedule.segments] == [12, 22, 20, 6, 0]
    assert schedule.last == C
    assert schedule.at(60) == D


def test_stretching_cuts_off_and_the_last_gets_what_is_left():
    """100 / 60: int(20.0), int(36.67), int(33.3), int(10.0) = 20, 36, 33, 10; one is left."""
    stretched = extract(CHAIN, 60).stretched(100)
    assert [segment.epochs for segment in stretched.segments] == [20, 36, 33, 11]
    assert [segment.epochs for segment in extract(CHAIN, 60).stretched(540).segments] == [108, 198, 180, 54]
    assert [segment.epochs for segment in extract(CHAIN, 60).stretched(7).segments] == [1, 2, 2, 2]
    assert extract(CHAIN, 60).stretched(60) == extract(CHAIN, 60)


def test_shuffled_is_the_same_policies_in_another_order():
    schedule = extract(CHAIN, 60)
    shuffled = schedule.shuffled(np.random.default_rng(0))
    assert sorted(p.numbers for p in shuffled) == sorted(p.numbers for p in schedule)
    assert list(shuffled) != list(schedule)


def test_lineage_follows_a_trial_back_through_all_updates():
    """1 copied 0, then 2 copied 1, then 1 copied 3: 2 comes from the old 1, and what 1 did later is not its past."""
    first, second = Update("1", "0", 3, 3, ZERO, A), Update("2", "1", 6, 6, A, B)
    third, fourth = Update("1", "3", 9, 9, ZERO, C), Update("3", "2", 12, 12, B, D)
    updates = (first, second, third, fourth)
    assert lineage(updates, "2") == (first, second)
    assert lineage(updates, "1") == (third,)
    assert lineage(updates, "3") == (first, second, fourth)
    assert lineage(updates, "0") == ()


@pytest.mark.parametrize("epochs", [53, 10])
def test_a_chain_that_goes_back_or_beyond_is_refused(epochs):
    with pytest.raises(UserError, match=f"no schedule of {epochs} epochs"):
        extract(CHAIN, epochs)


def test_what_is_no_schedule_is_refused():
    with pytest.raises(UserError, match="without updates"):
        extract((), 10)
    with pytest.raises(UserError, match="no schedule"):
        Schedule((Segment(0, ZERO),))
    with pytest.raises(UserError, match="no schedule"):
        Schedule((Segment(5, ZERO), Segment(-1, A)))
    with pytest.raises(UserError, match="epochs is 0"):
        extract(CHAIN, 60).stretched(0)


def test_a_log_is_written_and_read_back(tmp_path):
    path = tmp_path / "log.txt"
    write(path, CHAIN)
    assert read(path) == CHAIN
    zeros = ", ".join("0" * 58)
    assert path.read_text().splitlines()[0] == f"['9', '8', 11, 12, [0, 0, {zeros}], [1, 0, {zeros}]]"


def test_the_newer_form_has_mappings(tmp_path):
    path = tmp_path / "log.txt"
    old, new = list(ZERO.numbers), list(A.numbers)
    path.write_text(f"['9', '8', 11, 12, {{'hp_policy': {old}, 'lr': 0.1}}, {{'hp_policy': {new}}}]\n\n")
    assert read(path) == CHAIN[:1]
    assert line(read(path)[0]) == line(CHAIN[0])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("['9', '8', 11, 12, [0]", "line 1 is not a Python list"),
        ("__import__('os')", "line 1 is not a Python list"),
        ("['9', '8', 11, 12, [0]]", "six fields"),
        ("['9', '8', 11, 12, [0], [0]]", "60 numbers; this one has 1"),
        ("['9', '8', 11, -1, [0], [0]]", "source's epochs are -1"),
        ("['9', '8', True, 1, [0], [0]]", "target's epochs are True"),
        ("['9', '8', 11, 12, {'policy': []}, [0]]", "under 'hp_policy'"),
        (f"\n['9', '8', 11, 12, {[0] * 60}, {[12] * 60}]", "line 2: number 0 of a policy is 12"),
    ],
)
def test_a_bad_line_is_told_by_its_number(tmp_path, text, complaint):
    path = tmp_path / "log.txt"
    path.write_text(text)
    with pytest.raises(UserError, match=complaint):
        read(path)


def test_a_missing_log_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none.txt")
