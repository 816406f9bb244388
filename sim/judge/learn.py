"""A method gets its evaluations, and what it has found is scored on the way.

A scenario for the ordinary runner. `code` is the fingerprint of the problem's and the method's modules, so that a
change of either makes other keys.
"""

from collections.abc import Mapping, Sequence
from pickle import dumps
from time import perf_counter_ns
from typing import Any

import numpy as np
from pydantic import Field

from sim.errors import UserError
from sim.judge.methods import Agent, Method, Setting, find_method
from sim.judge.play import Clock, Counters, mean_value, play, scoring_workload, training_workload
from sim.judge.problem import ByPlan, Instance, Plan, Problem, Rule, Situation, Split, find_problem
from sim.judge.structure import noisy
from sim.rng import Stream, Streams
from sim.scenario import Config, Context, Metric, Outcome, Series

#: Workloads of the adversarial score (A9), warm decisions timed (A6), situations kept to explain a rule (A16).
_DRAWS, _TIMED, _EXPLAINED = 32, 1000, 1000
#: The seen numbers that are kept for A16.
_SEEN = 16
#: Scores are taken at about so many points of the budget.
_POINTS = 12


class LearnConfig(Config):
    """Which method, on what, with how much."""

    problem: str = Field(description="a decision problem, or module:object")
    code: str = Field("", description="fingerprint of the code of problem and method")
    method: str = Field(description="who is to be scored")
    budget: int = Field(ge=1, description="evaluations of every instance")
    split: Split = Field("train", description="the instances that are trained on")
    hyper: dict[str, float] = Field({}, description="hyper-parameters other than the method's defaults")
    reward_delay: int = Field(0, ge=0, description="steps by which a learner hears of its rewards late")


class Learn:
    """A method gets its evaluations, and what it has found is scored on the way."""

    name, version = "judge", 1
    question = "What does a method find in so many evaluations?"
    config = LearnConfig
    preload = ("sklearn.ensemble", "sklearn.linear_model", "optuna")
    metrics = (
        Metric("evaluations", "1", "lower", "episodes that were trained on", "counted"),
        Metric("steps", "1", "lower", "steps of these", "counted"),
        Metric("events", "1", "lower", "events of the simulator", "counted"),
        Metric("agent_seconds", "time", "lower", "CPU time of the method", "measured"),
        Metric("simulator_seconds", "time", "lower", "CPU time of the simulator", "measured"),
        Metric("decision_cold", "time", "lower", "first decision of a deployed rule", "measured"),
        Metric("decision_p50", "time", "lower", "median decision", "measured"),
        Metric("decision_p99", "time", "lower", "99th percentile of decisions", "measured"),
        Metric("model_bytes", "bytes", "lower", "the deployed rule, pickled", "measured"),
    )

    def run(self, config: LearnConfig, context: Context) -> Outcome:
        """Train, score."""
        problem, _ = find_problem(config.problem)
        method = find_method(problem, config.method)
        instances = problem.instances(config.split)
        if not instances:
            raise UserError(f"split = '{config.split}' has no instances in {problem.name}")
        stream = context.stream("agent", config.method)
        setting = Setting(problem, instances, config.budget, stream, _hyper(method, config))
        counters = Counters()
        clock = Clock()
        agent = method.agent(setting)
        counters.agent_seconds += clock.lap()
        scorer = _Scorer(problem, context.streams.seed)
        curve = _trained(config, method, agent, setting, counters, scorer, context)
        final = _final(problem, method, agent, config.split, scorer)
        series = {"curve": _series(("evaluations", "instance", "value"), curve),
                  "final": _series(("kind", "instance", "value"), final)}  # fmt: skip
        timed = _timed(problem, agent, instances, context.streams.seed)
        if method.family == "learned":
            series["choices"] = _choices(problem, agent, instances, context.streams.seed)
        metrics: dict[str, float | None] = {
            "evaluations": counters.evaluations,
            "steps": counters.steps,
            "events": counters.events,
            "agent_seconds": counters.agent_seconds,
            "simulator_seconds": counters.simulator_seconds,
            **timed,
        }
        notes = {} if timed["model_bytes"] else {"model_bytes": "the deployed rule cannot be pickled"}
        return Outcome(metrics, series, notes=notes)


def _hyper(method: Method, config: LearnConfig) -> Mapping[str, float]:
    unknown = sorted(set(config.hyper) - set(method.hyper))
    if unknown:
        known = ", ".join(sorted(method.hyper)) or "none"
        raise UserError(f"hyper.{unknown[0]} is no hyper-parameter of {config.method}; allowed: {known}")
    return {**method.hyper, **config.hyper}


class _Scorer:
    """Scores rules on the common workloads; a plan that was scored before is not played again."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self._seed = problem, seed
        self._known: dict[tuple[str, Plan], float] = {}

    def score(self, agent: Agent, instance: Instance, on: Instance | None = None) -> float:
        """The mean value of what `agent` would deploy for `instance`, played on `on` (default: the same)."""
        target = on or instance
        rule = agent.best(instance)
        if not isinstance(rule, ByPlan):
            return mean_value(target, lambda: agent.best(instance), self.workloads(target))
        found = self._known.get((target.name, rule.plan))
        if found is None:
            found = self._known[target.name, rule.plan] = mean_value(target, lambda: rule, self.workloads(target))
        return found

    def under_noise(self, agent: Agent, instance: Instance, noise: Stream) -> float:
        """The mean value behind observations with 5 % noise."""

        def rule() -> Rule:
            return noisy(agent.best(instance), self._problem, noise)

        return mean_value(instance, rule, self.workloads(instance))

    def worst(self, agent: Agent, instance: Instance) -> float:
        """The worst value of 32 workloads."""
        drawn = self.workloads(instance, _DRAWS)
        values = [mean_value(instance, lambda: agent.best(instance), [each]) for each in drawn]
        return min(values) if self._problem.better == "higher" else max(values)

    def workloads(self, instance: Instance, number: int = 0) -> list[Stream]:
        """The common workloads (as many as the problem says, or `number`)."""
        return [scoring_workload(self._seed, instance.name, k) for k in range(number or self._problem.workloads)]


def points(budget: int) -> list[int]:
    """The budgets at which is scored, about equal steps of the logarithm: 1, 2, 3, 4, 6, ... up to `budget`.

    >>> points(30)
    [1, 2, 3, 5, 6, 9, 12, 16, 22, 30]
    """
    return sorted({max(1, round(float(x))) for x in np.geomspace(1, budget, _POINTS)})


def _trained(
    config: LearnConfig, method: Method, agent: Agent, setting: Setting, counters: Counters, scorer: _Scorer,
    context: Context,
) -> list[tuple[float, ...]]:  # fmt: skip
    """Instances in turn, so that a method that shares what it learns has seen all of them at every score."""
    grid = set(points(config.budget))
    curve: list[tuple[float, ...]] = []
    scores: list[float] = []
    clock = Clock()
    for number in range(config.budget):
        for instance in setting.instances if method.trains else ():
            workload = training_workload(context.streams.seed, context.streams.replicate, instance.name, number)
            episode = instance.start(workload)
            counters.simulator_seconds += clock.lap()
            rule = agent.ask(instance)
            counters.agent_seconds += clock.lap()
            trajectory = play(episode, rule, counters, config.reward_delay)
            clock.lap()
            agent.tell(instance, trajectory)
            counters.agent_seconds += clock.lap()
        if number + 1 in grid:
            context.progress((number + 1) / config.budget, f"{config.method}, {number + 1} evaluations each")
            if method.trains or not scores:
                scores = [scorer.score(agent, instance) for instance in setting.instances]
            curve += [(number + 1, index, score) for index, score in enumerate(scores)]
            clock.lap()
    return curve


#: What a final score was taken under: A9 and A10.
KINDS = ("nominal", "noise", "worst", "shifted", "what_if", "held_out")


def _final(problem: Problem, method: Method, agent: Agent, split: Split, scorer: _Scorer) -> list[tuple[float, ...]]:
    """Scores at the end, of learned methods also under noise, the worst of 32 draws, shifted, elsewhere, never met."""
    trained = problem.instances(split)
    rows: list[tuple[float, ...]] = [(0, k, scorer.score(agent, each)) for k, each in enumerate(trained)]
    if method.family != "learned" or split != "train":
        return rows
    for index, instance in enumerate(trained):
        rows.append((1, index, scorer.under_noise(agent, instance, Streams(0, "judge noise", 0)(instance.name))))
        if problem.stochastic:
            rows.append((2, index, scorer.worst(agent, instance)))
    for kind, other in ((3, problem.instances("shifted")), (4, problem.instances("what_if"))):
        pairs = zip(trained, other, strict=False)
        rows += [(kind, index, scorer.score(agent, mine, theirs)) for index, (mine, theirs) in enumerate(pairs)]
    if method.reusable:
        rows += [(5, index, scorer.score(agent, each)) for index, each in enumerate(problem.instances("held_out"))]
    return rows


def _situations(
    problem: Problem, agent: Agent, instances: Sequence[Instance], seed: int, number: int
) -> list[tuple[Instance, Situation, int]]:
    """Situations that the deployed rule meets, with what it does there."""
    found: list[tuple[Instance, Situation, int]] = []
    workload = 0
    while len(found) < number and workload < 50:
        for instance in instances:
            episode = instance.start(scoring_workload(seed, instance.name, 500_000 + workload))
            trajectory = play(episode, agent.best(instance), Counters())
            rows = list(zip(trajectory.situations, trajectory.arms, strict=True))
            kept = rows[:: max(1, len(rows) * len(instances) // number)]
            found += [(instance, situation, arm) for situation, arm in kept]
        workload += 1
    return found[:number]


def _timed(problem: Problem, agent: Agent, instances: Sequence[Instance], seed: int) -> dict[str, float | None]:
    """A6: the first decision of a rule, then a thousand warm ones."""
    met = [situation for _, situation, _ in _situations(problem, agent, instances, seed, 100)]
    rule = agent.best(instances[0])
    spent: list[int] = []
    for number in range(_TIMED + 1):
        situation = met[number % len(met)]
        started = perf_counter_ns()
        rule(situation)
        spent.append(perf_counter_ns() - started)
    try:
        size: float | None = float(len(dumps(rule)))
    except Exception:  # closures and the like; the note says so
        size = None
    p50, p99 = np.quantile(spent[1:], [0.5, 0.99]) * 1e-9
    return {"decision_cold": spent[0] * 1e-9, "decision_p50": float(p50), "decision_p99": float(p99),
            "model_bytes": size}  # fmt: skip


def _choices(problem: Problem, agent: Agent, instances: Sequence[Instance], seed: int) -> Series:
    """A16: situations, what the rule does there, and what the heuristic would do (-1 without one)."""
    met = _situations(problem, agent, instances, seed, _EXPLAINED)
    rules = {each.name: problem.heuristic(each) for each in instances} if problem.heuristic else {}
    columns: dict[str, Any] = {
        "decision": np.array([situation.decision for _, situation, _ in met]),
        "arm": np.array([arm for _, _, arm in met]),
        "heuristic": np.array([rules[i.name](s) if rules else -1 for i, s, _ in met]),
    }
    for place in range(min(_SEEN, len(met[0][1].seen))):
        columns[f"seen{place}"] = np.array([situation.seen[place] for _, situation, _ in met])
    return Series(columns)


def _series(names: tuple[str, ...], rows: list[tuple[float, ...]]) -> Series:
    columns = np.array(rows, float).reshape(-1, len(names))
    return Series({name: columns[:, index] for index, name in enumerate(names)})
