"""The ruler: zero and one of the score for every instance of a problem, and what kind of problem it is.

A scenario for the ordinary runner. `code` is the fingerprint of the problem's own module, so that a changed problem
has other keys.
"""

import numpy as np
from pydantic import Field

from sim.errors import UserError
from sim.judge.play import mean_value, plan_value, scoring_workload
from sim.judge.problem import SPLITS, ByPlan, Instance, Plan, Problem, find_problem
from sim.judge.statistics import flat
from sim.judge.structure import Workloads, delay, fidelity, observed, separate_plan
from sim.rng import Stream
from sim.scenario import Config, Context, Metric, Outcome, Series

#: Uniform plans behind the zero of the score (testbed dossier 1A: at least 1,000).
UNIFORM = 1000
#: Up to so many plans an exact oracle is found by trying all.
_ENUMERATED = 1_000_000
#: Best-known oracles: budgets spent on looking for one.
_KNOWN_BUDGETS = 100


class RulerConfig(Config):
    """Which problem is measured."""

    problem: str = Field(description="a decision problem, or module:object")
    code: str = Field("", description="fingerprint of the problem's code")


class Ruler:
    """Zero and one of the score for every instance, and what kind of problem it is."""

    name, version = "judge ruler", 1
    question = "What are a problem's zero, its one and its structure?"
    config = RulerConfig
    metrics = (
        Metric("log10_plans", "1", "neither", "decimal logarithm of the number of plans", "counted"),
        Metric("separate", "1", "neither", "score of choosing every decision by itself (A13)"),
        Metric("delay_index", "1", "neither", "mean lag of a choice's effect on rewards, in steps (A12)"),
        Metric("sparse", "ratio", "neither", "share of steps that are rewarded (A12)"),
        Metric("r2_one", "1", "neither", "out-of-fold R^2 of the return from the last step (A11)"),
        Metric("r2_four", "1", "neither", "out-of-fold R^2 of the return from the last four steps (A11)"),
        Metric("collisions", "1", "neither", "observations with more than one best choice (A11)", "counted"),
        Metric("fidelity", "1", "higher", "rank correlation of model and reality (A17)", "measured"),
        Metric("fidelity_regret", "ratio", "lower", "what the model's first choice loses in reality (A17)", "measured"),
        Metric("plan_evaluations", "1", "neither", "evaluations made for the ruler", "counted"),
    )

    def run(self, config: RulerConfig, context: Context) -> Outcome:
        """Measure."""
        problem, _ = find_problem(config.problem)
        rows: list[tuple[int, int, float, float]] = []
        scores: list[float] = []

        def workloads(instance: Instance, number: int) -> Stream:
            return scoring_workload(context.streams.seed, instance.name, number)

        every = [(split, index, each) for split in SPLITS for index, each in enumerate(problem.instances(split))]
        for done, (split, index, instance) in enumerate(every):
            context.progress(done / (len(every) + 1), f"measuring {instance.name}")
            stream = context.stream("uniform", instance.name)
            uniform = _mean_uniform(problem, instance, workloads, stream)
            oracle = _oracle(problem, instance, workloads, context.stream("oracle", instance.name))
            rows.append((SPLITS.index(split), index, uniform, oracle))
            if split == "train" and not flat(uniform, oracle):
                plan = separate_plan(problem, instance, _further(workloads), context.stream("A13", instance.name))
                scores.append((_mean(problem, instance, workloads, plan) - uniform) / (oracle - uniform))
        train = problem.instances("train")
        late = delay(problem, train, _further(workloads), context.stream("A12"))
        seen = observed(problem, train, _further(workloads), context.stream("A11"))
        real = fidelity(problem, train[0], workloads, context.stream("A17"))
        metrics = {
            "log10_plans": problem.log10_plans,
            "separate": float(np.mean(scores)) if scores else None,
            "delay_index": late.index,
            "sparse": late.sparse,
            "r2_one": seen.one,
            "r2_four": seen.four,
            "collisions": float(seen.collisions),
            "fidelity": real.correlation if real else None,
            "fidelity_regret": real.regret if real else None,
            "plan_evaluations": float(UNIFORM * len(every)),
        }
        columns = np.array(rows)
        series = Series({name: columns[:, k] for k, name in enumerate(("split", "instance", "uniform", "oracle"))})
        notes = {} if real else {"fidelity": "the problem has no real thing beside it"}
        return Outcome(metrics, {"ruler": series}, notes=notes, answer=problem.oracle)


def _further(workloads: Workloads) -> Workloads:
    """Workloads that nothing is scored on."""
    return lambda instance, number: workloads(instance, 1_000_000 + number)


def _mean_uniform(problem: Problem, instance: Instance, workloads: Workloads, stream: Stream) -> float:
    return float(
        np.mean(
            [
                plan_value(instance, problem.random_plan(stream), workloads(instance, number % problem.workloads))
                for number in range(UNIFORM)
            ]
        )
    )


def _mean(problem: Problem, instance: Instance, workloads: Workloads, plan: Plan) -> float:
    drawn = [workloads(instance, number) for number in range(problem.workloads)]
    return mean_value(instance, lambda: ByPlan(plan), drawn)


def _oracle(problem: Problem, instance: Instance, workloads: Workloads, stream: Stream) -> float:
    """The problem's own oracle; else, if exact, the best of all plans, or a long search (best known)."""
    given = [instance.oracle(workloads(instance, number)) for number in range(problem.workloads)]
    known = [value for value in given if value is not None]
    if len(known) == len(given):
        return float(np.mean(known))
    if problem.oracle == "best_known":
        return _long_search(problem, instance, workloads, stream)
    if problem.stochastic or problem.log10_plans > np.log10(_ENUMERATED):
        raise UserError(
            f"decision problem '{problem.name}' has no oracle for {instance.name}, and cannot be enumerated"
        )
    values = (plan_value(instance, plan, workloads(instance, 0)) for plan in np.ndindex(problem.arms))
    return max(values) if problem.better == "higher" else min(values)


def _long_search(problem: Problem, instance: Instance, workloads: Workloads, stream: Stream) -> float:
    """The best found by coordinate ascent with restarts in a hundred budgets."""
    from sim.judge.methods.greedy import sequential_walk

    walk = sequential_walk(problem.arms, stream)
    plan: Plan = next(walk)
    best = -np.inf
    for _ in range(max(1, _KNOWN_BUDGETS * problem.budget // problem.workloads)):
        score = problem.sign * _mean(problem, instance, workloads, plan)
        best = max(best, score)
        plan = walk.send(score)
    return float(problem.sign * best)
