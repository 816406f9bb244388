"""One evaluation: a rule against an episode, with every step written down and both sides' CPU time apart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import process_time_ns

from sim.judge.problem import ByPlan, Episode, Evaluates, Instance, Plan, Rule, Situation
from sim.rng import Stream, Streams

#: The scenario name of all workloads: not the method's, so that every method meets the same ones.
_WORKLOADS = "judge workloads"


@dataclass(frozen=True, slots=True)
class Trajectory:
    """An episode that is over. `value` is in the problem's own direction, as are the rewards."""

    situations: tuple[Situation, ...]
    arms: tuple[int, ...]
    rewards: tuple[float, ...]
    value: float


@dataclass(slots=True)
class Counters:
    """What was spent: evaluations (episodes), steps, events of the simulator, CPU seconds on both sides."""

    evaluations: int = 0
    steps: int = 0
    events: int = 0
    agent_seconds: float = 0.0
    simulator_seconds: float = 0.0


@dataclass(slots=True)
class Clock:
    """CPU seconds since the last lap."""

    _at: int = field(default_factory=process_time_ns)

    def lap(self) -> float:
        """Seconds since the last lap (or the start)."""
        before, self._at = self._at, process_time_ns()
        return (self._at - before) * 1e-9


def play(episode: Episode, rule: Rule, counters: Counters, delay: int = 0) -> Trajectory:
    """Follow `rule` to the end of `episode`, adding to `counters`.

    With `delay` each reward is handed out so many steps late (the last ones together at the end), which is what a
    learner is told, not what the episode is worth.
    """
    situations: list[Situation] = []
    arms: list[int] = []
    rewards: list[float] = []
    clock = Clock()
    situation = episode.situation()
    simulator = clock.lap()
    agent = 0.0
    while situation is not None:
        arm = int(rule(situation))
        agent += clock.lap()
        rewards.append(float(episode.step(arm)))
        situations.append(situation)
        arms.append(arm)
        situation = episode.situation()
        simulator += clock.lap()
    value = float(episode.value())
    counters.evaluations += 1
    counters.steps += len(arms)
    counters.events += int(getattr(episode, "events", len(arms)))
    counters.agent_seconds += agent
    counters.simulator_seconds += simulator + clock.lap()
    return Trajectory(tuple(situations), tuple(arms), tuple(late(rewards, delay)), value)


def late(rewards: list[float], delay: int) -> list[float]:
    """`rewards` handed out `delay` steps late; the last step brings all that is still due.

    >>> late([1.0, 2.0, 3.0, 4.0], 2)
    [0.0, 0.0, 1.0, 9.0]
    """
    if delay <= 0 or not rewards:
        return rewards
    delay = min(delay, len(rewards) - 1)
    shifted = [0.0] * delay + rewards[: len(rewards) - delay]
    shifted[-1] += sum(rewards[len(rewards) - delay :])
    return shifted


def training_workload(seed: int, replicate: int, instance: str, number: int) -> Stream:
    """The workload of evaluation `number` of an instance: the same for every method, another for every replicate."""
    return Streams(seed, _WORKLOADS, replicate)("train", instance, number)


def scoring_workload(seed: int, instance: str, number: int) -> Stream:
    """One of the workloads on which what was found is scored: the same for all methods and replicates."""
    return Streams(seed, _WORKLOADS, 0)("score", instance, number)


def plan_value(instance: Instance, plan: Plan, workload: Stream) -> float:
    """The value of a plan with a workload, at once where the instance can. Counted nowhere: it is the ruler."""
    if isinstance(instance, Evaluates):
        return float(instance.evaluate(plan, workload))
    return play(instance.start(workload), ByPlan(plan), Counters()).value


def mean_value(instance: Instance, rule: Callable[[], Rule], workloads: Sequence[Stream]) -> float:
    """The mean value over `workloads` of what `rule` makes, a fresh one per episode. Counted nowhere."""
    return sum(_value(instance, rule(), each) for each in workloads) / len(workloads)


def _value(instance: Instance, rule: Rule, workload: Stream) -> float:
    if isinstance(rule, ByPlan):
        return plan_value(instance, rule.plan, workload)
    return play(instance.start(workload), rule, Counters()).value
