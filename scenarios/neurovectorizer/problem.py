"""Vectorization factors as a decision problem for `windtunnel judge`: is a learned policy worth it?

An instance is a loop, an evaluation one compilation of it: the one decision is which of the 36 actions, the value the
seconds of a call as the SIMD model has them, so an evaluation that takes a compiler and a clock elsewhere is counted
and costs nothing here. Actions that would change what a loop computes are refused, as the tool does, and the loop is
left to the compiler. The oracle is brute force, exact.

The judged method is the paper's: code vectors of path contexts, a network that names an action, PPO, one decision per
loop. It draws an action per evaluation like everyone else; the reward is (t_default - t) / t_default, and the first
evaluation of each loop goes to t_default. Held-out loops are of templates that no training loop is of, shifted ones
the same loops with an eighth of the iterations, and in the what-if they run on a core with half the vector width.

Who learns beforehand (`pretrained`, `nearest`, `tree`, and the best constant action, which is the heuristic) is shown
other loops with the times of all their actions; `tuning` counts these.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from hardware_models.simd import clang
from hardware_models.simd.card import SimdCard
from scenarios.neurovectorizer.actions import ACTIONS, DEFAULT
from scenarios.neurovectorizer.learning import Policy, Training, clipped_steps, tensors, train
from scenarios.neurovectorizer.measured import truth
from scenarios.neurovectorizer.network import PolicyNetwork
from scenarios.neurovectorizer.policies import PolicyName, orders
from scenarios.neurovectorizer.problem_set import Floats, LoopSet, loop_set
from scenarios.neurovectorizer.templates import generate
from sim.judge.methods import Agent, Method, Setting
from sim.judge.methods.given import Given
from sim.judge.play import Trajectory
from sim.judge.problem import ByPlan, Instance, Plan, Planned, Problem, Rule, Situation, Split
from sim.rng import Stream, Streams

#: Loops that are trained on, loops of other templates, and loops that are known beforehand with all their times.
LOOPS, HELD_OUT, KNOWN = 60, 30, 300
#: Loops shorter by this factor are the shifted ones; the what-if halves the vectors of the core.
_SHORTER = 8
_CORE, _NARROW = "zen5", "haswell"


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which loops a split has: how many of which templates, on which core, and how much shorter."""

    split: Split
    count: int
    core: str = _CORE
    shorter: int = 1


_SHAPES: Mapping[Split, _Shape] = {
    "train": _Shape("train", LOOPS),
    "held_out": _Shape("held_out", HELD_OUT),
    "shifted": _Shape("train", LOOPS, shorter=_SHORTER),
    "what_if": _Shape("train", LOOPS, _NARROW),
}


@cache
def known(split: Split) -> LoopSet:
    """The loops of a split with everything that is known of them."""
    shape = _SHAPES[split]
    streams = Streams(0, "neurovectorizer problem", 0)
    drawn = generate(streams("loops", shape.split), shape.count, "held_out" if split == "held_out" else "train")
    kernels = [replace(kernel, n=kernel.n // shape.shorter) for kernel in drawn]
    return loop_set(kernels, SimdCard.model_validate(shape.core), streams("paths", split))


@cache
def _beforehand() -> LoopSet:
    streams = Streams(0, "neurovectorizer problem", 0)
    return loop_set(generate(streams("known"), KNOWN), SimdCard.model_validate(_CORE), streams("known paths"))


@cache
def seconds(split: Split) -> Floats:
    """Modelled seconds of a call, shape (loops, actions); what is refused takes what the compiler alone would take."""
    loops = known(split)
    cycles = np.where(loops.allowed, loops.cycles, loops.cycles[:, DEFAULT:])
    return cycles * SimdCard.model_validate(_SHAPES[split].core).cycle


@cache
def instances(split: Split) -> tuple[Planned, ...]:
    """The loops of a split, the oracle of each its fastest action."""
    loops = known(split)
    return tuple(
        Planned(
            f"{split} {row} {kernel.family}", kernel.family, tuple(loops.features[row].tolist()), (len(ACTIONS),),
            _value(times), float(times.min()),
        )
        for row, (kernel, times) in enumerate(zip(loops.kernels, seconds(split), strict=True))
    )  # fmt: skip


def _value(times: Floats) -> Callable[[Plan, Stream], float]:
    return lambda plan, workload: float(times[plan[0]])


def _place(instance: Instance) -> tuple[Split, int]:
    """The split and the row of an instance."""
    split, row, *_ = instance.name.split(" ")
    return split, int(row)  # type: ignore[return-value]


def left_alone(instance: Instance) -> Rule:
    """The compiler's own choice."""
    return ByPlan((DEFAULT,))


def _by(name: PolicyName, stream: Stream) -> Callable[[Instance], Rule]:
    """A policy of the scenario that has learned from the loops known beforehand."""
    chosen = cache(lambda split: orders(name, _beforehand, known(split), stream)[:, 0])

    def rule(instance: Instance) -> Rule:
        split, row = _place(instance)
        return ByPlan((int(chosen(split)[row]),))

    return rule


constant = _by("constant", Streams(0, "neurovectorizer problem", 0)("constant"))


def nearest(setting: Setting) -> Agent:
    """The best action of the nearest known loop."""
    return Given(_by("nearest", setting.stream))


def tree(setting: Setting) -> Agent:
    """A regression tree on the known loops."""
    return Given(_by("tree", setting.stream))


@dataclass(frozen=True, slots=True)
class _Deployed:
    """A trained policy before one loop: path contexts are the loop's, its counts are what is seen."""

    policy: Policy
    loop: LoopSet

    def __call__(self, situation: Situation) -> int:
        return int(self.policy.choose(replace(self.loop, features=np.array([situation.seen])))[0])


def _deployed(policy: Policy, instance: Instance) -> _Deployed:
    split, row = _place(instance)
    loops, one = known(split), slice(row, row + 1)
    return _Deployed(
        policy, LoopSet((), (), loops.contexts[one], loops.features[one], loops.cycles[one], loops.allowed[one])
    )


def pretrained(setting: Setting) -> Agent:
    """The policy, trained by the exact gradient on the known loops."""
    torch.set_num_threads(1)
    policy = train(_beforehand(), Training("exact"), setting.stream)
    return Given(lambda instance: _deployed(policy, instance))


class CodePolicy:
    """PPO over path contexts: every evaluation is one drawn action; an update when each loop has had one."""

    def __init__(self, setting: Setting) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(setting.stream.integer(0, 2**31))
        self._stream = setting.stream
        self._how = Training("ppo", learning_rate=setting.hyper["learning_rate"], entropy=setting.hyper["entropy"])
        self._split, _ = _place(setting.instances[0])
        self._contexts, features = tensors(known(self._split))
        mean, scale = features.mean(dim=0), features.std(dim=0).clamp_min(0.1)
        self._features = (features - mean) / scale
        self._network = PolicyNetwork(features.shape[1], self._how.size, self._how.hidden, self._how.looks)
        self._optimizer = torch.optim.Adam(self._network.parameters(), self._how.learning_rate)
        self._scale = mean, scale
        self._base: dict[int, float] = {}
        self._heard: list[tuple[int, int, float]] = []
        self._freeze()

    def ask(self, instance: Instance) -> Rule:
        """The compiler's own choice first, then draws."""
        _, row = _place(instance)
        if row not in self._base:
            return ByPlan((DEFAULT,))
        odds = self._odds[row]
        chances = np.exp(odds - odds.max())
        return ByPlan((int(self._stream.generator.choice(len(odds), p=chances / chances.sum())),))

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """One more reward; an update when there is one of every loop."""
        _, row = _place(instance)
        if row not in self._base:
            self._base[row] = trajectory.value
            return
        reward = (self._base[row] - trajectory.value) / self._base[row]
        self._heard.append((row, trajectory.arms[0], max(-1.0, reward)))
        if len(self._heard) == len(self._base):
            self._update()

    def best(self, instance: Instance) -> Rule:
        """The likeliest action."""
        return _deployed(self._frozen, instance)

    def _freeze(self) -> None:
        """After an update: a copy that may be deployed, and its odds of the loops that are trained on."""
        self._frozen = Policy(deepcopy(self._network), *self._scale)
        self._odds = self._frozen.log_odds(known(self._split))

    def _update(self) -> None:
        rows, actions, rewards = (torch.as_tensor(column) for column in zip(*self._heard, strict=True))
        clipped_steps(
            self._network, self._optimizer, self._contexts[rows], self._features[rows], actions,
            rewards.to(torch.float32), self._how,
        )  # fmt: skip
        self._heard.clear()
        self._freeze()


def real(instance: Instance, plan: Plan) -> float:
    """Seconds of a call on this machine, measured; the compiler's own choice for what is wrong or does not compile."""
    times = _measured(*_place(instance))
    return float(times[plan[0]] if np.isfinite(times[plan[0]]) else times[DEFAULT])


@cache
def _measured(split: Split, row: int) -> Floats:
    loops = known(split)
    found = truth(loops.kernels[row], lambda name, key, build: build())
    return np.where(found.usable & loops.allowed[row], found.judge, np.inf)


#: Evaluations per loop that is asked about, of those who were shown all times of the loops known beforehand.
_SHOWN = KNOWN * len(ACTIONS) // LOOPS
PROBLEM = Problem(
    name="neurovectorizer",
    question="Is it worth learning which factors to vectorize a loop with?",
    arms=(len(ACTIONS),),
    horizon=1,
    better="lower",
    instances=instances,
    budget=20,
    candidate="neurovectorizer",
    methods={
        "neurovectorizer": Method(
            "learned", CodePolicy, "the paper's: PPO over path contexts, one decision per loop", reusable=True,
            hyper={"learning_rate": 3e-3, "entropy": 0.01},
        ),
        "pretrained": Method(
            "learned", pretrained, "the same network, trained beforehand on the model's tables of other loops",
            reusable=True, trains=False, tuning=_SHOWN,
        ),
        "nearest": Method(
            "supervised", nearest, "nearest of the loops known beforehand", reusable=True, trains=False, tuning=_SHOWN
        ),
        "tree": Method(
            "supervised", tree, "regression tree on them", reusable=True, trains=False, tuning=_SHOWN
        ),
        "heuristic": Method(
            "given", "given:heuristic", "the action that is best on average on them", reusable=True, trains=False,
            tuning=_SHOWN,
        ),
    },
    default=left_alone,
    heuristic=constant,
    real=real if clang.have() else None,
    lifetime_uses=1e9,
    unit="time",
)  # fmt: skip
