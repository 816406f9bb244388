"""A decision problem as data: instances, choices, horizon, what may be known, oracle, and what the answer is for.

A problem has `len(arms)` *decisions*; decision d is one of `arms[d]` choices. Before each of the `horizon` steps of an
episode the problem says in which `Situation` one is: which decision is due, and what can be seen. Where a step's
decision depends on nothing but its place, decision t is step t (a plan); where it depends on what is seen, the
decision is the number of the observation (a table, "at quality report 7 send rate 12"). Either way a *plan*, one
choice per decision, is what a search can propose; a *rule* may look at everything in the situation.

>>> from sim.rng import Streams
>>> table = {(0, 0): 1.0, (0, 1): 4.0, (1, 0): 2.0, (1, 1): 3.0}
>>> instance = Planned("corner", "corners", (0.5,), (2, 2), lambda plan, stream: table[plan])
>>> episode = instance.start(Streams(0, "doctest", 0)("workload"))
>>> episode.situation()
Situation(step=0, decision=0, seen=(0.5,))
>>> [episode.step(arm) for arm in (0, 1)], episode.situation(), episode.value()
([0.0, 4.0], None, 4.0)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log10
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args, runtime_checkable

from sim.errors import UserError, did_you_mean
from sim.registry import installed, load
from sim.rng import Stream

if TYPE_CHECKING:
    from sim.judge.methods import Method

OracleKind = Literal["exact", "bound", "best_known"]
#: One choice per decision.
Plan = tuple[int, ...]
#: Instances by what they are for. Only "train" is needed; the others say why they are left out.
Split = Literal["train", "held_out", "shifted", "what_if"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known before a step: its number, the decision that is due, and what is seen (numbers, any unit)."""

    step: int
    decision: int
    seen: tuple[float, ...]


#: What a method would do: a choice for every situation.
Rule = Callable[[Situation], int]
#: (situation, share, stream) -> what a noisy sensor makes of it; `share` is how noisy, 0 to 1.
Misread = Callable[[Situation, float, Stream], Situation]


class Episode(Protocol):
    """One evaluation in the making."""

    def situation(self) -> Situation | None:
        """Where one stands, or None when the episode is over."""
        ...

    def step(self, arm: int) -> float:
        """Choose; returns the reward of this step, in the direction of the problem's `better`."""
        ...

    def value(self) -> float:
        """The objective of the episode that is over."""
        ...


class Instance(Protocol):
    """One task of the problem, such as a loop to compile or a link to serve."""

    @property
    def name(self) -> str:
        """Unique within the problem."""
        ...

    @property
    def family(self) -> str:
        """Of which kind it is; held-out instances are of families of their own."""
        ...

    @property
    def features(self) -> tuple[float, ...]:
        """What is known of it beforehand."""
        ...

    def start(self, workload: Stream) -> Episode:
        """A fresh episode whose every random draw comes from `workload`."""
        ...

    def oracle(self, workload: Stream) -> float | None:
        """The best value that is possible with this very workload, or a bound on it; None: not known."""
        ...


@runtime_checkable
class Evaluates(Protocol):
    """What an instance may offer on top: the value of a whole plan at once, where that is faster than its steps."""

    def evaluate(self, plan: Plan, workload: Stream) -> float:
        """What an episode with this workload comes to if `plan` is followed."""
        ...


@dataclass(frozen=True, slots=True)
class Planned:
    """An instance whose value is a function of the whole plan and the workload: the common case of a plug-in.

    Decision t is step t, only the instance's features are seen, and the last step's reward is the value.
    """

    name: str
    family: str
    features: tuple[float, ...]
    arms: tuple[int, ...]
    objective: Callable[[Plan, Stream], float]
    best: float | None = None

    def start(self, workload: Stream) -> "_PlannedEpisode":
        """A fresh episode."""
        return _PlannedEpisode(self, workload)

    def oracle(self, workload: Stream) -> float | None:
        """`best`; the judge enumerates small problems itself."""
        return self.best


class _PlannedEpisode:
    __slots__ = ("_instance", "_plan", "_value", "_workload")

    def __init__(self, instance: Planned, workload: Stream) -> None:
        self._instance, self._workload = instance, workload
        self._plan: list[int] = []
        self._value = 0.0

    def situation(self) -> Situation | None:
        at = len(self._plan)
        return Situation(at, at, self._instance.features) if at < len(self._instance.arms) else None

    def step(self, arm: int) -> float:
        self._plan.append(arm)
        if len(self._plan) < len(self._instance.arms):
            return 0.0
        self._value = float(self._instance.objective(tuple(self._plan), self._workload))
        return self._value

    def value(self) -> float:
        return self._value


@dataclass(frozen=True, slots=True)
class ByPlan:
    """The rule that follows a plan, whatever else is seen."""

    plan: Plan

    def __call__(self, situation: Situation) -> int:
        """The plan's choice."""
        return self.plan[situation.decision]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be decided, and what for.

    name                what records and pages call it
    question            one line
    arms                choices of each decision
    horizon             steps of an episode
    better              whether a lower or a higher value is better
    instances           split -> instances; an empty sequence where there are none
    oracle              what kind of oracle `Instance.oracle` is ("exact" without one: the judge enumerates)
    rewards             "each step" says what that step was worth; "at the end" only the value of the whole episode
    stochastic          whether the value depends on the workload's draws
    workloads           how many workloads a found rule is scored on (1 is enough where nothing is random)
    budget              evaluations per instance, unless the judge is told otherwise
    candidate           the method that is judged
    methods             methods of the problem's own, by name, such as a scenario's learned policy
    default, heuristic  what the system ships, and the best hand-written rule: instance -> a fresh rule
    real                (instance, plan) -> the value on the real thing, where there is one (A17)
    misread             what noise does to what is seen (A9), where it holds more than measured numbers
    lifetime_uses       decisions (episodes) that a trained object will serve
    decision_interval   seconds between two decisions of the system; None: no hurry
    worth               CPU seconds that one unit of the value is worth, per episode
    unit                of the value: a dimension of `sim.units.UNITS`, or text
    """

    name: str
    question: str
    arms: tuple[int, ...]
    horizon: int
    better: Literal["lower", "higher"]
    instances: Callable[[Split], Sequence[Instance]]
    oracle: OracleKind = "exact"
    rewards: Literal["each step", "at the end"] = "at the end"
    stochastic: bool = False
    workloads: int = 1
    budget: int = 100
    candidate: str = "q_learning"
    methods: Mapping[str, "Method"] = field(default_factory=dict)
    default: Callable[[Instance], Rule] | None = None
    heuristic: Callable[[Instance], Rule] | None = None
    real: Callable[[Instance, Plan], float] | None = None
    misread: Misread | None = None
    lifetime_uses: float = 1e6
    decision_interval: float | None = None
    worth: float = 1.0
    unit: str = "1"

    @property
    def sign(self) -> float:
        """+1 where higher is better, -1 where lower is: `sign * value` is to be maximised."""
        return 1.0 if self.better == "higher" else -1.0

    @property
    def log10_plans(self) -> float:
        """The decimal logarithm of the number of plans."""
        return sum(log10(count) for count in self.arms)

    def random_plan(self, stream: Stream) -> Plan:
        """Every choice uniform."""
        return tuple(stream.integer(0, count) for count in self.arms)


def mistaken(number: int, count: int, share: float, stream: Stream) -> int:
    """One of 0 to `count` - 1 as it is read: with probability `share` it is taken for a neighbour."""
    if stream.uniform() >= share:
        return number
    return max(0, min(count - 1, number + (1 if stream.uniform() < 0.5 else -1)))


def find_problem(name: str) -> tuple[Problem, str]:
    """The problem called `name`, or the object at `module:object`; and the module that defines it.

    Raises `UserError` for one that is missing, does not import or is no problem.
    """
    known = installed("windtunnel.problems")
    if ":" in name:
        reference = name
    elif name in known:
        reference = known[name].value
    else:
        raise UserError(f"no decision problem is called '{name}'; {did_you_mean(name, known)}")
    found: Any = load(reference, f"decision problem '{name}'")
    if not isinstance(found, Problem):
        raise UserError(f"decision problem '{name}' ({reference}) is no sim.judge.problem.Problem")
    _refuse_impossible(found)
    return found, reference.partition(":")[0]


def _refuse_impossible(problem: Problem) -> None:
    if not problem.arms or min(problem.arms) < 1:
        raise UserError(f"decision problem '{problem.name}': arms = {problem.arms} must be counts of 1 or more")
    if problem.horizon < 1 or problem.budget < 1 or problem.workloads < 1:
        raise UserError(f"decision problem '{problem.name}': horizon, budget and workloads must be 1 or more")
    if not problem.instances("train"):
        raise UserError(f"decision problem '{problem.name}' has no instances to train on")
