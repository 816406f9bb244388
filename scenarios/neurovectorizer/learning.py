"""The learned policy: one decision per loop, so a contextual bandit; trained by PPO or by the exact policy gradient.

PPO (Schulman and others 2017) draws actions and hears the rewards of those; the exact gradient uses a full table of
rewards, which a cost model gives for nothing, and is what PPO can reach at best. Rewards below -1 are cut to -1 for
the gradient, so that one bomb does not drown what the other actions teach.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from scenarios.neurovectorizer.network import PolicyNetwork
from scenarios.neurovectorizer.problem_set import LoopSet
from sim.rng import Stream

Floats = NDArray[np.float64]
Trainer = Literal["ppo", "exact"]


@dataclass(frozen=True)
class Training:
    """How to train. `steps` are updates of the exact gradient, or batches of PPO."""

    trainer: Trainer = "ppo"
    looks: str = "both"
    size: int = 32
    hidden: int = 64
    steps: int = 400
    batch: int = 96
    learning_rate: float = 3e-3
    entropy: float = 0.01
    clip: float = 0.2
    passes: int = 4


class Policy:
    """A trained network with the scale of its features."""

    def __init__(self, network: PolicyNetwork, mean: torch.Tensor, scale: torch.Tensor) -> None:
        self._network, self._mean, self._scale = network, mean, scale

    def log_odds(self, loops: LoopSet) -> Floats:
        """Logits (loops, actions), what is not allowed at minus infinity."""
        contexts, features = tensors(loops)
        with torch.no_grad():
            logits, _ = self._network(contexts, (features - self._mean) / self._scale)
        return np.where(loops.allowed, logits.numpy().astype(np.float64), -np.inf)

    def choose(self, loops: LoopSet) -> NDArray[np.int64]:
        """The likeliest allowed action of each loop."""
        return np.asarray(self.log_odds(loops).argmax(axis=1))

    def refine(self, loops: LoopSet, rows: NDArray[np.int64], actions: NDArray[np.int64], rewards: Floats,
               steps: int = 60, learning_rate: float = 1e-3) -> None:  # fmt: skip
        """Learns from single measured rewards of (loop, action) pairs, by regression of the advantage on the logits."""
        contexts, features = tensors(loops)
        features = (features - self._mean) / self._scale
        picked, acts = torch.as_tensor(rows), torch.as_tensor(actions)
        wanted = torch.as_tensor(rewards, dtype=torch.float32)
        optimizer = torch.optim.Adam(self._network.parameters(), learning_rate)
        for _ in range(steps):
            logits, values = self._network(contexts[picked], features[picked])
            chance = torch.log_softmax(logits, dim=1).gather(1, acts[:, None])[:, 0]
            advantage = wanted - values.detach()
            loss = -(advantage.clamp(-1, 1) * chance.exp()).mean() + 0.5 * ((values - wanted) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def tensors(loops: LoopSet) -> tuple[torch.Tensor, torch.Tensor]:
    """Contexts and features for torch."""
    return torch.as_tensor(loops.contexts), torch.as_tensor(loops.features, dtype=torch.float32)


def train(loops: LoopSet, how: Training, stream: Stream) -> Policy:
    """A policy trained on the modelled rewards of `loops`."""
    torch.manual_seed(stream.integer(0, 2**31))
    contexts, features = tensors(loops)
    mean, scale = features.mean(dim=0), features.std(dim=0).clamp_min(0.1)
    features = (features - mean) / scale
    network = PolicyNetwork(features.shape[1], how.size, how.hidden, how.looks)
    rewards = torch.as_tensor(np.clip(loops.rewards, -1.0, 1.0), dtype=torch.float32)
    optimizer = torch.optim.Adam(network.parameters(), how.learning_rate)
    for step in range(how.steps):
        rows = torch.as_tensor(stream.generator.integers(0, len(rewards), how.batch))
        if how.trainer == "exact":
            _exact(
                network, optimizer, contexts[rows], features[rows], rewards[rows], how.entropy * (1 - step / how.steps)
            )
        else:
            _proximal(network, optimizer, contexts[rows], features[rows], rewards[rows], how)
    network.eval()
    return Policy(network, mean, scale)


def _exact(network: PolicyNetwork, optimizer: torch.optim.Optimizer, contexts: torch.Tensor, features: torch.Tensor,
           rewards: torch.Tensor, entropy: float) -> None:  # fmt: skip
    """One step up the expected reward over all actions."""
    logits, values = network(contexts, features)
    chances = torch.softmax(logits, dim=1)
    expected = (chances * rewards).sum(dim=1)
    spread = -(chances * torch.log(chances + 1e-9)).sum(dim=1)
    loss = -(expected + entropy * spread).mean() + 0.1 * functional.mse_loss(values, expected.detach())
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def _proximal(network: PolicyNetwork, optimizer: torch.optim.Optimizer, contexts: torch.Tensor, features: torch.Tensor,
              rewards: torch.Tensor, how: Training) -> None:  # fmt: skip
    """One batch of PPO: draw, hear, and a few clipped steps."""
    with torch.no_grad():
        logits, _ = network(contexts, features)
        actions = torch.multinomial(torch.softmax(logits, dim=1), 1)[:, 0]
    heard = rewards.gather(1, actions[:, None])[:, 0]
    clipped_steps(network, optimizer, contexts, features, actions, heard, how)


def clipped_steps(
    network: PolicyNetwork, optimizer: torch.optim.Optimizer, contexts: torch.Tensor, features: torch.Tensor,
    actions: torch.Tensor, heard: torch.Tensor, how: Training,
) -> None:  # fmt: skip
    """PPO's steps on `actions` that the network as it stands has drawn, shape (loops,), and the rewards `heard`."""
    with torch.no_grad():
        logits, values = network(contexts, features)
        advantage = heard - values
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-6)
        old = torch.log_softmax(logits, dim=1).gather(1, actions[:, None])[:, 0]
    for _ in range(how.passes):
        logits, values = network(contexts, features)
        now = torch.log_softmax(logits, dim=1)
        ratio = (now.gather(1, actions[:, None])[:, 0] - old).exp()
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - how.clip, 1 + how.clip) * advantage)
        spread = -(now.exp() * now).sum(dim=1)
        loss = -gain.mean() + 0.5 * functional.mse_loss(values, heard) - how.entropy * spread.mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
