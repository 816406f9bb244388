"""From a question to runs: the ruler, every method with every seed, and what A8, A9, A10 and A13 ask for on top."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from sim import fingerprint
from sim.errors import UserError
from sim.job import Job, resolve
from sim.judge.methods import Method, find_method, methods_of
from sim.judge.problem import Problem, find_problem
from sim.registry import find_scenario

#: The two scenarios behind the judge.
RULER, LEARN = "sim.judge.ruler:Ruler", "sim.judge.learn:Learn"
#: Steps by which rewards come late in A9.
_LATE = 3
#: Searches whose curve on instances never met says when searching anew is as good as a trained rule (A10).
SEARCHES = ("random", "greedy_sequential")


@dataclass(frozen=True, slots=True)
class Tag:
    """Which run: a method, what is different about it ("" nothing), and its replicate."""

    method: str
    variant: str
    replicate: int


@dataclass(frozen=True, slots=True)
class Question:
    """Whether `candidate` is worth it in `problem`, against `rivals`, at `budget` evaluations of every instance."""

    reference: str
    problem: Problem
    candidate: str
    rivals: tuple[str, ...]
    left_out: dict[str, str]
    budget: int
    seeds: int
    seed: int
    code: str = field(repr=False, default="")


def question(
    reference: str, candidate: str = "", against: Sequence[str] = (), budget: int = 0, seeds: int = 5, seed: int = 0
) -> Question:
    """The question as typed; raises `UserError` for a problem or method that is not known."""
    problem, module = find_problem(reference)
    candidate = candidate or problem.candidate
    find_method(problem, candidate)
    if seeds < 1 or budget < 0:
        raise UserError(f"budget {budget} and repeat {seeds} must be 1 or more")
    left_out = dict[str, str]()
    known = methods_of(problem)
    for name in against:
        if name not in ("default", "heuristic"):
            find_method(problem, name)
    for name, method in known.items():
        limit = method.most_decisions
        if limit and len(problem.arms) > limit:
            left_out[name] = f"not run beyond {limit} decisions; there are {len(problem.arms)}"
    for name in ("default", "heuristic"):
        if name not in known:
            left_out[name] = "the problem has none"
    rivals = tuple(name for name in (against or known) if name != candidate and name not in left_out)
    if not any(known[name].family != "learned" for name in rivals):
        raise UserError(f"{candidate} is to be held against at least one method that is not learned")
    code = fingerprint.combined(module)
    return Question(reference, problem, candidate, rivals, left_out, budget or problem.budget, seeds, seed, code)


def ruler_job(asked: Question) -> Job:
    """The run that measures the problem."""
    return resolve(find_scenario(RULER), RULER, {"problem": asked.reference, "code": asked.code}, asked.seed)


def learn_jobs(asked: Question) -> dict[Tag, Job]:
    """All other runs."""
    jobs: dict[Tag, Job] = {}
    for name in (asked.candidate, *asked.rivals):
        jobs |= _jobs(asked, name, "", {})
    for variant, settings in _variants(asked):
        jobs |= _jobs(asked, asked.candidate, variant, settings)
    if find_method(asked.problem, asked.candidate).reusable and asked.problem.instances("held_out"):
        for name in SEARCHES:
            if name in asked.rivals:
                jobs |= _jobs(asked, name, "held_out", {"split": "held_out"})
    return jobs


def _variants(asked: Question) -> Iterator[tuple[str, dict[str, object]]]:
    """A8: each hyper-parameter halved and doubled; A13: no look ahead; A9: late rewards."""
    for name, value in find_method(asked.problem, asked.candidate).hyper.items():
        if name == "gamma":
            yield "gamma = 0", {"hyper": {"gamma": 0.0}}
            continue
        for factor in (0.5, 2.0):
            yield f"{name} x {factor:g}", {"hyper": {name: value * factor}}
    if asked.problem.horizon > 1 and asked.problem.rewards == "each step":
        yield f"rewards {_LATE} late", {"reward_delay": _LATE}


def _jobs(asked: Question, name: str, variant: str, settings: dict[str, object]) -> dict[Tag, Job]:
    method = find_method(asked.problem, name)
    tree = {
        "problem": asked.reference,
        "method": name,
        "budget": asked.budget,
        "code": _code(asked, method),
        **settings,
    }
    scenario = find_scenario(LEARN)
    config = resolve(scenario, LEARN, tree, asked.seed).config
    found = {}
    for replicate in range(asked.seeds):
        job = resolve(
            scenario, LEARN, config, asked.seed, replicate, {"method": name, "variant": variant}, border=False
        )
        found[Tag(name, variant, replicate)] = job
    return found


def _code(asked: Question, method: Method) -> str:
    made = method.make
    module = f"sim.judge.methods.{made.partition(':')[0]}" if isinstance(made, str) else made.__module__
    return blake2b(f"{asked.code} {fingerprint.combined(module)}".encode(), digest_size=16).hexdigest()
