"""Who is compared: every method by name, on one interface.

An *agent* is asked for a rule to follow through one episode of an instance, and told what came of it; at any moment it
can be asked for the rule that it would deploy. A *search* is an agent that keeps plans per instance (`searching`). A
*reusable* method's trained object can be applied to instances it never met.

The families, from the simplest to the costliest, are those of the verdict: of two that do equally well the first is
advised. Heavy libraries are imported when a method is made.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Literal, Protocol

from sim.errors import UserError, did_you_mean
from sim.judge.play import Trajectory
from sim.judge.problem import Instance, Problem, Rule
from sim.rng import Stream

Family = Literal["given", "random", "greedy", "bandit", "supervised", "bayesian", "evolutionary", "learned"]
#: From the simplest to the costliest.
FAMILIES: tuple[Family, ...] = (
    "given", "random", "greedy", "bandit", "supervised", "evolutionary", "bayesian", "learned",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Setting:
    """What a method is given: the problem, the instances it may train on, how many evaluations of each, a stream.

    `hyper` are its own settings, complete.
    """

    problem: Problem
    instances: Sequence[Instance]
    budget: int
    stream: Stream
    hyper: Mapping[str, float]


class Agent(Protocol):
    """A method at work."""

    def ask(self, instance: Instance) -> Rule:
        """The rule to follow in the next episode of `instance`."""
        ...

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """What came of it."""
        ...

    def best(self, instance: Instance) -> Rule:
        """A fresh rule as it would be deployed now; asked of unseen instances only if the method is reusable."""
        ...


@dataclass(frozen=True, slots=True)
class Method:
    """A method: where it is made ("module:function" or a function of a `Setting`) and what it declares.

    `hyper` are its hyper-parameters with their defaults; each is halved and doubled for A8, except `gamma`, which
    is set to 0 for A13. `trains` says whether it asks for evaluations at all. `most_decisions` is where it is no
    longer run (0: no limit). `tuning` counts the evaluations of each instance that were spent on it beforehand, on
    its settings or its training.
    """

    family: Family
    make: str | Callable[[Setting], Agent]
    about: str
    reusable: bool = False
    hyper: Mapping[str, float] = field(default_factory=dict)
    trains: bool = True
    most_decisions: int = 0
    tuning: int = 0

    def agent(self, setting: Setting) -> Agent:
        """A fresh agent. Raises `UserError` if the library it needs is not installed."""
        if not isinstance(self.make, str):
            return self.make(setting)
        module, _, function = self.make.partition(":")
        try:
            make: Callable[[Setting], Agent] = getattr(import_module(f"sim.judge.methods.{module}"), function)
            return make(setting)
        except ModuleNotFoundError as error:
            raise UserError(f"this method needs {error.name}; install windtunnel[judge]") from None


METHODS: Mapping[str, Method] = {
    "default": Method("given", "given:default", "what the system ships", reusable=True, trains=False),
    "heuristic": Method("given", "given:heuristic", "the best hand-written rule", reusable=True, trains=False),
    "random": Method("random", "searching:uniform", "uniform plans, the best is kept"),
    "greedy_factored": Method("greedy", "greedy:factored", "each decision alone, one pass, then restarts"),
    "greedy_sequential": Method("greedy", "greedy:sequential", "coordinate ascent with restarts"),
    "bandit": Method("bandit", "bandits:ucb", "UCB1 per decision, blind to what is seen", hyper={"width": 0.5}),
    "bandit_contextual": Method(
        "bandit", "bandits:linear", "LinUCB per decision on what is seen", reusable=True, hyper={"width": 0.5}
    ),
    "supervised_ridge": Method(
        "supervised", "supervised:ridge", "ridge regression of value on plan and features", reusable=True
    ),
    "supervised_gbt": Method(
        "supervised", "supervised:boosted", "gradient boosting of value on plan and features", reusable=True
    ),
    "one_plus_one": Method("evolutionary", "evolution:one_plus_one", "(1+1)-ES with rate 1/decisions"),
    "genetic": Method("evolutionary", "evolution:genetic", "GA: tournaments, uniform crossover, mutation"),
    "annealing": Method("evolutionary", "evolution:annealing", "simulated annealing"),
    "cma": Method("evolutionary", "evolution:cma_es", "CMA-ES on the relaxed plan (pycma)"),
    "auc_bandit": Method("evolutionary", "evolution:auc_bandit", "AUC bandit over searches, as in OpenTuner"),
    "bo_tpe": Method("bayesian", "bayesian:tpe", "tree-structured Parzen estimator (Optuna)", most_decisions=60),
    "bo_gp": Method("bayesian", "bayesian:gaussian_process", "Gaussian process, EI (Optuna)", most_decisions=12),
    "q_learning": Method(
        "learned", "reinforcement:q_learning", "tabular Q-learning over what is seen, updated backwards",
        reusable=True, hyper={"epsilon": 0.2, "decay": 0.7, "gamma": 0.99},
    ),
    "ppo": Method(
        "learned", "reinforcement:ppo", "PPO (stable-baselines3)", reusable=True,
        hyper={"learning_rate": 3e-3, "entropy": 0.01, "gamma": 0.99},
    ),
}  # fmt: skip


def methods_of(problem: Problem) -> dict[str, Method]:
    """All methods that can be asked for in `problem`: the common ones and its own."""
    given = {"default": problem.default, "heuristic": problem.heuristic}
    common = {name: method for name, method in METHODS.items() if name not in given or given[name]}
    return common | dict(problem.methods)


def find_method(problem: Problem, name: str) -> Method:
    """The method called `name`. Raises `UserError`."""
    known = methods_of(problem)
    if name not in known:
        raise UserError(f"method = '{name}' is not known in {problem.name}; {did_you_mean(name, known)}")
    return known[name]
