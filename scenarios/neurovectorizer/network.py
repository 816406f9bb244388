"""The policy's network: attention over path contexts, the loop's counts beside them, and a value per action."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from scenarios.neurovectorizer.actions import ACTIONS
from scenarios.neurovectorizer.contexts import PATHS, TOKENS

Floats = NDArray[np.float64]


class PathAttention(nn.Module):
    """Contexts (loops, contexts, 3) to code vectors (loops, size): embed, combine, weigh, sum (code2vec)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.tokens, self.paths = nn.Embedding(TOKENS, size, padding_idx=0), nn.Embedding(PATHS, size, padding_idx=0)
        self.combine = nn.Linear(3 * size, size, bias=False)
        self.weigh = nn.Parameter(torch.zeros(size))

    def forward(self, contexts: torch.Tensor) -> torch.Tensor:
        """The code vectors."""
        parts = (self.tokens(contexts[..., 0]), self.paths(contexts[..., 1]), self.tokens(contexts[..., 2]))
        combined = torch.tanh(self.combine(torch.cat(parts, dim=-1)))
        scores = (combined @ self.weigh).masked_fill(contexts[..., 1] == 0, -1e9)
        return torch.as_tensor((torch.softmax(scores, dim=-1)[..., None] * combined).sum(dim=-2))


class PolicyNetwork(nn.Module):
    """Logits (loops, actions) and values (loops,) from contexts, features, or both (`looks`)."""

    def __init__(self, features: int, size: int, hidden: int, looks: str) -> None:
        super().__init__()
        self.looks = looks
        self.code = PathAttention(size)
        width = {"both": size + features, "contexts": size, "features": features}[looks]
        self.body = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh())
        self.actor, self.critic = nn.Linear(hidden, len(ACTIONS)), nn.Linear(hidden, 1)
        nn.init.zeros_(self.actor.weight)

    def forward(self, contexts: torch.Tensor, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(logits, values)."""
        parts = []
        if self.looks != "features":
            parts.append(self.code(contexts))
        if self.looks != "contexts":
            parts.append(features)
        inside = self.body(torch.cat(parts, dim=-1))
        return self.actor(inside), self.critic(inside)[:, 0]
