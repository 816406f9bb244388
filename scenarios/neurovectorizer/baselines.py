"""The paper's rivals of the learned policy: nearest neighbour and decision tree on what is known of a loop.

Both are shown the training loops with all rewards, as brute force on them would give. The tree's leaves hold the mean
rewards of their loops, its splits minimise the squared error of them (Breiman and others 1984), so that a leaf takes
the action that is best on average rather than the one most often best.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenarios.neurovectorizer.problem_set import LoopSet

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def nearest(train: LoopSet, asked: LoopSet) -> Ints:
    """The best action of the nearest training loop, features scaled to unit variance; illegal ones left out."""
    scale = train.features.std(axis=0)
    scale[scale == 0.0] = 1.0
    apart = ((asked.features[:, None, :] - train.features[None, :, :]) / scale) ** 2
    closest = apart.sum(axis=2).argmin(axis=1)
    return np.asarray(np.where(asked.allowed, train.rewards[closest], -np.inf).argmax(axis=1))


@dataclass(frozen=True)
class _Node:
    rewards: Floats
    feature: int = -1
    threshold: float = 0.0
    below: "_Node | None" = None
    above: "_Node | None" = None


def tree(train: LoopSet, asked: LoopSet, depth: int = 8, leaf: int = 5) -> Ints:
    """The best action by a regression tree on the rewards of all actions."""
    root = _grow(train.features, np.clip(train.rewards, -1.0, None), depth, leaf)
    means = np.array([_leaf(root, row) for row in asked.features])
    return np.asarray(np.where(asked.allowed, means, -np.inf).argmax(axis=1))


def _leaf(node: _Node, row: Floats) -> Floats:
    while node.below is not None and node.above is not None:
        node = node.below if row[node.feature] <= node.threshold else node.above
    return node.rewards


def _grow(features: Floats, rewards: Floats, depth: int, leaf: int) -> _Node:
    mean = rewards.mean(axis=0)
    best, gain = (-1, 0.0), 1e-9
    whole = ((rewards - mean) ** 2).sum()
    for feature in range(features.shape[1] if depth and len(rewards) >= 2 * leaf else 0):
        order = np.argsort(features[:, feature], kind="stable")
        column, sorted_ = features[order, feature], rewards[order]
        sums, squares = np.cumsum(sorted_, axis=0), np.cumsum((sorted_**2).sum(axis=1))
        counts = np.arange(1, len(column) + 1)
        left = squares - (sums**2).sum(axis=1) / counts
        rest = np.maximum(len(column) - counts, 1)
        right = squares[-1] - squares - ((sums[-1] - sums) ** 2).sum(axis=1) / rest
        possible = (column[:-1] < column[1:]) & (counts[:-1] >= leaf) & (counts[:-1] <= len(column) - leaf)
        gains = np.where(possible, whole - left[:-1] - right[:-1], -np.inf)
        if len(gains) and gains.max() > gain:
            at = int(gains.argmax())
            gain, best = float(gains[at]), (feature, float((column[at] + column[at + 1]) / 2))
    feature, threshold = best
    if feature < 0:
        return _Node(mean)
    side = features[:, feature] <= threshold
    return _Node(
        mean, feature, threshold, _grow(features[side], rewards[side], depth - 1, leaf),
        _grow(features[~side], rewards[~side], depth - 1, leaf),
    )  # fmt: skip
