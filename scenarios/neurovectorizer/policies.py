"""Who chooses the factors: policy name -> for each loop a list of actions to try, best guess first."""

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scenarios.neurovectorizer.actions import DEFAULT
from scenarios.neurovectorizer.baselines import nearest, tree
from scenarios.neurovectorizer.problem_set import LoopSet, choice
from sim.rng import Stream

PolicyName = Literal[
    "default", "constant", "random", "nearest", "tree", "ppo", "exact_gradient", "guided", "model", "brute_force"
]
POLICIES: tuple[PolicyName, ...] = get_args(PolicyName)
#: Weight of the model in a guided order. On measured loops of validation families 0 to 30 do alike
#: (`benchmarks/neurovectorizer_policies.py`).
MODEL_WEIGHT = 10.0
Orders = NDArray[np.int64]
Ints = NDArray[np.int64]


def orders(name: PolicyName, train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    """Actions of each loop from the first to the last to be tried, shape (loops, actions); what is not allowed last.

    `train` makes the training loops; only those who learn call it.
    """
    return _ORDERS[name](train, asked, stream)


Maker = Callable[[Callable[[], LoopSet], LoopSet, Stream], Orders]


def _by(preference: NDArray[np.float64], asked: LoopSet) -> Orders:
    return np.argsort(-np.where(asked.allowed, preference, -np.inf), axis=1, kind="stable")


def _first(chosen: Ints, asked: LoopSet) -> Orders:
    """One choice per loop, then by the model."""
    preference = -asked.cycles.copy()
    preference[np.arange(len(chosen)), chosen] = np.inf
    return _by(preference, asked)


def _default(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    return _first(np.full(len(asked.kernels), DEFAULT), asked)


def _constant(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    """The action with the best mean speed-up on the training loops."""
    loops = train()
    ratio = np.log(loops.cycles[:, DEFAULT : DEFAULT + 1] / loops.cycles)
    mean = np.where(loops.allowed, ratio, -1.0).mean(axis=0)
    return _by(np.broadcast_to(mean, asked.allowed.shape), asked)


def _random(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    return _by(stream.generator.random(asked.allowed.shape), asked)


def _nearest(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    return _first(nearest(train(), asked), asked)


def _tree(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    return _first(tree(train(), asked), asked)


def _learned(trainer: Literal["ppo", "exact"]) -> Maker:
    def made(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
        from scenarios.neurovectorizer.learning import Training
        from scenarios.neurovectorizer.learning import train as fit

        return _by(fit(train(), Training(trainer), stream).log_odds(asked), asked)

    return made


def guided(odds: NDArray[np.float64], asked: LoopSet, weight: float = MODEL_WEIGHT) -> Orders:
    """A policy's likeliest action, then by its log-odds less `weight` times the logarithm of modelled cycles.

    What follows the first is a product of experts: the chance that the policy gives an action, times the model's speed
    of it to a power. A weight of 0 leaves the policy alone, a large one tries what the model finds fast.
    """
    cycles = np.log(asked.cycles / asked.cycles.min(axis=1, keepdims=True))
    preference = np.where(asked.allowed, odds, 0.0) - weight * cycles
    preference[np.arange(len(odds)), odds.argmax(axis=1)] = np.inf
    return _by(preference, asked)


def _guided(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    from scenarios.neurovectorizer.learning import Training
    from scenarios.neurovectorizer.learning import train as fit

    return guided(fit(train(), Training("exact", "features"), stream).log_odds(asked), asked)


def _model(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    return _first(choice(np.where(asked.allowed, asked.cycles, np.inf)), asked)


def _brute_force(train: Callable[[], LoopSet], asked: LoopSet, stream: Stream) -> Orders:
    return _by(-asked.cycles, asked)


_ORDERS: Mapping[PolicyName, Maker] = {
    "default": _default,
    "constant": _constant,
    "random": _random,
    "nearest": _nearest,
    "tree": _tree,
    "ppo": _learned("ppo"),
    "exact_gradient": _learned("exact"),
    "guided": _guided,
    "model": _model,
    "brute_force": _brute_force,
}
