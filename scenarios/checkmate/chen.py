"""Checkpoints every so often: the sqrt(n) and greedy rules of Chen et al. (arXiv:1604.06174), and two generalisations.

Three kinds of candidates (paper, table 1): the operators of a chain, which is all that Chen's rules are defined
for; articulation points of the forward graph (AP); and all forward operators in topological order (linearized).
The greedy rule is swept over its parameter and the cheapest schedule within the budget wins, so that the
baseline is as well tuned as what it is compared with.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isqrt
from typing import Literal

import networkx as nx
import numpy as np

from scenarios.checkmate.checkpoints import cheapest_that_fits, forward_operators, schedule_from_checkpoints
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule

Kind = Literal["linear", "articulation", "linearized"]
Checkpoints = tuple[int, ...]
_MOST = 400  # checkpoint sets that the greedy rule tries


def solve_sqrt(problem: Problem, kind: Kind) -> Solution:
    """Every floor(sqrt(n))-th of n candidates is a checkpoint."""
    if reason := not_applicable(problem.graph, kind):
        return Solution(Answer.NOT_FOUND, bound=float(problem.costs.sum()), reason=reason)
    chosen = sqrt_n(problem.graph, candidates(problem.graph, kind))
    return cheapest_that_fits(problem, _schedules(problem.graph, [chosen]), f"sqrt(n) on {_NAMES: dict[Kind, str] = {
    "linear": "the chain",
    "articulation": "articulation points",
    "linearized": "the linearized graph",
}
