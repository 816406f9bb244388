"""Reinforcement learning: tabular Q-learning of our own, and PPO from stable-baselines3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.judge.methods import Setting
from sim.judge.methods.bandits import credited
from sim.judge.play import Trajectory
from sim.judge.problem import Instance, Rule, Situation

Floats = NDArray[np.float64]
#: Up to so many decisions each has a column of the network's input to itself.
_COLUMNS = 32
State = tuple[int, tuple[float, ...]]


class QLearning:
    """Q(s, a) += n**-decay (r + gamma max Q(s', .) - Q(s, a)), s being decision and all that is seen.

    An episode is worked off from its end, so that one is enough to carry its last reward to its first step. Where
    the same is seen in several instances they learn together. Exploration is epsilon-greedy with epsilon falling
    to zero over the budget; choices never tried come first.
    """

    def __init__(self, setting: Setting) -> None:
        self._problem, self._stream = setting.problem, setting.stream
        self._epsilon, self._decay = setting.hyper["epsilon"], setting.hyper["decay"]
        self._gamma = setting.hyper["gamma"]
        self._evaluations = setting.budget * len(setting.instances)
        self._made = 0
        self._values: dict[State, Floats] = {}
        self._counts: dict[State, Floats] = {}
        self._frozen: dict[State, int] = {}

    def ask(self, instance: Instance) -> Rule:
        """Epsilon-greedy."""
        epsilon = self._epsilon * max(0.0, 1.0 - self._made / self._evaluations)

        def rule(situation: Situation) -> int:
            counts = self._counts.get(_state(situation))
            arms = self._problem.arms[situation.decision]
            new = [arm for arm in range(arms) if counts is None or counts[arm] == 0.0]
            if new:
                return new[self._stream.integer(0, len(new))]
            if self._stream.uniform() < epsilon:
                return self._stream.integer(0, arms)
            return int(np.argmax(self._values[_state(situation)]))

        return rule

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """Work the episode off from its end."""
        self._made += 1
        self._frozen = {}
        earned = credited(self._problem, trajectory)
        if self._problem.rewards == "at the end":
            earned = (0.0,) * (len(earned) - 1) + earned[-1:]
        ahead = 0.0
        steps = zip(trajectory.situations, trajectory.arms, earned, strict=True)
        for situation, arm, credit in reversed(list(steps)):
            state = _state(situation)
            if state not in self._values:
                self._values[state] = np.zeros(self._problem.arms[situation.decision])
                self._counts[state] = np.zeros(self._problem.arms[situation.decision])
            values, counts = self._values[state], self._counts[state]
            counts[arm] += 1.0
            values[arm] += counts[arm] ** -self._decay * (credit + self._gamma * ahead - values[arm])
            ahead = float(values[counts > 0.0].max())

    def best(self, instance: Instance) -> Rule:
        """Greedy; the first choice where nothing is known."""
        if not self._frozen:
            self._frozen = {state: self._greedy(state) for state in self._values}
        return _Tabulated(self._frozen)

    def _greedy(self, state: State) -> int:
        return int(np.argmax(np.where(self._counts[state] > 0.0, self._values[state], -np.inf)))


def _state(situation: Situation) -> State:
    return situation.decision, situation.seen


@dataclass(frozen=True, slots=True)
class _Tabulated:
    """A choice for every state that was met, the first one elsewhere."""

    choices: Mapping[State, int]

    def __call__(self, situation: Situation) -> int:
        return self.choices.get(_state(situation), 0)


@dataclass(frozen=True, slots=True)
class _Observer:
    """What the network is given: what is seen, standardised, and which of so many `decisions` is due.

    The latter is one column per decision or, where there are many, a single share.
    """

    centre: Floats
    spread: Floats
    decisions: int

    @property
    def columns(self) -> int:
        """How many numbers that is."""
        return len(self.centre) + (self.decisions if self.decisions <= _COLUMNS else 1)

    def __call__(self, situation: Situation) -> NDArray[np.float32]:
        if self.decisions <= _COLUMNS:
            place = np.zeros(self.decisions)
            place[situation.decision] = 1.0
        else:
            place = np.array([situation.decision / self.decisions])
        return np.concatenate([(np.array(situation.seen) - self.centre) / self.spread, place]).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Network:
    """The most probable choice; those that a decision does not have are folded back."""

    observer: _Observer
    layers: Any
    arms: tuple[int, ...]

    def __call__(self, situation: Situation) -> int:
        import torch

        with torch.no_grad():
            heights = self.layers(torch.as_tensor(self.observer(situation)))
        return int(heights.argmax()) % self.arms[situation.decision]


class Ppo:
    """PPO of stable-baselines3, its own updates fed through ask and tell. One policy for all instances.

    It sees what is seen, standardised by the first episodes (which it plays untrained), and the decision as a share
    of all. Choices a decision does not have are folded back.
    """

    #: Steps between two updates.
    _ROLLOUT = 256

    def __init__(self, setting: Setting) -> None:
        import torch

        torch.set_num_threads(1)
        self._setting, self._problem = setting, setting.problem
        self._seen: list[tuple[float, ...]] = []
        self._model: Any = None
        self._observer = _Observer(np.zeros(0), np.ones(0), len(setting.problem.arms))
        self._span = 1.0
        self._values: list[float] = []
        self._pending: list[tuple[NDArray[np.float32], int, Any, Any]] = []

    def ask(self, instance: Instance) -> Rule:
        """Sample from the policy."""

        def rule(situation: Situation) -> int:
            if self._model is None:
                return self._setting.stream.integer(0, self._problem.arms[situation.decision])
            import torch

            x = self._observer(situation)
            with torch.no_grad():
                action, value, chance = self._model.policy(torch.as_tensor(x[None]))
            self._pending.append((x, int(action), value, chance))
            return int(action) % self._problem.arms[situation.decision]

        return rule

    def tell(self, instance: Instance, trajectory: Trajectory) -> None:
        """Into the rollout buffer; an update whenever it is full."""
        if self._model is None:
            self._warm_up(trajectory)
            return
        earned = credited(self._problem, trajectory)
        if self._problem.rewards == "at the end":
            earned = (0.0,) * (len(earned) - 1) + earned[-1:]
        last = len(earned) - 1
        for step, ((x, action, value, chance), credit) in enumerate(zip(self._pending, earned, strict=True)):
            self._model.rollout_buffer.add(
                x[None], np.array([[action]]), np.array([credit / self._span]), np.array([step == 0]), value, chance
            )
            if self._model.rollout_buffer.full:
                ahead = self._pending[min(step + 1, last)][2]
                self._update(ahead, over=step == last)
        self._pending.clear()

    def best(self, instance: Instance) -> Rule:
        """The most probable choice; uniform choice 0 before the policy exists."""
        if self._model is None:
            return lambda situation: 0
        from copy import deepcopy

        import torch

        policy = self._model.policy
        layers = deepcopy(torch.nn.Sequential(policy.mlp_extractor.policy_net, policy.action_net))
        return _Network(self._observer, layers, self._problem.arms)

    def _warm_up(self, trajectory: Trajectory) -> None:
        self._seen += [situation.seen for situation in trajectory.situations]
        self._values.append(trajectory.value)
        if len(self._values) < len(self._setting.instances):
            return
        seen = np.array(self._seen)
        spread = seen.std(axis=0)
        spread = np.where(spread > 0.0, spread, 1.0)
        self._observer = _Observer(seen.mean(axis=0), spread, len(self._problem.arms))
        self._span = float(np.abs(self._values).mean()) or 1.0
        self._model = self._made()

    def _made(self) -> Any:
        import gymnasium
        from stable_baselines3 import PPO
        from stable_baselines3.common.logger import Logger

        length = self._observer.columns

        class Shape(gymnasium.Env[Any, Any]):
            observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (length,), np.float32)
            action_space = gymnasium.spaces.Discrete(max(self._problem.arms))

        hyper = self._setting.hyper
        model = PPO(
            "MlpPolicy", Shape(), n_steps=self._ROLLOUT, batch_size=64, learning_rate=hyper["learning_rate"],
            gamma=hyper["gamma"], ent_coef=hyper["entropy"], device="cpu",
            seed=int(self._setting.stream.generator.integers(2**31)),
        )  # fmt: skip
        model.set_logger(Logger(folder=None, output_formats=[]))
        model.rollout_buffer.reset()
        return model

    def _update(self, ahead: Any, over: bool) -> None:
        """Train on a full buffer; `ahead` is the value of what follows it, unless the episode is `over` there."""
        self._model.rollout_buffer.compute_returns_and_advantage(last_values=ahead, dones=np.array([over]))
        self._model.train()
        self._model.rollout_buffer.reset()


def q_learning(setting: Setting) -> QLearning:
    """Tabular."""
    return QLearning(setting)


def ppo(setting: Setting) -> Ppo:
    """With a neural network."""
    return Ppo(setting)
