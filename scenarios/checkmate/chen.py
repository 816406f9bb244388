"""Checkpoints every so often: the sqrt(n) and greedy rules of Chen et al. (arXiv:1604.06174), and two generalisations.

Three kinds of candidates (paper, table 1): the operators of a chain, which is all that Chen's rules are defined
for; articulation points of the forward graph (AP); and all forward operators in topological order (linearized).
The greedy rule is swept over its parameter and the cheapest schedule within the budget wins, so that the
baseline is as well tuned as what it is compared with.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isqrt
from typing import Literal, get_args

import networkx as nx
import numpy as np

from scenarios.checkmate.checkpoints import Skips, cheapest_that_fits, forward_operators, schedules_from_checkpoints
from scenarios.checkmate.graph import Graph
from scenarios.checkmate.problem import Answer, Problem, Solution
from scenarios.checkmate.schedule import Schedule

Kind = Literal["linear", "articulation", "linearized"]
Checkpoints = tuple[int, ...]
_MOST, _MOST_STAGES = 400, 200_000  # checkpoint sets that the greedy rule tries, and their stages together


def solve_sqrt(problem: Problem, kind: Kind) -> Solution:
    """Every floor(sqrt(n))-th of n candidates is a checkpoint."""
    if reason := not_applicable(problem.graph, kind):
        return Solution(Answer.NOT_FOUND, bound=float(problem.costs.sum()), reason=reason)
    chosen = sqrt_n(problem.graph, candidates(problem.graph, kind))
    return cheapest_that_fits(problem, _schedules(problem.graph, [chosen]), f"sqrt(n) on {_NAMES[kind]}")


def solve_greedy(problem: Problem, kind: Kind) -> Solution:
    """A checkpoint whenever more than b bytes have gathered, for the best b."""
    if reason := not_applicable(problem.graph, kind):
        return Solution(Answer.NOT_FOUND, bound=float(problem.costs.sum()), reason=reason)
    chosen = greedy_sweep(problem.graph, candidates(problem.graph, kind))
    return cheapest_that_fits(problem, _schedules(problem.graph, chosen), f"greedy on {_NAMES[kind]}")


def not_applicable(graph: Graph, kind: Kind) -> str:
    """Why a kind of candidates does not exist for a graph, or nothing."""
    if kind != "linear":
        return ""
    branch = first_branch(graph)
    if branch is None:
        return ""
    return f"Chen's rules are for chains, and {graph.operators[branch].name} does not read the operator before it alone"


def first_branch(graph: Graph) -> int | None:
    """The first forward operator that reads another forward operator than the one before it, or none: a chain."""
    reads = forward_reads(graph)
    for before, operator in pairwise(reads):
        if reads[operator] != {before}:
            return operator
    return None


def candidates(graph: Graph, kind: Kind) -> Checkpoints:
    """The operators that may be checkpoints, in order."""
    return articulation_points(graph) if kind == "articulation" else tuple(forward_operators(graph))


def articulation_points(graph: Graph) -> Checkpoints:
    """Forward operators whose removal cuts the undirected forward graph, and its two ends, in order."""
    reads = forward_reads(graph)
    links = nx.Graph()
    links.add_nodes_from(reads)
    links.add_edges_from((source, operator) for operator, sources in reads.items() for source in sources)
    return tuple(sorted({*nx.articulation_points(links), min(reads), max(reads)}))


def forward_reads(graph: Graph) -> dict[int, set[int]]:
    """For each forward operator, in order, the operators it reads from (forward too, since gradients come later)."""
    producer = graph.producers()
    return {
        operator: {int(producer[value]) for value in graph.operators[operator].inputs}
        for operator in forward_operators(graph)
    }


def sqrt_n(graph: Graph, candidates: Sequence[int]) -> Checkpoints:
    """Every k-th candidate, k = floor(sqrt(len(candidates))).

    >>> from scenarios.checkmate.synthetic import unit_chain
    >>> sqrt_n(unit_chain(9), range(9))
    (2, 5, 8)
    """
    step = isqrt(len(candidates))
    return tuple(candidates[step - 1 :: step])


def greedy(graph: Graph, candidates: Sequence[int], bytes: float) -> Checkpoints:  # noqa: A002  (the rule's parameter)
    """The candidates at which more than `bytes` have been made since the last checkpoint.

    >>> from scenarios.checkmate.synthetic import unit_chain
    >>> greedy(unit_chain(9), range(9), 3)
    (3, 7)
    """
    return tuple(operator for operator, _ in _gathered(_forward_bytes(graph), candidates, bytes))


def greedy_sweep(graph: Graph, candidates: Sequence[int], most: int | None = None) -> list[Checkpoints]:
    """The different checkpoint sets of `greedy`, from a checkpoint wherever possible to none at all.

    A set changes when b reaches the least bytes at which it has a checkpoint, so that is the next b to try, and
    none is missed (the paper's code tries 301). Of more than `most` sets as many are taken, evenly; without it,
    400, and fewer where there are more than 500 operators.
    """
    most = most or max(1, min(_MOST, _MOST_STAGES // len(graph.operators)))
    made = _forward_bytes(graph)
    found: list[Checkpoints] = []
    bound = 0.0
    while not found or found[-1]:
        chosen = _gathered(made, candidates, bound)
        found.append(tuple(operator for operator, _ in chosen))
        bound = min((gathered for _, gathered in chosen), default=0)
    different = list(dict.fromkeys(found))
    taken = np.linspace(0, len(different) - 1, min(most, len(different)))
    return [different[int(place)] for place in taken]


def _gathered(made: dict[int, int], candidates: Sequence[int], bound: float) -> list[tuple[int, int]]:
    """(checkpoint, bytes made since the one before)."""
    allowed = set(candidates)
    chosen, gathered = [], 0
    for operator, size in made.items():
        gathered += size
        if operator in allowed and gathered > bound:
            chosen.append((operator, gathered))
            gathered = 0
    return chosen


def _schedules(graph: Graph, sets: Sequence[Checkpoints]) -> Iterator[Schedule]:
    """Schedules of checkpoint sets, with every way to treat what is read outside of its segment; chains have none."""
    ways: tuple[Skips, ...] = ("alone",) if first_branch(graph) is None else get_args(Skips)
    return schedules_from_checkpoints(graph, sets, ways)


def _forward_bytes(graph: Graph) -> dict[int, int]:
    """Bytes that each forward operator makes, in order."""
    return {
        operator: sum(graph.values[value].bytes for value in graph.operators[operator].outputs)
        for operator in forward_operators(graph)
    }


_NAMES: dict[Kind, str] = {
    "linear": "the chain",
    "articulation": "articulation points",
    "linearized": "the linearized graph",
}
