"""What kind of problem is it? A11 to A14 and A17: measured on the problem alone, before any method is looked at."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sim.judge.play import Counters, Trajectory, plan_value, play
from sim.judge.problem import Instance, Plan, Problem, Rule, Situation, mistaken
from sim.judge.statistics import spearman
from sim.rng import Stream

Floats = NDArray[np.float64]
#: (instance, number) -> a workload.
Workloads = Callable[[Instance, int], Stream]
#: A13 spends this many budgets, on so many contexts per choice at least and at most.
_SEPARATE_BUDGETS, _LEAST_CONTEXTS, _MOST_CONTEXTS = 20, 8, 200
#: A12: episodes that are replayed, and steps of each that are changed.
_REPLAYS, _CHANGES = 12, 6
#: A11: uniform episodes, steps looked back, and rows at most.
_EPISODES, _BACK, _MOST_ROWS = 200, 4, 1600
#: A17: plans that are also tried on the real thing.
_REAL = 20


def separate_plan(problem: Problem, instance: Instance, workloads: Workloads, stream: Stream) -> Plan:
    """A13: for each decision alone the choice of the best mean over random contexts, the same ones for every choice.

    a*_d = argmax_k mean_q f(context_q with a_d = k), in 20 budgets' worth of evaluations.
    """
    contexts = max(_LEAST_CONTEXTS, min(_MOST_CONTEXTS, _SEPARATE_BUDGETS * problem.budget // sum(problem.arms)))
    drawn = [problem.random_plan(stream) for _ in range(contexts)]
    best = []
    for decision, count in enumerate(problem.arms):
        means = np.zeros(count)
        for number, context in enumerate(drawn):
            for arm in range(count):
                plan = (*context[:decision], arm, *context[decision + 1 :])
                means[arm] += problem.sign * plan_value(instance, plan, workloads(instance, number))
        best.append(int(np.argmax(means)))
    return tuple(best)


@dataclass(frozen=True, slots=True)
class Delay:
    """A12. `index` is the mean lag of a choice's effect on rewards, in steps; `sparse` the share of steps that pay."""

    index: float | None
    sparse: float


def delay(problem: Problem, instances: Sequence[Instance], workloads: Workloads, stream: Stream) -> Delay:
    """A12: change one step's choice, keep all others and the workload; E_k = mean |change of the reward k later|.

    index = sum k E_k / sum E_k.
    """
    effect = np.zeros(problem.horizon)
    counted = np.zeros(problem.horizon)
    paid, steps = 0, 0
    for number in range(_REPLAYS):
        instance = instances[number % len(instances)]
        base = _open_loop(problem, instance, workloads(instance, number), [], stream)
        paid += sum(reward != 0.0 for reward in base.rewards)
        steps += len(base.rewards)
        for step in _spread(len(base.arms), _CHANGES):
            count = problem.arms[base.situations[step].decision]
            if count < 2:
                continue
            changed = list(base.arms)
            changed[step] = (changed[step] + 1 + stream.integer(0, count - 1)) % count
            other = _open_loop(problem, instance, workloads(instance, number), changed, stream)
            length = min(len(base.rewards), len(other.rewards)) - step
            difference = np.abs(np.subtract(base.rewards[step : step + length], other.rewards[step : step + length]))
            effect[:length] += difference
            counted[:length] += 1.0
    means = np.divide(effect, counted, out=np.zeros_like(effect), where=counted > 0)
    total = float(means.sum())
    index = float((np.arange(len(means)) * means).sum() / total) if total > 0.0 else None
    return Delay(index, paid / steps)


def _spread(length: int, number: int) -> list[int]:
    return sorted({int(step) for step in np.linspace(0, length - 1, min(length, number))})


def _open_loop(
    problem: Problem, instance: Instance, workload: Stream, arms: Sequence[int], stream: Stream
) -> Trajectory:
    """Play `arms` by step whatever is seen; uniform ones where there are none."""

    def rule(situation: Situation) -> int:
        count = problem.arms[situation.decision]
        return arms[situation.step] % count if situation.step < len(arms) else stream.integer(0, count)

    return play(instance.start(workload), rule, Counters())


@dataclass(frozen=True, slots=True)
class Observed:
    """A11: out-of-fold R^2 of the return from the last step alone and from the last four; and collisions.

    A collision is a set of situations that look the same and have different best choices.
    """

    one: float | None
    four: float | None
    collisions: int

    @property
    def partially(self) -> bool:
        """Whether history helps by more than 0.05 of the variance."""
        return self.one is not None and self.four is not None and self.four - max(self.one, 0.0) > 0.05


def observed(problem: Problem, instances: Sequence[Instance], workloads: Workloads, stream: Stream) -> Observed:
    """A11 from uniform episodes: what is still to come is regressed on what is seen and chosen, 1 or 4 steps back."""
    now, before, ahead, groups = [], [], [], []
    for number in range(_EPISODES):
        instance = instances[number % len(instances)]
        trajectory = _open_loop(problem, instance, workloads(instance, number), [], stream)
        rows = [
            (*s.seen, float(s.decision), float(a)) for s, a in zip(trajectory.situations, trajectory.arms, strict=True)
        ]
        rewards = trajectory.rewards
        if problem.rewards == "at the end":
            rewards = (0.0,) * (len(rewards) - 1) + (trajectory.value,)
        to_come = np.cumsum(rewards[::-1])[::-1]
        blank = (0.0,) * len(rows[0])
        for step in _spread(len(rows), max(1, _MOST_ROWS // _EPISODES)):
            now.append(rows[step])
            before.append(sum((rows[step - k] if step >= k else blank for k in range(_BACK)), ()))
            ahead.append(to_come[step])
            groups.append(number)
    target = np.array(ahead)
    if problem.horizon == 1 or target.std() == 0.0:
        return Observed(None, None, 0)
    one, four = (_out_of_fold(np.array(x), target, np.array(groups)) for x in (now, before))
    return Observed(one, four, collisions(problem, instances, workloads, stream))


def _out_of_fold(x: Floats, y: Floats, groups: NDArray[np.int64]) -> float:
    """R^2 of gradient boosting, whole episodes held out, five folds. One thread: so small a fit only waits for more."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    predicted = np.empty_like(y)
    with threadpool_limits(1):
        for fold in range(5):
            held = groups % 5 == fold
            model = HistGradientBoostingRegressor(max_iter=60, min_samples_leaf=10, random_state=0)
            predicted[held] = model.fit(x[~held], y[~held]).predict(x[held])
    return float(1.0 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def collisions(problem: Problem, instances: Sequence[Instance], workloads: Workloads, stream: Stream) -> int:
    """How many exact observations have situations with different best choices, by replaying each with every choice.

    What would follow is held still within a situation, so a difference is one of what cannot be seen.
    """
    best: dict[tuple[int, tuple[float, ...]], set[int]] = defaultdict(set)
    for number in range(_REPLAYS // 2):
        instance = instances[number % len(instances)]
        base = _open_loop(problem, instance, workloads(instance, number), [], stream)
        for step in _spread(len(base.arms), _CHANGES):
            situation = base.situations[step]
            values = []
            for arm in range(problem.arms[situation.decision]):
                changed = [*base.arms[:step], arm, *base.arms[step + 1 :]]
                values.append(
                    problem.sign * _open_loop(problem, instance, workloads(instance, number), changed, stream).value
                )
            ordered = sorted(values)
            if len(values) > 1 and ordered[-1] > ordered[-2]:
                best[situation.decision, (*instance.features, *situation.seen)].add(int(np.argmax(values)))
    return sum(len(choices) > 1 for choices in best.values())


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A17: rank correlation of model and reality over plans, and what the model's first choice loses in reality."""

    correlation: float | None
    regret: float


def fidelity(problem: Problem, instance: Instance, workloads: Workloads, stream: Stream) -> Fidelity | None:
    """A17 over 20 uniform plans; None without a real thing."""
    if problem.real is None:
        return None
    plans = [problem.random_plan(stream) for _ in range(_REAL)]
    modelled = [problem.sign * plan_value(instance, plan, workloads(instance, 0)) for plan in plans]
    real = [problem.sign * problem.real(instance, plan) for plan in plans]
    lost = max(real) - real[int(np.argmax(modelled))]
    return Fidelity(spearman(modelled, real), lost / abs(max(real)) if max(real) else lost)


def noisy(rule: Rule, problem: Problem, stream: Stream, share: float = 0.05) -> Rule:
    """A9: `rule` behind observations with 5 % noise, as the problem's `misread` has it.

    Without one, numbers are scaled by 1 + share * normal, and a share of table entries mistaken for a neighbour.
    """
    misread = problem.misread or partial(_scaled, len(problem.arms))

    def seeing(situation: Situation) -> int:
        return min(rule(misread(situation, share, stream)), problem.arms[situation.decision] - 1)

    return seeing


def _scaled(decisions: int, situation: Situation, share: float, stream: Stream) -> Situation:
    seen = tuple(value * (1.0 + share * stream.normal()) for value in situation.seen)
    decision = situation.decision
    if decision != situation.step:
        decision = mistaken(decision, decisions, share, stream)
    return replace(situation, seen=seen, decision=decision)
