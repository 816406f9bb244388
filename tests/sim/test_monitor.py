"""The monitor against the definition: is there an order of the operations that explains their answers?"""

from itertools import permutations
from random import Random

from sim.monitor import NEW, READ, answer, invoke, linearizable


def history(random, processes=3, events=10):
    """Random events: (process, operation) begins, (process, answer) ends; reads answer what was written, or nothing."""
    open_, made, written = {}, [], [None]
    for _ in range(events):
        process = random.randrange(processes)
        if process in open_:
            operation = open_.pop(process)
            made.append((process, "ends", None if operation != READ else random.choice(written)))
        else:
            operation = READ if random.random() < 0.5 else ("write", len(written))
            if operation != READ:
                written.append(len(written))
            open_[process] = operation
            made.append((process, "begins", operation))
    return made


def explained(events):
    """By definition, trying every order of the finished operations and every set of unfinished writes."""
    operations, open_ = [], {}
    for time, (process, what, which) in enumerate(events):
        if what == "begins":
            open_[process] = [time, float("inf"), which, None]
            operations.append(open_[process])
        else:
            open_[process][1], open_[process][3] = time, which
    finished = [one for one in operations if one[1] < float("inf")]
    unfinished = [one for one in operations if one[1] == float("inf") and one[2] != READ]
    return any(
        _explains(order)
        for chosen in _subsets(unfinished)
        for order in permutations([*finished, *chosen])
        if all(one[1] > other[0] for i, other in enumerate(order) for one in order[i + 1 :])
    )


def _subsets(items):
    for mask in range(1 << len(items)):
        yield [item for i, item in enumerate(items) if mask >> i & 1]


def _explains(order):
    value = None
    for _, _, (kind, written), answered in order:
        if kind == "write":
            value = written
        elif answered != value:
            return False
    return True


def test_the_monitor_agrees_with_the_definition():
    verdicts = []
    for seed in range(1500):
        events = history(Random(seed))
        ways = NEW
        for process, what, which in events:
            ways = invoke(ways, process, which) if what == "begins" else answer(ways, process, which)
        verdicts.append(linearizable(ways))
        assert verdicts[-1] == explained(events), events
    assert 200 < sum(verdicts) < 1300


def test_histories_after_which_the_same_may_happen_are_equal():
    def one_after_the_other(*values):
        ways = NEW
        for value in values:
            ways = answer(invoke(ways, "a", ("write", value)), "a", None)
        return ways

    assert one_after_the_other(1, 2) == one_after_the_other(2)
    assert one_after_the_other(1) != one_after_the_other(2)
