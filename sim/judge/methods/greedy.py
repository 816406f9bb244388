"""Greedy search: one decision after the other, the rest held still."""

from collections.abc import Generator

from sim.judge.methods import Setting
from sim.judge.methods.searching import Searching, random_plan
from sim.judge.problem import Plan
from sim.rng import Stream

#: A search written as a generator: it yields plans and is sent their scores.
Walk = Generator[Plan, float, None]


class Walking:
    """A search that is a generator."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._next = next(walk)

    def propose(self) -> Plan:
        """The plan that the walk waits for."""
        return self._next

    def learn(self, plan: Plan, score: float) -> None:
        """Send the score in."""
        self._next = self._walk.send(score)


def with_choice(plan: Plan, decision: int, arm: int) -> Plan:
    """`plan` with one choice replaced."""
    return (*plan[:decision], arm, *plan[decision + 1 :])


def shuffled(count: int, stream: Stream) -> list[int]:
    """0 to count - 1 in random order."""
    return [int(index) for index in stream.generator.permutation(count)]


def factored_walk(arms: tuple[int, ...], stream: Stream) -> Walk:
    """From a random plan every choice alone, then all the best ones together; and again from another."""
    while True:
        base = random_plan(arms, stream)
        height = yield base
        joined = base
        for decision in shuffled(len(arms), stream):
            scores = {base[decision]: height}
            for arm in range(arms[decision]):
                if arm != base[decision]:
                    scores[arm] = yield with_choice(base, decision, arm)
            joined = with_choice(joined, decision, max(scores, key=lambda arm: scores[arm]))
        yield joined


def sequential_walk(arms: tuple[int, ...], stream: Stream) -> Walk:
    """Coordinate ascent: the best choice of a decision is kept at once; sweeps until one brings nothing."""
    while True:
        base = random_plan(arms, stream)
        height = yield base
        improved = True
        while improved:
            improved = False
            for decision in shuffled(len(arms), stream):
                scores = {base[decision]: height}
                for arm in range(arms[decision]):
                    if arm != base[decision]:
                        scores[arm] = yield with_choice(base, decision, arm)
                arm = max(scores, key=lambda arm: scores[arm])
                if scores[arm] > height:
                    base, height, improved = with_choice(base, decision, arm), scores[arm], True


def factored(setting: Setting) -> Searching:
    """Each decision alone, one pass."""
    return Searching(setting, lambda arms, budget, stream: Walking(factored_walk(arms, stream)))


def sequential(setting: Setting) -> Searching:
    """Coordinate ascent with restarts."""
    return Searching(setting, lambda arms, budget, stream: Walking(sequential_walk(arms, stream)))
